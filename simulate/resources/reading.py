"""The needs of a network in a file: a Program, whether its values are legal or not, or a description."""

from pathlib import Path

import nir

from ..errors import BadInput, OutOfRange, Unsupported
from ..nir_file import read_graph
from ..program_nir import from_nir, is_program
from ..yaml_file import read_yaml
from .description import Description
from .from_graph import needs_of_graph
from .from_program import needs_of
from .needs import Needs


def read_needs(path: Path) -> Needs:
    """Return what the network in a file asks of a chip.

    Raises
    ------
    BadInput, Unsupported
        The file is missing, damaged, or a float graph, whose registers are not chosen yet.
    """
    if path.suffix in (".yaml", ".yml"):
        description = read_yaml(path, Description)
        try:
            return description.needs()
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from error
    graph = read_graph(path)
    if not is_program(graph):
        raise BadInput(
            f"{path}: a float graph, whose weights and registers are not chosen; make a Program with "
            "`lavalier quantize`, or describe its sizes in a .yaml"
        )
    try:
        return _needs(graph)
    except (BadInput, OutOfRange, Unsupported) as error:
        raise type(error)(f"{path}: {error}") from error


def _needs(graph: nir.NIRGraph) -> Needs:
    try:
        return needs_of(from_nir(graph))
    except OutOfRange as error:
        return needs_of_graph(graph, error)  # every value beyond its register is for the report, not one
