"""A NIR graph from outside: does it hold together, before anything is computed with it?"""

import nir
import numpy as np

from ..simulate.errors import BadInput, Unsupported
from ..simulate.interpreter import LINEAR_RULES, NEURON_RULES, forward_order, graph_dt

TIME_CONSTANTS = ("tau", "tau_syn", "tau_mem")


def check_graph(graph: nir.NIRGraph) -> None:
    """Check that every node is one we run, holds finite numbers, and fits its sources.

    Parameters
    ----------
    graph : nir.NIRGraph
        Feed-forward.

    Raises
    ------
    BadInput
        No input or output, an edge that ends nowhere, a number that is not finite, a time constant below
        dt, or shapes that do not meet; the node and the value are named.
    Unsupported
        A node without a rule, or a loop.
    """
    kinds = [type(node) for node in graph.nodes.values()]
    if nir.Input not in kinds or nir.Output not in kinds:
        raise BadInput("the graph needs an Input and an Output node")
    shapes: dict[str, tuple[int, ...]] = {}
    for name in forward_order(graph):
        node = graph.nodes[name]
        if isinstance(node, nir.Input):
            shapes[name] = tuple(int(n) for n in node.input_type["input"])
            continue
        if type(node) not in NEURON_RULES and type(node) not in LINEAR_RULES:
            raise Unsupported(f"node '{name}' ({type(node).__name__}) is not supported yet")
        _check_numbers(name, node, graph_dt(graph))
        arriving = {shapes[a] for a, b in graph.edges if b == name}
        if not arriving:
            raise BadInput(f"node '{name}' has no input")
        if len(arriving) > 1:
            raise BadInput(f"node '{name}' adds inputs of different shapes: {sorted(arriving)}")
        shapes[name] = _shape_after(name, node, arriving.pop())


def _check_numbers(name: str, node: nir.NIRNode, dt: float) -> None:
    for field, values in vars(node).items():
        if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu":
            continue
        if not np.isfinite(values).all():
            wrong = values[~np.isfinite(values)].flat[0]
            raise BadInput(f"node '{name}': {field} holds {wrong}, which is not a number to compute with")
        if field in TIME_CONSTANTS and np.any(values < dt * (1 - 1e-9)):
            raise BadInput(
                f"node '{name}': {field} = {values.min():g} s is below dt = {dt:g} s; give its own dt"
            )


def _shape_after(name: str, node: nir.NIRNode, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape that leaves a node, if `shape` may enter it."""
    if isinstance(node, (nir.Affine, nir.Linear)):
        if node.weight.ndim != 2 or shape != node.weight.shape[1:]:
            raise BadInput(f"node '{name}': weight {node.weight.shape} (out, in) does not take {shape}")
        if isinstance(node, nir.Affine) and node.bias.shape != node.weight.shape[:1]:
            raise BadInput(f"node '{name}': bias {node.bias.shape} does not fit weight {node.weight.shape}")
        return node.weight.shape[:1]
    expected = tuple(int(n) for n in node.input_type["input"])
    if shape != expected:
        raise BadInput(f"node '{name}' ({type(node).__name__}) is for {expected}, its input is {shape}")
    return shape
