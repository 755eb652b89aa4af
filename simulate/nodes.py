"""The nodes of a network as functions of what arrives, and what they sent and held so far."""

import copy
from collections.abc import Callable, Iterable
from functools import cached_property, reduce
from operator import add

import nir
import numpy as np

from .cells import Cell
from .components import components
from .graph import NEURONS
from .network import Network
from .stateless import Rule, rule

SILENT = (*NEURONS, nir.Threshold, nir.Delay)  # at rest, as are the inputs


class Nodes:
    """A run of a network.

    Attributes
    ----------
    sent : {node: float (steps, batch, *shape)}
        What each node sent; inputs from the start.
    u, v : {node: float (steps, batch, *shape)}
        Of the nodes that are recorded.
    """

    def __init__(self, network: Network, inputs: dict[str, np.ndarray], record: tuple[str, ...]) -> None:
        self.network = network
        self.sent = dict(inputs)
        self.u: dict[str, np.ndarray] = {}
        self.v: dict[str, np.ndarray] = {}
        self._record = record
        first = next(iter(inputs.values()))
        self.steps, self.batch = first.shape[:2]
        self.dtype = first.dtype

    def zeros(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return room for every step."""
        return np.zeros((self.steps, self.batch, *shape), self.dtype)

    @cached_property
    def at_rest(self) -> dict[str, np.ndarray]:
        """What each node sends, (1, *shape), when nothing ever arrived: what biases give, else zeros."""
        network = self.network
        sent = {name: np.zeros((1, *shape), self.dtype) for name, shape in network.shapes_after.items()}
        nodes = network.flat.nodes
        passing = [n for n in nodes if n not in network.flat.inputs and not isinstance(nodes[n], SILENT)]
        edges = [e for e in network.flat.edges if set(passing).issuperset(e)]
        for (name,) in components(passing, edges):
            sent[name] = self.rule(name)(sum_of(sent[a] for a in network.flat.sources[name]))
        return sent

    def rule(self, name: str) -> Rule:
        """Return what a node without memory computes."""
        network = self.network
        node = network.flat.nodes[name]
        if network.drops_bias(name) and hasattr(node, "bias"):
            node = copy.copy(node)
            node.bias = np.zeros_like(node.bias)  # type: ignore[attr-defined]
        return rule(node, network.shapes[name], network.policy, self.dtype)

    def stepper(self, name: str) -> Callable[[int, np.ndarray], np.ndarray]:
        """Return a neuron node at rest as a function of a step's number and input."""
        network = self.network
        shape = network.shapes[name]
        cell = Cell(network.flat.nodes[name], shape, network.policy, self.batch, self.dtype)
        if name not in self._record:
            return lambda t, x: cell.step(x)
        kept_v = self.v[name] = self.zeros(shape)
        kept_u = None if cell.u is None else self.u.setdefault(name, self.zeros(shape))

        def step(t: int, x: np.ndarray) -> np.ndarray:
            sent = cell.step(x)
            kept_v[t] = cell.v
            if kept_u is not None:
                kept_u[t] = cell.u
            return sent

        return step


def sum_of(arrays: Iterable[np.ndarray]) -> np.ndarray:
    """Return what arrives by several edges."""
    return reduce(add, arrays)
