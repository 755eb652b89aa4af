"""Drawn Programs and inputs, with the ends of every register drawn often."""

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st
from scipy.sparse import csr_array

from lavalier.simulate import LI, LIF, Conv, Dense, Input, Program, Sparse, Trace, compare
from lavalier.simulate.connections import Connection
from lavalier.simulate.neurons import NEURONS, Neuron
from lavalier.simulate.ranges import RANGES
from lavalier.simulate.synapses import SIGN_MODES, weight_grid


def ends_often(low: int, high: int) -> st.SearchStrategy[int]:
    """Whole numbers whose ends come as often as all others together."""
    return st.sampled_from([low, low + 1, high - 1, high]) | st.integers(low, high)


def register(field: str) -> st.SearchStrategy[int]:
    return ends_often(*RANGES[field])


def columns(draw, n: int, *fields: str) -> dict[str, list[int]]:
    return {f: draw(st.lists(register(f), min_size=n, max_size=n)) for f in fields}


@st.composite
def settings(draw, delay: int = 0) -> dict:
    """What every connection has beside its weights."""
    bits, sign_mode = draw(st.integers(1, 8)), draw(st.sampled_from(SIGN_MODES))
    exp = draw(register("weight_exp"))
    return {"weight_exp": exp, "num_weight_bits": bits, "delay": delay, "sign_mode": sign_mode}


def weights(draw, shape: tuple[int, ...], settings: dict) -> np.ndarray:
    """Weights on the grid of some settings, all of them or a third."""
    step, low, high = weight_grid(settings["num_weight_bits"], settings["sign_mode"])
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    drawn = rng.integers(low // step, high // step + 1, shape) * step
    return drawn * (rng.random(shape) < draw(st.sampled_from([0.05, 0.3, 1.0])))


@st.composite
def pairs(draw, source: str, n_in: int, target: str, n_out: int, delay: int = 0) -> Dense | Sparse:
    given = draw(settings(delay))
    drawn = weights(draw, (n_out, n_in), given)
    if draw(st.booleans()):
        return Sparse(source, target, csr_array(drawn), **given)
    return Dense(source, target, drawn, **given)


@st.composite
def axes(draw, n: int) -> tuple[int, ...]:
    """A shape of `n` channels that a convolution can run over."""
    channels = draw(st.sampled_from([c for c in range(1, n + 1) if n % c == 0]))
    height = draw(st.sampled_from([h for h in range(1, n + 1) if n // channels % h == 0]))
    return draw(st.sampled_from([(channels, n // channels), (channels, height, n // channels // height)]))


@st.composite
def convs(draw, source: str, shape: tuple[int, ...], target: str) -> Conv:
    channels, *sizes = shape if len(shape) > 1 else draw(axes(*shape))
    groups = draw(st.sampled_from([g for g in (1, 2, 3) if channels % g == 0]))
    padding = tuple(draw(st.integers(0, 2)) for _ in sizes)
    room = [n + 2 * p for n, p in zip(sizes, padding, strict=True)]
    kernel = tuple(draw(st.integers(1, min(3, n))) for n in room)
    fits = [1 if k == 1 else (n - 1) // (k - 1) for n, k in zip(room, kernel, strict=True)]
    given = draw(settings())
    shape = (groups * draw(st.integers(1, 2)), channels // groups, *kernel)
    return Conv(
        source,
        target,
        weights(draw, shape, given),
        **given,
        input_shape=(channels, *sizes),
        stride=tuple(draw(st.integers(1, 3)) for _ in sizes),
        padding=padding,
        dilation=tuple(draw(st.integers(1, min(3, n))) for n in fits),
        groups=groups,
    )


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
def another(draw, sizes: dict, populations: dict, connections: list) -> list[Connection]:
    """A connection from anywhere to anywhere, if there is none like it."""
    names = list(sizes)
    source, target = draw(st.sampled_from(names[:-1])), draw(st.sampled_from(list(populations)))
    ahead = names.index(source) < names.index(target)
    delay = max(draw(st.integers(0, 3) | register("delay")), int(not ahead))
    if (source, target, delay) in {(c.source, c.target, c.delay) for c in connections}:
        return []
    return [draw(pairs(source, sizes[source], target, sizes[target], delay))]


@st.composite
def programs(draw, loops: bool = True, kinds: Sequence[type[Neuron]] = SENDING) -> Program:
    """One or two inputs, up to three layers, every register and connection, fan-in from several sources.

    With `loops` also delays, skipping connections, and connections back to any population. LIF alone are
    drawn at rest.
    """
    at_rest = tuple(kinds) == (LIF,)
    shape = draw(st.just((draw(st.integers(1, 12)),)) | axes(draw(st.sampled_from([8, 12, 20]))))
    scale = draw(st.sampled_from([1.0, 0.3, 1e4]))
    inputs = {"in": Input(shape, draw(st.sampled_from([0, 1, 8, 24])), scale)}
    if draw(st.booleans()):
        inputs["other"] = Input((draw(st.integers(1, 5)),), draw(st.sampled_from([0, 4])))
    sizes = {name: entry.size for name, entry in inputs.items()}
    populations, connections, before = {}, [], list(inputs)
    for layer in range(draw(st.integers(1, 3))):
        n, name, joined = draw(st.integers(1, 9)), f"layer{layer}", []
        if draw(st.booleans()):
            source = before[0]
            shape = (inputs.get(source) or populations[source]).shape
            joined = [draw(convs(source, shape, name))]
            n = joined[0].shape[0]
        populations[name] = draw(neurons(n, kinds, at_rest))
        if joined and draw(st.booleans()):
            populations[name] = populations[name].reshaped(joined[0].windows)
        joined += [draw(pairs(source, sizes[source], name, n)) for source in before[len(joined) :]]
        connections += joined
        sizes[name], before = n, [name]
    n = draw(st.integers(1, 4))
    populations["readout"] = draw(neurons(n, [LI], at_rest))
    connections += [draw(pairs(source, sizes[source], "readout", n)) for source in before]
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
        drawn = drawn * (rng.random(shape) < draw(st.sampled_from([0.0, 0.3, 1.0])))
        x[name] = drawn.reshape(batch, steps, *entry.shape)
    return x


def assert_equal(a: Trace, b: Trace) -> None:
    """Every value and every count of two traces, with the first difference in the message."""
    found = compare(a, b)
    assert found.equal, found.to_text()
    for part in ("spikes", "u", "v"):
        dtypes = [{n: x.dtype for n, x in getattr(t, part).items()} for t in (a, b)]
        assert dtypes[0] == dtypes[1]
