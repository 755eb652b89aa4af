"""NIR nodes as torch modules for one step: one registered function per node type.

Neurons are snnTorch's where those compute exactly the same, else those of neurons.py.
"""

from collections.abc import Callable
from functools import singledispatch
from typing import Any

import nir
import numpy as np
import snntorch as snn
import torch
from torch import nn
from torch.nn.utils import skip_init

from ...models.neurons import Integrator, Refractory, Scale
from ...simulate.cells import Dynamics, discretize, policy_at
from ...simulate.errors import Unsupported
from ...simulate.network import steps_of
from ...simulate.node_windows import windows_of
from ...simulate.policy import Policy
from ...simulate.shapes import Shape, spread
from .neurons import Membrane, Neuron, is_learned
from .parts import Delay, SumPool2d, Threshold, number, spike

# a policy's reset as snnTorch's reset_mechanism and reset_delay
SNN_RESETS = {
    "zero": ("zero", False),
    "zero-delayed": ("zero", True),
    "subtract-delayed": ("subtract", True),
    "snntorch-subtract": ("subtract", False),
    "none": ("none", True),
}


@singledispatch
def module_of(node: nir.NIRNode, shape: Shape, policy: Policy) -> nn.Module | None:
    """Return what a node computes in one step, with its numbers in float64.

    Parameters
    ----------
    node : nir.NIRNode
        Of a graph that was checked.
    shape : tuple of int
        What enters it.
    policy : Policy
        Of the graph.

    Returns
    -------
    nn.Module or None
        None passes on what arrives: Input, Output, a Delay that is the same for all elements.

    >>> print(module_of(nir.Linear(np.ones((2, 3))), (3,), Policy()))
    Linear(in_features=3, out_features=2, bias=False)
    """
    return None


@module_of.register(nir.Linear)
@module_of.register(nir.Affine)
def _(node: nir.Linear | nir.Affine, shape: Shape, policy: Policy) -> nn.Module:
    return _weighted(nn.Linear, node, *node.weight.shape[::-1])


@module_of.register(nir.Conv1d)
@module_of.register(nir.Conv2d)
def _(node: nir.Conv1d | nir.Conv2d, shape: Shape, policy: Policy) -> nn.Module:
    windows, groups = windows_of(node), int(node.groups)
    kind = nn.Conv1d if isinstance(node, nir.Conv1d) else nn.Conv2d
    padding = windows.before if windows.before == windows.after else "same"
    options = {"stride": windows.stride, "padding": padding, "dilation": windows.dilation, "groups": groups}
    return _weighted(kind, node, shape[0], len(node.weight), windows.kernel, **options)


def _weighted(kind: Callable, node: Any, *sizes: Any, **options: Any) -> nn.Module:
    """Return a layer with the weight and bias of a node; exporters write zeros where there is no bias."""
    bias = np.asarray(getattr(node, "bias", 0), float)
    layer = skip_init(kind, *sizes, bias=bool(np.any(bias)), dtype=torch.float64, **options)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(np.array(node.weight, np.float64)))
        if layer.bias is not None:
            layer.bias.copy_(torch.from_numpy(np.broadcast_to(bias.ravel(), len(node.weight)).copy()))
    return layer


@module_of.register
def _(node: nir.Scale, shape: Shape, policy: Policy) -> nn.Module:
    return Scale(number(spread(node.scale, shape)))


@module_of.register
def _(node: nir.Threshold, shape: Shape, policy: Policy) -> nn.Module:
    return Threshold(spread(node.threshold, shape), policy.compare)


@module_of.register
def _(node: nir.Flatten, shape: Shape, policy: Policy) -> nn.Module:
    start, end = (int(n) + len(shape) if n < 0 else int(n) for n in (node.start_dim, node.end_dim))
    return nn.Flatten(start + 1, end + 1)


@module_of.register
def _(node: nir.SumPool2d, shape: Shape, policy: Policy) -> nn.Module:
    return SumPool2d(windows_of(node))


@module_of.register
def _(node: nir.AvgPool2d, shape: Shape, policy: Policy) -> nn.Module:
    windows = windows_of(node)
    return nn.AvgPool2d(windows.kernel, windows.stride, windows.before)  # type: ignore[arg-type]


@module_of.register
def _(node: nir.Delay, shape: Shape, policy: Policy) -> nn.Module | None:
    """The steps that all elements share are left to the wires behind it."""
    steps = spread(steps_of(node, policy), shape)
    return Delay(steps - steps.min()) if np.any(steps != steps.min()) else None


@module_of.register(nir.I)
@module_of.register(nir.LI)
@module_of.register(nir.CubaLI)
def _(node: nir.I | nir.LI | nir.CubaLI, shape: Shape, policy: Policy) -> nn.Module:
    dynamics = _spread(node, shape, policy)
    if dynamics.alpha is not None or not _is_plain(dynamics):
        return Membrane(dynamics, policy)
    readout = Integrator(1)
    learned = is_learned(dynamics.beta)
    readout.beta = nn.Parameter(torch.from_numpy(dynamics.beta.copy()), requires_grad=learned)
    return readout


@module_of.register(nir.IF)
@module_of.register(nir.LIF)
@module_of.register(nir.CubaLIF)
def _(node: nir.IF | nir.LIF | nir.CubaLIF, shape: Shape, policy: Policy) -> nn.Module:
    policy, dynamics = policy_at(node, policy), _spread(node, shape, policy)
    if dynamics.jump is not None:
        raise Unsupported("an adapting threshold has no module yet")
    if _is_input(dynamics.alpha, policy):
        dynamics = dynamics._replace(alpha=None)
    fits = policy.reset in SNN_RESETS and policy.compare == ">" and policy.spikes == "single"
    in_order = dynamics.alpha is None or policy.order == "i-then-v"
    if not (fits and in_order and _is_plain(dynamics)):
        return Neuron(dynamics, policy)
    return snn_neuron(dynamics, policy.reset)


def snn_neuron(dynamics: Dynamics, reset: str) -> snn.Leaky | snn.Synaptic:
    """Return snnTorch's neuron for a recurrence that it has; its states are hidden.

    Parameters
    ----------
    dynamics : Dynamics
        Unit gains, no leak, reset to 0, a threshold of at least 0.
    reset : str
        A key of SNN_RESETS.
    """
    mechanism, delay = SNN_RESETS[reset]
    options: dict[str, Any] = {"beta": number(dynamics.beta), "learn_beta": is_learned(dynamics.beta)}
    options |= {
        "threshold": number(np.asarray(dynamics.threshold)),
        "learn_threshold": True,
        "spike_grad": spike,
    }
    options |= {"reset_mechanism": mechanism, "reset_delay": delay, "init_hidden": True}
    if dynamics.alpha is None:
        return snn.Leaky(**options)
    alpha = dynamics.alpha
    return snn.Synaptic(alpha=number(alpha), learn_alpha=is_learned(alpha), **options)


def refractory_neuron(dynamics: Dynamics, rest: np.ndarray) -> Refractory:
    """Return a neuron that rests for several steps after a spike; its states are hidden.

    Parameters
    ----------
    dynamics : Dynamics
        As in `snn_neuron`.
    rest : int array
        Steps.

    Raises
    ------
    Unsupported
        It has a current that outlasts its step, or its neurons rest differently long.
    """
    current = dynamics.alpha is not None and np.any(dynamics.alpha)
    if current or rest.min() < rest.max():
        raise Unsupported(
            "rest of several steps has a module where there is no current, and one rest for all"
        )
    return Refractory(
        number(dynamics.beta),
        int(rest.max()),
        spike,
        number(np.asarray(dynamics.threshold)),
        learn_beta=is_learned(dynamics.beta),
        learn_threshold=True,
        init_hidden=True,
    )


def _spread(node: nir.NIRNode, shape: Shape, policy: Policy) -> Dynamics:
    return Dynamics(*(None if a is None else spread(a, shape) for a in discretize(node, policy)))  # type: ignore[arg-type]


def _is_input(alpha: np.ndarray | None, policy: Policy) -> bool:
    """Whether a current is the input of its step, and is treated like that."""
    return alpha is not None and not np.any(alpha) and policy.order == "i-then-v" and policy.reset == "zero"


def _is_plain(d: Dynamics) -> bool:
    """Whether inputs have weight 1 and nothing leaks elsewhere than to 0; and no neuron fires at rest."""
    resets = d.threshold is None or d.reset is None or (not np.any(d.reset) and np.all(d.threshold >= 0))
    return bool(np.all(d.w_in == 1) and np.all(d.gain == 1) and not np.any(d.leak) and resets)
