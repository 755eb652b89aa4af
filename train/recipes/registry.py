"""Which recipes there are. Adding one: a file with a `RECIPE` in it, and its line here."""

from importlib import import_module

from ...simulate.errors import BadInput
from .recipe import Recipe

# name: module, and the name of its Recipe there
_WHERE: dict[str, tuple[str, str]] = {
    "shd": (".shd", "SHD"),
    "ssc": (".shd", "SSC"),
    "audiomnist": (".audiomnist", "AUDIOMNIST"),
    "whale-1d": (".whale", "WHALE_1D"),
    "whale-2d": (".whale", "WHALE_2D"),
    "goldilocks": (".goldilocks", "RECIPE"),
    "cochlea": (".cochlea", "RECIPE"),
    "flute": (".flute", "RECIPE"),
    "learned-fft": (".learned_fft", "RECIPE"),
    "instrument": (".instrument", "RECIPE"),
}


def names() -> tuple[str, ...]:
    """Return the names of all recipes.

    >>> "shd" in names()
    True
    """
    return tuple(_WHERE)


def load(name: str) -> Recipe:
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
