"""The law of arithmetic: plain Python integers, one neuron, one step.

This file is the definition. `fast` and Lava are right when they equal it in u, v, s and counts; it
shares no arithmetic with them. Source: Lava 0.10.0, lava/proc/{lif,dense}/models.py, read and
measured against its runtime.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from .connections import Dense
from .events import check_events, check_record
from .neurons import LI, LIF
from .program import Program
from .trace import COUNTERS, Counts, Trace, collect

M = 1 << 23


class Step(NamedTuple):
    """One neuron after one step."""

    u: int
    v: int
    s: int
    active: bool
    wrapped: bool
    saturated: bool


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


def membrane(u: int, v: int, a_in: int, du: int, dv: int, bias: int) -> tuple[int, int, bool, bool]:
    """Update of u and v before the comparison; whether u wrapped and v saturated.

    Du is one less than the decay it stands for. u wraps once; v is cut.

    >>> membrane(u=64, v=-100, a_in=1, du=2047, dv=1, bias=3)
    (96, 0, False, False)
    """
    decayed = i32(shift_toward_zero(u * (4096 - (du + 1)), 12))
    current = i32(decayed + i32(a_in << 6))
    u = i32(current - 2 * M) if current > M else current
    if u <= -M:
        u = i32(current + 2 * M)
    total = i32(i32(shift_toward_zero(v * (4096 - dv), 12)) + u + bias)
    v = min(max(total, -M + 1), M - 1)
    return u, v, u != current, v != total


def lif(u: int, v: int, a_in: int, du: int, dv: int, vth: int, bias_mant: int, bias_exp: int) -> Step:
    """Rule of `LIF`: strict threshold, v (not u) to zero after a spike.

    >>> lif(u=0, v=0, a_in=5, du=4095, dv=0, vth=5, bias_mant=0, bias_exp=0).s  # equal is not above
    0
    >>> lif(u=0, v=0, a_in=5, du=4095, dv=0, vth=5, bias_mant=1, bias_exp=0)
    Step(u=320, v=0, s=1, active=True, wrapped=False, saturated=False)
    """
    rest = u == 0 and v == 0
    u, v, wrapped, saturated = membrane(u, v, a_in, du, dv, bias_mant << bias_exp)
    active = not (rest and u == 0 and v == 0)
    s = int(v > vth << 6)
    return Step(u, 0 if s else v, s, active, wrapped, saturated)


def li(u: int, v: int, a_in: int, du: int, dv: int, bias_mant: int, bias_exp: int) -> Step:
    """Rule of `LI`: the membrane alone.

    >>> li(u=0, v=64, a_in=1, du=4095, dv=2048, bias_mant=3, bias_exp=2).v
    108
    """
    rest = u == 0 and v == 0
    u, v, wrapped, saturated = membrane(u, v, a_in, du, dv, bias_mant << bias_exp)
    return Step(u, v, 0, not (rest and u == 0 and v == 0), wrapped, saturated)


RULES = {LIF: lif, LI: li}


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
    kept = {n: _Kept(batch, steps, program.size(n)) for n in program.populations}
    counts = _empty_counts(program, batch)
    for b in range(batch):
        state = {n: [(0, 0)] * program.size(n) for n in program.populations}
        sent: list[dict[str, list[int]]] = []
        for t in range(steps):
            sent.append({name: values[b, t].tolist() for name, values in events.items()})
            _network_step(program, tables, state, sent, kept, counts, b, t)
    return _trace(program, kept, counts, record, (batch, steps))


class _Tables(NamedTuple):
    """A Program as plain integers."""

    registers: dict[str, list[tuple[int, ...]]]  # a row for each neuron
    weights: dict[str, list[list[int]]]


class _Kept:
    def __init__(self, batch: int, steps: int, size: int) -> None:
        self.s = np.zeros((batch, steps, size), np.uint8)
        self.u = np.zeros((batch, steps, size), np.int32)
        self.v = np.zeros((batch, steps, size), np.int32)


def _tables(program: Program) -> _Tables:
    registers = {}
    for name, neuron in program.populations.items():
        columns = [getattr(neuron, field).ravel().tolist() for field in neuron.registers()]
        registers[name] = list(zip(*columns, strict=True))
    return _Tables(registers, {c.name: c.weights.tolist() for c in program.connections})


def _empty_counts(program: Program, batch: int) -> Counts:
    counts = {c: {n: np.zeros(batch, np.int64) for n in program.populations} for c in COUNTERS}
    counts["syn_ops"] = {c.name: np.zeros(batch, np.int64) for c in program.connections}
    return Counts(**counts)


def _network_step(
    program: Program,
    tables: _Tables,
    state: dict[str, list[tuple[int, int]]],
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
                _deliver(c, tables.weights[c.name], sent[t - c.delay][c.source], a_in, counts, b)
        rule = RULES[type(neuron)]
        rows = zip(state[name], a_in, tables.registers[name], strict=True)
        after = [rule(u, v, a, *row) for (u, v), a, row in rows]
        state[name] = [(n.u, n.v) for n in after]
        sent[t][name] = [n.s for n in after]
        kept[name].u[b, t] = [n.u for n in after]
        kept[name].v[b, t] = [n.v for n in after]
        kept[name].s[b, t] = sent[t][name]
        active = sum(n.active for n in after)
        counts.dendrite_updates_active[name][b] += active
        counts.dendrite_updates_inactive[name][b] += neuron.size - active
        counts.wraps[name][b] += sum(n.wrapped for n in after)
        counts.saturations[name][b] += sum(n.saturated for n in after)
        counts.spikes_out[name][b] += sum(sent[t][name])
        counts.axon_out[name][b] += sum(sent[t][name]) * program.destinations(name)


def _deliver(
    connection: Dense,
    weights: list[list[int]],
    events: list[int],
    a_in: list[int],
    counts: Counts,
    b: int,
) -> None:
    fired = [j for j, event in enumerate(events) if event]
    for i, row in enumerate(weights):
        arriving = synapse([row[j] for j in fired], [events[j] for j in fired], connection.weight_exp)
        a_in[i] = i32(a_in[i] + arriving)
        counts.syn_ops[connection.name][b] += sum(row[j] != 0 for j in fired)
    counts.spikes_in[connection.target][b] += len(fired)


def _trace(
    program: Program, kept: dict, counts: Counts, record: tuple[str, ...], leading: tuple[int, int]
) -> Trace:
    def shaped(name: str, values: np.ndarray) -> np.ndarray:
        return values.reshape(*leading, *program.populations[name].shape)

    outputs = {n: shaped(n, kept[n].s if program.is_spiking(n) else kept[n].v) for n in program.outputs}
    return Trace(
        output=collect(program.outputs, outputs),
        spikes={n: shaped(n, kept[n].s) for n in record if program.is_spiking(n)},
        u={n: shaped(n, kept[n].u) for n in record},
        v={n: shaped(n, kept[n].v) for n in record},
        counts=counts,
    )
