"""How the inner loops of `fast` are compiled: without the interpreter lock, cached beside their files."""

import re
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
    function.__qualname__ += f"-{_version(Path(function.__code__.co_filename))}"
    return njit(**OPTIONS, cache=True)(function)


@cache
def _version(source: Path) -> str:
    """Fingerprint of a source and of all that it imports from beside it; elsewhere, of those here too."""
    sources = {source}
    todo = [source]
    while todo:
        names = re.findall(r"^from \.(\w+) import", todo.pop().read_text(), re.MULTILINE)
        found = {source.with_name(f"{name}.py") for name in names} - sources
        sources |= found
        todo += found
    if source.parent != HERE:
        sources |= {HERE / name for name in SOURCES}
    return sha256(b"".join(path.read_bytes() for path in sorted(sources))).hexdigest()[:16]
