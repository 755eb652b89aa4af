"""What a step of a network takes from where, as wires that each carry a lag.

A loop's step of delay, a Delay and neurons that send late are all lags. A lag behind a node without memory
is moved before it where that changes nothing, as loops are written in torch: its bias acts from the first
step then. It knows graphs, nothing of torch.
"""

from collections.abc import Mapping
from typing import NamedTuple

import nir
import numpy as np

from ...simulate.components import Edge, components
from ...simulate.graph import NEURONS, SPIKING
from ...simulate.network import Network, steps_of
from ...simulate.shapes import Shape

REMEMBERING = (*NEURONS, nir.Threshold, nir.Delay)  # nothing leaves them at rest


class Wire(NamedTuple):
    """What a node takes from another.

    Attributes
    ----------
    source : str
    lag : int
        Steps ago; before the first step the source was at rest.
    absent_first : bool
        Whether there is nothing in the first step, not even what a bias gives.
    """

    source: str
    lag: int
    absent_first: bool


class Plan(NamedTuple):
    """How to run a step.

    Attributes
    ----------
    inputs, outputs : tuple of str
    order : list of str
        All nodes but the inputs.
    wires : {node: list of Wire}
    shapes : {node: tuple of int}
        What leaves a node, without batch and time.
    biased : set of str
        Nodes that send something at rest, because of a bias.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    order: list[str]
    wires: dict[str, list[Wire]]
    shapes: dict[str, Shape]
    biased: set[str]

    @property
    def longest(self) -> int:
        """The longest lag."""
        return max((wire.lag for wires in self.wires.values() for wire in wires), default=0)


def plan_of(network: Network, part_of: Mapping[str, str]) -> Plan:
    """Return how to run a network.

    Parameters
    ----------
    network : Network
        Checked.
    part_of : {node: node}
        For nodes that are inside of another one.
    """
    flat = network.flat
    edges = {e: (part_of.get(e[0], e[0]), part_of.get(e[1], e[1])) for e in flat.edges}
    lags = {new: _lag(network, old) for old, new in edges.items() if new[0] != new[1] or old[0] == old[1]}
    names = [name for name in flat.nodes if part_of.get(name, name) == name]
    # the policy wants nothing from these in the first step
    absent = {edges[e] for e in network.closing if network.policy.recurrent_bias == "late"}
    passing = {n for n in names if n not in flat.inputs and not isinstance(flat.nodes[n], REMEMBERING)}
    _move_before(passing, lags, absent)
    wires: dict[str, list[Wire]] = {name: [] for name in names}
    for (a, b), lag in lags.items():
        wires[b].append(Wire(a, lag, (a, b) in absent))
    now = [edge for edge, lag in lags.items() if lag == 0]
    order = [n for part in components(names, now) for n in part if n not in flat.inputs]
    shapes = {name: network.shapes_after[name] for name in names}
    return Plan(flat.inputs, flat.outputs, order, wires, shapes, _biased(network, passing))


def _biased(network: Network, passing: set[str]) -> set[str]:
    """Return the nodes with a bias, and those without memory behind them."""
    nodes, targets = network.flat.nodes, network.flat.targets
    border = {n for n in passing if np.any(getattr(nodes[n], "bias", 0)) and not network.drops_bias(n)}
    found: set[str] = set()
    while border:
        found |= border
        border = {b for a in border for b in targets[a] if b in passing} - found
    return found


def _lag(network: Network, edge: Edge) -> int:
    """Return by how many steps what runs over an edge is late."""
    node, lag = network.flat.nodes[edge[0]], int(edge in network.delayed)
    if isinstance(node, nir.Delay):
        return lag + int(steps_of(node, network.policy).min())
    return lag + (network.policy.output_lag if isinstance(node, SPIKING) else 0)


def _move_before(passing: set[str], lags: dict[Edge, int], absent: set[Edge]) -> None:
    """Move lags from behind nodes without memory to before them, as long as all ways out have one."""
    behind = {name: [e for e in lags if e[0] == name] for name in passing}
    before = {name: [e for e in lags if e[1] == name] for name in passing}
    movable = [n for n in passing if behind[n] and not absent.intersection(behind[n] + before[n])]
    moved = True
    while moved:
        moved = False
        for name in movable:
            if least := min(lags[e] for e in behind[name]):
                moved = True
                for e in behind[name]:
                    lags[e] -= least
                for e in before[name]:
                    lags[e] += least
