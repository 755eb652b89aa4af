"""Batched and compiled: the same integers as `reference`, for whole data sets.

Layer by layer over all steps of a few samples at a time: small enough for the cache, large enough that
the interpreter is not noticed. Threads take samples, so the result does not depend on their number.
"""

import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from math import prod
from typing import NamedTuple

import numpy as np

from . import kernels
from .connections import Dense
from .errors import BadInput
from .events import check_events, check_record
from .neurons import LI, LIF
from .program import Program
from .ranges import DECAY_ONE, U_HALF_RANGE, V_MAX, V_SHIFT
from .trace import COUNTERS, Counts, Trace, collect

LANES = 16  # neurons and channels are padded to a multiple: whole vectors, whole words
CHUNK_BYTES = 1 << 22  # spikes and synaptic input that one thread holds at a time


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
        Default: one for each processor. The result is the same for every number.

    Raises
    ------
    BadInput
        x does not fit the inputs, or a name to record does not exist.
    """
    events = check_events(program, x)
    record = check_record(record, program.populations)
    threads = (os.cpu_count() or 1) if threads is None else threads
    if threads < 1:
        raise BadInput(f"threads = {threads} must be at least 1")
    job = _Job(program, events, record)
    job.run(threads)
    return job.trace()


class _Synapses(NamedTuple):
    """A connection as its kernel wants it."""

    connection: Dense
    graded: bool
    rows: np.ndarray  # half the weights, their lowest bit is 0 (n_in, n_out padded), then a row of 0
    shift: int
    total: type  # type that holds every sum of rows
    fan_out: np.ndarray

    @classmethod
    def of(cls, program: Program, connection: Dense) -> "_Synapses":
        source = program.inputs.get(connection.source)
        graded = source is not None and source.message_bits > 0
        # 128 * 255 is the largest product of half a weight and 8 bits
        wide = graded and program.inputs[connection.source].message_bits > 8
        n_out, n_in = connection.weights.shape
        rows = np.zeros((n_in + 1, n_out + -n_out % LANES), np.int32 if wide else np.int16)
        rows[:n_in, :n_out] = connection.weights.T >> 1
        largest = np.abs(connection.weights).sum(axis=1).max(initial=0) // 2
        total = np.int16 if not graded and largest <= np.iinfo(np.int16).max else np.int32
        return cls(connection, graded, rows, connection.weight_exp, total, connection.fan_out)

    def arguments(
        self, events: np.ndarray, first: bool, a_in: np.ndarray, counts: Counts, part: slice
    ) -> tuple:
        """Return what the delivering kernels take."""
        c = self.connection
        total = np.empty(self.rows.shape[1], self.total)
        sent = events if self.graded else events.view(np.uint64)
        counted = counts.spikes_in[c.target][part], counts.syn_ops[c.name][part]
        return sent, self.rows, total, self.shift, self.fan_out, first, a_in, *counted


def _padded(values: np.ndarray) -> np.ndarray:
    """Return an array whose last axis is filled with zeros to a multiple of LANES."""
    n = values.shape[-1]
    padded = np.zeros((*values.shape[:-1], n + -n % LANES), values.dtype)
    padded[..., :n] = values
    return padded


class _Membranes(NamedTuple):
    """A population as its kernel wants it; what pads it rests at 0 and never spikes."""

    left_u: np.ndarray
    left_v: np.ndarray
    bias: np.ndarray
    threshold: np.ndarray  # in units of v
    calm: int  # neurons, if u has no memory, never wraps, and a bias keeps every neuron from rest; else 0

    @classmethod
    def of(cls, program: Program, name: str) -> "_Membranes":
        neuron = program.populations[name]
        left_u = DECAY_ONE - (neuron.du + 1)
        left_v = DECAY_ONE - neuron.dv
        threshold = RULES[type(neuron)](neuron)
        left_u, left_v, bias, threshold = (
            _padded(a.ravel()) for a in (left_u, left_v, neuron.bias, threshold)
        )
        calm = not left_u.any() and neuron.bias.all() and _largest_u(program, name) < U_HALF_RANGE
        return cls(left_u, left_v, bias, threshold, neuron.size if calm else 0)


def _largest_u(program: Program, name: str) -> int:
    """Return what u cannot exceed, if it has no memory."""
    total = 0
    for c in program.incoming(name):
        event = program.inputs[c.source].largest if c.source in program.inputs else 1
        sums = int(np.abs(c.weights).sum(axis=1).max(initial=0)) * event
        # shifted down, a negative sum rounds away from zero
        total += sums << c.weight_exp if c.weight_exp > 0 else (sums >> -c.weight_exp) + 1
    return total << V_SHIFT


def _never(neuron: LI) -> np.ndarray:
    return np.full(neuron.shape, V_MAX, np.int32)


def _lif_threshold(neuron: LIF) -> np.ndarray:
    return neuron.vth << V_SHIFT


RULES = {LIF: _lif_threshold, LI: _never}


class _Scratch:
    """Memory that one thread uses again for every chunk: fresh pages cost more than the sums."""

    def __init__(self, samples: int, steps: int, sizes: dict[str, int]) -> None:
        self._a_in = np.empty(samples * steps * max(sizes.values()), np.int32)  # untouched pages are free
        self.spikes = {name: np.empty((samples, steps, n), np.uint8) for name, n in sizes.items()}

    def a_in(self, shape: tuple[int, int, int]) -> np.ndarray:
        """Return room for the synaptic input of one population."""
        return self._a_in[: prod(shape)].reshape(shape)


class _Job:
    """One run: the layers, the whole batch of events, and room for what is kept."""

    def __init__(self, program: Program, events: dict[str, np.ndarray], record: tuple[str, ...]) -> None:
        self.program, self.record = program, record
        self.events = {n: x if program.inputs[n].message_bits else _padded(x) for n, x in events.items()}
        self.batch, self.steps = next(iter(events.values())).shape[:2]
        self.synapses = {
            name: [_Synapses.of(program, c) for c in program.incoming(name)] for name in program.populations
        }
        self.membranes = {n: _Membranes.of(program, n) for n in program.populations}
        spiking = [n for n in program.populations if program.is_spiking(n)]
        listened = [n for n in program.populations if n in record or n in program.outputs]
        self.spikes = {n: self._room(n, np.uint8) for n in spiking if n in listened}
        self.u = {n: self._room(n, np.int32) for n in record}
        self.v = {n: self._room(n, np.int32) for n in listened if n in record or n not in spiking}
        populations = {n: np.zeros(self.batch, np.int64) for n in program.populations}
        counts = {c: {n: a.copy() for n, a in populations.items()} for c in COUNTERS}
        counts["syn_ops"] = {c.name: np.zeros(self.batch, np.int64) for c in program.connections}
        self.counts = Counts(**counts)

    def _room(self, name: str, dtype: type) -> np.ndarray:
        return np.empty((self.batch, self.steps, self.program.size(name)), dtype)

    def run(self, threads: int) -> None:
        """Run all samples, chunk by chunk, each thread with its own scratch."""
        sizes = {name: len(m.bias) for name, m in self.membranes.items()}
        in_cache = CHUNK_BYTES // max(1, 4 * self.steps * max(sizes.values()))
        share = -(-self.batch // threads)
        size = max(1, -(-share // max(1, -(-share // max(1, in_cache)))))  # as many chunks for each thread
        chunks = [slice(b, min(b + size, self.batch)) for b in range(0, self.batch, size)]

        waiting = iter(chunks)  # one for all threads: next() on it is atomic

        def work() -> None:
            scratch = _Scratch(size, self.steps, sizes)
            for part in waiting:
                self._run_chunk(part, scratch)

        if threads == 1 or len(chunks) == 1:
            work()
        else:
            with ThreadPoolExecutor(threads) as pool:
                for worker in [pool.submit(work) for _ in range(threads)]:
                    worker.result()

    def _run_chunk(self, part: slice, scratch: "_Scratch") -> None:
        sent = {name: values[part] for name, values in self.events.items()}
        for name in self.program.populations:
            sent[name] = self._run_population(name, sent, part, scratch)

    def _run_population(
        self, name: str, sent: dict[str, np.ndarray], part: slice, scratch: "_Scratch"
    ) -> np.ndarray:
        counts, n = self.counts, self.program.size(name)
        samples, membranes = part.stop - part.start, self.membranes[name]
        spikes = scratch.spikes[name][:samples]
        nothing = np.empty((samples, 0, n), np.int32)
        u = self.u[name][part] if name in self.u else nothing
        v = self.v[name][part] if name in self.v else nothing
        fired, active = counts.spikes_out[name][part], counts.dendrite_updates_active[name][part]
        edges = counts.wraps[name][part], counts.saturations[name][part]
        integrated = *membranes, spikes, u, v, fired, active, *edges
        several = len(self.synapses[name]) != 1
        a_in = scratch.a_in((samples if several else 1, self.steps, len(membranes.bias)))
        deliveries = [
            (s.graded, s.arguments(sent[s.connection.source], i == 0, a_in, counts, part))
            for i, s in enumerate(self.synapses[name])
        ]
        for graded, arguments in deliveries[:-1]:
            (kernels.deliver_graded if graded else kernels.deliver_spikes)(*arguments)
        if deliveries:
            graded, arguments = deliveries[-1]
            (kernels.graded_layer if graded else kernels.spikes_layer)(*arguments, *integrated)
        else:
            a_in.fill(0)
            kernels.integrate(a_in, *integrated)
        counts.dendrite_updates_inactive[name][part] = self.steps * n - active
        counts.axon_out[name][part] = fired * self.program.destinations(name)
        if name in self.spikes:
            self.spikes[name][part] = spikes[..., :n]
        return spikes

    def trace(self) -> Trace:
        """Return what was kept, in the shapes of the populations."""
        spikes, u, v = self._shaped(self.spikes), self._shaped(self.u), self._shaped(self.v)
        outputs = {n: spikes[n] if n in spikes else v[n] for n in self.program.outputs}
        keep = set(self.record)
        return Trace(
            output=collect(self.program.outputs, outputs),
            spikes={n: a for n, a in spikes.items() if n in keep},
            u=u,
            v={n: a for n, a in v.items() if n in keep},
            counts=self.counts,
        )

    def _shaped(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        shapes = {n: self.program.populations[n].shape for n in arrays}
        return {n: a.reshape(self.batch, self.steps, *shapes[n]) for n, a in arrays.items()}
