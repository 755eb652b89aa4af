"""How the weights were rounded: bits, exponent and scale of every connection, floats against the grid."""

from dataclasses import dataclass

from .folder import RunFolder
from .section import Missing


@dataclass(frozen=True)
class Rounding:
    """A connection; a float weight w became an integer beside S w / 2^exp on a grid of `step`.

    Attributes
    ----------
    name : str
    bits, exp, step : int
    scale : (float, float)
        Least and largest S of the neurons it ends at.
    synapses, pruned, clipped : int
        Weights that are not zero; that rounding made zero; that lay beyond the grid.
    integers, counts : list of int
        Values that occur, and how often.
    edges, floats : list
        Bins of S w / 2^exp before rounding, and how often.
    """

    name: str
    bits: int
    exp: int
    step: int
    scale: tuple[float, float]
    synapses: int
    pruned: int
    clipped: int
    integers: list[int]
    counts: list[int]
    edges: list[float]
    floats: list[int]


@dataclass(frozen=True)
class RoundingSection:
    """Every connection."""

    connections: list[Rounding]


def rounding_section(run: RunFolder) -> RoundingSection | Missing:
    """Return how a run was rounded."""
    grids = run.metrics.get("quantization")
    if not grids:
        return Missing("the run does not say how its weights were rounded")
    return RoundingSection([_rounding(grid) for grid in grids])


def _rounding(grid: dict) -> Rounding:
    synapses = sum(grid["counts"])
    return Rounding(
        grid["name"],
        grid["bits"],
        grid["exp"],
        grid["step"],
        (min(grid["scale"]), max(grid["scale"])),
        synapses,
        sum(grid["floats"]) - synapses,
        grid["clipped"],
        *(grid[name] for name in ("integers", "counts", "edges", "floats")),
    )
