"""NIR files on disk: open one that may be anything, write one whole."""

from pathlib import Path

import nir

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
        raise BadInput(f"{path}: no such file")
    try:
        graph = nir.read(path, type_check=False)  # the check would add nodes and reject good files
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
