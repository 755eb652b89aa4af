"""torch layers as NIR nodes: one registered function per layer type, a refusal for every other.

Adding a layer type: a function here, registered with `nir_node.register`.
"""

from functools import singledispatch

import nir
import numpy as np
import snntorch as snn
import torch
from torch import nn

from ..models.neurons import Integrator
from ..simulate.errors import Unsupported
from ..simulate.program_nir import NO_DECAY


@singledispatch
def nir_node(layer: nn.Module, name: str, shape: tuple[int, ...], dt: float) -> nir.NIRNode | None:
    """Return the NIR node of a layer, or None for a layer that does nothing at inference.

    Parameters
    ----------
    layer : nn.Module
        As it ran.
    name : str
        For messages.
    shape : tuple of int
        Output of the layer in one step, without batch.
    dt : float
        Seconds in a step.

    Raises
    ------
    Unsupported
        The layer has no exact form here; the message gives the reason.
    """
    kind = type(layer).__name__
    raise Unsupported(
        f"layer '{name}' ({kind}) cannot be exported yet; supported: Linear, "
        "Leaky(reset_mechanism='zero'), Integrator, Dropout, Identity"
    )


@nir_node.register
def _(layer: nn.Linear, name: str, shape: tuple[int, ...], dt: float) -> nir.NIRNode:
    weight = _numbers(layer.weight)
    bias = np.zeros(len(weight)) if layer.bias is None else _numbers(layer.bias)
    return nir.Affine(weight, bias)


@nir_node.register(nn.Dropout)
@nir_node.register(nn.Identity)
def _(layer: nn.Module, name: str, shape: tuple[int, ...], dt: float) -> None:
    return None


@nir_node.register
def _(layer: Integrator, name: str, shape: tuple[int, ...], dt: float) -> nir.NIRNode:
    beta = _numbers(layer.beta)
    if np.any((beta < 0) | (beta > 1)):
        raise Unsupported(
            f"layer '{name}' (Integrator): beta = {beta[(beta < 0) | (beta > 1)][0]:g} is no decay"
        )
    return _leaky(beta, None, shape, dt)


@nir_node.register
def _(layer: snn.Leaky, name: str, shape: tuple[int, ...], dt: float) -> nir.NIRNode:
    reset = layer.reset_mechanism
    if reset != "zero":
        raise Unsupported(
            f"layer '{name}' (Leaky): reset_mechanism='{reset}' cannot be exported yet; "
            "supported: 'zero' (a readout without reset: lavalier.models.neurons.Integrator)"
        )
    if layer.inhibition or layer.state_quant:
        raise Unsupported(f"layer '{name}' (Leaky): inhibition and state_quant have no form in NIR")
    if not torch.all(layer.graded_spikes_factor == 1):
        raise Unsupported(f"layer '{name}' (Leaky): graded_spikes_factor other than 1 has no form in NIR")
    return _leaky(_numbers(layer.beta), _numbers(layer.threshold), shape, dt)


def _leaky(beta: np.ndarray, threshold: np.ndarray | None, shape: tuple[int, ...], dt: float) -> nir.NIRNode:
    """LIF or LI with gain 1; IF or I where nothing leaks. beta is clamped to [0, 1], as torch does."""
    beta = np.broadcast_to(np.clip(beta, 0, 1), shape)
    zeros = np.zeros(shape)
    spiking = threshold is not None
    fire = {"v_threshold": np.broadcast_to(threshold, shape) + zeros, "v_reset": zeros} if spiking else {}
    if np.all(beta == 1):
        return (nir.IF if spiking else nir.I)(r=zeros + 1 / dt, **fire)
    steps = np.where(beta == 1, NO_DECAY, 1 / np.where(beta == 1, 1, 1 - beta))
    return (nir.LIF if spiking else nir.LI)(tau=dt * steps, r=steps, v_leak=zeros, **fire)


def _numbers(values: torch.Tensor) -> np.ndarray:
    return values.detach().cpu().double().numpy()
