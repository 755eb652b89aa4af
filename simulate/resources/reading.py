"""The needs of a network in a file: a Program, also one with values beyond its registers, or a description."""

from pathlib import Path

from ..errors import BadInput, LavalierError
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
    BadInput
        The file is missing, damaged, or a float graph, whose registers are not chosen yet.
    """
    if path.suffix in (".yaml", ".yml"):
        return _named(path, lambda: read_yaml(path, Description).needs())
