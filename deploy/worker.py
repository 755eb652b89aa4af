"""The process of a run, started by `guarded` in the folder of the run with one of its `WAYS`.

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

import numpy as np

from ..simulate.errors import LavaFailed
from .guard import PR_SET_PDEATHSIG, free_memory, memory_prefix, prctl
from .recording import CLOCK, Recording


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


def run_network(folder: Path) -> None:
    """Run the job in the folder in Lava's runtime."""
    from .network import build  # Lava comes with it: its segments have their names by now
    from .running import run_steps, start

    recording = Recording.load(folder)
    recording.create()
    process = build(recording.program, recording)[0]
    start(process)
    free_memory(folder)  # all have it mapped: now the kernel frees it with the last of them
    run_steps(process, recording.rows)


def run_models(folder: Path) -> None:
    """Run the jobs in the folders of the folder on Lava's models alone."""
    from .driving import drive, forget
    from .network import build

    clock = np.memmap(folder / CLOCK, np.int64, "w+", shape=(1,))
    for number in range(sum(1 for _ in folder.glob("job*"))):
        recording = Recording.load(folder / f"job{number}")
        recording.create()
        for _ in drive(build(recording.program, recording), recording.rows):
            clock[0] += 1
        forget()


WAYS = {"network": run_network, "models": run_models}


def write_failure(folder: Path, text: str) -> None:
    """Say in one line what went wrong."""
    (folder / "failure").write_text(" ".join(text.split()))


def main() -> NoReturn:
    """Run what is in the current folder; exit with 0, or with 1 and one line in `failure`."""
    folder = Path.cwd()
    isolate(folder)
    code = 1
    try:
        WAYS[sys.argv[1]](folder)
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
