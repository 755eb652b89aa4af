"""NIR files on disk: open one that may be anything, write one whole."""

from pathlib import Path

import nir
import numpy as np

from .errors import BadInput
from .files import atomic


def read_graph(path: str | Path) -> nir.NIRGraph:
    """Read a NIR graph; whatever is wrong with the file becomes one sentence.

    Raises
    ------
    BadInput
        No such file, not HDF5, cut short, or not a NIR graph.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    try:
        # nir's own check would add nodes and reject good files
        graph = nir.read(path, type_check=False)
    except Exception as error:  # nir and h5py raise anything from KeyError to AssertionError
        why = " ".join(str(error).split()) or type(error).__name__
        raise BadInput(f"{path}: not a readable NIR file ({why})") from error
    if not isinstance(graph, nir.NIRGraph):
        raise BadInput(f"{path}: holds a single {type(graph).__name__}, not a graph")
    return graph


def write_graph(graph: nir.NIRGraph, path: str | Path) -> None:
    """Write a NIR graph, atomically.

    Raises
    ------
    BadInput
        The file cannot be written.
    """
    with atomic(path) as temporary:
        nir.write(temporary, graph)


def first_difference(a: nir.NIRGraph, b: nir.NIRGraph) -> str | None:
    """Say where two graphs differ in nodes, edges or any number; None if they are equal.

    Parameters
    ----------
    a, b : nir.NIRGraph
        Metadata other than dt is not compared.
    """
    dts = [(graph.metadata or {}).get("dt") for graph in (a, b)]
    if dts[0] != dts[1]:
        return f"dt is {dts[0]} and {dts[1]}"
    if a.nodes.keys() != b.nodes.keys():
        return f"nodes are {sorted(a.nodes)} and {sorted(b.nodes)}"
    if sorted(a.edges) != sorted(b.edges):
        return f"edges are {sorted(a.edges)} and {sorted(b.edges)}"
    for name, node in a.nodes.items():
        other = b.nodes[name]
        if type(node) is not type(other):
            return f"node '{name}' is {type(node).__name__} and {type(other).__name__}"
        for field, value in vars(node).items():
            if isinstance(value, np.ndarray) and not np.array_equal(value, getattr(other, field)):
                return f"node '{name}': {field} differs"
    return None
