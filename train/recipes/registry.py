"""Which recipes there are. Adding one: a file with a `RECIPE` in it, and its line here."""

from importlib import import_module

from ...simulate.errors import BadInput
from .recipe import System

# name: module, and the name of its Recipe there
_WHERE: dict[str, tuple[str, str]] = {"dpsnn": (".dpsnn", "DPSNN")}


def names() -> tuple[str, ...]:
    """Return the names of all recipes.

    >>> "nothing" in names()
    False
    """
    return tuple(_WHERE)


def load(name: str) -> System:
    """Import a recipe.

    Raises
    ------
    BadInput
        There is none of this name.
    """
    if name not in _WHERE:
        raise BadInput(f"no recipe '{name}'; there are {', '.join(_WHERE)}")
    module, attribute = _WHERE[name]
    return getattr(import_module(module, __package__), attribute)
