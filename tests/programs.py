"""Drawn Programs and inputs, with the ends of every register drawn often."""

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from lavalier.simulate import LI, LIF, Dense, Input, Program, Trace, compare
from lavalier.simulate.connections import weight_step
from lavalier.simulate.neurons import NEURONS, Neuron
from lavalier.simulate.ranges import RANGES


def ends_often(low: int, high: int) -> st.SearchStrategy[int]:
    """Whole numbers whose ends come as often as all others together."""
    return st.sampled_from([low, low + 1, high - 1, high]) | st.integers(low, high)


def register(field: str) -> st.SearchStrategy[int]:
    return ends_often(*RANGES[field])


def columns(draw, n: int, *fields: str) -> dict[str, list[int]]:
    return {f: draw(st.lists(register(f), min_size=n, max_size=n)) for f in fields}


@st.composite
def dense(draw, source: str, n_in: int, target: str, n_out: int, delay: int = 0) -> Dense:
    bits = draw(st.integers(1, 8))
    step = weight_step(bits)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    weights = rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), (n_out, n_in)) * step
    weights *= rng.random(weights.shape) < draw(st.sampled_from([0.3, 1.0]))
    return Dense(source, target, weights, draw(register("weight_exp")), bits, delay)


SENDING = [kind for kind in NEURONS.values() if kind.message_bits is not None]


@st.composite
def neurons(draw, n: int, kinds: Sequence[type[Neuron]], at_rest: bool = False) -> Neuron:
    kind = draw(st.sampled_from(kinds))
    registers = columns(draw, n, *(field for field in kind.registers() if field not in ("u0", "v0")))
    if "du" in registers and draw(st.booleans()):
        registers["du"] = [4095] * n
    if "u0" in kind.registers() and not at_rest and draw(st.booleans()):
        registers |= columns(draw, n, "u0", "v0")
    return kind((n,), **registers)


@st.composite
def another(draw, sizes: dict, populations: dict, connections: list) -> list[Dense]:
    """A connection from anywhere to anywhere, if there is none like it."""
    names = list(sizes)
    source, target = draw(st.sampled_from(names[:-1])), draw(st.sampled_from(list(populations)))
    ahead = names.index(source) < names.index(target)
    delay = max(draw(st.integers(0, 3) | register("delay")), int(not ahead))
    if (source, target, delay) in {(c.source, c.target, c.delay) for c in connections}:
        return []
    return [draw(dense(source, sizes[source], target, sizes[target], delay))]


@st.composite
def programs(draw, loops: bool = True, kinds: Sequence[type[Neuron]] = SENDING) -> Program:
    """One or two inputs, up to three layers, every register, fan-in from several sources.

    With `loops` also delays, skipping connections, and connections back to any population. LIF alone are
    drawn at rest.
    """
    at_rest = tuple(kinds) == (LIF,)
    inputs = {"in": Input((draw(st.integers(1, 12)),), draw(st.sampled_from([0, 1, 8, 24])))}
    if draw(st.booleans()):
        inputs["other"] = Input((draw(st.integers(1, 5)),), draw(st.sampled_from([0, 4])))
    sizes = {name: entry.size for name, entry in inputs.items()}
    populations, connections, before = {}, [], list(inputs)
    for layer in range(draw(st.integers(1, 3))):
        n, name = draw(st.integers(1, 9)), f"layer{layer}"
        populations[name] = draw(neurons(n, kinds, at_rest))
        connections += [draw(dense(source, sizes[source], name, n)) for source in before]
        sizes[name], before = n, [name]
    n = draw(st.integers(1, 4))
    populations["readout"] = draw(neurons(n, [LI], at_rest))
    connections += [draw(dense(source, sizes[source], "readout", n)) for source in before]
    sizes["readout"] = n
    for _ in range(draw(st.integers(0, 3)) if loops else 0):
        connections += draw(another(sizes, populations, connections))
    outputs = draw(st.sampled_from([["readout"], ["readout", "layer0"], ["layer0"]]))
    return Program(inputs, populations, tuple(connections), tuple(outputs), dt=1e-3)


@st.composite
def events(draw, program: Program, steps: int = 8) -> dict[str, np.ndarray]:
    """Input for a Program: silence, single events, and the largest event often."""
    batch, rng = draw(st.integers(1, 4)), np.random.default_rng(draw(st.integers(0, 2**32)))
    x = {}
    for name, entry in program.inputs.items():
        shape = (batch, steps, entry.size)
        drawn = rng.integers(0, entry.largest + 1, shape)
        drawn = np.where(rng.random(shape) < 0.3, entry.largest, drawn)
        x[name] = drawn * (rng.random(shape) < draw(st.sampled_from([0.0, 0.3, 1.0])))
    return x


def assert_equal(a: Trace, b: Trace) -> None:
    """Every value and every count of two traces, with the first difference in the message."""
    found = compare(a, b)
    assert found.equal, found.to_text()
    for part in ("spikes", "u", "v"):
        dtypes = [{n: x.dtype for n, x in getattr(t, part).items()} for t in (a, b)]
        assert dtypes[0] == dtypes[1]
