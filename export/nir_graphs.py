"""NIR files in and out, with the time step that a NIR file itself does not fix."""

from pathlib import Path

import nir
import numpy as np

from ..simulate.errors import LavalierError
from ..simulate.interpreter import graph_dt
from ..simulate.nir_file import read_graph, write_graph
from .checks import check_graph


def read(path: str | Path, dt: float | None = None) -> nir.NIRGraph:
    """Read a feed-forward NIR graph.

    The dynamics are forward Euler with dt, u before v, v > threshold, reset to v_reset.

    Parameters
    ----------
    path : str or Path
        An HDF5 file in NIR's format.
    dt : float, seconds, optional
        Default: what the file's metadata says, else 1e-4 s; kept in the graph's metadata.

    Raises
    ------
    BadInput, Unsupported
        Not a NIR file, or not a graph that runs (see `check_graph`); the file is named.

    Source: nir 1.0.8; the convention of snnTorch and Norse.
    """
    graph = read_graph(path)
    try:
        graph.metadata = {**(graph.metadata or {}), **({} if dt is None else {"dt": dt})}
        graph.metadata["dt"] = graph_dt(graph)
        check_graph(graph)
    except LavalierError as error:
        raise type(error)(f"{path}: {error}") from error
    return graph


def write(graph: nir.NIRGraph, path: str | Path) -> None:
    """Write a NIR graph, atomically.

    Parameters
    ----------
    graph : nir.NIRGraph
        With its dt in the metadata.
    path : str or Path
        Replaced if it exists.

    Raises
    ------
    BadInput
        The file cannot be written.
    """
    write_graph(graph, path)


def first_difference(a: nir.NIRGraph, b: nir.NIRGraph) -> str | None:
    """Say where two graphs differ in nodes, edges or any number; None if they are equal.

    Parameters
    ----------
    a, b : nir.NIRGraph
        Metadata other than dt is not compared.
    """
    if graph_dt(a) != graph_dt(b):
        return f"dt is {graph_dt(a):g} and {graph_dt(b):g}"
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
