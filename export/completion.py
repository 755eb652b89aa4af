"""A graph from outside as its author meant it: older habits understood, every shape stated.

Exporters count the batch axis in a Flatten, or batch and time in the shape of an Input. A graph that does
not hold together as it stands is tried without them; if exactly one reading fits, that one is taken and noted
in the graph's metadata under "read_as".
"""

from collections.abc import Callable
from copy import copy
from functools import partial

import nir
import numpy as np

from ..simulate.errors import BadInput
from ..simulate.network import Network, network_of
from ..simulate.shapes import state_shapes

Change = Callable[[nir.NIRNode], bool]  # whether it changed the node


def complete(graph: nir.NIRGraph) -> nir.NIRGraph:
    """Check a graph; return a copy in which every node states its true shapes and full parameters.

    Raises
    ------
    BadInput, Unsupported
        It does not hold together (see `network_of`), in no reading or in several.
    """
    changed, network = _understood(graph)
    flat = network.flat
    for name, node in flat.nodes.items():
        state_shapes(node, network.shapes[name], network.shapes_after[name])
    return changed


def _understood(graph: nir.NIRGraph) -> tuple[nir.NIRGraph, Network]:
    """Return a copy in the reading that fits, and its network."""
    as_it_stands = _copy(graph)
    try:
        return as_it_stands, network_of(as_it_stands)
    except BadInput as error:
        fitting = []
        for title, changes in READINGS.items():
            other = _copy(graph)
            if not all([_change(other, change) for change in changes]):
                continue
            try:
                fitting.append((title, other, network_of(other)))
            except BadInput:
                continue
        if len(fitting) != 1:
            raise
        title, other, network = fitting[0]
        other.metadata["read_as"] = f"{title} (as it stands: {error})"
        return other, network


def _copy(graph: nir.NIRGraph) -> nir.NIRGraph:
    """Return a graph with nodes of its own; arrays are shared."""
    nodes = {
        n: _copy(node) if isinstance(node, nir.NIRGraph) else copy(node) for n, node in graph.nodes.items()
    }
    return nir.NIRGraph(nodes, list(graph.edges), metadata=dict(graph.metadata or {}), type_check=False)


def _change(graph: nir.NIRGraph, change: Change) -> bool:
    """Change every node of a graph and of those nested in it; return whether anything changed."""
    changed = False
    for node in graph.nodes.values():
        changed |= _change(node, change) if isinstance(node, nir.NIRGraph) else change(node)
    return changed


def _flatten_without_batch(node: nir.NIRNode) -> bool:
    if not isinstance(node, nir.Flatten) or node.start_dim < 1:
        return False
    node.start_dim -= 1
    node.end_dim -= node.end_dim > 0
    stated = (node.input_type or {}).get("input")
    if stated is not None and np.ravel(stated)[0] == 1:
        node.input_type = {"input": None}  # type: ignore[assignment]  # with or without the batch axis
    return True


def _input_without(n_axes: int, node: nir.NIRNode) -> bool:
    shape = np.ravel(node.input_type["input"]) if isinstance(node, nir.Input) else ()
    if len(shape) <= n_axes:
        return False
    node.input_type = {"input": shape[n_axes:]}  # type: ignore[union-attr]
    return True


_one, _two = partial(_input_without, 1), partial(_input_without, 2)
READINGS: dict[str, tuple[Change, ...]] = {
    "Flatten counts the batch axis": (_flatten_without_batch,),
    "Input counts the batch axis": (_one,),
    "Input counts batch and time": (_two,),
    "Input and Flatten count the batch axis": (_one, _flatten_without_batch),
    "Input counts batch and time, Flatten the batch axis": (_two, _flatten_without_batch),
}
