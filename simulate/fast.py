"""Batched and compiled: the same integers as `reference`, for whole data sets.

One compiled call runs some samples through the whole network, a block of steps at a time. Threads take
samples, so the result does not depend on their number.
"""

from collections.abc import Iterable, Mapping
from itertools import accumulate

import numpy as np

from . import kernels
from .errors import BadInput
from .events import check_events, check_record
from .layout import Scratch
from .plan import event_arrays, plan_of, scratch_of
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
    if job.beyond.any():  # say where
        check_events(program, x)
    return job.trace()


class _Kept:
    """Room for one kind of values of some populations, one population after another."""

    def __init__(self, program: Program, names: list[str], batch: int, steps: int, dtype: type) -> None:
        sizes = [batch * steps * program.size(n) for n in names]
        starts = [*accumulate(sizes, initial=0)]
        self.values = np.empty(starts[-1], dtype)
        self.start = dict(zip(names, starts, strict=False))
        self.arrays = {
            n: self.values[start : start + size].reshape(batch, steps, *program.populations[n].shape)
            for n, start, size in zip(names, starts, sizes, strict=False)
        }


class Job:
    """One run: the plan, the whole batch of events, and room for what is kept."""

    def __init__(self, program: Program, events: dict[str, np.ndarray], record: tuple[str, ...]) -> None:
        self.program, self.record = program, record
        self.batch, self.steps = next(iter(events.values())).shape[:2]
        listened = [n for n in program.populations if n in record or n in program.outputs]
        sending = [n for n in listened if program.sends(n)]
        kept_v = [n for n in listened if n in record or n not in sending]
        each = sum(program.size(n) * np.dtype(program.sent_dtype(n)).itemsize for n in sending)
        each += 4 * sum(map(program.size, (*record, *kept_v)))
        check_memory(
            self.batch * self.steps * each,
            f"what is recorded of {self.batch} samples of {self.steps} steps; record fewer populations, "
            "or run fewer samples at a time",
        )
        self.spikes = self._room([n for n in sending if not program.message_bits(n)], np.uint8)
        self.messages = self._room([n for n in sending if program.message_bits(n)], np.int32)
        self.u = self._room(list(record), np.int32)
        self.v = self._room(kept_v, np.int32)
        plan = plan_of(program)
        layers = plan.layers.copy()
        place = {name: p for p, name in enumerate(program.populations)}
        for part in ("spikes", "messages", "u", "v"):
            for name, start in getattr(self, part).start.items():
                layers[part][place[name]] = start
        self.plan = plan._replace(layers=layers)
        self.small, self.large = event_arrays(program, events)
        self.taken = np.zeros(1, np.int64)
        self.beyond = np.zeros(self.batch, np.bool_)
        self.link_counts = np.zeros((self.batch, len(program.connections), 2), np.int64)
        self.layer_counts = np.zeros((self.batch, len(program.populations), len(COUNTERS)), np.int64)

    def _room(self, names: list[str], dtype: type) -> _Kept:
        return _Kept(self.program, names, self.batch, self.steps, dtype)

    def run(self, threads: int) -> None:
        """Run all samples."""
        threads = max(1, min(threads, self.batch))
        synapses = self.plan.rows.size + self.plan.pairs.size + self.plan.weights.size
        each = TURN // (1 + self.steps * (self.plan.bias.size + synapses // SYNAPSES)) + 1
        spare = scratch_of(self.program)

        def work() -> None:
            try:
                scratch = spare.pop()
            except IndexError:
                scratch = Scratch.of(self.plan)
            try:
                while self.taken[0] < self.batch:
                    self.run_samples(scratch, each, 0)
            finally:  # after an error nobody goes on
                self.taken[0] = self.batch
                spare.append(scratch)

        together(work, threads)

    def run_samples(self, scratch: Scratch, most: int, done: int) -> None:
        """Run some samples; one of which `done` steps were run goes on from what its scratch holds."""
        kernels.run_samples(
            self.plan, scratch, self.taken, most, done, self.small, self.large, self.beyond,
            self.spikes.values, self.messages.values, self.u.values, self.v.values,
            self.link_counts, self.layer_counts,
        )  # fmt: skip

    def trace(self) -> Trace:
        """Return what was kept, in the shapes of the populations."""
        spikes, u, v = self.spikes.arrays | self.messages.arrays, self.u.arrays, self.v.arrays
        outputs = {n: spikes[n] if n in spikes else v[n] for n in self.program.outputs}
        keep = set(self.record)
        return Trace(
            output=collect(self.program.outputs, outputs),
            spikes={n: a for n, a in spikes.items() if n in keep},
            u=u,
            v={n: a for n, a in v.items() if n in keep},
            counts=self._counts(),
        )

    def _counts(self) -> Counts:
        _, reached = self.link_counts.transpose(2, 1, 0).copy()
        populations = dict(zip(COUNTERS, self.layer_counts.transpose(2, 1, 0).copy(), strict=True))
        return Counts(
            syn_ops={c.name: n for c, n in zip(self.program.connections, reached, strict=True)},
            **{k: dict(zip(self.program.populations, n, strict=True)) for k, n in populations.items()},
        )
