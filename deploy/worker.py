"""The process of a run: `python -m lavalier.deploy.worker`, in the folder of the run.

The only part that imports Lava. It never cleans up: when it ends, the guard kills and removes
everything that Lava has left.
"""

import os
import signal
import sys
from multiprocessing import shared_memory
from multiprocessing.process import current_process
from pathlib import Path
from typing import NoReturn

from ..simulate.errors import LavaFailed
from ..simulate.program import Program
from .guard import PR_SET_PDEATHSIG, free_memory, memory_prefix, prctl
from .recording import PROGRAM, SHAPE, Recording


def isolate(folder: Path) -> None:
    """Bind Lava's processes to this one, name its shared memory after the folder, put its socket there."""
    worker = os.getpid()

    def bind() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != worker:  # died before it was bound to
            os._exit(1)

    os.register_at_fork(after_in_child=bind)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(1))
    prefix = f"/{memory_prefix(folder)}-"
    shared_memory._SHM_NAME_PREFIX = prefix  # type: ignore[attr-defined]
    shared_memory._SHM_SAFE_NAME_LENGTH = len(prefix) + 8  # type: ignore[attr-defined]
    # a relative folder: the path of a socket in it must stay below 108 bytes
    current_process()._config.update(semprefix=prefix[:-1], tempdir=".")  # type: ignore[attr-defined]


def run_job(folder: Path) -> None:
    """Run the Program that the caller has left in the folder."""
    from .network import build  # Lava comes with it: its segments have their names by now
    from .running import run_steps, start

    batch, steps = map(int, (folder / SHAPE).read_text().split())
    recording = Recording(folder, Program.load(folder / PROGRAM), batch, steps)
    recording.create()
    process = build(recording.program, recording)
    start(process)
    free_memory(folder)  # all have it mapped: now the kernel frees it with the last of them
    run_steps(process, recording.rows)


def write_failure(folder: Path, text: str) -> None:
    """Say in one line what went wrong."""
    (folder / "failure").write_text(" ".join(text.split()))


def main() -> NoReturn:
    """Run the job in the current folder; exit with 0, or with 1 and one line in `failure`."""
    folder = Path.cwd()
    isolate(folder)
    code = 1
    try:
        run_job(folder)
        code = 0
    except LavaFailed as error:
        write_failure(folder, str(error))
    except Exception as error:
        write_failure(folder, f"Lava failed: {type(error).__name__}: {error}")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # not stop(): Lava's stop waits for processes that may be stuck


if __name__ == "__main__":
    main()
