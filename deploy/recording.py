"""The files of a run: events in, u, v and s of every population out, a row for each of Lava's steps."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..simulate.pipeline import starts
from ..simulate.program import Program
from ..simulate.room import check_disk
from .handover import hand_over, take_over
from .pipeline import total_steps

PROGRAM, SHAPE, CLOCK = "program.npz", "shape", "steps"
KINDS = {"u": np.int32, "v": np.int32, "s": np.int32, "h": np.uint8}  # h: what happened, of own neurons


@dataclass(frozen=True)
class Recording:
    """Where everything lies in the folder of a run, and which rows belong to a sample.

    Parameters
    ----------
    folder : Path
    program : Program
    batch, steps : int
    """

    folder: Path
    program: Program
    batch: int
    steps: int

    @property
    def rows(self) -> int:
        """Lava's steps."""
        return total_steps(self.program, self.batch * self.steps)

    def events(self, name: str) -> Path:
        """File of an input: int32 (batch * steps, size)."""
        return self.folder / f"input{list(self.program.inputs).index(name)}.npy"

    def stem(self, name: str) -> Path:
        """Path of a population's files, without `.u.npy`."""
        return self.folder / f"population{list(self.program.populations).index(name)}"

    def write(self, events: dict[str, np.ndarray]) -> None:
        """Write what the worker reads.

        Raises
        ------
        BadInput
            The disk would not hold what the run records.
        """
        neurons = sum(map(self.program.size, self.program.populations))
        each = sum(np.dtype(dtype).itemsize for dtype in KINDS.values())
        check_disk(
            self.folder,
            self.rows * neurons * each,
            f"u, v and s of {neurons} neurons in {self.rows} steps; run fewer samples at a time",
        )
        for name, values in events.items():
            np.save(self.events(name), values.reshape(-1, values.shape[-1]))
        hand_over(self.program, self.folder / PROGRAM)
        (self.folder / SHAPE).write_text(f"{self.batch} {self.steps}")

    @staticmethod
    def load(folder: Path) -> "Recording":
        """Read what `write` wrote, but the events."""
        batch, steps = map(int, (folder / SHAPE).read_text().split())
        return Recording(folder, take_over(folder / PROGRAM), batch, steps)

    def create(self) -> None:
        """Make the files that Lava's processes fill."""
        (self.folder / CLOCK).write_bytes(bytes(8))
        for name in self.program.populations:
            shape = (self.rows, self.program.size(name))
            for kind, dtype in KINDS.items():
                np.lib.format.open_memmap(f"{self.stem(name)}.{kind}.npy", "w+", dtype, shape)

    def read(self, name: str, kind: str) -> np.ndarray:
        """Return u, v or s of a population, aligned; mapped, (batch, steps, size)."""
        rows = np.load(f"{self.stem(name)}.{kind}.npy", mmap_mode="r")
        start = starts(self.program)[name]
        aligned = rows[start : start + self.batch * self.steps]
        return aligned.reshape(self.batch, self.steps, self.program.size(name))
