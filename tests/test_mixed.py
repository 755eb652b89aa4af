"""A network of which some populations are floats and some integers, and its two ends."""

from itertools import chain, combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lavalier import export
from lavalier.export.diagnosis.mixed import Mixed
from lavalier.export.diagnosis.sides import side_of
from lavalier.simulate import LIF, Dense, Input, Program, run
from lavalier.simulate.errors import BadInput
from lavalier.simulate.program_nir import to_nir

from .plants import convolutional, halve_a_scale, recurrent
from .programs import events, programs
from .test_quantize import network, on_the_grid

DRAWN = {"plain": (network, (12,)), "recurrent": (recurrent, (12,)), "conv": (convolutional, (2, 6, 6))}


def events_for(shape: tuple[int, ...], seed: int = 0, steps: int = 30) -> np.ndarray:
    return (np.random.default_rng(seed).random((4, steps, *shape)) < 0.3).astype(int)


@pytest.mark.parametrize("kind", DRAWN)
@pytest.mark.parametrize("seed", range(3))
def test_all_from_one_side_is_that_side(kind, seed):
    draw, shape = DRAWN[kind]
    graph, x = draw(seed), events_for(shape)
    program = export.quantize(graph, x)
    mixed = Mixed(side_of(graph), side_of(program), x)
    names = mixed.layers
    floats, fixed = run(graph, x, names), run(program, x, names)
    for sent, trace in ((mixed.run(()), floats), (mixed.run(names), fixed)):
        for name, spikes in trace.spikes.items():
            assert np.array_equal(sent[name], spikes.reshape(*spikes.shape[:2], -1)) and spikes.any()
    output = names[-1]
    assert np.allclose(mixed.run(())[output], floats.output, atol=1e-12)
    assert np.array_equal(mixed.run(names)[output], fixed.output)


@pytest.mark.parametrize("policy", [{}, {"compare": ">="}, {"reset": "none"}, {"reset": "subtract-delayed"}])
def test_every_reset_in_floats_is_the_graph(policy):
    graph, x = on_the_grid(None, **policy)
    mixed = Mixed(side_of(graph), side_of(graph), x)
    assert np.array_equal(mixed.run(())["n"], run(graph, x).output)


@settings(max_examples=30)
@given(programs(), st.data())
def test_all_of_a_program_is_the_program(program, data):
    if any(p.message_bits == 31 for p in program.populations.values()):
        return  # no input holds what it may send
    x, names = data.draw(events(program)), tuple(program.populations)
    sent = Mixed(side_of(program), side_of(program), x).run(names)
    trace = run(program, x, names)
    for name in names:
        expected = trace.spikes[name] if program.sends(name) else trace.v[name]
        assert np.array_equal(sent[name], expected.reshape(*expected.shape[:2], -1))


def test_a_layer_from_the_other_side_changes_what_follows_only():
    graph, x = network(0), events_for((12,))
    program = export.quantize(graph, x, weight_bits=4)
    mixed = Mixed(side_of(graph), side_of(program), x)
    floats, fixed, one = mixed.run(()), mixed.run(mixed.layers), mixed.run(["b"])
    assert np.array_equal(one["a"], floats["a"])
    assert not np.array_equal(one["b"], floats["b"]) and not np.array_equal(one["b"], fixed["b"])
    assert one["readout"].dtype == float
    # the layers before it are those of the whole Program, so its own integers are too
    assert np.array_equal(mixed.run(["a", "b"])["b"], fixed["b"])


def test_networks_of_other_layers_are_refused():
    graph, program = recurrent(0), export.quantize(network(0))
    with pytest.raises(BadInput, match="two different networks: the populations are a 10, b 8, c 3 and"):
        Mixed(side_of(graph), side_of(program), events_for((12,)))
    with pytest.raises(BadInput, match="nothing to compare"):
        Mixed(side_of(graph), side_of(graph), events_for((12,), steps=0))
    with pytest.raises(BadInput, match=r"input 'in': x is \(4, 30, 5\)"):
        Mixed(side_of(graph), side_of(graph), events_for((5,)))


def test_every_mixture_of_what_is_exact_on_both_sides_is_the_same():
    """Without leaks integers lose nothing, so floats and integers agree in a loop of two, however mixed."""
    rng = np.random.default_rng(3)
    names, n = ("a", "b", "c"), 6
    weights = {pair: 2 * rng.integers(-20, 25, (n, n)) for pair in ("in a", "a b", "b a", "b c", "a a")}
    late = {"b a": 1, "a a": 3}
    connections = [Dense(*pair.split(), w, delay=late.get(pair, 0)) for pair, w in weights.items()]
    populations = {name: LIF((n,), vth=60, bias_mant=64 * (name == "b")) for name in names}
    program = Program({"in": Input((n,))}, populations, connections, ["c"], dt=1e-3)
    x = events_for((n,), steps=40)
    mixed = Mixed(side_of(to_nir(program)), side_of(program), x)
    expected = run(program, x, names).spikes
    for from_b in chain.from_iterable(combinations(names, k) for k in range(4)):
        sent = mixed.run(from_b)
        for name in names:
            assert np.array_equal(sent[name], expected[name]) and expected[name].any()


def test_floats_reach_each_side_in_its_own_unit():
    """A Program whose input has a scale takes events, a graph the numbers that they stand for."""
    graph, x = network(0), np.random.default_rng(0).random((6, 40, 12))
    program = export.quantize(graph, x, input_bits=6)
    assert program.inputs["in"].scale != 1
    found = export.diagnose(graph, program, x)
    assert found.defects == []
    mixed = Mixed(side_of(graph), side_of(program), x)
    assert np.array_equal(
        mixed.run(["a", "b", "readout"])["a"], run(program, program.encode(x), ["a"]).spikes["a"]
    )
    assert np.array_equal(mixed.run(())["a"], run(graph, x, ["a"]).spikes["a"])
    broken, layer, reason = halve_a_scale(program, np.random.default_rng(0))
    (defect, *_) = export.diagnose(graph, broken, x).defects
    assert (defect.layer, defect.reason) == (layer, reason)
    with pytest.raises(BadInput, match="input 'in': whole numbers are events, 1 a unit of input for a"):
        export.diagnose(graph, program, program.encode(x))
