"""What own modules, above all those of to_torch, are in NIR, so that from_torch writes them; see layers.

An own neuron is written as the one node that it was; a reset that no node has, in parts, as snn_fragments
does it. What only a policy can say is refused: from_torch writes graphs for the default one.
"""

from typing import Any

import nir
import numpy as np
import torch
from torch import nn

from ...models.neurons import Binary, Scale
from ...simulate.errors import Unsupported
from ..to_modules.neurons import NEUTRAL, Charging, Membrane, Neuron
from ..to_modules.parts import Delay, SumPool2d, Threshold
from . import snn_fragments
from .layers import Place, fragment, numbers, title
from .snn_fragments import Fragment, leaky, single

# what snn_fragments calls a reset of a policy; a plain subtraction only has another number
RESETS = {
    "zero-delayed": "zero-wiped",
    "snntorch-subtract": "subtract",
    "subtract": "subtract-delayed",
}


@fragment.register
def _(layer: Scale, place: Place) -> Fragment:
    return single(place.node, nir.Scale(_full(layer.scale, place)))


@fragment.register
def _(layer: Threshold, place: Place) -> Fragment:
    _refuse_ties(layer, layer.compare, place)
    return single(place.node, nir.Threshold(_full(layer.threshold, place)))


@fragment.register
def _(layer: Binary, place: Place) -> Fragment:
    return single(place.node, nir.Threshold(np.full(place.output, layer.threshold)))


@fragment.register
def _(layer: SumPool2d, place: Place) -> Fragment:
    sizes = (np.array(n) for n in (layer.windows.kernel, layer.windows.stride, layer.windows.before))
    return single(place.node, nir.SumPool2d(*sizes))


@fragment.register
def _(layer: Delay, place: Place) -> Fragment:
    return single(place.node, nir.Delay(_full(layer.steps, place) * place.dt))


@fragment.register
def _(layer: Membrane, place: Place) -> Fragment:
    _refuse_order(layer, place)
    return single(place.node, _node(layer, place), "mem")


@fragment.register
def _(layer: Neuron, place: Place) -> Fragment:
    _refuse_order(layer, place)
    _refuse_ties(layer, layer.policy.compare, place)
    if layer.policy.spikes == "multiple":
        raise Unsupported(
            f"{title(layer, place.name)} fires several times in a step; from_torch writes single spikes"
        )
    threshold, v_reset = _full(layer.threshold, place), _full(layer.v_reset, place)
    if layer.policy.reset.startswith("zero") and not layer.resets_late:
        fire = {"v_threshold": threshold, "v_reset": v_reset}
        return single(place.node, _node(layer, place, fire), "spk")
    return _in_parts(layer, place, threshold, v_reset)


def _in_parts(layer: Neuron, place: Place, threshold: np.ndarray, v_reset: np.ndarray) -> Fragment:
    """Write a reset that no node has, as snn_fragments does it, with the leak and v_reset of the layer."""
    reset, name, beta = layer.policy.reset, place.node, _decay(layer.beta, place)
    alpha = None if layer.alpha is None else _decay(layer.alpha, place)
    gain = _kept(layer, place, "w_in") * _kept(layer, place, "gain")
    neuron = snn_fragments.Neuron(beta, threshold, RESETS.get(reset, reset), alpha)
    written = snn_fragments.spiking(name, neuron, place.dt, gain=None if np.all(gain == 1) else gain)
    membrane = written.nodes[f"{name}_membrane"]
    if layer.leak is not None:
        membrane.v_leak = _v_leak(layer, place)  # type: ignore[attr-defined]
    if isinstance(membrane, (nir.IF, nir.LIF)):
        membrane.v_reset = v_reset
    drop = threshold - v_reset
    scales = {
        "reset": drop if reset == "subtract-delayed" else beta * drop,
        "subtracted": drop,
        "raised": drop,
    }
    for part, scale in scales.items():
        if f"{name}_{part}" in written.nodes:
            written.nodes[f"{name}_{part}"] = nir.Scale(-scale)
    return written


def _node(layer: Membrane | Neuron, place: Place, fire: dict[str, np.ndarray] | None = None) -> nir.NIRNode:
    """Write a layer as one node; `fire` is what a spiking one has besides."""
    fire, gain = fire or {}, _kept(layer, place, "gain")
    beta = _decay(layer.beta, place)
    if layer.alpha is None and layer.leak is None and np.all(beta == 1):
        return (nir.IF if fire else nir.I)(r=gain / place.dt, **fire)  # type: ignore[arg-type]
    membrane = _unit(layer, place, "beta")
    fields: dict[str, Any] = {"r": gain * membrane.r, "v_leak": _v_leak(layer, place), **fire}
    if layer.alpha is None:
        return (nir.LIF if fire else nir.LI)(tau=membrane.tau, **fields)
    synapse = _unit(layer, place, "alpha")
    w_in = _kept(layer, place, "w_in") * synapse.r
    kind = nir.CubaLIF if fire else nir.CubaLI
    return kind(tau_syn=synapse.tau, tau_mem=membrane.tau, w_in=w_in, **fields)


def _unit(layer: Charging, place: Place, name: str) -> nir.LI:
    """Return an integrator of unit gain with one of the layer's decays."""
    node = leaky(_decay(getattr(layer, name), place), place.dt)
    if not isinstance(node, nir.LI):
        raise Unsupported(
            f"{title(layer, place.name)}: {name} = 1 beside a leak or a current has no form in NIR"
        )
    return node


def _decay(values: torch.Tensor, place: Place) -> np.ndarray:
    return _full(values.clamp(0, 1), place)


def _kept(layer: Charging, place: Place, name: str) -> np.ndarray:
    """Return w_in, gain or leak, which a layer holds only where it is not neutral."""
    values = getattr(layer, name)
    return np.full(place.output, float(NEUTRAL[name])) if values is None else _full(values, place)


def _v_leak(layer: Charging, place: Place) -> np.ndarray:
    leak, rest = _kept(layer, place, "leak"), 1 - _decay(layer.beta, place)
    if np.any(rest[leak != 0] == 0):
        raise Unsupported(f"{title(layer, place.name)}: beta = 1 beside a leak has no form in NIR")
    return np.divide(leak, rest, out=np.zeros_like(leak), where=leak != 0)


def _refuse_order(layer: Charging, place: Place) -> None:
    if layer.alpha is not None and layer.policy.order != "i-then-v":
        raise Unsupported(
            f"{title(layer, place.name)} steps in the order '{layer.policy.order}'; from_torch writes graphs "
            "for 'i-then-v'"
        )


def _full(values: torch.Tensor, place: Place) -> np.ndarray:
    """Return a layer's parameter in the full shape of its place."""
    return np.broadcast_to(numbers(values), place.output).copy()


def _refuse_ties(layer: nn.Module, compare: str, place: Place) -> None:
    if compare != ">":
        raise Unsupported(
            f"{title(layer, place.name)} fires at v >= threshold; from_torch writes graphs for v > threshold"
        )
