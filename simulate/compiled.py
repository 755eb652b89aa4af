"""How the inner loops of `fast` are compiled: without the interpreter lock, cached beside their files."""

from hashlib import sha256
from pathlib import Path
from typing import Any

from numba import njit
from numba.core.compiler import CompilerBase, DefaultPassBuilder

# of the machine code, which finds what is in a Plan by its place
SOURCES = (
    "compiled.py", "kernels.py", "lanes.py", "layout.py", "stepping.py", "sums.py", "unchecked.py",
)  # fmt: skip
VERSION = sha256(b"".join(Path(__file__).with_name(f).read_bytes() for f in SOURCES)).hexdigest()[:16]


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

    Numba would look for edits in this file alone, and only after it has unpickled what another version left.
    """
    function.__qualname__ += f"-{VERSION}"
    return njit(**OPTIONS, cache=True)(function)
