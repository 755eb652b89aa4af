"""Recipes: systems of the literature, each from its data to a Program with one command.

`names()` lists them, `load(name)` imports one; importing this loads no torch.
"""

from importlib import import_module
from typing import Any

_NAMES = {
    "Recipe": ".recipe",
    "Options": ".recipe",
    "Split": ".recipe",
    "Splits": ".recipe",
    "OnChip": ".recipe",
    "names": ".registry",
    "load": ".registry",
    "learn": ".learning",
    "train_recipe": ".run",
}
__all__ = list(_NAMES)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(_NAMES[name], __name__), name)
