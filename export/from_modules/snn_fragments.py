"""Spiking and integrating layers as fragments of standard NIR nodes, exact in every step.

A loop takes one step: its last edge (`Fragment.loops`) carries the delay, as every reader of NIR does it.
It knows arrays, nothing of torch.

| reset | written as |
|---|---|
| zero | CubaLIF, or IF where nothing leaks |
| zero-wiped | LIF, forced to spike in the step after a spike, or in several, which puts v to 0 there |
| subtract-delayed | LI -> Threshold, and back through Scale(-threshold) |
| subtract | LI -> Threshold, with the residual's own Threshold beside it |
| none | LI -> Threshold |
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import nir
import numpy as np

Edge = tuple[str, str]

# steps after which 1 - 1 / steps is 1 in any float
FOREVER = 2.0**54
# sure to exceed any threshold, and far from the largest float32
FORCE = 2.0**100


@dataclass
class Fragment:
    """The nodes of one layer.

    Attributes
    ----------
    nodes : {name: node}
        The first one is the entry: it takes the layer's input.
    edges : list of (source, target)
    loops : set of (source, target)
        Those edges that carry the delay of a loop inside the layer.
    exits : {"spk", "syn", "mem" or "out": names}
        Nodes whose sum is what the layer returns under that name.
    """

    nodes: dict[str, nir.NIRNode] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    loops: set[Edge] = field(default_factory=set)
    exits: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def entry(self) -> str:
        """The node that takes the layer's input."""
        return next(iter(self.nodes))

    def add(self, name: str, node: nir.NIRNode, *sources: str) -> str:
        """Add a node with edges from `sources`; return its name."""
        self.nodes[name] = node
        self.edges += [(source, name) for source in sources]
        return name

    def close(self, source: str, target: str) -> None:
        """Add the edge that closes a loop."""
        self.edges.append((source, target))
        self.loops.add((source, target))


class Neuron(NamedTuple):
    """A layer of neurons; arrays of the layer's shape.

    Attributes
    ----------
    beta : float, 0 to 1
        Share of the membrane kept per step.
    threshold : float
        Spikes where the membrane exceeds it.
    reset : str
        A key of RESETS.
    alpha : float, 0 to 1, or None
        Share of the synaptic current kept per step; None: no current.
    rest : int, 1 or more
        Steps after a spike that "zero-wiped" wipes.
    """

    beta: np.ndarray
    threshold: np.ndarray
    reset: str
    alpha: np.ndarray | None = None
    rest: np.ndarray | int = 1


def single(name: str, node: nir.NIRNode, exit_name: str = "out") -> Fragment:
    """Return a fragment of one node."""
    return Fragment({name: node}, exits={exit_name: (name,)})


def leaky(beta: np.ndarray, dt: float, threshold: np.ndarray | None = None) -> nir.NIRNode:
    """Return a node for v = beta v + x: LI or LIF (reset to 0), and I or IF where nothing leaks.

    Parameters
    ----------
    beta : float, 0 to 1
        Share kept per step; the array has the layer's shape.
    dt : float, seconds
        Duration of a step.
    threshold : float, optional
        For neurons that spike.
    """
    zeros = np.zeros(beta.shape)
    fire = {} if threshold is None else {"v_threshold": threshold + zeros, "v_reset": zeros}
    if np.all(beta == 1):
        return (nir.I if threshold is None else nir.IF)(r=zeros + 1 / dt, **fire)
    steps = _steps(beta)
    return (nir.LI if threshold is None else nir.LIF)(tau=dt * steps, r=steps, v_leak=zeros, **fire)


def spiking(
    name: str,
    neuron: Neuron,
    dt: float,
    gain: np.ndarray | None = None,
    graded: np.ndarray | None = None,
    recurrent: nir.NIRNode | None = None,
) -> Fragment:
    """Return the fragment of a spiking layer; node `name` gives its spikes (0 or 1).

    Parameters
    ----------
    name : str
        Of the layer; other nodes are called after it.
    neuron : Neuron
        What it computes.
    dt : float, seconds
        Duration of a step.
    gain : float, optional
        Factor of the input.
    graded : float, optional
        Size of a spike.
    recurrent : nir.NIRNode, optional
        From the spikes of the last step to the input.
    """
    fragment = Fragment()
    last: tuple[str, ...] = ()
    if gain is not None:
        last = (fragment.add(f"{name}_gain", nir.Scale(gain)),)
    if neuron.reset == "zero":
        fragment.add(name, _zero(neuron, dt), *last)
    else:
        if neuron.alpha is not None:
            last = (fragment.add(f"{name}_synapse", leaky(neuron.alpha, dt), *last),)
            fragment.exits["syn"] = last
        RESETS[neuron.reset](fragment, name, neuron, dt, last)
    spikes = name if graded is None else fragment.add(f"{name}_graded", nir.Scale(graded), name)
    fragment.exits["spk"] = (spikes,)
    if recurrent is not None:
        fragment.close(fragment.add(f"{name}_recurrent", recurrent, spikes), fragment.entry)
    return fragment


def _zero(neuron: Neuron, dt: float) -> nir.IF | nir.CubaLIF:
    """One node for every zero reset: readers that ignore the r of a LIF honour that of a CubaLIF."""
    zeros = np.zeros(neuron.beta.shape)
    alpha = zeros if neuron.alpha is None else neuron.alpha
    if np.all(neuron.beta == 1) and not np.any(alpha):
        return nir.IF(r=zeros + 1 / dt, v_threshold=neuron.threshold + zeros, v_reset=zeros)
    synapse, membrane = _steps(alpha), _steps(neuron.beta)
    return nir.CubaLIF(
        tau_syn=dt * synapse,
        tau_mem=dt * membrane,
        w_in=synapse,
        r=membrane,
        v_leak=zeros,
        v_threshold=neuron.threshold + zeros,
        v_reset=zeros,
    )


def _zero_wiped(fragment: Fragment, name: str, neuron: Neuron, dt: float, sources: tuple[str, ...]) -> None:
    """A spike of the layer forces more of them; each wipes its step's input and is not sent."""
    ones = np.ones(neuron.beta.shape)
    membrane = fragment.add(f"{name}_membrane", leaky(neuron.beta, dt, neuron.threshold), *sources)
    fragment.add(name, nir.Threshold(ones / 2), membrane)
    forcing = name if np.all(neuron.rest == 1) else _resting(fragment, name, neuron.rest * ones, dt)
    fragment.close(fragment.add(f"{name}_force", nir.Scale(FORCE * ones), forcing), membrane)
    forced = fragment.add(f"{name}_forced", nir.Scale(-ones), forcing)
    fragment.edges.append((fragment.add(f"{name}_delay", nir.Delay(dt * ones), forced), name))


def _resting(fragment: Fragment, name: str, rest: np.ndarray, dt: float) -> str:
    """Add an integrator that a spike puts to 1 for `rest` steps, and that then takes it back."""
    rested = fragment.add(f"{name}_rested", nir.Delay(dt * rest), name)
    back = fragment.add(f"{name}_back", nir.Scale(-np.ones(rest.shape)), rested)
    return fragment.add(f"{name}_resting", leaky(np.ones(rest.shape), dt), name, back)


def _none(fragment: Fragment, name: str, neuron: Neuron, dt: float, sources: tuple[str, ...]) -> str:
    membrane = fragment.add(f"{name}_membrane", leaky(neuron.beta, dt), *sources)
    fragment.add(name, nir.Threshold(neuron.threshold), membrane)
    fragment.exits["mem"] = (membrane,)
    return membrane


def _subtract_delayed(
    fragment: Fragment, name: str, neuron: Neuron, dt: float, sources: tuple[str, ...]
) -> None:
    membrane = _none(fragment, name, neuron, dt, sources)
    fragment.close(fragment.add(f"{name}_reset", nir.Scale(-neuron.threshold), name), membrane)


def _subtract(fragment: Fragment, name: str, neuron: Neuron, dt: float, sources: tuple[str, ...]) -> None:
    """The membrane node is p, before the reset; a residual above the threshold counts against z once.

    p[t] = beta p[t-1] + x[t] - beta thr z[t-1];  z[t] = [p[t] - thr r[t-1] > thr];
    r[t] = [p[t] - thr z[t] > thr];  mem = p - thr z.

    Source: snnTorch 1.0.0, Leaky.forward with reset_delay=False, solved for the membrane before its reset.
    """
    membrane = _none(fragment, name, neuron, dt, sources)
    reset = nir.Scale(-neuron.beta * neuron.threshold)
    fragment.close(fragment.add(f"{name}_reset", reset, name), membrane)
    subtracted = fragment.add(f"{name}_subtracted", nir.Scale(-neuron.threshold), name)
    residual = fragment.add(f"{name}_residual", nir.Threshold(neuron.threshold), membrane, subtracted)
    raised = fragment.add(f"{name}_raised", nir.Scale(-neuron.threshold), residual)
    delay = nir.Delay(np.full(neuron.beta.shape, dt))
    fragment.edges.append((fragment.add(f"{name}_delay", delay, raised), name))
    fragment.exits["mem"] = (membrane, subtracted)


RESETS: dict[str, Callable] = {
    "zero-wiped": _zero_wiped,
    "subtract-delayed": _subtract_delayed,
    "subtract": _subtract,
    "none": _none,
}


def _steps(decay: np.ndarray) -> np.ndarray:
    """Time constant in steps; it is also the gain that makes the weight of an input 1."""
    return np.where(decay == 1, FOREVER, 1 / np.where(decay == 1, 1, 1 - decay))
