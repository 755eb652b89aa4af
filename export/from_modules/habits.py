"""A graph written as the readers of others are used to it; what it computes is the same.

They run a graph depth first in the order of its edges and return what ran last; and what closes a loop sends
nothing in the first step, not even its bias.

Source: nirtorch 2.6, GraphExecutor and nir_interpreter.
"""

import nir
import numpy as np

from ...simulate.graph import delayed_edges, flatten


def ordered(graph: nir.NIRGraph) -> nir.NIRGraph:
    """Return the same graph with its edges in an order that can be run depth first."""
    late = {name for name, node in graph.nodes.items() if isinstance(node, nir.Delay)}
    closing = delayed_edges(flatten(graph), late) | {edge for edge in graph.edges if edge[0] in late}
    return _made(graph.nodes, _depth_first(graph.nodes, graph.edges, closing), graph)


def without_late_bias(graph: nir.NIRGraph) -> nir.NIRGraph:
    """Return the same graph with the biases of loops in front of the loops, as far as they can be.

    Sums are rounded in another order then.
    """
    late = [name for name, node in graph.nodes.items() if isinstance(node, nir.Delay)]
    delayed = delayed_edges(flatten(graph), late)
    nodes = dict(graph.nodes)
    for source, target in sorted(delayed):
        _move_bias(nodes, graph.edges, delayed, source, target)
    return _made(nodes, graph.edges, graph)


def _made(nodes: dict, edges: list, graph: nir.NIRGraph) -> nir.NIRGraph:
    made = nir.NIRGraph(nodes, edges, type_check=False)
    made.metadata = dict(graph.metadata)
    return made


def _move_bias(nodes: dict, edges: list, delayed: set, source: str, target: str) -> None:
    """Add the bias of what closes a loop to the weights that lead to the same node from outside the loop."""
    node = nodes[source]
    if not (isinstance(node, nir.Affine) and np.any(node.bias)):
        return
    alone = [a for a in nodes if [b for s, b in edges if s == a] == [target]]
    others = [a for a in alone if isinstance(nodes[a], nir.Affine) and (a, target) not in delayed]
    if source in alone and others and nodes[others[0]].bias.shape == node.bias.shape:
        other = nodes[others[0]]
        nodes[others[0]] = nir.Affine(other.weight, other.bias + node.bias)
        nodes[source] = nir.Affine(node.weight, 0 * node.bias)


def _depth_first(nodes: dict, edges: list, delayed: set) -> list:
    """Sort edges: what closes a loop first, then the longest way to the output."""
    steps: dict[str, float] = {}

    def to_output(name: str) -> float:
        if name not in steps:
            after = [to_output(b) for a, b in edges if a == name and (a, b) not in delayed]
            end = 0 if isinstance(nodes[name], nir.Output) else np.inf
            steps[name] = 1 + max(after) if after else end
        return steps[name]

    return sorted(edges, key=lambda edge: np.inf if edge in delayed else to_output(edge[1]), reverse=True)
