"""The structure of a NIR graph: nested graphs inlined, and which edges of its loops carry a delay.

A loop needs one step of delay, and a NIR file does not say where. It is the edge that goes back to the
node through which the loop is entered, whatever the order of nodes in the file; where a loop has several
entrances, every edge that does not lead away from the inputs. An explicit Delay comes first.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import nir

from .components import Edge, components, neighbours
from .errors import BadInput, Unsupported

NEURONS = (nir.I, nir.IF, nir.LI, nir.LIF, nir.CubaLI, nir.CubaLIF)
SPIKING = (nir.IF, nir.LIF, nir.CubaLIF)


@dataclass(frozen=True)
class Flat:
    """A graph without nested graphs.

    Attributes
    ----------
    nodes : {name: node}
        A node of a nested graph is named "outer.inner".
    edges : tuple of (source, target)
        Each once.
    inputs, outputs : tuple of str
        Names of the outermost graph's.
    """

    nodes: dict[str, nir.NIRNode]
    edges: tuple[Edge, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    @cached_property
    def sources(self) -> dict[str, list[str]]:
        """For each node those with an edge to it."""
        return neighbours(self.nodes, [(b, a) for a, b in self.edges])

    @cached_property
    def targets(self) -> dict[str, list[str]]:
        """For each node those to which it has an edge."""
        return neighbours(self.nodes, self.edges)


def flatten(graph: nir.NIRGraph) -> Flat:
    """Inline nested graphs; the Input and Output nodes of nested graphs hand on what they get.

    Raises
    ------
    BadInput
        No input or output, an edge that ends nowhere or stands twice, a node that no input reaches, or a
        nested graph with several inputs (or outputs) that an edge does not choose from.
    """
    nodes, edges = _inline(graph, "")
    for (a, b), times in Counter(edges).items():
        if times > 1:
            raise BadInput(f"edge {a} -> {b} stands twice")
    inputs = tuple(n for n, node in graph.nodes.items() if isinstance(node, nir.Input))
    outputs = tuple(n for n, node in graph.nodes.items() if isinstance(node, nir.Output))
    if not inputs or not outputs:
        raise BadInput("the graph needs an Input and an Output node")
    flat = Flat(nodes, tuple(edges), inputs, outputs)
    reached = _depths(flat)
    for name in nodes:
        if name in inputs and flat.sources[name]:
            raise BadInput(f"input '{name}' has an edge from '{flat.sources[name][0]}'")
        if not flat.sources[name] and name not in inputs:
            raise BadInput(f"node '{name}' has no input")
        if name not in reached:
            raise BadInput(f"node '{name}' is in a loop to which no way leads from an input")
    return flat


def _inline(graph: nir.NIRGraph, prefix: str) -> tuple[dict[str, nir.NIRNode], list[Edge]]:
    nodes: dict[str, nir.NIRNode] = {}
    edges: list[Edge] = []
    for name, node in graph.nodes.items():
        if isinstance(node, nir.NIRGraph):
            inner_nodes, inner_edges = _inline(node, f"{prefix}{name}.")
            edges += inner_edges
        else:
            inner_nodes = {prefix + name: node}
        for inner in inner_nodes:
            if inner in nodes:
                raise BadInput(f"two nodes are named '{inner}'")
        nodes |= inner_nodes
    for edge in graph.edges:
        source, target = (_port(graph, end, edge, kind) for end, kind in zip(edge, PORTS, strict=True))
        edges.append((prefix + source, prefix + target))
    return nodes, edges


PORTS = (nir.Output, nir.Input)  # where an edge leaves a nested graph, where it enters one


def _port(graph: nir.NIRGraph, end: str, edge: Edge, kind: type) -> str:
    """Return the node at one end of an edge: of a nested graph, its Output or Input."""
    if end not in graph.nodes:
        outer, _, inner = end.partition(".")
        nested = graph.nodes.get(outer)
        if isinstance(nested, nir.NIRGraph) and isinstance(nested.nodes.get(inner), kind):
            return end
        raise BadInput(f"edge {edge[0]} -> {edge[1]}: there is no node '{end}'")
    nested = graph.nodes[end]
    if not isinstance(nested, nir.NIRGraph):
        return end
    ports = [name for name, node in nested.nodes.items() if isinstance(node, kind)]
    if len(ports) != 1:
        raise BadInput(
            f"edge {edge[0]} -> {edge[1]}: the nested graph '{end}' has {len(ports)} {kind.__name__} nodes"
        )
    return f"{end}.{ports[0]}"


def delayed_edges(flat: Flat, late: Collection[str] = ()) -> set[Edge]:
    """Return the edges that carry a delay of one step because a loop needs one.

    Parameters
    ----------
    flat : Flat
        Any directed graph.
    late : names
        Nodes whose output never depends on their input of the same step: a Delay of a step or more.

    Raises
    ------
    Unsupported
        A loop without a neuron and without a Delay: nothing in it takes time.
    """
    edges = [e for e in flat.edges if e[0] not in late]
    timeless = [e for e in edges if not any(isinstance(flat.nodes[n], NEURONS) for n in e)]
    if stuck := _inside_loops(flat, timeless):
        names = sorted({n for e in stuck for n in e})
        raise Unsupported(
            f"nodes {', '.join(names)} form a loop in which nothing takes time; "
            "put a neuron or a Delay of at least one step into it"
        )
    depth = _depths(flat)
    inside = _inside_loops(flat, edges)
    back = {(a, b) for a, b in inside if a == b or a not in _depths(flat, without=b)}
    rest = _inside_loops(flat, [e for e in inside if e not in back])
    return back | {(a, b) for a, b in rest if depth[b] <= depth[a]}


def _inside_loops(flat: Flat, edges: Collection[Edge]) -> list[Edge]:
    """Return those edges that lie on a loop."""
    part = {n: i for i, names in enumerate(components(flat.nodes, edges)) for n in names}
    return [(a, b) for a, b in edges if part[a] == part[b]]


def _depths(flat: Flat, without: str | None = None) -> dict[str, int]:
    """Return how many edges away from the nearest input each node is; not by way of one node."""
    depth = {name: 0 for name in flat.inputs if name != without}
    border = list(depth)
    while border:
        steps = depth[border[0]] + 1
        nearby = (b for a in border for b in flat.targets[a])
        border = list(dict.fromkeys(b for b in nearby if b not in depth and b != without))
        depth |= dict.fromkeys(border, steps)
    return depth
