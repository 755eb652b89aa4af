"""Layers of neurons as NIR: those of snnTorch, and our Integrator and Refractory."""

from typing import Any

import nir
import numpy as np
import snntorch as snn
import torch
from torch import nn

from ...models.neurons import Integrator, Refractory
from ...simulate.errors import Unsupported
from .layers import Place, check_supported, fragment, numbers, title
from .snn_fragments import Fragment, Neuron, leaky, single, spiking


@fragment.register
def _(layer: Integrator, place: Place) -> Fragment:
    beta = _spread(layer, place, "beta", layer.beta)
    _check_decay(layer, place, "beta", beta)
    return single(place.node, leaky(beta, place.dt), "mem")


@fragment.register
def _(layer: snn.Leaky, place: Place) -> Fragment:
    return _spiking(layer, place, wipes=False, beta=_clamped(layer, place, "beta"))


@fragment.register
def _(layer: Refractory, place: Place) -> Fragment:
    return _spiking(layer, place, wipes=True, beta=_clamped(layer, place, "beta"), rest=layer.refractory)


@fragment.register
def _(layer: snn.Lapicque, place: Place) -> Fragment:
    r, c, step = (numbers(value) for value in (layer.R, layer.C, layer.time_step))
    decay = _spread(layer, place, "1 - time_step / (R C)", np.asarray(1 - step / (r * c)))
    _check_decay(layer, place, "1 - time_step / (R C)", decay)
    gain = _spread(layer, place, "time_step / C", np.asarray(r * (1 / (r * c)) * step))
    return _spiking(layer, place, wipes=True, beta=decay, gain=None if np.all(gain == 1) else gain)


@fragment.register
def _(layer: snn.Synaptic, place: Place) -> Fragment:
    return _spiking(layer, place, wipes=True, **_decays(layer, place))


@fragment.register
def _(layer: snn.RLeaky, place: Place) -> Fragment:
    beta, recurrent = _clamped(layer, place, "beta"), _recurrent(layer, place)
    return _spiking(layer, place, wipes=True, beta=beta, recurrent=recurrent)


@fragment.register
def _(layer: snn.RSynaptic, place: Place) -> Fragment:
    return _spiking(layer, place, wipes=True, recurrent=_recurrent(layer, place), **_decays(layer, place))


def _spiking(
    layer: snn.SpikingNeuron,
    place: Place,
    wipes: bool,
    beta: np.ndarray,
    alpha: np.ndarray | None = None,
    gain: np.ndarray | None = None,
    recurrent: nir.NIRNode | None = None,
    rest: int = 1,
) -> Fragment:
    if layer.inhibition or layer.state_quant:
        raise Unsupported(f"{title(layer, place.name)}: inhibition and state_quant have no form in NIR")
    threshold = _spread(layer, place, "threshold", layer.threshold)
    graded = _spread(layer, place, "graded_spikes_factor", layer.graded_spikes_factor)
    if np.any(graded == 0):
        raise Unsupported(f"{title(layer, place.name)}: graded_spikes_factor = 0 makes its spikes nothing")
    reset = "zero-wiped" if isinstance(layer, Refractory) else _reset(layer, place, wipes)
    if reset != "none" and np.any(threshold < 0):
        raise Unsupported(
            f"{title(layer, place.name)}: threshold = {threshold.min():g} is negative, so neurons at rest "
            "are reset; supported with reset_mechanism='none'"
        )
    neuron = Neuron(beta, threshold, reset, alpha, rest)
    spikes = None if np.all(graded == 1) else graded
    return spiking(place.node, neuron, place.dt, gain=gain, graded=spikes, recurrent=recurrent)


def _reset(layer: snn.SpikingNeuron, place: Place, wipes: bool) -> str:
    """Return the key of RESETS; the method bound at construction decides, whatever was set later."""
    runs = {"_base_sub": "subtract", "_base_zero": "zero", "_base_int": "none"}[layer.state_function.__name__]
    stated = list(snn.SpikingNeuron.reset_dict)[int(layer.reset_mechanism_val)]  # type: ignore[arg-type]
    if runs != stated:
        raise Unsupported(
            f"{title(layer, place.name)} was built with reset_mechanism='{runs}' and changed to '{stated}' "
            "later, which snnTorch does by halves; build it anew"
        )
    # RSynaptic computes its immediate reset on a variable that it drops
    if getattr(layer, "reset_delay", True) or isinstance(layer, snn.RSynaptic):
        return {"subtract": "subtract-delayed", "zero": "zero-wiped" if wipes else "zero"}.get(runs, "none")
    return runs


def _recurrent(layer: snn.RLeaky | snn.RSynaptic, place: Place) -> nir.NIRNode:
    inner = layer.recurrent
    if not layer.all_to_all:
        return nir.Scale(_spread(layer, place, "V", inner.V))  # type: ignore[arg-type]
    at = Place(f"{place.name}.recurrent", place.output, place.output, place.dt)
    check_supported(inner, at.name)
    return fragment(inner, at).nodes[at.node]


def _decays(layer: snn.Synaptic | snn.RSynaptic, place: Place) -> dict[str, Any]:
    """alpha and beta; without alpha where no current outlasts its step."""
    alpha, beta = _clamped(layer, place, "alpha"), _clamped(layer, place, "beta")
    return {"beta": beta} if np.all(alpha == 0) else {"beta": beta, "alpha": alpha}


def _clamped(layer: nn.Module, place: Place, name: str) -> np.ndarray:
    """A decay as snnTorch uses it, in [0, 1]."""
    return np.clip(_spread(layer, place, name, getattr(layer, name)), 0, 1)


def _check_decay(layer: nn.Module, place: Place, name: str, decay: np.ndarray) -> None:
    wrong = decay[~((decay >= 0) & (decay <= 1))]
    if wrong.size:
        raise Unsupported(f"{title(layer, place.name)}: {name} = {wrong[0]:g} is no decay, 0 to 1")


def _spread(layer: nn.Module, place: Place, name: str, values: torch.Tensor | np.ndarray) -> np.ndarray:
    """A parameter in the layer's full shape, as NIR wants it; leading axes of 1 are batch axes."""
    array = values if isinstance(values, np.ndarray) else numbers(values)
    while array.ndim > len(place.output) and array.shape[0] == 1:
        array = array[0]
    if place.input != place.output:
        raise Unsupported(f"{title(layer, place.name)} is given {place.input} and returns {place.output}")
    try:
        return np.broadcast_to(array, place.output).copy()
    except ValueError:
        raise Unsupported(
            f"{title(layer, place.name)}: {name} {array.shape} does not fit its neurons {place.output}"
        ) from None
