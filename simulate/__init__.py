"""What a network means when it runs: Program and Trace, the law of arithmetic, and what follows.

The ground floor: it imports no other stage, and neither torch nor Lava. `run` takes the fast way;
`reference.run` and `fast.run` name theirs.
"""

from importlib import import_module
from typing import Any

_NAMES = {
    "Input": ".connections",
    "Dense": ".connections",
    "Sparse": ".connections",
    "Conv": ".connections",
    "with_delays": ".connections",
    "Program": ".program",
    "LIF": ".neurons",
    "LI": ".neurons",
    "Trace": ".trace",
    "Counts": ".trace",
    "LavalierError": ".errors",
    "run": ".execute",
    "Session": ".session",
    "merge": ".merging",
    "compare": ".comparison",
    "Comparison": ".comparison",
    "fit": ".resources.fitting",
    "Fit": ".resources.fitting",
    "energy": ".cost.pricing",
    "Energy": ".cost.result",
    "latency": ".cost.timing",
    "counts_by_step": ".cost.counting",
    "neurobench_metrics": ".cost.metrics",
    "ndns_metrics": ".cost.metrics",
    "report": ".reporting.document",
    "Report": ".reporting.document",
}
_MODULES = ("fast", "reference")
__all__ = [*_NAMES, *_MODULES]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f".{name}", __name__)
    if name not in _NAMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(_NAMES[name], __name__), name)
