"""One hand-computed case for every rule of the arithmetic, and Lava's order of operations."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from lavalier.simulate import LI, LIF, Dense, Input, Program, reference
from lavalier.simulate.reference import (
    Step,
    alif,
    graded_li,
    graded_relu,
    i32,
    li,
    lif,
    lif_no_reset,
    lif_refractory,
    lif_subtract,
    plif,
    shift_toward_zero,
    synapse,
)

M = 2**23


def membrane(u: int, v: int, a_in: int, du: int, dv: int, bias: int) -> tuple[int, int, bool, bool]:
    """Return u and v after a step, whether u wrapped, and whether v was cut."""
    after = li(u, v, a_in, du, dv, bias_mant=bias, bias_exp=0)
    return after.u, after.v, after.wrapped, after.saturated


def test_int32_wraps_at_both_ends():
    assert [i32(x) for x in (2**31 - 1, 2**31, -(2**31), -(2**31) - 1)] == [
        2**31 - 1,
        -(2**31),
        -(2**31),
        2**31 - 1,
    ]


def test_decay_rounds_toward_zero():
    assert [shift_toward_zero(x, 12) for x in (4097, 4096, 4095, -4095, -4096, -8191, -8192)] == [
        1, 1, 0, 0, -1, -1, -2,
    ]  # fmt: skip


def test_du_counts_one_more_than_its_register():
    # du = 2047 halves u: 4096 - 2048 of 4096 remain
    assert membrane(u=1000, v=0, a_in=0, du=2047, dv=4096, bias=0)[0] == 500
    # du = -1 keeps all, du = 4095 keeps nothing
    assert membrane(u=1000, v=0, a_in=0, du=-1, dv=4096, bias=0)[0] == 1000
    assert membrane(u=1000, v=0, a_in=0, du=4095, dv=4096, bias=0)[0] == 0


def test_dv_counts_its_register():
    assert membrane(u=0, v=1000, a_in=0, du=4095, dv=2048, bias=0)[1] == 500
    assert membrane(u=0, v=1000, a_in=0, du=4095, dv=0, bias=0)[1] == 1000
    assert membrane(u=0, v=1000, a_in=0, du=4095, dv=4096, bias=0)[1] == 0


def test_negative_states_decay_toward_zero():
    # -3 * 4095 / 4096 = -2.999 -> -2, not -3
    assert membrane(u=0, v=-3, a_in=0, du=4095, dv=1, bias=0)[1] == -2
    assert membrane(u=-3, v=0, a_in=0, du=0, dv=4096, bias=0)[0] == -2


def test_input_counts_64_and_reaches_v_in_the_same_step():
    assert membrane(u=0, v=0, a_in=3, du=4095, dv=0, bias=0)[:2] == (192, 192)


def test_bias_is_mantissa_times_a_power_of_two():
    assert li(u=0, v=0, a_in=0, du=4095, dv=0, bias_mant=-5, bias_exp=7).v == -640
    assert lif(u=0, v=0, a_in=0, du=4095, dv=0, vth=2, bias_mant=33, bias_exp=2).s == 1


def test_bias_enters_v_only():
    assert membrane(u=0, v=0, a_in=0, du=4095, dv=0, bias=-7)[:2] == (0, -7)


@pytest.mark.parametrize(
    "a_in, u, wrapped",
    [
        (131071, 131071 << 6, False),
        (131072, M, False),  # +2^23 is kept ...
        (131073, (131073 << 6) - 2 * M, True),
        (-131071, -131071 << 6, False),
        (-131072, M, True),  # ... and -2^23 becomes +2^23
        (-131073, (-131073 << 6) + 2 * M, True),
        (3 * 131072 + 1, ((3 * 131072 + 1) << 6) - 2 * M, True),  # one wrap only: still outside
    ],
)
def test_u_wraps_once_at_its_ends(a_in, u, wrapped):
    got = membrane(u=0, v=0, a_in=a_in, du=4095, dv=4096, bias=0)
    assert (got[0], got[2]) == (u, wrapped)


@pytest.mark.parametrize(
    "u, bias, v, cut",
    [
        (M - 1, 0, M - 1, False),
        (M - 1, 1, M - 1, True),
        (-M + 1, 0, -M + 1, False),
        (-M + 1, -1, -M + 1, True),
    ],
)
def test_v_saturates_one_short_of_the_range(u, bias, v, cut):
    # du = -1 keeps u as it is
    got = membrane(u=u, v=0, a_in=0, du=-1, dv=4096, bias=bias)
    assert (got[1], got[3]) == (v, cut)


def test_threshold_is_strict():
    assert lif(u=0, v=0, a_in=10, du=4095, dv=0, vth=10, bias_mant=0, bias_exp=0).s == 0
    assert lif(u=0, v=0, a_in=10, du=4095, dv=0, vth=10, bias_mant=1, bias_exp=0).s == 1


def test_a_saturated_v_spikes_even_at_the_highest_threshold():
    assert lif(u=M - 1, v=0, a_in=0, du=-1, dv=0, vth=131071, bias_mant=10, bias_exp=0).s == 1


def test_a_spike_clears_v_and_leaves_u():
    after = lif(u=0, v=0, a_in=11, du=4095, dv=0, vth=10, bias_mant=0, bias_exp=0)
    assert (after.u, after.v, after.s) == (704, 0, 1)


def test_weight_exponent_shifts_the_sum_and_rounds_down():
    assert synapse([2, 2], [1, 1], -1) == 2
    assert synapse([2, 4], [1, 1], -2) == 1  # 6 / 4, not 0 + 1
    assert synapse([-2], [1], -2) == -1
    assert synapse([2, 4], [1, 1], 3) == 48


def test_graded_events_scale_their_weight():
    assert synapse([2, -4], [255, 3], 0) == 498


def test_a_whole_network_by_hand():
    program = Program(
        inputs={"in": Input((2,))},
        populations={"hidden": LIF((2,), dv=2048, vth=9), "readout": LI((1,), dv=0)},
        connections=(
            Dense("in", "hidden", [[10, 0], [4, 4]]),
            Dense("hidden", "readout", [[2, -6]]),
        ),
        outputs=("readout",),
    )
    x = np.array([[[1, 0], [0, 1], [1, 1], [0, 0]]])
    trace = reference.run(program, x, record=["hidden", "readout"])
    # neuron 0: 640 > 576 spikes; 0; spikes; 0.  neuron 1: 256; 128 + 256; 192 + 512 spikes; 0
    assert trace.spikes["hidden"][0].tolist() == [[1, 0], [0, 0], [1, 1], [0, 0]]
    assert trace.u["hidden"][0].tolist() == [[640, 256], [0, 256], [640, 512], [0, 0]]
    assert trace.v["hidden"][0].tolist() == [[0, 256], [0, 384], [0, 0], [0, 0]]
    # 2 at once, nothing, 2 - 6, nothing; no leak; the layers are aligned in time
    assert trace.output[0, :, 0].tolist() == [128, 128, -128, -128]


def test_counts_by_hand():
    program = Program(
        inputs={"in": Input((2,))},
        populations={"hidden": LIF((3,), dv=4096, vth=5), "readout": LI((1,), dv=4096)},
        connections=(
            Dense("in", "hidden", [[6, 0], [6, 6], [0, 2]]),  # fan-out 2 and 2
            Dense("hidden", "readout", [[2, 0, 2]]),  # fan-out 1, 0 (pruned), 1
        ),
        outputs=("readout", "hidden"),
    )
    x = np.array([[[1, 0], [0, 0], [1, 1]]])
    counts = reference.run(program, x).counts
    # hidden fires 0, 1 | nothing | 0, 1
    assert counts.spikes_in["hidden"].tolist() == [3]
    assert counts.syn_ops["in -> hidden"].tolist() == [6]
    assert counts.spikes_out["hidden"].tolist() == [4]
    assert counts.spikes_in["readout"].tolist() == [4]
    assert counts.syn_ops["hidden -> readout"].tolist() == [2]
    assert counts.axon_out["hidden"].tolist() == [8]  # to the readout and to the host
    # step 0: neurons 0, 1. step 1: their u falls back to 0, so they are active. step 2: all three
    assert counts.dendrite_updates_active["hidden"].tolist() == [7]
    assert counts.dendrite_updates_inactive["hidden"].tolist() == [2]
    assert counts.dendrite_updates_active["readout"].tolist() == [3]
    assert counts.wraps["hidden"].tolist() == counts.saturations["hidden"].tolist() == [0]


def test_every_sample_starts_from_rest():
    program = Program(
        inputs={"in": Input((1,))},
        populations={"readout": LI((1,), du=-1, dv=0)},
        connections=(Dense("in", "readout", [[2]]),),
        outputs=("readout",),
    )
    x = np.ones((3, 4, 1), int)
    output = reference.run(program, x).output
    assert np.array_equal(output[0], output[1]) and np.array_equal(output[0], output[2])
    assert output[0, :, 0].tolist() == [128, 384, 768, 1280]  # 64 * 2 * (1, 1 + 2, ...)


REGISTERS = {"du": 4095, "dv": 0, "vth": 4, "bias_mant": 0, "bias_exp": 0}


def test_plif_spikes_at_its_threshold_and_lif_above_it():
    assert [rule(0, 0, 4, **REGISTERS).s for rule in (lif, plif)] == [0, 1]
    assert plif(0, 0, 4, **REGISTERS).v == 0
    assert plif(0, 0, 3, **REGISTERS)[1:3] == (192, 0)
    # a threshold of 0 is reached at rest
    assert plif(0, 0, 0, **{**REGISTERS, "vth": 0}).s == 1


def test_subtraction_comes_one_step_late_and_once():
    first = lif_subtract(0, 0, 0, 10, **REGISTERS)
    assert (first.v, first.s, first.more) == (640, 1, (1,))
    second = lif_subtract(first.u, first.v, 1, 0, **REGISTERS)
    assert (second.v, second.s, second.more) == (640 - 256, 1, (1,))
    third = lif_subtract(second.u, second.v, 1, 0, **{**REGISTERS, "dv": 2048})
    assert (third.v, third.s, third.more) == (192 - 256, 0, (0,))


def test_subtraction_saturates_after_it_and_not_before():
    # -(2^23 - 1) - 64 * 131071 is cut; without the spike it is at the end of the range
    registers = {**REGISTERS, "vth": 131071}
    assert lif_subtract(0, -M + 1, 1, 0, **registers)[1:] == (-M + 1, 0, True, False, True, (0,))
    # 2^23 - 1 + 64 * 131071 - 64 * 131071 never leaves it
    assert lif_subtract(0, M - 1, 1, 131071, **registers)[1:] == (M - 1, 1, True, False, False, (1,))


def test_no_reset_keeps_v():
    assert lif_no_reset(0, 640, 0, **REGISTERS)[1:3] == (640, 1)
    assert lif_no_reset(0, 256, 0, **REGISTERS)[1:3] == (256, 0)


def after_more(rule: Callable, before: Sequence[int], a_in: int, registers: dict) -> Step:
    return rule(*before, a_in, **registers)


def test_refractory_freezes_v_and_lets_u_go_on():
    registers = {**REGISTERS, "du": -1, "refractory": 2}
    after: list[int] = [0, 0, 0]
    spikes, us = [], []
    for _ in range(5):
        step = after_more(lif_refractory, after, 5, registers)
        after = [step.u, step.v, *step.more]
        spikes.append(step.s)
        us.append(step.u)
    assert spikes == [1, 0, 0, 1, 0]
    assert us == [320, 640, 960, 1280, 1600]
    assert lif_refractory(0, 0, 1, 0, **registers)[1:] == (0, 0, False, False, False, (0,))
    # no rest: a spike in every step
    assert lif_refractory(0, 0, 0, 5, **REGISTERS).more == (0,)


def test_alif_raises_the_threshold_that_it_subtracts():
    registers = {**REGISTERS, "de": 2048, "jump": 100}
    first = alif(0, 0, 0, 0, 10, **registers)
    assert (first.v, first.s, first.more) == (640, 1, (1, 0))
    # the threshold is 256 + 100 now; 640 + 64 - 356 = 348 is not above it
    second = after_more(alif, (first.u, first.v, *first.more), 1, registers)
    assert (second.v, second.s, second.more) == (348, 0, (0, 100))
    # it has fallen to 256 + 50; 348 is above
    third = after_more(alif, (second.u, second.v, *second.more), 0, registers)
    assert (third.v, third.s, third.more) == (348, 1, (1, 50))


def test_alif_saturates_what_raises_the_threshold():
    step = alif(0, 0, 1, M - 1, 0, **{**REGISTERS, "vth": 0, "de": 0, "jump": M - 1})
    assert step.more == (0, M - 1) and step.v == -M + 1


def test_graded_membranes_are_sent_in_units_of_a_weight():
    assert graded_li(0, 0, 4, **REGISTERS).s == 0
    assert graded_li(0, 0, 5, **{**REGISTERS, "bias_mant": 63})[1:3] == (383, 5)
    assert graded_li(0, -640, 0, **REGISTERS)[1:3] == (-640, 0)


def test_graded_relu_sends_its_input():
    assert [graded_relu(0, 0, a, vth=7)[:4] for a in (-8, 7, 8)] == [
        (0, 0, 0, True),
        (0, 0, 0, True),
        (0, 0, 8, True),
    ]
    assert not graded_relu(0, 0, 0, vth=0).active


def test_a_sample_starts_from_its_initial_state():
    program = Program(
        inputs={"in": Input((1,))},
        populations={"n": LIF((2,), du=-1, dv=0, vth=9, u0=[64, 0], v0=[0, -64])},
        connections=(Dense("in", "n", [[2], [2]]),),
        outputs=("n",),
    )
    trace = reference.run(program, np.zeros((2, 2, 1)), ["n"])
    assert trace.u["n"].tolist() == [[[64, 0], [64, 0]]] * 2
    assert trace.v["n"].tolist() == [[[64, -64], [128, -64]]] * 2
