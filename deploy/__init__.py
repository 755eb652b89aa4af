"""Program -> Lava: run it on Lava's CPU simulator, and hand back an aligned Trace.

It knows `simulate` alone. Importing it loads neither Lava nor torch: Lava is imported only in the
process of a run, which a guard watches and ends (`guard.py`).
"""

from importlib import import_module
from typing import Any

_NAMES = {
    "run": ".execute",
    "run_models": ".bulk",
    "run_models_many": ".bulk",
    "processes_of": ".parts",
    "missing": ".targets",
}
__all__ = list(_NAMES)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(_NAMES[name], __name__), name)
