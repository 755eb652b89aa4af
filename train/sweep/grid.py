"""Which trials there are: the cells of a grid of options, each with every fold."""

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import yaml

from ...simulate.errors import BadInput

Axes = Mapping[str, Sequence[Any]]


class Trial(NamedTuple):
    """A cell and a fold of it.

    Attributes
    ----------
    changes : ((option, value), ...)
        What the cell changes of the options, in the order of the axes.
    fold : int, from 0
    """

    changes: tuple[tuple[str, Any], ...]
    fold: int

    @property
    def name(self) -> str:
        """Of its folder and its row.

        >>> Trial((("beta", 0.7), ("num_step", 10)), 2).name
        'beta=0.7,num_step=10,fold=2'
        """
        said = ",".join(f"{option}={value}" for option, value in (*self.changes, ("fold", self.fold)))
        return re.sub(r"[^\w.,=+-]", "_", said)


def axes_of(grids: Iterable[str]) -> Axes:
    """Read axes from the command line.

    Parameters
    ----------
    grids : iterable of str
        OPTION=VALUE,VALUE,...; values as in YAML, lists in brackets.

    Raises
    ------
    BadInput
        One is not of that form, or an option or a value of it stands there twice.

    >>> axes_of(["beta=.7,.95,learnable", "num_step=1,10", "hidden=[8],[9, 4]"])
    {'beta': [0.7, 0.95, 'learnable'], 'num_step': [1, 10], 'hidden': [[8], [9, 4]]}
    """
    axes: dict[str, list[Any]] = {}
    for grid in grids:
        option, equals, given = grid.partition("=")
        if not option or not equals or not given.strip():
            raise BadInput(f"--grid {grid}: must be an option and its values, as in beta=.7,.8")
        if option in axes:
            raise BadInput(f"--grid {grid}: {option} stands there twice")
        try:
            values = yaml.safe_load(f"[{given}]")
        except yaml.YAMLError as error:
            raise BadInput(f"--grid {grid}: not readable values ({' '.join(str(error).split())})") from error
        if len({str(value) for value in values}) < len(values):
            raise BadInput(f"--grid {grid}: a value stands there twice")
        axes[option] = values
    return axes


def cells_of(axes: Axes) -> list[tuple[tuple[str, Any], ...]]:
    """Return every combination of values, the last axis fastest; one without changes if there is no axis."""
    return [tuple(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def trials_of(axes: Axes, folds: int) -> list[Trial]:
    """Return every cell with every fold, cell by cell.

    >>> [trial.fold for trial in trials_of({"beta": [0.7, 0.8]}, 2)]
    [0, 1, 0, 1]
    """
    return [Trial(cell, fold) for cell in cells_of(axes) for fold in range(folds)]
