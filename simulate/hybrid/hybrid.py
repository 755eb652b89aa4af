"""Hybrid: a model that is cut in two, part of it on the host and part of it, a Program, on a chip.

Each frame passes the host stages before the cut, becomes events, passes the Program in one step, and passes
the stages after it. The cut hands over integers both ways.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BadInput
from ..program import Program
from ..trace import Trace
from .host import Host, check_samples
from .stages import End, Frames, Stage

Chip = Callable[[np.ndarray, Iterable[str]], Trace]  # events (batch, steps, n), what to record


@dataclass(frozen=True)
class Hybrid:
    """Host stages around a Program of one input and one output.

    Parameters
    ----------
    before : stages
        The first takes samples; the last writes what becomes events by the input's scale.
    program : Program
        A step is a frame.
    after : stages
        The first takes what the Program sends, "sent"; the last returns samples, or labels.
    rate : int, samples a second

    Raises
    ------
    BadInput
        A stage reads what none before it wrote; several inputs or outputs; frames that are no step.
    """

    before: tuple[Stage, ...]
    program: Program
    after: tuple[Stage, ...]
    rate: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "before", tuple(self.before))
        object.__setattr__(self, "after", tuple(self.after))
        if len(self.program.inputs) > 1 or len(self.program.outputs) > 1:
            raise BadInput("a hybrid's Program has one input and one output")
        if not self.before or not isinstance(self.before[0], Frames):
            raise BadInput("a hybrid begins with Frames")
        if not self.after or not isinstance(self.after[-1], End):
            raise BadInput("a hybrid ends with OverlapAdd or Decide")
        if type(self.window) is not int or type(self.hop) is not int or not 1 <= self.hop <= self.window:
            raise BadInput(
                f"Frames: window {self.window} and hop {self.hop} must be samples, hop 1 to window"
            )
        if not self.end.fits(self._frames):
            raise BadInput(
                "the stages of a hybrid do not fit each other: OverlapAdd must have a window of "
                f"{self.window} and a hop of {self.hop}, as Frames has them"
            )
        known = {"samples"}
        for stage in (*self.before, None, *self.after):
            known |= {"sent"} if stage is None else set()
            if stage is None:
                continue
            if missing := set(stage.reads) - known:
                raise BadInput(
                    f"{type(stage).__name__} reads '{missing.pop()}', which no stage before it writes"
                )
            known.add(stage.writes)
        if not np.isclose(self.program.dt * self.rate, self.hop):
            raise BadInput(
                f"a hop of {self.hop} samples at {self.rate} Hz is no step of {self.program.dt:g} s"
            )
        self._check_shapes()

    def _check_shapes(self) -> None:
        """Send a silent frame through all stages; a stage of another size cannot take it."""
        program = self.program
        sent = np.zeros(program.populations[program.outputs[0]].shape, np.int32)
        try:
            host = Host(self)
            events, values = host.before(np.zeros(self.hop, np.float32))
            given = host.after(sent, values)
        except (ValueError, TypeError, IndexError, OverflowError, MemoryError) as error:
            raise BadInput(f"the stages of a hybrid do not fit each other: {error}") from error
        if events.shape != self.shape or given.shape != (self.end.size,):
            raise BadInput(f"the stages of a hybrid do not fit its Program, or a window of {self.window}")

    @property
    def _frames(self) -> Frames:
        first = self.before[0]
        assert isinstance(first, Frames)
        return first

    @property
    def end(self) -> End:
        """The stage that gives samples, or labels."""
        last = self.after[-1]
        assert isinstance(last, End)
        return last

    @property
    def hop(self) -> int:
        """Samples of a frame that are new."""
        return self._frames.hop

    @property
    def window(self) -> int:
        """Samples of a frame."""
        return self._frames.window

    @property
    def waits(self) -> int:
        """Samples that the algorithm has to hear before it is done with one."""
        return self.end.waits(self._frames)

    def given(self, samples: int) -> int:
        """How many values come of so many samples: as many, or one for each hop, begun ones too."""
        return -(-samples * self.end.size // self.hop)

    @property
    def shape(self) -> tuple[int, ...]:
        """What the Program takes in a step."""
        return next(iter(self.program.inputs.values())).shape

    def run(self, x: Any, chip: Chip, record: Iterable[str] = ()) -> Trace:
        """Run recordings, the chip part by whoever runs Programs.

        Parameters
        ----------
        x : float (batch, n) within -1 to 1
            Samples at `rate`.
        chip : callable (events, record) -> Trace
            What runs the Program.
        record : names of populations
            Whose spikes, u and v are kept.

        Returns
        -------
        Trace
            Output: float32 (batch, n), or labels, int32 (batch, frames), -1 where none is due; the rest is
            the chip's, a step for each frame.

        Raises
        ------
        BadInput
            x is not of that shape, or holds no numbers.
        """
        x = check_samples(x)
        hosts = [Host(self) for _ in x]
        late, n = self.end.late, x.shape[1]
        padded = np.pad(x, ((0, 0), (0, late + -(n + late) % self.hop)))
        hops = padded.reshape(len(x), -1, self.hop)
        events, held = np.empty((*hops.shape[:2], *self.shape), np.int32), []
        for b, host in enumerate(hosts):
            for t, samples in enumerate(hops[b]):
                events[b, t], values = host.before(samples)
                held.append(values)
        trace = chip(events, record)
        rows = np.empty((*hops.shape[:2], self.end.size), self.end.dtype)
        values = iter(held)
        for b, host in enumerate(hosts):
            for t in range(hops.shape[1]):
                rows[b, t] = host.after(trace.output[b, t], next(values))
        output = rows.reshape(len(x), -1)[:, late : late + self.given(n)]
        return Trace(output, trace.spikes, trace.u, trace.v, trace.counts)

    def save(self, folder: str | Path) -> None:
        """Write as a folder: `chip.nir`, and the host part in `host.json` and `host.npz`."""
        from .hybrid_file import save

        save(self, Path(folder))

    @staticmethod
    def load(folder: str | Path) -> "Hybrid":
        """Read what `save` wrote.

        Raises
        ------
        BadInput
            A file is missing or damaged; it is named.
        """
        from .hybrid_file import load

        return load(Path(folder))
