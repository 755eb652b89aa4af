"""The caller's side of the guard: a run's folder, for as long as the block lasts."""

import json
import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..simulate.errors import LavaFailed
from .guard import END, steps_done, sweep

Progress = Callable[[int, int], Any]
REPORT_S = 0.1
CLEANING_S = 30.0
# finds what the caller finds, but last: a file beside the caller's script must not hide a module of Python's
START = """import runpy, sys
sys.path += sys.argv[3:]
runpy.run_module(sys.argv[2], run_name="__main__", alter_sys=True)
"""


class Guarded:
    """A run under guard: put the job into `folder`, then `run` the worker.

    Attributes
    ----------
    folder : Path
        Empty at first; removed by the guard when the block ends, however it ends.
    """

    def __init__(self, guard: Any) -> None:
        self._guard = guard
        self.folder = Path(self._answer().rstrip("\n"))

    def run(self, way: str, total: int, stall_s: float, progress: Progress | None) -> None:
        """Run the worker in one of its `WAYS`, which counts its steps in a file; return when it succeeded.

        Raises
        ------
        LavaFailed
            It raised, died, or made no step for `stall_s` seconds.
        """
        places = [os.path.abspath(entry) for entry in sys.path]
        command = [sys.executable, "-c", START, way, f"{__package__}.worker", *places]
        self._say(json.dumps({"command": command, "total": total, "stall_s": stall_s}) + "\n")
        while not select.select([self._guard.stdout], [], [], REPORT_S)[0]:
            if progress:
                progress(steps_done(self.folder), total)
        failure = json.loads(self._answer())
        if failure is not None:
            raise LavaFailed(f"deploy: {failure}")
        if progress:
            progress(total, total)

    def end(self) -> None:
        """Say that nothing more is wanted, and wait until everything is gone."""
        self._say(END.decode())  # a fork of this process may keep the pipe from closing
        with suppress(subprocess.TimeoutExpired):
            self._guard.communicate(timeout=CLEANING_S)
        if self._guard.returncode != 0:
            sweep(self.folder)

    def _say(self, line: str) -> None:
        with suppress(BrokenPipeError):  # a dead guard gives no answer, which says it
            self._guard.stdin.write(line)
            self._guard.stdin.flush()

    def _answer(self) -> str:
        line = self._guard.stdout.readline()
        if not line:
            words = self._guard.stderr.read().strip().splitlines()
            raise LavaFailed(
                "deploy: the guard of the run " + (f"failed: {words[-1]}" if words else "was killed")
            )
        return line


@contextmanager
def guarded() -> Iterator[Guarded]:
    """Start a guard; when the block ends, nothing of the run is left."""
    guard = subprocess.Popen(
        [sys.executable, "-IS", str(Path(__file__).with_name("guard.py")), str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with guard:
        run = Guarded(guard)
        try:
            yield run
        finally:
            run.end()
