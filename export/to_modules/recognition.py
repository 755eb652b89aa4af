"""Find the fragments that from_torch writes for snnTorch's neurons: write each anew, and compare.

That is certain, and it knows no pattern of its own. Recurrent layers come back as a neuron and its
recurrent weights, which is what they compute.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import nir
import numpy as np

from ...simulate.cells import Dynamics, discretize
from ...simulate.network import Network, steps_of
from ...simulate.policy import Policy
from ...simulate.shapes import parameters, spread
from ..from_modules.snn_fragments import Fragment, Neuron, spiking

# resets in parts, as snn_fragments and as a policy call them; none is the beginning of the others
RESETS = {
    "subtract": "snntorch-subtract",
    "subtract-delayed": "subtract-delayed",
    "zero-wiped": "zero-delayed",
    "none": "none",
}
ROUNDING = 1e-9  # a file may have been written with other decimals


class Found(NamedTuple):
    """A neuron of snnTorch in several nodes.

    Attributes
    ----------
    dynamics : Dynamics
    reset : str
        As a policy calls it.
    nodes : set of str
        All of them; the neuron is called as the one that gives its spikes.
    rest : int, or int array
        Steps after a spike in which v stays 0; 0 for none.
    """

    dynamics: Dynamics
    reset: str
    nodes: set[str]
    rest: np.ndarray | int = 0


def find_neurons(network: Network) -> dict[str, Found]:
    """Return the neurons that stand as fragments in a network, by the node that gives their spikes.

    Parameters
    ----------
    network : Network
        Fragments have their meaning under the default policy only; under others none is found.
    """
    if replace(network.policy, dt=1.0, recurrent_bias="kept") != Policy(dt=1.0):
        return {}
    found = {}
    for name in network.flat.nodes:
        for neuron in _candidates(network, name):
            fragment = spiking(name, neuron, network.policy.dt)
            if _stands_in(network, name, fragment):
                rest = neuron.rest if neuron.reset == "zero-wiped" else 0
                found[name] = Found(_dynamics(neuron), RESETS[neuron.reset], set(fragment.nodes), rest)
                break
    return found


def _candidates(network: Network, name: str) -> Iterator[Neuron]:
    """Return the neurons whose fragment may be around a node, those with more nodes first."""
    nodes, shape = network.flat.nodes, network.shapes[name]
    node, membrane, synapse = nodes[name], nodes.get(f"{name}_membrane"), nodes.get(f"{name}_synapse")
    if not isinstance(node, nir.Threshold) or not isinstance(membrane, (nir.I, nir.LI, nir.IF, nir.LIF)):
        return
    threshold = getattr(membrane, "v_threshold", node.threshold)
    beta = discretize(membrane, network.policy).beta
    alphas = [discretize(synapse, network.policy).beta] if isinstance(synapse, (nir.I, nir.LI)) else []
    beta, threshold = spread(beta, shape), spread(np.asarray(threshold, float), shape)
    rested = nodes.get(f"{name}_rested")
    rest = spread(steps_of(rested, network.policy), shape) if isinstance(rested, nir.Delay) else 1
    # below a threshold of 0 snnTorch resets neurons that never fired
    resets = RESETS if np.all(threshold >= 0) else ("none",)
    for alpha in (*alphas, None):
        for reset in resets:
            yield Neuron(beta, threshold, reset, None if alpha is None else spread(alpha, shape), rest)


def _stands_in(network: Network, name: str, fragment: Fragment) -> bool:
    """Whether a network has these nodes joined so, and nobody else sees the inner ones."""
    nodes, edges = network.flat.nodes, network.flat.edges
    if not all(n in nodes and _equal(nodes[n], node) for n, node in fragment.nodes.items()):
        return False
    inside = {e for e in edges if e[0] in fragment.nodes and e[1] in fragment.nodes}
    entered = {b for a, b in edges if b in fragment.nodes and a not in fragment.nodes}
    left = {a for a, b in edges if a in fragment.nodes and b not in fragment.nodes}
    delays = inside & network.delayed
    ports = entered <= {fragment.entry} and left <= {name}
    return inside == set(fragment.edges) and delays == fragment.loops and ports


def _equal(a: nir.NIRNode, b: nir.NIRNode) -> bool:
    values, expected = parameters(a), parameters(b)
    return type(a) is type(b) and all(
        np.allclose(values[k], expected[k], rtol=ROUNDING, atol=0) for k in expected
    )


def _dynamics(neuron: Neuron) -> Dynamics:
    """Return the recurrence; what wipes its input has a current, if only for its own step."""
    ones, zeros = np.ones_like(neuron.beta), np.zeros_like(neuron.beta)
    alpha = zeros if neuron.alpha is None and neuron.reset == "zero-wiped" else neuron.alpha
    return Dynamics(alpha, ones, neuron.beta, ones, zeros, neuron.threshold, zeros)
