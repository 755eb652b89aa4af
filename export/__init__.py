"""torch -> NIR -> integers: read, write, from_torch, to_torch, audit, quantize, guard, diagnose.

Only `from_torch`, `to_torch` and `audit` need torch; a NIR file from anywhere enters at `read`.
"""

from importlib import import_module
from typing import Any

_NAMES = {
    "read": ".nir_graphs",
    "write": ".nir_graphs",
    "from_torch": ".tracing",
    "to_torch": ".building",
    "quantize": ".quantization",
    "guard": ".guards",
    "audit": ".auditing",
    "read_netx": ".netx",
    "diagnose": ".diagnosis.verdict",
}
__all__ = list(_NAMES)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(_NAMES[name], __name__), name)
