"""How the inner loops of `fast` are compiled: without the interpreter lock, cached beside their files."""

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from numba import njit
from numba.core.compiler import CompilerBase, DefaultPassBuilder

# of the machine code, which finds what is in a Plan by its place
SOURCES = (
    "compiled.py", "kernels.py", "lanes.py", "layout.py", "stepping.py", "sums.py", "unchecked.py",
)  # fmt: skip
HERE = Path(__file__).parent


class _Apart(CompilerBase):
    """Numba's compiler, told that no two arrays of one call overlap.

    Else every loop over neurons first tests that at run time, which takes as long.
    """

    def define_pipelines(self) -> list:
        self.state.flags.noalias = True
        return [DefaultPassBuilder.define_nopython_pipeline(self.state)]


OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "pipeline_class": _Apart}
inlined: Any = njit(**OPTIONS, forceinline=True)


def kernel(function: Any) -> Any:
    """Compile, and cache under a name that changes with every source of the code.

    Numba would look for edits in its file alone, and only after it has unpickled what another version left.
    """
    function.__qualname__ += f"-{_version(Path(function.__code__.co_filename).parent)}"
    return njit(**OPTIONS, cache=True)(function)


@cache
def _version(folder: Path) -> str:
    """Fingerprint of the sources here, and of all that a kernel of another folder may have inlined."""
    own = [] if folder == HERE else sorted(folder.glob("*.py"))
    sources = [*(HERE / name for name in SOURCES), *own]
    return sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]
