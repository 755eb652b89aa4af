"""`fast` equals `reference` in every u, v, s and count, for drawn Programs and drawn states."""

import multiprocessing
import os
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from lavalier.simulate import Dense, Input, Program, Sparse, fast, reference, room, stepping, synapse_plan
from lavalier.simulate.errors import BadInput
from lavalier.simulate.layout import BLOCK, LANES
from lavalier.simulate.neurons import LI, LIF, NEURONS, GradedReLU
from lavalier.simulate.ranges import DECAY_ONE, V_MAX
from lavalier.simulate.synapse_plan import lanes_of

from .programs import assert_equal, ends_often, events, programs, register

LAYOUTS = {"MANY": 0.0}, {"MANY": synapse_plan.MANY}, {"MANY": 1.0, "RUN_IN_LANES": 0}


@given(st.data())
def test_equal_on_drawn_programs(data):
    program = data.draw(programs())
    x = data.draw(events(program))
    names = tuple(program.populations)
    expected = reference.run(program, x, names)
    # connections are so small here that nearly all would be laid out as rows
    with patch.multiple(synapse_plan, **data.draw(st.sampled_from(LAYOUTS))):
        assert_equal(fast.run(program, x, names), expected)
        assert_equal(fast.run(program, x, names, threads=1), expected)


@given(
    st.lists(
        st.tuples(
            ends_often(-(2**31), 2**31 - 1),  # u is not confined to 24 bits
            ends_often(-V_MAX, V_MAX),
            ends_often(-(2**25), 2**25) | st.integers(-(2**18), 2**18),
            register("du"),
            register("dv"),
            register("vth"),
            register("bias_mant"),
            register("bias_exp"),
        ),
        min_size=1,
        max_size=40,
    )
)
@example([(2**31 - 1, 0, 0, -1, 0, 0, 0, 0), (-(2**31), 0, 0, -1, 0, 0, 0, 0)])
@example([(0, 0, 131072, 4095, 0, 131071, 0, 0), (0, 0, -131072, 4095, 0, 131071, 0, 0)])
@example([(0, 64, 0, 4095, 0, 1, 0, 0), (0, 64, 0, 4095, 0, 0, 0, 0)])
@example([(0, V_MAX, 0, 4095, 0, 131071, 1, 0), (0, -V_MAX, 0, 4095, 0, 0, -1, 0)])
@example(  # the first leaves its register, and all with it are stepped exactly
    [
        (2**31 - 1, 0, 0, -1, 0, 0, 0, 0),
        (0, 64, 0, 4095, 0, 1, 0, 0),
        (0, 5, 0, 4095, 4096, 9, 0, 0),
        (5, 0, 0, 4095, 0, 9, 0, 0),
    ]
)
def test_one_step_from_drawn_states(rows):
    u, v, a_in, du, dv, vth, mant, exp = (np.array(c, np.int32) for c in zip(*rows, strict=True))
    bias = mant << exp
    expected = [reference.lif(*map(int, row)) for row in zip(u, v, a_in, du, dv, vth, mant, exp, strict=True)]
    u, v, a_in, left_u, left_v, bias, threshold = padded(
        u, v, a_in << 6, DECAY_ONE - (du + 1), DECAY_ONE - dv, bias, vth << 6
    )
    left = room_for_a_step(u.size)
    stepping.step(1, a_in, u, v, left_u, left_v, bias, threshold, left)
    n = len(rows)
    assert u[:n].tolist() == left.u[:n].tolist() == [e.u for e in expected]
    assert v[:n].tolist() == left.v[:n].tolist() == [e.v for e in expected]
    assert spikes_in(left)[:n].tolist() == [e.s for e in expected]
    of_each = [(e.s, e.active, e.wrapped, e.saturated) for e in expected]
    assert left.counts.tolist() == np.sum(of_each, axis=0).tolist()


def padded(*registers: np.ndarray) -> list[np.ndarray]:
    """Each with neurons at rest behind it, to whole vectors."""
    n = len(registers[0])
    return [np.pad(r, (0, lanes_of(n) - n)).astype(np.int32) for r in registers]


def room_for_a_step(lanes: int, steps: int = 1) -> stepping.Left:
    masks = np.zeros(steps * lanes // LANES, np.uint32)
    u, v = np.zeros((2, steps * lanes), np.int32)
    return stepping.Left(masks, lanes // LANES, u, v, lanes, lanes, np.zeros(4, np.int64))


def spikes_in(left: stepping.Left) -> np.ndarray:
    return np.unpackbits(left.masks.view(np.uint8), bitorder="little")


@given(st.data(), st.sampled_from([LANES, 2 * LANES, 3 * LANES]), st.integers(1, 5))
def test_the_lean_step_is_the_step_where_u_has_no_memory_and_little_arrives(data, n, steps):
    calm = data.draw(st.integers(1, V_MAX))
    v, a_in, dv, bias, threshold = (
        np.array(data.draw(st.lists(s, min_size=k, max_size=k)), np.int32)
        for s, k in (
            (ends_often(-V_MAX, V_MAX - calm), n),
            (ends_often(-calm, calm), steps * n),
            (register("dv"), n),
            (ends_often(-524288, 0), n),
            (ends_often(-1, V_MAX - calm), n),
        )
    )
    left_u, left_v = np.zeros(n, np.int32), DECAY_ONE - dv
    found = []
    for step in (stepping.step, stepping.step_lean):
        states, left = (np.zeros(n, np.int32), v.copy()), room_for_a_step(n, steps)
        step(steps, a_in, *states, left_u, left_v, bias, threshold, left)
        found.append((*states, left.masks, left.u, left.v, left.counts))
    for plain, lean in zip(*found, strict=True):
        assert plain.tolist() == lean.tolist()


@pytest.mark.parametrize("weights, bits, weight_exp", [([-256] * 4, 0, 7), ([-2, -2], 18, -3)])
def test_the_least_input_that_wraps_a_current_without_memory(weights, bits, weight_exp):
    """a_in is -2^17: one more, and it would not wrap. The second sum is rounded down to it."""
    program = Program(
        inputs={"in": Input((len(weights),), bits)},
        populations={"a": LIF((1,), vth=1, v0=64)},
        connections=(Dense("in", "a", [weights], weight_exp),),
        outputs=("a",),
    )
    x = np.full((1, 1, len(weights)), program.inputs["in"].largest)
    trace = fast.run(program, x, ("a",))
    assert (trace.u["a"] == 2**23).all() and trace.counts.total("wraps") == 1
    assert_equal(trace, reference.run(program, x, ("a",)))


def test_a_neuron_without_a_bias_rests_beside_those_that_have_one():
    program = Program(
        inputs={"in": Input((1,))},
        populations={"a": LIF((3,), bias_mant=[1, 0, 1])},
        connections=(Dense("in", "a", [[2]] * 3),),
        outputs=("a",),
    )
    trace = fast.run(program, np.zeros((1, 4, 1)))
    assert trace.counts.total("dendrite_updates_inactive") == 4
    assert_equal(trace, reference.run(program, np.zeros((1, 4, 1))))


def wide_program(n: int = 300) -> Program:
    rng = np.random.default_rng(1)
    return Program(
        inputs={"in": Input((n,))},
        populations={"a": LIF((n,), dv=200, vth=900), "b": LIF((n,), du=1000, dv=100, vth=2000)},
        connections=(
            Dense("in", "a", 2 * rng.integers(-128, 128, (n, n)), 1),
            Dense("a", "b", 2 * rng.integers(-128, 128, (n, n)), -2),
        ),
        outputs=("b",),
    )


def test_layers_of_several_vectors_and_words():
    program, x = wide_program(), np.random.default_rng(3).random((2, 4, 300)) < [[[0.02]], [[0.95]]]
    assert_equal(fast.run(program, x, ("a", "b")), reference.run(program, x, ("a", "b")))


@pytest.mark.parametrize("graded", [False, True])
def test_what_is_sent_reaches_from_block_to_block(graded):
    """More steps than a block; a loop, a loop of two, a short way and a long one."""
    rng = np.random.default_rng(4)

    def joined(source: str, target: str, n_out: int, n_in: int, delay: int = 0) -> Dense:
        return Dense(source, target, 2 * rng.integers(-60, 80, (n_out, n_in)), 1, delay=delay)

    neuron = GradedReLU((6,), vth=1) if graded else LIF((6,), du=1000, dv=900, vth=150)
    program = Program(
        inputs={"in": Input((5,), 4 * graded)},
        populations={"a": neuron, "b": LIF((7,), dv=500, vth=300), "sum": LI((3,), dv=100)},
        connections=(
            joined("in", "a", 6, 5), joined("in", "b", 7, 5, 3), joined("a", "b", 7, 6, 37),
            joined("b", "b", 7, 7, 2), joined("b", "sum", 3, 7),
        ),
        outputs=("sum",),
    )  # fmt: skip
    x = rng.integers(0, 2 + 10 * graded, (2, 2 * BLOCK + 9, 5)) * (rng.random((2, 1, 5)) < 0.6)
    names = tuple(program.populations)
    trace = fast.run(program, x, names)
    assert_equal(trace, reference.run(program, x, names))
    assert trace.counts.spikes_out["b"].min() > 20


def test_of_several_populations_of_a_kind_each_keeps_its_own():
    rng = np.random.default_rng(5)
    neurons = {
        "a": LIF((3,), dv=500, vth=90), "b": GradedReLU((5,), vth=1), "c": LIF((2,), dv=900, vth=30),
        "d": GradedReLU((4,), vth=1), "e": LI((6,), dv=100),
    }  # fmt: skip
    links = [Dense("in", n, 2 * rng.integers(-20, 90, (a.size, 7))) for n, a in neurons.items()]
    program = Program({"in": Input((7,))}, neurons, links, tuple(neurons))
    x = rng.random((3, 5, 7)) < 0.5
    for names in (), ("b", "e"), ("e", "d", "c", "b", "a"):
        trace = fast.run(program, x, names)
        assert_equal(trace, reference.run(program, x, names))
    assert all(trace.spikes[n].any() for n in "abcd")


@pytest.mark.parametrize("turn", [1, 2**20, 2**28])  # one sample, some, all
def test_threads_and_chunks_change_nothing(monkeypatch, turn):
    program = wide_program()
    x = np.random.default_rng(2).random((13, 20, 300)) < 0.1
    expected = fast.run(program, x, ("a", "b"), threads=1)
    monkeypatch.setattr(fast, "TURN", turn)
    for threads in (1, 2, 5, 20):
        assert_equal(fast.run(program, x, ("a", "b"), threads), expected)
        # the path that keeps nothing counts the same
        assert_equal(fast.run(program, x, (), threads), fast.run(program, x, (), 1))
    assert expected.counts.total("spikes_out") > 1000


def test_few_synapses_of_graded_events():
    rng = np.random.default_rng(0)
    weights = csr_array(2 * rng.integers(-100, 100, (80, 70)) * (rng.random((80, 70)) < 0.03))
    sent = Sparse("in", "n", weights)
    program = Program({"in": Input((70,), 8)}, {"n": LIF((80,), dv=400, vth=900)}, [sent], ["n"])
    x = rng.integers(0, 256, (2, 20, 70)) * (rng.random((2, 20, 70)) < 0.3)
    with patch.multiple(synapse_plan, **LAYOUTS[2]):
        assert synapse_plan.lay(sent, graded=True).runs.size
        assert_equal(fast.run(program, x, ("n",)), reference.run(program, x, ("n",)))


def test_sums_wider_than_16_bits():
    """300 channels of the largest weight exceed int16: their sum must be in 32 bits."""
    program = Program(
        inputs={"in": Input((300,))},
        populations={"a": LIF((2,), dv=0, vth=0)},
        connections=(Dense("in", "a", np.full((2, 300), 254)),),
        outputs=("a",),
    )
    trace = fast.run(program, np.ones((1, 1, 300)), ("a",))
    assert trace.u["a"][0, 0].tolist() == [300 * 254 * 64] * 2
    assert_equal(trace, reference.run(program, np.ones((1, 1, 300)), ("a",)))


@pytest.mark.parametrize("bits", [1, 4, 8, 9, 16, 24])
@pytest.mark.parametrize("weight", [-256, 254])
def test_graded_sums_wider_than_16_bits(bits, weight):
    """40 channels of the largest weight and event, beside one of all digits."""
    program = Program(
        inputs={"in": Input((40,), bits)},
        populations={"a": LIF((2,), dv=0, vth=0)},
        connections=(Dense("in", "a", np.full((2, 40), weight)),),
        outputs=("a",),
    )
    x = np.full((2, 3, 40), 2**bits - 1)
    x[1, 1] = np.arange(40) * 0x123456 % 2**bits
    assert_equal(fast.run(program, x, ("a",)), reference.run(program, x, ("a",)))


@pytest.mark.parametrize("shape", [(0, 5, 300), (3, 0, 300)])
def test_nothing_in_nothing_out(shape):
    trace = fast.run(wide_program(), np.zeros(shape), ("a",))
    assert trace.output.shape == shape and trace.v["a"].shape == shape
    assert trace.counts.total("dendrite_updates_inactive") == 0


@pytest.mark.parametrize(
    "x, message",
    [
        (np.zeros((1, 2, 3)), r"x is \(1, 2, 3\), not \(batch, steps, 300\)"),
        (np.full((1, 2, 300), 2), "events from 2 to 2, allowed 0 to 1"),
        (np.full((1, 2, 300), 2, np.uint8), "events from 0 to 2, allowed 0 to 1"),
        (np.eye(300, dtype=np.uint8)[None, 290:] * 3, "events from 0 to 3, allowed 0 to 1"),
        (np.full((1, 2, 300), -1), "events from -1"),
        (np.full((1, 2, 300), 0.5), "whole numbers"),
        (np.full((1, 2, 300), np.nan), "events from nan"),
        (np.full((1, 2, 300), "a"), "not numbers"),
        ({"wrong": np.zeros((1, 2, 300))}, r"inputs are \['in'\], x has \['wrong'\]"),
    ],
)
def test_bad_input_is_one_clear_error(x, message):
    with pytest.raises(BadInput, match=message):
        fast.run(wide_program(), x)


def test_unknown_population_to_record():
    with pytest.raises(BadInput, match="no population 'c'; there are a, b"):
        fast.run(wide_program(), np.zeros((1, 1, 300)), record=["c"])


@pytest.mark.parametrize("kind", [kind for kind in NEURONS.values() if "vth" in kind.registers()])
def test_every_neuron_at_its_threshold(kind):
    """Input of 4, 5 and 6 against a threshold of 5; then nothing, which shows what was reset."""
    program = Program(
        inputs={"in": Input((1,))},
        populations={"n": kind((3,), vth=5)},
        connections=(Dense("in", "n", [[8], [10], [12]], weight_exp=-1),),
        outputs=("n",),
    )
    x = np.array([[[1], [0], [0]]])
    trace = fast.run(program, x, ("n",))
    assert_equal(trace, reference.run(program, x, ("n",)))
    sent = trace.output[0, 0].tolist()
    assert (sent[0], bool(sent[1]), bool(sent[2])) == (0, kind.__name__ == "PLIF", True)


@pytest.mark.parametrize("bias", [0, 64])
def test_counts_of_many_steps(bias):
    """600 steps, each with a spike and a cut: more than a byte counts, with and without a lean step."""
    program = Program(
        inputs={"in": Input((1,))},
        populations={"n": LIF((2,), vth=9, v0=V_MAX, bias_mant=bias), "sum": LI((1,), v0=V_MAX)},
        connections=(Dense("in", "n", [[254], [254]]), Dense("in", "sum", [[254]])),
        outputs=("sum",),
    )
    x = np.ones((1, 600, 1))
    trace = fast.run(program, x)
    assert_equal(trace, reference.run(program, x))
    assert trace.counts.spikes_out["n"].tolist() == [1200]
    assert trace.counts.saturations["sum"].tolist() == [600]


def test_what_would_not_fit_into_memory_is_said_before_it_starts(monkeypatch):
    monkeypatch.setattr("lavalier.simulate.room.memory_limit", lambda: 2.0**30)
    program, x = wide_program(), np.broadcast_to(np.uint8(0), (2000, 20000, 300))
    with pytest.raises(BadInput, match="GiB of memory needed, there are 1.0: what is recorded of 2000"):
        fast.Job(program, {"in": x}, ("a", "b"))


def test_the_memory_limit_is_known():
    assert 2**28 < room.memory_limit() < 2**50


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_fork_finds_threads_of_its_own():
    expected = _spikes_with_threads()
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply_async(_spikes_with_threads).get(60) == expected


def _spikes_with_threads() -> int:
    trace = fast.run(wide_program(), np.ones((40, 5, 300), int), threads=3)
    return trace.counts.total("spikes_out")


def test_an_error_in_a_thread_ends_the_run(monkeypatch):
    def fails(*_):
        raise RuntimeError("in a thread")

    monkeypatch.setattr(fast.Job, "run_samples", fails)
    with pytest.raises(RuntimeError, match="in a thread"):
        fast.run(wide_program(), np.ones((40, 5, 300), int), threads=3)


NEAR = 97000 << 6  # one event of the largest weight does not carry a v from here to its end; more do


@pytest.mark.parametrize(
    "registers, weights, bits, events",
    [
        ({"vth": 97000, "v0": NEAR}, [254, 254], 0, [[1, 1], [0, 0]]),
        ({"vth": 1, "v0": V_MAX - 5}, [254], 0, [[1], [0]]),
        ({"vth": 97000, "v0": NEAR, "bias_mant": 4095, "bias_exp": 7}, [254], 0, [[1], [0]]),
        ({"vth": 97000, "v0": NEAR}, [254], 2, [[3], [0]]),
        ({"vth": 97000, "v0": -V_MAX}, [-256], 0, [[1], [0]]),
    ],
)
def test_little_that_arrives_cuts_a_membrane(registers, weights, bits, events):
    """dv is 4: a whole v would lose a thousandth, which is less than what is too much."""
    program = Program(
        inputs={"in": Input((len(weights),), bits)},
        populations={"n": LIF((1,), dv=4, **registers)},
        connections=(Dense("in", "n", [weights], 7),),
        outputs=("n",),
    )
    x = np.array([events])
    trace = fast.run(program, x, ("n",))
    assert_equal(trace, reference.run(program, x, ("n",)))
    assert trace.counts.total("saturations") == 1


def test_what_arrives_from_two_sides_cuts_a_membrane():
    """Two inputs at once, and an input with a spike of the same population."""
    two = Program(
        inputs={"left": Input((1,)), "right": Input((1,))},
        populations={"n": LIF((1,), vth=97000, v0=NEAR)},
        connections=(Dense("left", "n", [[254]], 7), Dense("right", "n", [[254]], 7)),
        outputs=("n",),
    )
    loop = Program(
        inputs={"in": Input((2,))},
        populations={"n": LIF((2,), vth=[1, 97000], v0=[0, NEAR])},
        connections=(
            Dense("in", "n", [[254, 0], [0, 254]], 7),
            Dense("n", "n", [[0, 0], [254, 0]], 7, delay=1),
        ),
        outputs=("n",),
    )
    both = np.ones((1, 1, 1), int)
    for program, x in ((two, {"left": both, "right": both}), (loop, {"in": np.eye(2, dtype=int)[None]})):
        trace = fast.run(program, x, ("n",))
        assert_equal(trace, reference.run(program, x, ("n",)))
        assert trace.counts.total("saturations") == 1


def test_a_membrane_that_decays_to_rest_was_active():
    """Without memory in u: one neuron starts with u, one with v, one at rest; nothing arrives."""
    program = Program(
        inputs={"in": Input((1,))},
        populations={"n": LIF((3,), dv=4096, vth=9, u0=[5, 0, 0], v0=[0, 5, 0])},
        connections=(Dense("in", "n", [[2], [2], [2]]),),
        outputs=("n",),
    )
    trace = fast.run(program, np.zeros((1, 4, 1), int))
    assert_equal(trace, reference.run(program, np.zeros((1, 4, 1), int)))
    assert trace.counts.dendrite_updates_active["n"].tolist() == [2]


def test_one_neuron_without_memory_in_u_beside_one_that_has_it():
    program = Program(
        inputs={"in": Input((1,))},
        populations={"n": LIF((2,), du=[4095, 100], dv=50, vth=9)},
        connections=(Dense("in", "n", [[2], [2]]),),
        outputs=("n",),
    )
    x = np.array([[[1], [0], [0]]])
    assert_equal(fast.run(program, x, ("n",)), reference.run(program, x, ("n",)))
