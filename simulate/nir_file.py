"""NIR files on disk: open one that may be anything, write one whole, compare two."""

from pathlib import Path
from typing import Any

import nir
import numpy as np

from .errors import BadInput
from .files import atomic
from .hdf5_tree import is_name, read_tree
from .nir_parsing import parse_graph
from .policy import policy_of

DERIVED = ("input_type", "output_type", "input_shape", "metadata")  # from the neighbors, or no numbers


def read_graph(path: str | Path) -> nir.NIRGraph:
    """Read a NIR graph; whatever is wrong with the file becomes one sentence.

    Each node is as it must be by itself; whether nodes fit each other is not looked at. Numbers keep their
    type, the parameters of a neuron have one shape, sizes of windows are plain ints.

    Parameters
    ----------
    path : str or Path
        May come from anywhere: no code in it runs, no other file is opened for it.

    Raises
    ------
    BadInput
        No such file, not HDF5, cut short, or not a NIR graph; the file is named, and the node.
    """
    path = Path(path)
    try:
        return parse_graph(read_tree(path, "node"))
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error


def write_graph(graph: nir.NIRGraph, path: str | Path) -> None:
    """Write a NIR graph, atomically.

    Raises
    ------
    BadInput
        The file cannot be written, or a node has a name that no file can hold.
    """
    for name in graph.nodes:
        if name in ("", ".", "..") or "/" in name or not is_name(name):
            raise BadInput(f"{path}: node {name!r} cannot be written: empty, too long, or with '/'")
    with atomic(path) as temporary:
        try:
            nir.write(temporary, graph)
        except (TypeError, ValueError, AttributeError) as error:
            raise BadInput(f"{path}: the graph cannot be written ({error})") from error


def first_difference(a: nir.NIRGraph, b: nir.NIRGraph) -> str | None:
    """Say where two graphs differ in nodes, edges or any number; None if they are equal.

    Parameters
    ----------
    a, b : nir.NIRGraph
        Metadata other than the policy is not compared, nor shapes that follow from other nodes.
    """
    policies = [policy_of(graph).to_metadata() for graph in (a, b)]
    for field, value in policies[0].items():
        if value != policies[1][field]:
            return f"{field} is {value} and {policies[1][field]}"
    if a.nodes.keys() != b.nodes.keys():
        return f"nodes are {sorted(a.nodes)} and {sorted(b.nodes)}"
    if sorted(a.edges) != sorted(b.edges):
        return f"edges are {sorted(a.edges)} and {sorted(b.edges)}"
    for name, node in a.nodes.items():
        other = b.nodes[name]
        if type(node) is not type(other):
            return f"node '{name}' is {type(node).__name__} and {type(other).__name__}"
        difference = _node_difference(node, other)
        if difference:
            return f"node '{name}': {difference}"
    return None


def _node_difference(node: nir.NIRNode, other: Any) -> str | None:
    if isinstance(node, nir.NIRGraph):
        return first_difference(node, other)
    if isinstance(node, nir.Input) and not _same(node.input_type["input"], other.input_type["input"]):
        return "shape differs"
    for field, value in vars(node).items():
        if field not in DERIVED and not _same(value, getattr(other, field)):
            return f"{field} differs"
    return None


def _same(a: Any, b: Any) -> bool:
    """Whether two fields are equal; numpy warns when it compares text with numbers."""
    texts = isinstance(a, str), isinstance(b, str)
    return a == b if all(texts) else not any(texts) and np.array_equal(a, b)
