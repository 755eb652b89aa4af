"""lavalier: trained spiking networks for sound, on Loihi-class chips, without surprises.

The stages are sub-packages; their verbs are also here, and are loaded when first used:
`export.from_torch`, `export.quantize`, `simulate.run`, `deploy.run`, `simulate.compare`, ...
"""

from importlib import import_module
from importlib.metadata import version

__version__ = version("lavalier")

STAGES = ("models", "train", "simulate", "export", "deploy")
_NAMES = {
    "Program": "simulate",
    "Trace": "simulate",
    "compare": "simulate",
    "energy": "simulate",
    "fit": "simulate",
    "report": "simulate",
    "read": "export",
    "write": "export",
    "from_torch": "export",
    "quantize": "export",
}
__all__ = [*STAGES, *_NAMES]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str):
    if name in STAGES:
        return import_module(f".{name}", __name__)
    if name in _NAMES:
        return getattr(import_module(f".{_NAMES[name]}", __name__), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
