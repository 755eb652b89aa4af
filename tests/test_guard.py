"""Whatever is killed, and whenever: no process, no shared memory and no file of a run is left."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import lavalier.deploy as deploy
from lavalier.simulate import LIF, Dense, Input, Program, run
from lavalier.simulate.errors import LavaFailed

pytestmark = [
    pytest.mark.lava,
    pytest.mark.skipif(deploy.missing() is not None, reason=str(deploy.missing())),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc and /dev/shm"),
]

CALLER = """
import numpy as np
import lavalier.deploy as deploy
from lavalier.simulate import LIF, Dense, Input, Program
program = Program({"input": Input((4,))}, {"hidden": LIF((4,), vth=9), "out": LIF((4,), vth=9)},
    [Dense("input", "hidden", np.eye(4, dtype=int) * 20), Dense("hidden", "out", np.eye(4, dtype=int) * 20)],
    ["out"])
print(deploy.run(program, np.ones((2, 400, 4), int)).output.sum(), flush=True)
"""
FOREVER = CALLER.replace("(2, 400, 4)", "(2, 400000, 4)")  # it ends by what disturbs it
PATIENCE_S = 15.0
STALL_S = 5.0  # in which a busy machine gets to its first step


class Place:
    """Where a test's runs leave what they leave: their environment, temporary files, shared memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.marker = f"LAVALIER_TEST={folder}"
        self.before = set(segments())

    def processes(self, word: str = "") -> list[int]:
        """Living processes that inherited the marker, oldest first; zombies have no environment."""
        return sorted(
            pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if self._owns(pid, word)
        )

    def _owns(self, pid: int, word: str) -> bool:
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes()
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return False
        return self.marker.encode() in environment and word.encode() in command and pid != os.getpid()

    def left(self) -> list[str]:
        """Processes and files that are still there."""
        return [f"process {pid}" for pid in self.processes()] + os.listdir(self.folder)

    def assert_clean(self) -> None:
        """Give the guard its time, then insist."""
        assert wait_until_none(self.left) == []
        # another run on this machine may have segments too; those that are ours never go
        suspects = set(segments()) - self.before
        assert wait_until_none(lambda: suspects & set(segments())) == set()


def segments() -> list[str]:
    """Shared memory that bears the name of a run."""
    return [n for n in os.listdir("/dev/shm") if n.removeprefix("sem.").startswith("lavalier-")]


def wait_until_none(look: Callable):
    """Look until nothing is there; return what is there in the end."""
    until = time.monotonic() + PATIENCE_S
    while look() and time.monotonic() < until:
        time.sleep(0.05)
    return look()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("LAVALIER_TEST", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    yield Place(tmp_path)


def caller(code: str = CALLER) -> subprocess.Popen:
    """Start a program that runs Lava, in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def kill(process: subprocess.Popen) -> None:
    process.kill()


def kill_group(process: subprocess.Popen) -> None:
    os.killpg(process.pid, signal.SIGKILL)


def interrupt(process: subprocess.Popen) -> None:
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does


WAYS = [kill, kill_group, interrupt]


@pytest.fixture(scope="module")
def usual_s() -> float:
    """How long the caller takes when nobody disturbs it."""
    start = time.monotonic()
    out, errors = caller().communicate()
    assert (out, errors) == ("3200\n", "")
    return time.monotonic() - start


def end_at(way: Callable, moment_s: float, place: Place) -> None:
    """End a caller after some time, and see that nothing of its run is left."""
    process = caller()
    time.sleep(moment_s)
    way(process)
    process.communicate(timeout=PATIENCE_S)
    place.assert_clean()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("part", range(3))
def test_a_killed_caller_leaves_nothing(way, part: int, place: Place, usual_s: float) -> None:
    moment = (part + random.Random(f"{way.__name__} {part}").random()) / 3
    end_at(way, moment * usual_s, place)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("part", range(10))
def test_a_killed_caller_leaves_nothing_at_ten_moments(way, part: int, place: Place, usual_s: float) -> None:
    moment = (part + random.Random(f"{way.__name__} {part} of 10").random()) / 10
    end_at(way, moment * usual_s, place)


def test_ctrl_c_is_passed_on_after_cleaning(place: Place, usual_s: float) -> None:
    process = caller("print('awake', flush=True)\n" + FOREVER)
    assert process.stdout and process.stdout.readline() == "awake\n"  # a Python that starts may lose a signal
    time.sleep(usual_s * 0.7)
    interrupt(process)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == -signal.SIGINT and "KeyboardInterrupt" in errors
    assert place.left() == []


def long_run(progress: Callable[[int, int], object], samples: int = 300, stall_s: float = PATIENCE_S) -> None:
    """Run a network for so long that there is time to disturb it."""
    program = Program(
        {"input": Input((4,))},
        {"hidden": LIF((4,), vth=9), "out": LIF((4,), vth=9)},
        [Dense("input", "hidden", np.eye(4) * 20), Dense("hidden", "out", np.eye(4) * 20)],
        ["out"],
    )
    deploy.run(program, np.zeros((samples, 100, 4), int), stall_s=stall_s, progress=progress)


def send(place: Place, with_signal: int, word: str, which: int) -> Callable[[int, int], None]:
    """Return a callback that disturbs one process of the run once, at its first step."""
    sent = []

    def progress(done: int, _: int) -> None:
        if done and not sent:
            sent.append(place.processes(word)[which])
            os.kill(sent[0], with_signal)

    return progress


@pytest.mark.parametrize(
    "with_signal, word, which, says",
    [
        (signal.SIGSTOP, "deploy.worker", -1, rf"Lava stood still for {STALL_S:g} s at step \d+ of 30002"),
        (
            signal.SIGKILL,
            "deploy.worker",
            -1,
            r"Lava failed in '.*': its process died \(exit code -9\)",
        ),
        (signal.SIGKILL, "deploy.worker", 0, r"Lava's process was killed by SIGKILL"),
        (signal.SIGKILL, "guard.py", 0, r"the guard of the run was killed"),
        (signal.SIGTERM, "guard.py", 0, r"the guard of the run was killed"),
    ],
)
def test_a_disturbed_run_fails_cleanly(place: Place, with_signal, word, which, says: str) -> None:
    with pytest.raises(LavaFailed, match=says):
        stall_s = STALL_S if with_signal == signal.SIGSTOP else PATIENCE_S
        long_run(send(place, with_signal, word, which), stall_s=stall_s)
    place.assert_clean()


def test_a_worker_that_hangs_after_the_last_step_is_ended(place: Place) -> None:
    with pytest.raises(LavaFailed, match=f"stood still for {STALL_S:g} s at step 1002 of 1002"):
        long_run(send(place, signal.SIGSTOP, "deploy.worker", 0), samples=10, stall_s=STALL_S)
    place.assert_clean()


def test_shared_memory_and_files_carry_the_name_of_their_run(place: Place) -> None:
    seen: set[str] = set()

    def look(done: int, _: int) -> None:
        if done:
            for pid in place.processes("deploy.worker"):
                lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
                seen.update(line.split()[5] for line in lines if "/dev/shm/" in line)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        long_run(look)
    assert place.left() == []
    # glibc makes a semaphore under a name of its own, links it to ours, and Python unlinks that
    named = [name for name in seen if not name.startswith("/dev/shm/sem.")]
    assert named and all(name.startswith("/dev/shm/lavalier-") for name in named)


def test_a_fork_of_the_caller_does_not_keep_the_run_alive(place: Place) -> None:
    forking = FOREVER.replace(
        "print(",
        "import os, threading, time\n"
        "def fork():\n"
        "    time.sleep(0.5)\n"
        "    if os.fork() == 0: time.sleep(20); os._exit(0)\n"
        "    os.kill(os.getpid(), 9)\n"
        "threading.Thread(target=fork).start()\n"
        "print(",
    )
    subprocess.run([sys.executable, "-c", forking], stdout=subprocess.DEVNULL, check=False)
    assert wait_until_none(lambda: place.processes("deploy.worker") + place.processes("guard.py")) == []
    for pid in place.processes():  # the fork
        os.kill(pid, signal.SIGKILL)
    place.assert_clean()


def test_a_fork_of_the_caller_does_not_delay_the_end(place: Place) -> None:
    forks: list[int] = []

    def fork_once(done: int, _: int) -> None:
        if done and not forks:
            forks.append(os.fork())
            if not forks[0]:
                time.sleep(60)
                os._exit(0)

    long_run(fork_once, samples=10)
    still_there = os.waitpid(forks[0], os.WNOHANG) == (0, 0)
    os.kill(forks[0], signal.SIGKILL)
    os.waitpid(forks[0], 0)
    assert still_there
    place.assert_clean()


def test_a_file_named_like_a_module_of_python_does_not_reach_the_worker(tmp_path, monkeypatch) -> None:
    (tmp_path / "queue.py").write_text("raise SystemExit('not the queue of Python')")
    monkeypatch.syspath_prepend(tmp_path)
    program = Program(
        inputs={"in": Input((4,))},
        populations={"n": LIF((3,), dv=0, vth=3)},
        connections=(Dense("in", "n", np.full((3, 4), 2)),),
        outputs=("n",),
    )
    x = np.ones((2, 5, 4), int)
    assert np.array_equal(deploy.run(program, x).output, run(program, x).output)
