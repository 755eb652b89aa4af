"""The law of arithmetic: plain Python integers, one neuron, one step.

This file is the definition. `fast` and Lava are right when they equal it in u, v, s and counts; it
shares no arithmetic with them. Source: Lava 0.10.0, lava/proc/{lif,dense}/models.py, read and
measured against its runtime.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from .connections import Connection, Conv, Dense, Sparse
from .events import check_events, check_record
from .neurons import (
    ALIF,
    LI,
    LIF,
    PLIF,
    GradedLI,
    GradedReLU,
    LIFNoReset,
    LIFRefractory,
    LIFSubtract,
    Neuron,
)
from .program import Program
from .trace import COUNTERS, Counts, Trace, collect

M = 1 << 23


class Step(NamedTuple):
    """One neuron after one step; `s` is what it sends, `more` what else it remembers."""

    u: int
    v: int
    s: int
    active: bool
    wrapped: bool
    saturated: bool
    more: tuple[int, ...] = ()


def i32(x: int) -> int:
    """Wrap to 32 bits, two's complement.

    >>> i32(2**31), i32(-(2**31) - 1), i32(5)
    (-2147483648, 2147483647, 5)
    """
    return (x + (1 << 31)) % (1 << 32) - (1 << 31)


def shift_toward_zero(x: int, bits: int) -> int:
    """Divide by 2^bits, rounding toward zero.

    >>> shift_toward_zero(7, 1), shift_toward_zero(-7, 1)
    (3, -3)
    """
    return x >> bits if x >= 0 else -(-x >> bits)


def synapse(weights: Sequence[int], events: Sequence[int], weight_exp: int) -> int:
    """Input of one neuron from one connection: the sum is shifted, not each weight.

    >>> synapse([2, -4], [3, 1], 1), synapse([2, -4], [0, 1], -3)
    (4, -1)
    """
    total = i32(sum(w * e for w, e in zip(weights, events, strict=True)))
    return i32(total << weight_exp) if weight_exp > 0 else total >> -weight_exp


def current(u: int, a_in: int, du: int) -> tuple[int, bool]:
    """Update of u, and whether it wrapped. Du is one less than the decay it stands for; u wraps once.

    >>> current(u=64, a_in=1, du=2047)
    (96, False)
    """
    decayed = i32(shift_toward_zero(u * (4096 - (du + 1)), 12))
    before = i32(decayed + i32(a_in << 6))
    u = i32(before - 2 * M) if before > M else before
    if u <= -M:
        u = i32(before + 2 * M)
    return u, u != before


def cut(v: int) -> int:
    """Return v within +-(2^23 - 1).

    >>> cut(2**23), cut(-5)
    (8388607, -5)
    """
    return min(max(v, -M + 1), M - 1)


def membrane(v: int, u: int, dv: int, bias: int) -> int:
    """Return v before it is cut.

    >>> membrane(v=-100, u=96, dv=1, bias=3)
    0
    """
    return i32(i32(shift_toward_zero(v * (4096 - dv), 12)) + u + bias)


def _step(
    before: tuple[int, int], u: int, total: int, s: int, v: int, wrapped: bool, more: tuple[int, ...] = ()
) -> Step:
    """Return a step to u and v; active unless u and v were and are at rest, v also before its reset."""
    active = any((*before, u, cut(total)))
    return Step(u, v, s, active, wrapped, total != cut(total), more)


def lif(
    u: int, v: int, a_in: int, du: int, dv: int, vth: int, bias_mant: int, bias_exp: int, *_: int
) -> Step:
    """Rule of `LIF`: strict threshold, v (not u) to zero after a spike.

    >>> lif(u=0, v=0, a_in=5, du=4095, dv=0, vth=5, bias_mant=0, bias_exp=0).s  # equal is not above
    0
    >>> lif(u=0, v=0, a_in=5, du=4095, dv=0, vth=5, bias_mant=1, bias_exp=0)[:4]
    (320, 0, 1, True)
    """
    before = u, v
    u, wrapped = current(u, a_in, du)
    total = membrane(v, u, dv, bias_mant << bias_exp)
    s = int(cut(total) > vth << 6)
    return _step(before, u, total, s, 0 if s else cut(total), wrapped)


def plif(
    u: int, v: int, a_in: int, du: int, dv: int, vth: int, bias_mant: int, bias_exp: int, *_: int
) -> Step:
    """Rule of `PLIF`: it spikes at the threshold too.

    >>> plif(u=0, v=0, a_in=5, du=4095, dv=0, vth=5, bias_mant=0, bias_exp=0).s
    1
    """
    before = u, v
    u, wrapped = current(u, a_in, du)
    total = membrane(v, u, dv, bias_mant << bias_exp)
    s = int(cut(total) >= vth << 6)
    return _step(before, u, total, s, 0 if s else cut(total), wrapped)


def lif_subtract(
    u: int, v: int, fired: int, a_in: int, du: int, dv: int, vth: int, bias_mant: int, bias_exp: int, *_: int
) -> Step:
    """Rule of `LIFSubtract`: after a spike the threshold goes from v, one step later.

    >>> lif_subtract(u=0, v=640, fired=1, a_in=1, du=4095, dv=2048, vth=4, bias_mant=0, bias_exp=0)[:3]
    (64, 128, 0)
    """
    before = u, v
    u, wrapped = current(u, a_in, du)
    total = i32(membrane(v, u, dv, bias_mant << bias_exp) - fired * (vth << 6))
    s = int(cut(total) > vth << 6)
    return _step(before, u, total, s, cut(total), wrapped, (s,))


def lif_no_reset(
    u: int, v: int, a_in: int, du: int, dv: int, vth: int, bias_mant: int, bias_exp: int, *_: int
) -> Step:
    """Rule of `LIFNoReset`: a spike leaves no trace.

    >>> lif_no_reset(u=0, v=0, a_in=5, du=4095, dv=0, vth=4, bias_mant=0, bias_exp=0)[:3]
    (320, 320, 1)
    """
    before = u, v
    u, wrapped = current(u, a_in, du)
    total = membrane(v, u, dv, bias_mant << bias_exp)
    return _step(before, u, total, int(cut(total) > vth << 6), cut(total), wrapped)


def lif_refractory(
    u: int,
    v: int,
    rest: int,
    a_in: int,
    du: int,
    dv: int,
    vth: int,
    bias_mant: int,
    bias_exp: int,
    _u0: int = 0,
    _v0: int = 0,
    refractory: int = 0,
) -> Step:
    """Rule of `LIFRefractory`: for `rest` more steps v stays, and u goes on.

    >>> lif_refractory(0, 0, 0, 5, du=4095, dv=0, vth=4, bias_mant=0, bias_exp=0, refractory=2)[2:]
    (1, True, False, False, (2,))
    >>> lif_refractory(0, 0, 2, 5, du=4095, dv=0, vth=4, bias_mant=0, bias_exp=0, refractory=2)
    Step(u=320, v=0, s=0, active=True, wrapped=False, saturated=False, more=(1,))
    """
    before = u, v
    u, wrapped = current(u, a_in, du)
    if rest:
        return _step(before, u, v, 0, v, wrapped, (rest - 1,))
    total = membrane(v, u, dv, bias_mant << bias_exp)
    s = int(cut(total) > vth << 6)
    return _step(before, u, total, s, 0 if s else cut(total), wrapped, (s * refractory,))


def alif(
    u: int,
    v: int,
    fired: int,
    e: int,
    a_in: int,
    du: int,
    dv: int,
    vth: int,
    bias_mant: int,
    bias_exp: int,
    _u0: int = 0,
    _v0: int = 0,
    de: int = 0,
    jump: int = 0,
) -> Step:
    """Rule of `ALIF`: a spike raises the threshold, and the raised threshold goes from v.

    >>> alif(u=0, v=640, fired=1, e=0, a_in=1, du=4095, dv=0, vth=4, bias_mant=0, bias_exp=0, jump=10)
    Step(u=64, v=438, s=1, active=True, wrapped=False, saturated=False, more=(1, 10))
    """
    before = u, v
    e = cut(shift_toward_zero(e * (4096 - de), 12) + fired * jump)
    threshold = (vth << 6) + e
    u, wrapped = current(u, a_in, du)
    total = i32(membrane(v, u, dv, bias_mant << bias_exp) - fired * threshold)
    s = int(cut(total) > threshold)
    return _step(before, u, total, s, cut(total), wrapped, (s, e))


def li(u: int, v: int, a_in: int, du: int, dv: int, bias_mant: int, bias_exp: int, *_: int) -> Step:
    """Rule of `LI`: the membrane alone.

    >>> li(u=0, v=64, a_in=1, du=4095, dv=2048, bias_mant=3, bias_exp=2).v
    108
    """
    before = u, v
    u, wrapped = current(u, a_in, du)
    total = membrane(v, u, dv, bias_mant << bias_exp)
    return _step(before, u, total, 0, cut(total), wrapped)


def graded_li(
    u: int, v: int, a_in: int, du: int, dv: int, vth: int, bias_mant: int, bias_exp: int, *_: int
) -> Step:
    """Rule of `GradedLI`: what is above the threshold is sent in units of a weight.

    >>> graded_li(u=0, v=64, a_in=5, du=4095, dv=0, vth=5, bias_mant=63, bias_exp=0)[:3]
    (320, 447, 6)
    """
    before = u, v
    u, wrapped = current(u, a_in, du)
    total = membrane(v, u, dv, bias_mant << bias_exp)
    v = cut(total)
    return _step(before, u, total, v >> 6 if v > vth << 6 else 0, v, wrapped)


def graded_relu(u: int, v: int, a_in: int, vth: int) -> Step:
    """Rule of `GradedReLU`: no state.

    >>> graded_relu(0, 0, 5, vth=5).s, graded_relu(0, 0, 6, vth=5).s
    (0, 6)
    """
    return Step(0, 0, a_in if a_in > vth else 0, a_in != 0, False, False)


RULES: dict[type, Callable[..., Step]] = {
    LIF: lif,
    PLIF: plif,
    LIFSubtract: lif_subtract,
    LIFNoReset: lif_no_reset,
    LIFRefractory: lif_refractory,
    ALIF: alif,
    LI: li,
    GradedLI: graded_li,
    GradedReLU: graded_relu,
}
MORE = {LIFSubtract: 1, LIFRefractory: 1, ALIF: 2}  # what is remembered beside u and v, from 0


def run(program: Program, x: np.ndarray | Mapping[str, np.ndarray], record: Iterable[str] = ()) -> Trace:
    """Run a Program, neuron by neuron; slow, and right by definition.

    Parameters
    ----------
    program : Program
        The network.
    x : int (batch, steps, *shape), or {input name: array}
        Whole numbers, 0 to the input's largest event.
    record : iterable of str
        Populations whose spikes, u and v are kept.

    Raises
    ------
    BadInput
        x does not fit the inputs, or a name to record does not exist.
    """
    events = check_events(program, x)
    record = check_record(record, program.populations)
    batch, steps = next(iter(events.values())).shape[:2]
    tables = _tables(program)
    kept = {n: _Kept(batch, steps, program.size(n), program.sent_dtype(n)) for n in program.populations}
    counts = _empty_counts(program, batch)
    for b in range(batch):
        state = {n: _first_state(neuron) for n, neuron in program.populations.items()}
        sent: list[dict[str, list[int]]] = []
        for t in range(steps):
            sent.append({name: values[b, t].tolist() for name, values in events.items()})
            _network_step(program, tables, state, sent, kept, counts, b, t)
    return _trace(program, kept, counts, record, (batch, steps))


Row = list[tuple[int, int]]  # channel and weight of every synapse of one neuron


def dense_rows(connection: Dense) -> list[Row]:
    """Return the synapses of each neuron; zero weights are none.

    >>> dense_rows(Dense("a", "b", [[2, 0], [4, 6]]))
    [[(0, 2)], [(0, 4), (1, 6)]]
    """
    return [[(j, w) for j, w in enumerate(row) if w] for row in connection.weights.tolist()]


def sparse_rows(connection: Sparse) -> list[Row]:
    """Return the synapses of each neuron."""
    stored = connection.weights
    pairs = list(zip(stored.indices.tolist(), stored.data.tolist(), strict=True))
    starts = stored.indptr.tolist()
    return [pairs[a:b] for a, b in zip(starts, starts[1:], strict=False)]


def conv_rows(connection: Conv) -> list[Row]:
    """Return the synapses of each neuron: a place of its window that lies on a channel and weighs something.

    >>> conv_rows(Conv("a", "b", [[[2, 4, 6]]], input_shape=(1, 3), stride=2, padding=1))
    [[(0, 4), (1, 6)], [(1, 2), (2, 4)]]
    """
    channels, *windows = connection.windows
    _, *sizes = connection.input_shape
    per_group = channels // connection.groups
    within = connection.weights.shape[1]
    rows = []
    for out in range(channels):
        first = within * (out // per_group)
        for window in product(*map(range, windows)):
            row: Row = []
            for place in product(range(within), *map(range, connection.weights.shape[2:])):
                on = zip(
                    window, connection.stride, place[1:], connection.dilation, connection.padding, strict=True
                )  # type: ignore[arg-type]
                at = [w * stride + k * dilation - padding for w, stride, k, dilation, padding in on]
                weight = int(connection.weights[(out, *place)])
                if weight and all(0 <= i < n for i, n in zip(at, sizes, strict=True)):
                    j = first + place[0]
                    for i, n in zip(at, sizes, strict=True):
                        j = j * n + i
                    row.append((j, weight))
            rows.append(row)
    return rows


ROWS: dict[type, Callable[..., list[Row]]] = {Dense: dense_rows, Sparse: sparse_rows, Conv: conv_rows}


class _Tables(NamedTuple):
    """A Program as plain integers."""

    registers: dict[str, list[tuple[int, ...]]]  # a row for each neuron
    synapses: dict[str, list[Row]]


class _Kept:
    def __init__(self, batch: int, steps: int, size: int, dtype: type) -> None:
        self.s = np.zeros((batch, steps, size), dtype)
        self.u = np.zeros((batch, steps, size), np.int32)
        self.v = np.zeros((batch, steps, size), np.int32)


def _tables(program: Program) -> _Tables:
    registers = {}
    for name, neuron in program.populations.items():
        columns = [getattr(neuron, field).ravel().tolist() for field in neuron.registers()]
        registers[name] = list(zip(*columns, strict=True))
    return _Tables(registers, {c.name: ROWS[type(c)](c) for c in program.connections})


def _first_state(neuron: Neuron) -> list[tuple[int, ...]]:
    more = (0,) * MORE.get(type(neuron), 0)
    if isinstance(neuron, GradedReLU):
        return [(0, 0)] * neuron.size
    return [
        (u, v, *more) for u, v in zip(neuron.u0.ravel().tolist(), neuron.v0.ravel().tolist(), strict=True)
    ]


def _empty_counts(program: Program, batch: int) -> Counts:
    counts = {c: {n: np.zeros(batch, np.int64) for n in program.populations} for c in COUNTERS}
    counts["syn_ops"] = {c.name: np.zeros(batch, np.int64) for c in program.connections}
    return Counts(**counts)


def _network_step(
    program: Program,
    tables: _Tables,
    state: dict[str, list[tuple[int, ...]]],
    sent: list[dict[str, list[int]]],
    kept: dict[str, _Kept],
    counts: Counts,
    b: int,
    t: int,
) -> None:
    for name, neuron in program.populations.items():
        a_in = [0] * neuron.size
        for c in program.incoming(name):
            if c.delay <= t:
                _deliver(c, tables.synapses[c.name], sent[t - c.delay][c.source], a_in, counts, b)
        rule = RULES[type(neuron)]
        rows = zip(state[name], a_in, tables.registers[name], strict=True)
        after = [rule(*before, a, *row) for before, a, row in rows]
        state[name] = [(n.u, n.v, *n.more) for n in after]
        sent[t][name] = [n.s for n in after]
        kept[name].u[b, t] = [n.u for n in after]
        kept[name].v[b, t] = [n.v for n in after]
        kept[name].s[b, t] = sent[t][name]
        active = sum(n.active for n in after)
        counts.dendrite_updates_active[name][b] += active
        counts.dendrite_updates_inactive[name][b] += neuron.size - active
        counts.wraps[name][b] += sum(n.wrapped for n in after)
        counts.saturations[name][b] += sum(n.saturated for n in after)
        messages = sum(n.s != 0 for n in after)
        counts.spikes_out[name][b] += messages
        counts.axon_out[name][b] += messages * program.destinations(name)


def _deliver(
    connection: Connection,
    synapses: list[Row],
    events: list[int],
    a_in: list[int],
    counts: Counts,
    b: int,
) -> None:
    for i, row in enumerate(synapses):
        reached = [(w, events[j]) for j, w in row if events[j]]
        arriving = synapse([w for w, _ in reached], [e for _, e in reached], connection.weight_exp)
        a_in[i] = i32(a_in[i] + arriving)
        counts.syn_ops[connection.name][b] += len(reached)
    counts.spikes_in[connection.target][b] += sum(event != 0 for event in events)


def _trace(
    program: Program, kept: dict, counts: Counts, record: tuple[str, ...], leading: tuple[int, int]
) -> Trace:
    def shaped(name: str, values: np.ndarray) -> np.ndarray:
        return values.reshape(*leading, *program.populations[name].shape)

    outputs = {n: shaped(n, kept[n].s if program.sends(n) else kept[n].v) for n in program.outputs}
    return Trace(
        output=collect(program.outputs, outputs),
        spikes={n: shaped(n, kept[n].s) for n in record if program.sends(n)},
        u={n: shaped(n, kept[n].u) for n in record},
        v={n: shaped(n, kept[n].v) for n in record},
        counts=counts,
    )
