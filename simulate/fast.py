"""Batched and compiled: the same integers as `reference`, for whole data sets.

One compiled call runs some samples through the whole network, step by step. Threads take samples, so the
result does not depend on their number.
"""

import os
import weakref
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from . import kernels
from .connections import Dense, Input
from .errors import BadInput
from .events import check_events, check_record
from .neurons import LI, LIF
from .program import Program
from .ranges import DECAY_ONE, U_HALF_RANGE, V_MAX, V_SHIFT
from .trace import COUNTERS, Counts, Trace, collect

LANES = 16  # neurons and channels are padded to a multiple: whole vectors, whole words
TURNS = 4  # times that each thread takes samples: one that is held up leaves its share to the others


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


def _lanes(size: int) -> int:
    return size + -size % LANES


def _planes(entry: Input) -> int:
    """Bytes of a graded event; 0 for a spike."""
    return -(-entry.message_bits // 8)


class _Layout:
    """Where everything lies in the flat arrays of a `kernels.Plan`."""

    def __init__(self, program: Program) -> None:
        self.sent, self.rows, self.fan_out, self.start = {}, {}, {}, {}
        self.inputs = self.neurons = 0
        for name, entry in program.inputs.items():
            self.sent[name] = self.inputs
            self.inputs += max(1, _planes(entry)) * _lanes(entry.size)
        for name, neuron in program.populations.items():
            self.sent[name], self.start[name] = self.inputs + self.neurons, self.neurons
            self.neurons += _lanes(neuron.size)


_prepared: dict[int, tuple[_Layout, kernels.Plan]] = {}


def _prepare(program: Program) -> tuple[_Layout, kernels.Plan]:
    """Return layout and plan of a Program, which never changes: made once, and kept as long as it lives."""
    key = id(program)
    if key not in _prepared:
        layout = _Layout(program)
        _prepared[key] = layout, _plan(program, layout)
        weakref.finalize(program, _prepared.pop, key)
    return _prepared[key]


def _plan(program: Program, layout: _Layout) -> kernels.Plan:
    """Return the Program as the kernel wants it, with nothing to keep."""
    links, layers, rows, fan_out = [], [], [], []
    n_rows = n_fans = 0
    for name, neuron in program.populations.items():
        first, lanes = len(links), _lanes(neuron.size)
        for c in program.incoming(name):
            n_in = c.weights.shape[1]
            source = layout.sent[c.source] // 8
            planes = _planes(program.inputs[c.source]) if c.source in program.inputs else 0
            links.append((source, n_in, _lanes(n_in) // 8, planes, n_rows, n_fans, c.weight_exp))
            rows.append(_rows(c, lanes))
            fan_out.append(np.append(c.fan_out, 0))
            n_rows, n_fans = n_rows + rows[-1].size, n_fans + n_in + 1
        calm = _is_calm(program, name)
        layers.append(
            (layout.start[name], layout.sent[name], lanes, neuron.size, calm, first, len(links), -1, -1, -1)
        )
    registers = [_registers(neuron) for neuron in program.populations.values()]
    return kernels.Plan(
        np.array(links, kernels.LINK),
        np.array(layers, kernels.LAYER),
        np.concatenate(rows),
        np.concatenate(fan_out),
        *(np.concatenate(column) for column in zip(*registers, strict=True)),
    )


def _rows(connection: Dense, lanes: int) -> np.ndarray:
    n_out, n_in = connection.weights.shape
    rows = np.zeros((n_in + 1, lanes), np.int16)
    rows[:n_in, :n_out] = connection.weights.T >> 1
    return rows.ravel()


def _registers(neuron: LIF | LI) -> list[np.ndarray]:
    """Arrays of a population; what pads it rests at 0 and never spikes."""
    threshold = RULES[type(neuron)](neuron)
    values = DECAY_ONE - (neuron.du + 1), DECAY_ONE - neuron.dv, neuron.bias, threshold
    return [_padded(a.ravel()) for a in values]


def _padded(values: np.ndarray) -> np.ndarray:
    """Return an array whose last axis is filled with zeros to a multiple of LANES."""
    n = values.shape[-1]
    padded = np.zeros((*values.shape[:-1], _lanes(n)), values.dtype)
    padded[..., :n] = values
    return padded


def _is_calm(program: Program, name: str) -> bool:
    """Whether u has no memory and never wraps, and a bias keeps every neuron from rest."""
    neuron = program.populations[name]
    no_memory = (neuron.du == DECAY_ONE - 1).all()
    return bool(no_memory and neuron.bias.all() and _largest_u(program, name) < U_HALF_RANGE)


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


def _sent(program: Program, events: dict[str, np.ndarray]) -> np.ndarray:
    """Return the events of all inputs as bytes (batch, steps, bytes), as the layout has them."""
    if len(events) == 1 and next(iter(events.values())).dtype == np.uint8:
        return next(iter(events.values()))
    parts = []
    for name, x in events.items():
        planes = max(1, _planes(program.inputs[name]))
        each = [((x >> 8 * plane) & 255).astype(np.uint8) for plane in range(planes)]
        parts += [_padded(plane) for plane in each]
    return np.concatenate(parts, axis=2)


class _Kept:
    """Room for one kind of values of some populations, one population after another."""

    def __init__(self, program: Program, names: list[str], batch: int, steps: int, dtype: type) -> None:
        sizes = [batch * steps * program.size(n) for n in names]
        starts = np.cumsum([0, *sizes]).tolist()
        self.values = np.empty(starts[-1], dtype)
        self.start = dict(zip(names, starts, strict=False))
        self.arrays = {
            n: self.values[start : start + size].reshape(batch, steps, *program.populations[n].shape)
            for n, start, size in zip(names, starts, sizes, strict=False)
        }


class _Job:
    """One run: the plan, the whole batch of events, and room for what is kept."""

    def __init__(self, program: Program, events: dict[str, np.ndarray], record: tuple[str, ...]) -> None:
        self.program, self.record = program, record
        self.batch, self.steps = next(iter(events.values())).shape[:2]
        spiking = [n for n in program.populations if program.is_spiking(n)]
        listened = [n for n in program.populations if n in record or n in program.outputs]
        self.spikes = self._room([n for n in listened if n in spiking], np.uint8)
        self.u = self._room(list(record), np.int32)
        self.v = self._room([n for n in listened if n in record or n not in spiking], np.int32)
        self.layout, plan = _prepare(program)
        layers = plan.layers.copy()
        for part, kept in (("spikes", self.spikes), ("u", self.u), ("v", self.v)):
            layers[part] = [kept.start.get(n, -1) for n in program.populations]
        self.plan = plan._replace(layers=layers)
        self.events = _sent(program, events)
        self.link_counts = np.zeros((self.batch, len(program.connections), 2), np.int64)
        self.layer_counts = np.zeros((self.batch, len(program.populations), 4), np.int64)

    def _room(self, names: list[str], dtype: type) -> _Kept:
        return _Kept(self.program, names, self.batch, self.steps, dtype)

    def run(self, threads: int) -> None:
        """Run all samples, a few at a time."""
        each = max(1, -(-self.batch // (threads if threads == 1 else TURNS * threads)))
        waiting = iter(range(0, self.batch, each))  # one for all threads: next() on it is atomic

        def work() -> None:
            scratch = kernels.Scratch.of(self.layout.inputs, self.layout.neurons)
            for begin in waiting:
                end = min(begin + each, self.batch)
                kernels.run_samples(
                    self.plan, scratch, begin, end, self.events,
                    self.spikes.values, self.u.values, self.v.values, self.link_counts, self.layer_counts,
                )  # fmt: skip

        if threads == 1 or each >= self.batch:
            work()
        else:
            with ThreadPoolExecutor(threads) as pool:
                for worker in [pool.submit(work) for _ in range(threads)]:
                    worker.result()

    def trace(self) -> Trace:
        """Return what was kept, in the shapes of the populations."""
        spikes, u, v = self.spikes.arrays, self.u.arrays, self.v.arrays
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
        program = self.program
        counts: dict[str, dict[str, np.ndarray]] = {counter: {} for counter in COUNTERS}
        for p, name in enumerate(program.populations):
            updates = self.steps * program.size(name)
            fired, active, wraps, uncut = self.layer_counts[:, p].T.copy()
            if self.plan.layers[p]["calm"]:
                active[:] = updates
            counts["spikes_in"][name] = np.zeros(self.batch, np.int64)
            counts["spikes_out"][name] = fired
            counts["axon_out"][name] = fired * program.destinations(name)
            counts["dendrite_updates_active"][name] = active
            counts["dendrite_updates_inactive"][name] = updates - active
            counts["wraps"][name], counts["saturations"][name] = wraps, updates - uncut
        for i, c in enumerate(program.connections):
            arrived, counts["syn_ops"][c.name] = self.link_counts[:, i].T.copy()
            counts["spikes_in"][c.target] += arrived
        return Counts(**counts)
