"""A job: a Program and its input, checked; written for a worker, and read back as a Trace."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..simulate.errors import BadInput
from ..simulate.events import check_events, check_record
from ..simulate.pipeline import starts
from ..simulate.program import Program
from ..simulate.trace import Trace, collect
from .counting import count
from .recording import Recording


@dataclass(frozen=True)
class Job:
    """What is to be run.

    Attributes
    ----------
    program : Program
    events : {input: integers (batch, steps, size)}
    record : names of populations
    """

    program: Program
    events: dict[str, np.ndarray]
    record: tuple[str, ...]

    @staticmethod
    def of(program: Program, x: np.ndarray | Mapping[str, np.ndarray], record: Iterable[str]) -> "Job":
        """Check everything that can be checked before Lava starts.

        Raises
        ------
        BadInput
            x does not fit the inputs or is empty, or a name to record does not exist.
        Unsupported
            A loop passes more synapses than it has steps.
        """
        events = check_events(program, x)
        record = check_record(record, program.populations)
        batch, steps = next(iter(events.values())).shape[:2]
        if not batch * steps:
            raise BadInput(f"x holds nothing to run: {batch} samples of {steps} steps")
        starts(program)
        return Job(program, events, record)

    def write(self, folder: Path) -> Recording:
        """Write it into a folder that is there."""
        recording = Recording(folder, self.program, *next(iter(self.events.values())).shape[:2])
        recording.write(self.events)
        return recording

    def trace(self, recording: Recording) -> Trace:
        """Return what a worker has recorded."""
        program = self.program

        def kept(name: str, kind: str) -> np.ndarray:
            shape = (recording.batch, recording.steps, *program.populations[name].shape)
            dtype = program.sent_dtype(name) if kind == "s" else np.int32
            return np.array(recording.read(name, kind), dtype).reshape(shape)

        outputs = {n: kept(n, "s" if program.sends(n) else "v") for n in program.outputs}
        return Trace(
            output=collect(program.outputs, outputs),
            spikes={n: kept(n, "s") for n in self.record if program.sends(n)},
            u={n: kept(n, "u") for n in self.record},
            v={n: kept(n, "v") for n in self.record},
            counts=count(recording, self.events),
        )
