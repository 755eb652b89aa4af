"""Layers of neurons as the kernels take them: one registered function for each type."""

from functools import singledispatch
from typing import NamedTuple

import snntorch as snn
import torch
from torch import nn

from ...models.neurons import Integrator
from ...simulate.errors import Unsupported
from .layer import Form, Neurons
from .surrogates import recognized

FAR = 1e30  # a threshold that is never reached, and still can be multiplied
RESETS = {"_base_sub": "drops", "_base_zero": "wipes", "_base_int": "none"}


class Read(NamedTuple):
    """A layer of neurons.

    Attributes
    ----------
    neurons : Neurons
    form : Form
    bias : float (n), or None
        What its own recurrent weights add in every step.
    gain : float tensor, or None
        Factor of the spikes that it sends.
    """

    neurons: Neurons
    form: Form
    bias: torch.Tensor | None = None
    gain: torch.Tensor | None = None


@singledispatch
def read(layer: nn.Module, shape: tuple[int, ...]) -> Read:
    """Return a layer of neurons as the kernels take it; gradients lead to its parameters.

    Parameters
    ----------
    layer : nn.Module
        Of neurons.
    shape : tuple of int
        Of its neurons.

    Raises
    ------
    Unsupported
        Its type, or an option of it, has no fused form.
    """
    raise Unsupported(f"{type(layer).__name__} has no fused form")


@read.register
def _(layer: Integrator, shape: tuple[int, ...]) -> Read:
    beta = _flat(layer.beta, shape)
    neurons = Neurons(beta, torch.full_like(beta, FAR).detach())
    return Read(neurons, Form("none", True, recognized(torch.zeros_like)))


@read.register
def _(layer: snn.Leaky, shape: tuple[int, ...]) -> Read:
    return _spiking(layer, shape, {"_base_zero": "forgets"})


@read.register(snn.Synaptic)
@read.register(snn.RLeaky)
@read.register(snn.RSynaptic)
def _(layer: snn.SpikingNeuron, shape: tuple[int, ...]) -> Read:
    return _spiking(layer, shape, {})


def _spiking(layer: snn.SpikingNeuron, shape: tuple[int, ...], resets: dict[str, str]) -> Read:
    if layer.inhibition or layer.state_quant:
        raise Unsupported(f"{type(layer).__name__} with inhibition or state_quant has no fused form")
    reset = (RESETS | resets)[layer.state_function.__name__]  # type: ignore[union-attr]
    # RSynaptic computes its immediate reset on a variable that it drops
    delayed = isinstance(layer, snn.RSynaptic) or bool(layer.reset_delay)
    form = Form(reset, delayed, recognized(layer.spike_grad))  # type: ignore[arg-type]
    alpha = getattr(layer, "alpha", None)
    gain = layer.graded_spikes_factor
    gain = None if not gain.requires_grad and bool((gain == 1).all()) else gain
    weights, bias = _recurrent(layer, shape, gain)
    beta, threshold = _flat(layer.beta.clamp(0, 1), shape), _flat(layer.threshold, shape)  # type: ignore[operator]
    alpha = None if alpha is None else _flat(alpha.clamp(0, 1), shape)
    return Read(Neurons(beta, threshold, alpha, weights), form, bias, gain)


def _recurrent(
    layer: snn.SpikingNeuron, shape: tuple[int, ...], gain: torch.Tensor | None
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Return a layer's own recurrent weights and their bias."""
    inner = getattr(layer, "recurrent", None)
    if inner is None:
        return None, None
    if not layer.all_to_all:
        weights, bias = torch.diag(_flat(inner.V, shape)), None  # type: ignore[union-attr]
    elif isinstance(inner, nn.Linear):
        weights, bias = inner.weight, inner.bias
    else:
        raise Unsupported(f"{type(layer).__name__} with {type(inner).__name__} inside has no fused form")
    return (weights if gain is None else weights * gain), bias


def _flat(values: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """Return a parameter for each neuron in turn; leading axes of 1 are batch axes."""
    while values.ndim > len(shape) and values.shape[0] == 1:
        values = values[0]
    return values.broadcast_to(shape).reshape(-1)
