"""What a part of a Program is on Lava: which process, and the function that makes it."""

from collections.abc import Callable
from typing import Any, NamedTuple


class Form(NamedTuple):
    """A part on Lava.

    Attributes
    ----------
    process : str
        "stock" or "own", and its name.
    make : callable
        Makes it; imports Lava.
    """

    process: str
    make: Callable[..., Any]
