"""What the fields of stages must be: a file may hold anything."""

from typing import Any

import numpy as np

from ..errors import BadInput
from .stages import Stage


def check_array(stage: Any, axes: int) -> None:
    """Refuse a weight that is no array of so many axes."""
    if not isinstance(stage.weight, np.ndarray) or stage.weight.ndim != axes:
        raise BadInput(f"{type(stage).__name__}: weight must be an array of {axes} axes")


def check_whole(stage: Stage, what: str, most: int) -> None:
    """Refuse a field that is no whole number from 1 to `most`."""
    value = getattr(stage, what)
    if type(value) is not int or not 1 <= value <= most:
        raise BadInput(f"{type(stage).__name__}: {what} = {value} must be a whole number, 1 to {most}")


def check_positive(stage: Stage, what: str) -> None:
    """Refuse a field that is no number above 0."""
    value = getattr(stage, what)
    if type(value) not in (int, float) or not 0 < value < np.inf:
        raise BadInput(f"{type(stage).__name__}: {what} = {value} must be a number above 0")
