"""Small NIR graphs of every node, drawn: skip connections, loops, delays, several inputs and outputs."""

import nir
import numpy as np

from lavalier.simulate.errors import Unsupported
from lavalier.simulate.graph import NEURONS
from lavalier.simulate.network import network_of
from lavalier.simulate.policy import CHOICES
from lavalier.simulate.shapes import shape_after

from .graphs import entry, exit_

DT = 0.1
SHAPES = ((3,), (2, 5), (2, 4, 5))
Shape = tuple[int, ...]


def draw_policy(rng: np.random.Generator) -> dict:
    """Return the metadata of any policy."""
    policy = {name: rng.choice(np.array(values, object)) for name, values in CHOICES.items()}
    if policy["spikes"] == "multiple":
        policy["reset"] = "subtract"
    return {"dt": DT, **policy}


def draw_graph(rng: np.random.Generator, policy: dict, n_nodes: int = 7) -> nir.NIRGraph:
    """Return a graph whose loops take time."""
    while True:
        graph = _Drawing(rng, policy).graph(n_nodes)
        try:
            network_of(graph)
        except Unsupported as error:
            if "nothing takes time" in str(error):
                continue
            raise
        return graph


def draw_input(rng: np.random.Generator, graph: nir.NIRGraph, batch: int = 2, steps: int = 12):
    """Return x for every input."""
    shapes = {n: node.input_type["input"] for n, node in graph.nodes.items() if isinstance(node, nir.Input)}
    return {name: rng.normal(0.5, 2, (batch, steps, *shape)) for name, shape in shapes.items()}


class _Drawing:
    """A graph in the making."""

    def __init__(self, rng: np.random.Generator, policy: dict) -> None:
        self.rng, self.policy = rng, policy
        self.nodes: dict[str, nir.NIRNode] = {}
        self.shapes: dict[str, tuple[Shape, Shape]] = {}
        self.edges: list[tuple[str, str]] = []

    def graph(self, n_nodes: int) -> nir.NIRGraph:
        for i in range(self.rng.integers(1, 3)):
            shape = SHAPES[self.rng.integers(len(SHAPES))]
            self._add(f"in{i}", entry(*shape), shape, shape)
        for i in range(n_nodes):
            source = self._pick(list(self.nodes))
            shape = self.shapes[source][1]
            node = self._node(shape)
            self._add(f"n{i}", node, shape, shape_after(node, shape), source)
            self._also(f"n{i}", forward=True)
        for _ in range(self.rng.integers(0, 4)):
            self._also(self._pick([n for n in self.nodes if n.startswith("n")]), forward=False)
        for i in range(self.rng.integers(1, 3)):
            source = self._pick([n for n in self.nodes if n.startswith("n")])
            shape = self.shapes[source][1]
            self._add(f"out{i}", exit_(*shape), shape, shape, source)
        graph = nir.NIRGraph(self.nodes, self.edges, type_check=False)
        graph.metadata = dict(self.policy)
        return graph

    def _add(self, name: str, node: nir.NIRNode, before: Shape, after: Shape, *sources: str) -> None:
        self.nodes[name], self.shapes[name] = node, (before, after)
        self.edges += [(source, name) for source in sources]

    def _also(self, target: str, forward: bool) -> None:
        """Add an edge from another node of the right shape, if there is one; backward ones close loops."""
        names = list(self.nodes)
        names = names[: names.index(target)] if forward else names
        fit = [n for n in names if self.shapes[n][1] == self.shapes[target][0] and n[0] != "o"]
        fit = [n for n in fit if (n, target) not in self.edges]
        if fit and self.rng.random() < (0.4 if forward else 1):
            self.edges.append((self._pick(fit), target))

    def _pick(self, names: list[str]) -> str:
        return names[self.rng.integers(len(names))]

    def _node(self, shape: Shape) -> nir.NIRNode:
        kinds = [self._neuron, self._neuron, self._neuron, self._elementwise, self._matrix]
        if len(shape) > 1:
            kinds += [self._conv, self._flatten]
        if len(shape) == 3 and min(shape[1:]) > 1:
            kinds += [self._pool]
        return kinds[self.rng.integers(len(kinds))](shape)

    def _neuron(self, shape: Shape) -> nir.NIRNode:
        kind = NEURONS[self.rng.integers(len(NEURONS))]
        unit = self.policy.get("gain", "stored") != "stored"
        plain = self.rng.random() < 0.5
        fields = {}
        if kind in (nir.I, nir.IF):
            fields["r"] = self._values(shape, 5, 15) if not plain else np.full(shape, 1 / DT)
        else:
            cuba = kind in (nir.CubaLI, nir.CubaLIF)
            for tau, gain in (("tau_mem", "r"), ("tau_syn", "w_in")) if cuba else (("tau", "r"),):
                fields[tau] = self._values(shape, 1.2, 8) * DT
                fields[gain] = fields[tau] / DT * (1 if plain else self._values(shape, 0.5, 2))
            leaks = not unit and not plain and self.rng.random() < 0.5
            fields["v_leak"] = self._values(shape, -0.5, 0.5) * leaks
        if kind in (nir.IF, nir.LIF, nir.CubaLIF):
            multiple = self.policy.get("spikes") == "multiple"
            fields["v_threshold"] = self._values(shape, 0.2, 1.5)
            fields["v_reset"] = self._values(shape, -0.5, 0.1) * (self.rng.random() < 0.3 and not multiple)
        return kind(**fields)

    def _values(self, shape: Shape, low: float, high: float) -> np.ndarray:
        """Return one number for each element, or one for all."""
        return np.broadcast_to(self.rng.uniform(low, high, shape if self.rng.random() < 0.5 else ()), shape)

    def _elementwise(self, shape: Shape) -> nir.NIRNode:
        kind = self.rng.integers(4)
        if kind == 0:
            return nir.Threshold(self._values(shape, -0.2, 1))
        if kind == 1:
            return nir.Scale(self._values(shape, -2, 2))
        return nir.Delay(DT * np.broadcast_to(self.rng.integers(0, 4, shape if kind == 2 else ()), shape))

    def _matrix(self, shape: Shape) -> nir.NIRNode:
        n_out = int(self.rng.choice([shape[-1], 3]))
        weight = self.rng.normal(0, 1, (n_out, shape[-1]))
        return (
            nir.Affine(weight, self.rng.normal(size=n_out)) if self.rng.random() < 0.6 else nir.Linear(weight)
        )

    def _conv(self, shape: Shape) -> nir.NIRNode:
        axes, groups = len(shape) - 1, int(self.rng.integers(1, 3))
        same = self.rng.random() < 0.5
        n_out = 2 * groups if shape[0] % groups == 0 else 3
        groups = groups if shape[0] % groups == 0 else 1
        kernel = self.rng.integers(1, 3, axes)
        kernel = np.minimum(kernel, shape[1:])
        weight = self.rng.normal(0, 1, (n_out, shape[0] // groups, *kernel))
        bias = self.rng.normal(size=n_out) * (self.rng.random() < 0.5)
        stride = 1 if same else int(self.rng.integers(1, 3))
        padding = "same" if same else int(self.rng.integers(0, 2))
        if axes == 1:
            return nir.Conv1d(shape[1], weight, stride, padding, 1, groups, bias)
        return nir.Conv2d((shape[1], shape[2]), weight, stride, padding, 1, groups, bias)

    def _flatten(self, shape: Shape) -> nir.NIRNode:
        return nir.Flatten({"input": np.array(shape)}, 0, -1)

    def _pool(self, shape: Shape) -> nir.NIRNode:
        kind = nir.SumPool2d if self.rng.random() < 0.5 else nir.AvgPool2d
        stride = np.array(self.rng.integers(1, 3, 2))
        return kind(np.array([2, 2]), stride, np.array(self.rng.integers(0, 2, 2)))
