"""Batched and compiled: the same integers as `reference`, for whole data sets.

One compiled call runs some samples through the whole network, a block of steps at a time. Threads take
samples, so the result does not depend on their number.
"""

from collections.abc import Iterable, Mapping

import numpy as np

from . import kernels
from .errors import BadInput
from .events import check_events, check_record
from .keeping import keeping_of
from .layout import Scratch
from .plan import event_arrays, scratch_of
from .program import Program
from .room import check_memory
from .together import processors, together
from .trace import Counts, Trace, collect

COUNTERS = (
    "spikes_out", "dendrite_updates_active", "wraps", "saturations", "dendrite_updates_inactive",
    "spikes_in", "axon_out",
)  # fmt: skip  # of populations, as the kernel has them
TURN = 2**28  # neuron steps of a call, rarely more than a fraction of a second: Ctrl-C is heard in between
SYNAPSES = 16  # that take as long as a neuron step, if all are reached


def run(
    program: Program,
    x: np.ndarray | Mapping[str, np.ndarray],
    record: Iterable[str] = (),
    threads: int | None = None,
) -> Trace:
    """Run a Program on a batch.

    Parameters
    ----------
    program : Program
        The network.
    x : int (batch, steps, *shape), or {input name: array}
        Whole numbers, 0 to the input's largest event.
    record : iterable of str
        Populations whose spikes, u and v are kept.
    threads : int, optional
        Default: one for each processor that this process may use. The result is the same for every number.

    Raises
    ------
    BadInput
        x does not fit the inputs, a name to record does not exist, or memory would not hold what is recorded.
    """
    events = check_events(program, x, spikes_too=False)
    record = check_record(record, program.populations)
    threads = processors() if threads is None else threads
    if threads < 1:
        raise BadInput(f"threads = {threads} must be at least 1")
    job = Job(program, events, record)
    job.run(threads)
    if job.beyond:  # say where
        check_events(program, x)
    return job.trace()


class Job:
    """One run: the whole batch of events, and room for what is kept."""

    def __init__(self, program: Program, events: dict[str, np.ndarray], record: tuple[str, ...]) -> None:
        self.program, self.record = program, record
        self.batch, self.steps = next(iter(events.values())).shape[:2]
        self.keeping = keeping = keeping_of(program, record)
        check_memory(
            self.batch * self.steps * keeping.each,
            f"what is recorded of {self.batch} samples of {self.steps} steps; record fewer populations, "
            "or run fewer samples at a time",
        )
        self.kept = [kind.room(self.batch, self.steps) for kind in keeping.kinds]
        self.small, self.large = event_arrays(program, events)
        self.taken = np.zeros(1, np.int64)
        self.beyond = False
        counted = len(program.connections) + len(program.populations) * len(COUNTERS)
        self.counts = np.zeros((self.batch, counted), np.int64)

    def run(self, threads: int) -> None:
        """Run all samples."""
        threads = max(1, min(threads, self.batch))
        plan = self.keeping.plan
        synapses = plan.rows.size + plan.pairs.size + plan.weights.size
        each = TURN // (1 + self.steps * (plan.bias.size + synapses // SYNAPSES)) + 1
        spare = scratch_of(self.program)

        def work() -> None:
            try:
                scratch = spare.pop()
            except IndexError:
                scratch = Scratch.of(plan)
            try:
                while self.taken[0] < self.batch:
                    if self.run_samples(scratch, each, 0):
                        self.beyond = True
            finally:  # after an error nobody goes on
                self.taken[0] = self.batch
                spare.append(scratch)

        together(work, threads)

    def run_samples(self, scratch: Scratch, most: int, done: int) -> bool:
        """Run some samples; one of which `done` steps were run goes on from what its scratch holds.

        Return whether a byte that should be a spike is neither 0 nor 1.
        """
        return kernels.run_samples(
            self.keeping.plan, scratch, self.taken, most, done,
            self.small, self.large, *self.kept, self.counts,
        )  # fmt: skip

    def trace(self) -> Trace:
        """Return what was kept, in the shapes of the populations."""
        spikes, messages, u, v = (
            kind.arrays(values, self.batch, self.steps)
            for kind, values in zip(self.keeping.kinds, self.kept, strict=True)
        )
        spikes |= messages
        outputs = {n: spikes[n] if n in spikes else v[n] for n in self.program.outputs}
        return Trace(
            output=collect(self.program.outputs, outputs),
            spikes={n: a for n, a in spikes.items() if n in self.record},
            u=u,
            v={n: a for n, a in v.items() if n in self.record},
            counts=self._counts(),
        )

    def _counts(self) -> Counts:
        numbers = list(self.counts.T.copy())
        links = len(self.program.connections)
        return Counts(
            syn_ops={c.name: n for c, n in zip(self.program.connections, numbers[:links], strict=True)},
            **{
                counter: dict(zip(self.program.populations, numbers[links + k :: len(COUNTERS)], strict=True))
                for k, counter in enumerate(COUNTERS)
            },
        )
