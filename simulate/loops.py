"""A loop of nodes, run step by step.

Each step, nodes that are late send first what they took in earlier steps, the others follow in order, and
the late ones take what arrived.
"""

from collections.abc import Callable

import nir
import numpy as np

from .graph import NEURONS
from .network import steps_of
from .nodes import Nodes, sum_of

Source = Callable[[int], np.ndarray]


def run_loop(nodes: Nodes, part: list[str]) -> None:
    """Run the nodes of a loop.

    Parameters
    ----------
    nodes : Nodes
        Everything before the loop was run; what its nodes send is added.
    part : list of str
        The nodes in an order to compute them in.
    """
    network = nodes.network
    for name in part:
        nodes.sent[name] = nodes.zeros(network.shapes_after[name])
    send, take = {}, {}
    for name in part:
        send[name], take[name] = _node(nodes, name, _arriving(nodes, name))
    for t in range(nodes.steps):
        for name in part:
            nodes.sent[name][t] = send[name](t)
        for name in part:
            take[name](t)


def _node(nodes: Nodes, name: str, arriving: Source) -> tuple[Source, Callable[[int], None]]:
    """Return what a node sends in a step, and what it does at the end of it."""
    network = nodes.network
    node, late = network.flat.nodes[name], name in network.late
    if isinstance(node, nir.Delay):
        return _delay(nodes, name, arriving, late)
    if not isinstance(node, NEURONS):
        rule = nodes.rule(name)
        return (lambda t: rule(arriving(t))), _nothing
    step = nodes.stepper(name)
    if not late:
        return (lambda t: step(t, arriving(t))), _nothing
    held = nodes.zeros(network.shapes[name])

    def take(t: int) -> None:
        held[t] = step(t, arriving(t))

    return (lambda t: held[t - 1] if t else np.zeros_like(held[0])), take


def _delay(nodes: Nodes, name: str, arriving: Source, late: bool) -> tuple[Source, Callable[[int], None]]:
    network = nodes.network
    shape = network.shapes[name]
    steps = np.broadcast_to(steps_of(network.flat.nodes[name], network.policy), shape)  # type: ignore[arg-type]
    lags = [(int(n), steps == n) for n in np.unique(steps)]
    held = nodes.zeros(shape)

    def take(t: int) -> None:
        held[t] = arriving(t)

    def send(t: int) -> np.ndarray:
        if not late:
            take(t)
        sent = np.zeros_like(held[0])
        for n, there in lags:
            if n <= t:
                sent[:, there] = held[t - n][:, there]
        return sent

    return send, take if late else _nothing


def _nothing(t: int) -> None:
    """Do nothing at the end of a step."""


def _arriving(nodes: Nodes, name: str) -> Source:
    """Return what arrives at a node of a loop in a step; the first step is the policy's choice."""
    network, sent = nodes.network, nodes.sent
    sources = network.flat.sources[name]
    previous = {a for a in sources if (a, name) in network.delayed}
    late = network.policy.recurrent_bias == "late"
    absent = {a for a in sources if late and (a, name) in network.closing}

    def arriving(t: int) -> np.ndarray:
        if t:
            return sum_of(sent[a][t - 1 if a in previous else t] for a in sources)
        first = (nodes.at_rest[a] if a in previous else sent[a][0] for a in sources)
        return sum_of(0 * values if a in absent else values for a, values in zip(sources, first, strict=True))

    return arriving
