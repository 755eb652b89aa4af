"""Peers in environments of their own, so that their pins never reach the product."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType

import numpy as np

from lavalier.simulate.errors import NotAvailable

ROOT = Path(__file__).parents[1]
PEERS = ROOT / ".peers"


def environment(requirements: Path) -> Path:
    """Return the Python of the environment that a file pins; build it if it is not there as the file has it.

    Raises
    ------
    NotAvailable
        There is no uv, or it cannot install them (no package index?).
    """
    folder = PEERS / requirements.stem
    python, stamp = folder / "bin" / "python", folder / "installed.txt"
    if python.exists() and stamp.exists() and stamp.read_text() == requirements.read_text():
        return python
    uv = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
    print(f"peers: installing {requirements.name} into {folder.relative_to(ROOT)}", file=sys.stderr)
    try:
        for command in (
            ["venv", "--quiet", "--clear", "--python", sys.executable, folder],
            ["pip", "install", "--quiet", "--python", python, "--requirement", requirements],
        ):
            subprocess.run([uv, *command], check=True, capture_output=True, text=True)
    except OSError as error:
        raise NotAvailable(f"{uv}: {error.strerror}; run ./bootstrap first") from error
    except subprocess.CalledProcessError as error:
        raise NotAvailable(f"{requirements.name} cannot be installed: {error.stderr.strip()}") from error
    shutil.copy(requirements, stamp)
    return python


class Peer:
    """A script that holds a network in the environment of its own, and runs it whenever it is called.

    The script is `NAME.py` beside `NAME.txt`, which pins its environment; `serving.py` is its side.

    Parameters
    ----------
    script : Path
    given : {name: array}
        What it loads.
    """

    def __init__(self, script: Path, given: dict[str, np.ndarray]) -> None:
        self.name = script.stem
        python = environment(script.with_suffix(".txt"))
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name) / "given.npz"
        np.savez(path, **given)  # pyright: ignore[reportArgumentType]
        self._log = open(Path(self._folder.name) / "log.txt", "w+")
        answers, its_answers = os.pipe()
        self._process = subprocess.Popen(
            [python, script, path, str(its_answers)],
            stdin=subprocess.PIPE, stdout=self._log, stderr=self._log, text=True, pass_fds=[its_answers],
        )  # fmt: skip
        os.close(its_answers)
        self._answers = open(answers)

    def __call__(self, threads: int = 1) -> list[float]:
        """Let it run once; return the activity of its hidden layers.

        Raises
        ------
        NotAvailable
            It has ended; the message is its last line.
        """
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):
            print(threads, file=self._process.stdin, flush=True)
        answer = self._answers.readline()
        if not answer:
            self._log.seek(0)
            last = " ".join(self._log.readlines()[-1:]).strip()
            raise NotAvailable(f"{self.name} has ended ({self._process.wait()}): {last}")
        return json.loads(answer)

    def __enter__(self) -> "Peer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()  # closes its input, which ends it
        self._answers.close()
        self._log.close()
        self._folder.cleanup()
