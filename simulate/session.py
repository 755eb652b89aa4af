"""A Program that runs on a stream: input in pieces, and state that never stops."""

from collections.abc import Iterable, Mapping

import numpy as np

from .errors import BadInput
from .events import check_events, check_record
from .fast import Job
from .layout import Scratch
from .plan import plan_of
from .program import Program
from .trace import Trace


class Session:
    """A run of a Program that goes on where it stopped.

    Parameters
    ----------
    program : Program
        The network.
    batch : int
        Streams side by side; the first input decides if it is not given.

    >>> from lavalier.simulate import LI, Dense, Input, Program, Session
    >>> readout = {"sum": LI((1,), dv=0)}
    >>> program = Program({"in": Input((1,))}, readout, [Dense("in", "sum", [[2]])], ["sum"])
    >>> session = Session(program)
    >>> session.run([[[1], [1]]]).output.ravel().tolist(), session.run([[[1]]]).output.ravel().tolist()
    ([128, 256], [384])
    """

    def __init__(self, program: Program, batch: int | None = None) -> None:
        self._program = program
        self._states: list[Scratch] | None = None
        self._done = 0
        if batch is not None:
            self._start(batch)

    def run(self, x: np.ndarray | Mapping[str, np.ndarray], record: Iterable[str] = ()) -> Trace:
        """Run the next steps.

        Parameters
        ----------
        x : int (batch, steps, *shape), or {input name: array}
            Whole numbers, 0 to the input's largest event; one step or many.
        record : names of populations
            Whose spikes, u and v are kept.

        Returns
        -------
        Trace
            Of these steps: pieces one after another are what one run of all gives, and counts add up.

        Raises
        ------
        BadInput
            x does not fit the inputs, has another batch than before, or a name does not exist.
        """
        events = check_events(self._program, x)
        batch, steps = next(iter(events.values())).shape[:2]
        job = Job(self._program, events, check_record(record, self._program.populations))
        states = self._states or self._start(batch)
        if batch != len(states):
            raise BadInput(f"x has {batch} samples; this session runs {len(states)} side by side")
        for state in states if steps else ():
            job.run_samples(state, 1, self._done)
        self._done += steps
        return job.trace()

    def reset(self) -> None:
        """Start anew with the next input."""
        self._done = 0

    def _start(self, batch: int) -> list[Scratch]:
        if batch < 1:
            raise BadInput(f"batch = {batch} must be at least 1")
        plan = plan_of(self._program)
        self._states = [Scratch.of(plan) for _ in range(batch)]
        return self._states
