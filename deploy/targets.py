"""Where a Program can run, and what is missing there; answered without importing Lava."""

import sys
from importlib import metadata
from importlib.util import find_spec

from ..simulate.errors import BadInput

LAVA = "0.10.0"
TARGETS = ("cpu", "loihi2")


def missing(target: str = "cpu") -> str | None:
    """Say in one line what a target lacks here, or None if it is there.

    Raises
    ------
    BadInput
        No such target.
    """
    if target not in TARGETS:
        raise BadInput(f"target '{target}' does not exist; there are {', '.join(TARGETS)}")
    return _missing_lava() or (_missing_board() if target == "loihi2" else None)


def _missing_lava() -> str | None:
    try:
        version = metadata.version("lava-nc")
    except metadata.PackageNotFoundError:
        version = None
    if version == LAVA and sys.version_info[:2] == (3, 10):
        return None
    found = "is not installed" if version is None else f"is needed, lava-nc {version} is installed"
    if version == LAVA:
        found = f"does not run on Python {sys.version_info[0]}.{sys.version_info[1]}"
    return f"deploy: Lava {LAVA} {found}; it needs Python 3.10: pip install 'lavalier[lava]'"


def _missing_board() -> str | None:
    # the module that lava.utils.loihi.is_installed() looks for
    if find_spec("lava.utils.loihi2_profiler"):
        return None
    return (
        "deploy: target 'loihi2' needs Intel's lava-loihi extension (INRC members only) and a "
        "Loihi 2 board; the extension is not installed"
    )
