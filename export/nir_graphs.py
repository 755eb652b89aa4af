"""NIR files in and out, with the time step that a NIR file itself does not fix."""

from pathlib import Path

import nir

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
