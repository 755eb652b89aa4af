"""Sweeps: every cell of a grid of options times every fold, in one process or on Ray, into one table."""

from importlib import import_module
from typing import Any

_NAMES = {"sweep": ".run", "Sweep": ".run", "trials_of": ".grid", "axes_of": ".grid"}
__all__ = list(_NAMES)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(_NAMES[name], __name__), name)
