"""The guard: a process that starts a run, watches it, and leaves nothing behind.

    caller  --lifeline-->  guard (own session)  -->  worker (own group)  -->  Lava's processes

Whatever happens to the caller, SIGKILL of its whole group included, the guard sees it, kills the
worker's group, waits until every process of it is gone, removes its shared memory and its folder.
Should the guard itself be killed, the kernel kills the worker and the worker's children
(PR_SET_PDEATHSIG). It runs as a file with the standard library alone, so that it starts at once.

Said on its stdout: the run's folder; after the request, one line of JSON, null or what failed.
Read from its stdin: one line of JSON, `{"command": [...], "total": steps, "stall_s": seconds}`; then
"end" when the caller has read the results or has given up, or nothing more because it is dead.
"""

import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from glob import escape, glob
from pathlib import Path
from typing import NoReturn

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
POLL_S = 0.02
POLITE_S = 1.0
END = b"end\n"


def prctl(option: int, value: int) -> None:
    """Set a property of this process, where the kernel is Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def memory_prefix(folder: str | Path) -> str:
    """First letters of the name of every shared-memory segment of the run in `folder`."""
    return Path(folder).name


def free_memory(folder: str | Path) -> None:
    """Remove the names of the run's shared memory; who has it mapped keeps it."""
    prefix = escape(memory_prefix(folder))
    for name in glob(f"/dev/shm/{prefix}*") + glob(f"/dev/shm/sem.{prefix}*"):
        Path(name).unlink(missing_ok=True)


def sweep(folder: str | Path) -> None:
    """Remove the shared memory and the folder of a run whose processes are gone."""
    free_memory(folder)
    shutil.rmtree(folder, ignore_errors=True)


def steps_done(folder: str | Path) -> int:
    """Steps that the run in `folder` has finished."""
    try:
        return int.from_bytes((Path(folder) / "steps").read_bytes(), sys.byteorder)
    except FileNotFoundError:
        return 0


class Abandoned(Exception):
    """The caller is dead, has given up, or has all it wanted."""


class Lifeline:
    """What the caller says, and whether it is still there."""

    def __init__(self, caller: int) -> None:
        self.caller = caller

    def check(self, wait_s: float) -> bytes:
        """Return what has arrived within `wait_s` seconds; raise `Abandoned` at the end."""
        if not select.select([0], [], [], wait_s)[0]:
            # a fork of the caller may hold the pipe open after its death
            if os.getppid() != self.caller:
                raise Abandoned
            return b""
        said = os.read(0, 1 << 16)
        if not said or said.endswith(END):
            raise Abandoned
        return said

    def request(self) -> dict:
        """Wait for the request."""
        said = b""
        while not said.endswith(b"\n"):
            said += self.check(POLL_S)
        return json.loads(said)


def start(command: list[str], folder: str) -> subprocess.Popen:
    """Start the worker: own group, bound to the guard's life, everything it prints in `log`."""
    guard = os.getpid()

    def bind() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != guard:
            os._exit(1)

    with open(Path(folder) / "log", "wb") as log:
        return subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=bind,
        )


def end(worker: subprocess.Popen) -> None:
    """Kill the worker and everything it started, and wait until it is gone."""
    if worker.poll() is None:
        worker.terminate()  # in its own time: sem_open has a moment in which a kill leaves a file
        with suppress(subprocess.TimeoutExpired):
            worker.wait(POLITE_S)
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, os.WNOHANG)  # raises when none is left: the group's number may be another's
            with suppress(ProcessLookupError):
                os.killpg(worker.pid, signal.SIGKILL)
            os.waitpid(-1, 0)  # as subreaper, the guard inherits the orphans


def watch(worker: subprocess.Popen, folder: str, request: dict, check: Callable) -> str | None:
    """Return what went wrong, or None, when the worker ends or stands still."""
    done, since = -1, time.monotonic()
    while worker.poll() is None:
        check(POLL_S)
        now = steps_done(folder)
        if now != done:
            done, since = now, time.monotonic()
        if time.monotonic() - since > request["stall_s"]:
            where = f"at step {done} of {request['total']}" if done else "before its first step"
            return f"Lava stood still for {request['stall_s']:g} s {where}"
    return None if worker.returncode == 0 else _last_words(worker.returncode, folder)


def _last_words(code: int, folder: str) -> str:
    failure = Path(folder) / "failure"
    if failure.exists():
        return failure.read_text()
    lines = (Path(folder) / "log").read_text(errors="replace").strip().splitlines()
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    return f"Lava's process {how}" + (f"; its last line: {lines[-1].strip()}" if lines else "")


def main(caller: int) -> None:
    """Serve one run."""
    signal.signal(signal.SIGTERM, _terminated)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    lifeline, worker = Lifeline(caller), None
    folder = tempfile.mkdtemp(prefix="lavalier-")
    try:
        print(folder, flush=True)
        request = lifeline.request()
        worker = start(request["command"], folder)
        failure = watch(worker, folder, request, lifeline.check)
        end(worker)
        print(json.dumps(failure), flush=True)
        while True:
            lifeline.check(POLL_S)  # until the caller has read the results
    except (Abandoned, BrokenPipeError):
        pass
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if worker is not None:
            end(worker)
        sweep(folder)


def _terminated(*_: object) -> NoReturn:
    raise SystemExit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]))
