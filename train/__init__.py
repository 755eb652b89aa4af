"""How networks learn: data sets, augmentation, the training loop, bit-true training.

Importing it loads no torch; its names load what they need.
"""

from importlib import import_module
from typing import Any

_NAMES = {"BitTrue": ".bit_true", "fine_tune": ".fine_tuning", "Fused": ".fused"}
__all__ = list(_NAMES)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(_NAMES[name], __name__), name)
