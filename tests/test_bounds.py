"""Bounds: no run leaves them, and where they can be reached they are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lavalier.simulate import LI, LIF, Dense, Input, Program, run
from lavalier.simulate.bounds import bounds
from lavalier.simulate.neurons import (
    ALIF,
    NEURONS,
    PLIF,
    GradedLI,
    GradedReLU,
    LIFNoReset,
    LIFRefractory,
    LIFSubtract,
    Neuron,
)

from .programs import ends_often, events, programs

END = 2**23 - 1


def assert_within(program: Program, x) -> None:
    """No u, v, spike or count of a run contradicts the bounds."""
    trace = run(program, x, tuple(program.populations))
    for name, bound in bounds(program).items():
        for values, ends in ((trace.u[name], bound.u), (trace.v[name], bound.v)):
            assert np.all(values >= ends.low) and np.all(values <= ends.high), (name, str(bound))
        if name in trace.spikes:
            assert np.all(trace.spikes[name] <= bound.sends), name
        if bound.no_wrap.all():
            assert not trace.counts.wraps[name].any(), name
        if bound.no_saturation.all():
            assert not trace.counts.saturations[name].any(), name


@given(st.data())
def test_no_run_leaves_them(data):
    program = data.draw(programs())
    assert_within(program, data.draw(events(program)))


@st.composite
def small_programs(draw) -> Program:
    """One population of any type that sends to itself, and its register ends out of the way."""
    kind, n = draw(st.sampled_from(list(NEURONS.values()))), draw(st.integers(1, 3))
    span = {"du": (-1, 4095), "dv": (0, 4096), "vth": (0, 60), "bias_mant": (-70, 70), "bias_exp": (0, 1)}
    span |= {"u0": (-500, 500), "v0": (-9000, 9000), "refractory": (0, 3), "de": (0, 4096), "jump": (0, 500)}
    drawn = {
        field: draw(st.lists(ends_often(*span[field]), min_size=n, max_size=n)) for field in kind.registers()
    }

    def connection(source: str, n_in: int, delay: int = 0) -> Dense:
        weights = [[2 * draw(st.integers(-20, 20)) for _ in range(n_in)] for _ in range(n)]
        return Dense(source, "n", weights, weight_exp=draw(st.integers(-3, 3)), delay=delay)

    inputs = {"in": Input((2,), draw(st.sampled_from([0, 2])))}
    loop = [connection("n", n, draw(st.integers(1, 2)))] if kind is not LI and draw(st.booleans()) else []
    return Program(inputs, {"n": kind((n,), **drawn)}, [connection("in", 2), *loop], ["n"])


@given(small_programs(), st.data())
def test_no_run_leaves_them_far_from_the_ends(program, data):
    assert_within(program, data.draw(events(program, steps=60)))


@given(small_programs())
def test_no_constant_input_leaves_them(program):
    each = np.array(np.meshgrid([0, program.inputs["in"].largest], [0, program.inputs["in"].largest]))
    x = np.repeat(each.reshape(2, -1).T[:, None], 200, axis=1)
    assert_within(program, x)


def alone(neuron: Neuron, weights=((4, -6),), loop: int = 0, **settings) -> Program:
    """A population that two channels reach, and itself a step later."""
    connections = [Dense("in", "n", weights, **settings)]
    connections += [Dense("n", "n", [[loop]], delay=1)] if loop else []
    return Program({"in": Input((2,))}, {"n": neuron}, connections, ["n"])


@given(ends_often(63, 4095), ends_often(64, 4096), st.integers(-50, 50), st.integers(-6, 3))
def test_what_one_input_can_reach_is_reached(du, dv, bias, exp):
    program = alone(LI((1,), du=du, dv=dv, bias_mant=bias), [[90, -70]], weight_exp=exp)
    trace = run(program, np.repeat(np.eye(2, dtype=int)[:, None], 3000, axis=1), ["n"])
    bound = bounds(program)["n"]
    assert [trace.u["n"].max(), trace.u["n"].min()] == [bound.u.high[0], bound.u.low[0]]
    assert [trace.v["n"].max(), trace.v["n"].min()] == [bound.v.high[0], bound.v.low[0]]


# what arrives is -6 to 4, so u is -384 to 256
@pytest.mark.parametrize(
    "neuron, v",
    [
        (LI((1,), dv=4096), (-384, 256)),
        (LI((1,), dv=2048), (-767, 511)),  # twice, less what rounding takes
        (LI((1,), dv=0), (-END, END)),  # without end
        (LI((1,), dv=2048, v0=5000), (-767, 2756)),
        (LIF((1,), dv=0, vth=7), (-END, 448)),  # a spike at more than 448, then 0
        (LIF((1,), dv=2048, vth=50), (-767, 511)),  # never reached
        (PLIF((1,), dv=0, vth=7), (-END, 447)),
        (LIFRefractory((1,), dv=0, vth=7, refractory=2), (-END, 448)),
        (LIFNoReset((1,), dv=0, vth=7), (-END, END)),
        (LIFSubtract((1,), dv=0, vth=7), (-END, 704)),  # 448, one more input, and from then on minus 448
        (LIFSubtract((1,), dv=0, vth=3), (-END, END)),  # takes less than arrives
        (ALIF((1,), dv=0, vth=3, jump=64, de=4096), (-END, 512)),  # 192 + 64, one more input
        (ALIF((1,), dv=0, jump=320, de=2048), (-END, 895)),  # e comes to rest at 639, one more input
        (ALIF((1,), dv=0, vth=1, jump=128, de=2048), (-END, END)),  # the first spike takes less than arrives
        (GradedLI((1,), dv=2048, vth=1), (-767, 511)),
    ],
)
def test_by_hand(neuron, v):
    bound = bounds(alone(neuron))["n"]
    assert (bound.v.low[0], bound.v.high[0]) == v
    assert (bound.a_in.low[0], bound.a_in.high[0]) == (-6, 4)
    assert (bound.u.low[0], bound.u.high[0]) == (-384, 256)
    assert bound.no_wrap.all() and bound.no_saturation.all() == (v[0] > -END)


def test_a_current_that_never_decays_wraps():
    bound = bounds(alone(LI((1,), du=-1, dv=4096)))["n"]
    assert (bound.u.low[0], bound.u.high[0]) == (1 - 2**23, 2**23) and not bound.no_wrap.any()
    # du = 0 still leaks: 256 * 4096 at the top, -384 * 4096 at the bottom
    slow = bounds(alone(LI((1,), du=0, dv=4096)))["n"].u
    assert (slow.low[0], slow.high[0]) == (-383 * 4096 - 1, 255 * 4096 + 1)


@pytest.mark.parametrize("more", [0, 2])
def test_the_end_of_u_itself_is_no_wrap(more):
    # (4 * 254 + 8) * 2^7 is 2^17, so u is 2^23; one more is too much
    most = Dense("in", "n", [[254, 254, 254, 254, 8]], weight_exp=7)
    later = Dense("in", "n", [[more, 0, 0, 0, 0]], weight_exp=-1, delay=1)
    program = Program({"in": Input((5,))}, {"n": LI((1,), dv=4096)}, [most, later], ["n"])
    assert bounds(program)["n"].no_wrap[0] == (more == 0)
    assert run(program, np.ones((1, 3, 5), int)).counts.total("wraps") == more


def test_what_is_sent():
    assert bounds(alone(GradedLI((1,), dv=2048, vth=1)))["n"].sends[0] == 511 >> 6
    relu = bounds(alone(GradedReLU((1,), vth=3)))["n"]
    assert (relu.sends[0], relu.a_in.low[0], relu.a_in.high[0]) == (4, -6, 4)
    assert bounds(alone(GradedReLU((1,), vth=4)))["n"].sends[0] == 0
    assert bounds(alone(LIF((1,), dv=4096, vth=4)))["n"].sends[0] == 0  # equal is not above
    assert bounds(alone(PLIF((1,), dv=4096, vth=4)))["n"].sends[0] == 1


def test_a_loop_that_nothing_starts_stays_silent():
    # alone the input gives 4, with its own spike 4 + 100
    assert bounds(alone(LIF((1,), dv=4096, vth=4), loop=100))["n"].sends[0] == 0
    lit = bounds(alone(LIF((1,), dv=4096, vth=3), loop=100))["n"]
    assert (lit.sends[0], lit.a_in.high[0]) == (1, 104)


def test_a_graded_loop_that_grows_ends_at_its_largest_event():
    growing = bounds(alone(GradedReLU((1,)), loop=2))["n"]
    assert growing.sends[0] == 2**31 - 1
    # half of what was sent comes back: 4 + 3 + ... ends at 7, as halves are rounded down
    halved = [Dense("in", "n", [[4, -6]]), Dense("n", "n", [[2]], weight_exp=-2, delay=1)]
    program = Program({"in": Input((2,))}, {"n": GradedReLU((1,))}, halved, ["n"])
    assert bounds(program)["n"].sends[0] == 7


def test_in_words():
    assert str(bounds(alone(LI((1,), dv=2048)))["n"]).endswith("v -767..511; overflow impossible")
    said = str(bounds(alone(LI((2,), du=[-1, 0], dv=0), [[4, -6], [0, 0]]))["n"])
    assert said.endswith("at worst u wraps in 1 of 2 neurons and v saturates in 1 of 2 neurons")
