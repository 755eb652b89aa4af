"""Fragments and connections as one NIR graph, in which every loop has exactly the lags that were found.

A loop's step of delay is implied where readers of NIR expect it anyway (`delayed_edges`); if that is not
exactly what ran, every lag is written as a Delay.
"""

from collections.abc import Sequence

import nir
import numpy as np

from ...simulate.errors import Unsupported
from ...simulate.graph import delayed_edges, flatten
from .calls import Layer
from .connections import Connection, moved_behind
from .provenance import OUTPUT, title
from .snn_fragments import Edge, Fragment

Shape = tuple[int, ...]


def wire(
    fragments: dict[str, Fragment], layers: dict[str, Layer], found: Sequence[Connection], dt: float
) -> nir.NIRGraph:
    """Return the graph of a module, as far as it leads to the output.

    Parameters
    ----------
    fragments : {name: Fragment}
        Of every layer, of INPUT and of OUTPUT.
    layers : {name: Layer}
        The same with their shapes.
    found : sequence of Connection
        What runs from where to where.
    dt : float, seconds
        Duration of a step.

    Raises
    ------
    Unsupported
        A name twice, a value that no node holds, or a reshape that NIR does not have.
    """
    usual = moved_behind(found, layers)
    if _biases_stay(found, usual, layers, fragments):
        wiring = _Wiring(fragments, layers, dt)
        restless = _restless(found, fragments, layers)
        for before, after in zip(found, usual, strict=True):
            # a bias that came one step late would come at once, were the delay implied
            late_bias = before.lag == 1 and after.source in restless
            wiring.connect(after, implied=after.lag == 1 and not late_bias)
        if wiring.is_exact():
            return wiring.graph()
    wiring = _Wiring(fragments, layers, dt)
    for connection in found:
        wiring.connect(connection, implied=False)
    if not wiring.is_exact():
        raise Unsupported("the loops of this module have no form in NIR in which their delays are clear")
    return wiring.graph()


def _biases_stay(
    found: Sequence[Connection],
    usual: Sequence[Connection],
    layers: dict[str, Layer],
    fragments: dict[str, Fragment],
) -> bool:
    """Whether the bias of every layer behind which a lag was moved still acts from the first step.

    It does where the layer itself closes the loop.
    """
    moved = {a.target for a, b in zip(usual, found, strict=True) if a.lag < b.lag}
    return all(
        c.lag == c.weight == 1 and layers[c.source].output == layers[c.target].input
        for c in usual
        if c.source in moved and _has_bias(fragments[c.source])
    )


def _restless(
    found: Sequence[Connection], fragments: dict[str, Fragment], layers: dict[str, Layer]
) -> set[str]:
    """Return the layers without states that send something when nothing arrives: their biases, or others'."""
    restless = {name for name, fragment in fragments.items() if _has_bias(fragment)}
    passing = {name for name, layer in layers.items() if not layer.has_states}
    while more := {c.target for c in found if c.source in restless} & passing - restless:
        restless |= more
    return restless


def _has_bias(fragment: Fragment) -> bool:
    return bool(np.any(getattr(fragment.nodes[fragment.entry], "bias", 0)))


class _Wiring:
    """A graph in the making."""

    def __init__(self, fragments: dict[str, Fragment], layers: dict[str, Layer], dt: float) -> None:
        self._fragments = fragments
        self._layers = layers
        self._dt = dt
        self._nodes: dict[str, nir.NIRNode] = {}
        self._edges: list[Edge] = []
        self._recipes: dict[str, tuple] = {}
        self._lagged: list[tuple[list[Edge], bool]] = []
        self._clash = False
        for name, fragment in fragments.items():
            for node in fragment.nodes:
                if node in self._nodes:
                    raise Unsupported(
                        f"layer '{name}': its node '{node}' has that name already; rename the layer"
                    )
            self._nodes |= fragment.nodes
            self._edges += fragment.edges

    def connect(self, connection: Connection, implied: bool) -> None:
        """Add the nodes and edges of a connection; where `implied`, a loop is to give it its one step."""
        source, target = self._fragments[connection.source], self._fragments[connection.target]
        if connection.exit not in source.exits:
            raise Unsupported(
                f"{connection.exit} of layer '{connection.source}' is used, but with its reset no node holds "
                "it; use its spikes, or reset_mechanism='none' or 'subtract'"
            )
        shape, wanted = self._layers[connection.source].output, self._layers[connection.target].input
        for node in source.exits[connection.exit]:
            path = [node]
            if wanted != shape:
                flatten_node = _flatten(connection, shape, wanted)
                path.append(self._step(f"{node}_flatten", flatten_node, (node, wanted)))
            if connection.weight != 1:
                scale = nir.Scale(np.full(wanted, connection.weight))
                path.append(self._step(f"{path[-1]}_scale", scale, (path[-1], wanted, connection.weight)))
            if connection.lag and not implied:
                delay = nir.Delay(np.full(wanted, connection.lag * self._dt))
                path.append(self._step(f"{path[-1]}_delay", delay, (path[-1], connection.lag)))
            self._join([*path, target.entry], connection.lag == 1 and implied)

    def _step(self, name: str, node: nir.NIRNode, recipe: tuple) -> str:
        """Add a node on the way, or take the one that is already there."""
        while name in self._nodes and self._recipes.get(name) != recipe:
            name += "_"
        self._nodes[name] = node
        self._recipes[name] = recipe
        return name

    def _join(self, path: list[str], lagged: bool) -> None:
        edges = list(zip(path, path[1:], strict=False))
        self._clash |= edges[-1] in self._edges
        self._edges += [e for e in edges if e not in self._edges]
        self._lagged.append((edges, lagged))

    def is_exact(self) -> bool:
        """Whether loops delay what ran one step late, and nothing else."""
        graph = self.graph()
        late = [name for name, node in graph.nodes.items() if isinstance(node, nir.Delay)]
        try:
            delayed = delayed_edges(flatten(graph), late)
        except Unsupported:
            return False
        inside = {
            e
            for f in self._fragments.values()
            for e in f.loops
            if e[0] in graph.nodes and e[1] in graph.nodes
        }
        on_paths = {e for edges, _ in self._lagged for e in edges}
        if self._clash or not inside <= delayed or delayed - inside - on_paths:
            return False
        return all(
            _delay_at_end(edges, delayed) if lagged else not delayed & set(edges)
            for edges, lagged in self._lagged
        )

    def graph(self) -> nir.NIRGraph:
        """Return what leads to the output."""
        used = {self._fragments[OUTPUT].entry}
        while more := {a for a, b in self._edges if b in used} - used:
            used |= more
        nodes = {name: node for name, node in self._nodes.items() if name in used}
        edges = [(a, b) for a, b in self._edges if b in used]
        graph = nir.NIRGraph(nodes, edges, type_check=False)
        graph.metadata = {"dt": float(self._dt)}
        return graph


def _delay_at_end(edges: list[Edge], delayed: set[Edge]) -> bool:
    return [e for e in edges if e in delayed] == edges[-1:]


def _flatten(connection: Connection, shape: Shape, wanted: Shape) -> nir.Flatten:
    """Return the Flatten that joins neighbouring axes."""
    for start in range(len(shape)):
        for end in range(start, len(shape)):
            joined = (*shape[:start], int(np.prod(shape[start : end + 1])), *shape[end + 1 :])
            if joined == wanted:
                # counted from the end: readers differ in whether the batch is an axis
                return nir.Flatten({"input": np.array(shape)}, start - len(shape), end - len(shape))
    raise Unsupported(
        f"what {title(connection.source)} returns, {shape}, is reshaped to {wanted} for "
        f"{title(connection.target)}; NIR can only flatten"
    )
