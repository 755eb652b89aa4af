"""The cochlea: its front end at every loudness, and the knife edge on which its beta stands."""

from fractions import Fraction

import numpy as np
import pytest
import snntorch as snn
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lavalier.export import from_torch, quantize
from lavalier.models.cochlea import BETA, HEARD, CochleaNet, Lif, Synaptic
from lavalier.models.front_ends.cochlea import (
    EVENTS_PER_UNIT,
    N_CHANNELS,
    N_MELS,
    cochlea_events,
    lateral_inhibition,
    mel_frames,
    normalized,
)
from lavalier.simulate import LIF, Dense, Input, Program, reference, run

RATE = 16_000
HEARD_64 = torch.tensor([[HEARD]], dtype=torch.float64)


def note(seconds: float = 0.2, hz: float = 440.0) -> np.ndarray:
    t = np.arange(int(seconds * RATE)) / RATE
    return np.sum([np.sin(2 * np.pi * k * hz * t) / k for k in range(1, 8)], axis=0) / 2


# the front end


@given(st.floats(0.01, 1.0))
@settings(max_examples=20)
def test_a_note_gives_the_same_events_at_every_amplitude(amplitude):
    loud, heard = (cochlea_events(a * note(), RATE).astype(int) for a in (1, amplitude))
    assert np.abs(heard - loud).max() <= 1  # what lies between two events


def test_what_is_quieter_than_the_floor_fades():
    quiet = cochlea_events(1e-5 * note(), RATE)
    assert quiet.max() < 0.05 * cochlea_events(note(), RATE).max()
    assert not cochlea_events(np.zeros(1600), RATE).any()


def test_frames_do_not_know_of_one_another():
    sound = np.random.default_rng(0).standard_normal(RATE // 4)
    whole, part = cochlea_events(sound, RATE), cochlea_events(sound[320:1600], RATE)
    assert np.array_equal(whole[10 : 10 + len(part)], part)


def test_a_tone_is_loudest_in_the_band_around_it():
    mel = mel_frames(np.sin(2 * np.pi * 1000 * np.arange(RATE // 10) / RATE), RATE)
    highest = 2595 * np.log10(1 + 8000 / 700)
    expected = 2595 * np.log10(1 + 1000 / 700) / highest * (N_MELS + 1) - 1
    assert np.abs(mel.argmax(1) - expected).max() <= 2
    assert cochlea_events(note(), RATE).shape[1] == N_CHANNELS


@given(st.lists(st.floats(0, 100), min_size=4, max_size=4), st.floats(1, 100))
def test_a_frame_above_the_floor_is_divided_by_its_range(values, gain):
    frame = np.array([values])
    extent = frame.max() - frame.min()
    if extent >= 0.05:
        assert np.allclose(normalized(gain * frame), normalized(frame))
        assert np.allclose(normalized(frame), frame / extent)
    else:
        assert np.allclose(normalized(frame), frame / 0.05)


def test_lateral_inhibition_keeps_a_flat_spectrum_and_has_the_published_row():
    matrix = lateral_inhibition()
    assert np.allclose(matrix.sum(1), 1) and np.allclose(matrix[100:150, 100:150], matrix[100:150, 100:150].T)
    row = matrix[128]
    side = [-0.259, -0.5, -0.707, -0.866, -0.966, -1, -0.966, -0.866, -0.707, -0.5, -0.259, 0]
    assert np.allclose(row[104:128], [*side, *(-w for w in side)], atol=5e-4)
    assert np.allclose(row[128], 1) and np.allclose(row[129:153], row[104:128][::-1])
    assert not row[:104].any() and not row[153:].any()


@pytest.mark.parametrize(
    ("sound", "rate", "message"),
    [
        (np.zeros(191), RATE, "at least 192"),
        (np.zeros((2, 1600)), RATE, "one axis"),
        (np.full(1600, np.nan), RATE, "NaN"),
        (np.zeros(9000), 11_025, "whole number of samples"),
    ],
)
def test_refusals_say_what_and_why(sound, rate, message):
    with pytest.raises(ValueError, match=message):
        cochlea_events(sound, rate)


# the knife edge: a constant of 0.15 is heard at step 32 in exact arithmetic


def first_spike_exactly(current: Fraction, beta: Fraction) -> int | None:
    v = Fraction(0)
    for step in range(1, 200):
        v = beta * v + current
        if v > 1:
            return step
    return None


def in_registers(dv: int, threshold: int, current: int) -> int | None:
    """First spike on the chip: v and threshold in units of v, a current that comes as a bias."""
    exponent = max(0, current.bit_length() - 12)
    assert current % 2**exponent == 0 and threshold % 64 == 0
    neuron = LIF((1,), dv=dv, vth=threshold // 64, bias_mant=current >> exponent, bias_exp=exponent)
    return first_step(neuron, 0)


def from_synapses(dv: int, vth: int, event: int, weight: int) -> int | None:
    """First spike on the chip, of a current that comes as a graded event."""
    return first_step(LIF((1,), dv=dv, vth=vth), event, weight)


def first_step(neuron: LIF, event: int, weight: int = 2) -> int | None:
    synapse = Dense("sound", "layer", np.array([[weight]]))
    program = Program({"sound": Input((1,), message_bits=16)}, {"layer": neuron}, (synapse,), ("layer",))
    x = np.full((1, 60, 1), event)
    spikes = run(program, x).output[0, :, 0]
    assert np.array_equal(reference.run(program, x).output[0, :, 0], spikes)
    return int(np.flatnonzero(spikes)[0]) + 1 if spikes.any() else None


@pytest.mark.parametrize(
    ("current", "step"),
    [
        ("0.149", None),
        ("0.15", 32),
        ("0.151", 28),
        ("0.16", 17),
        ("0.2", 9),
        ("0.3", 5),
        ("0.5", 3),
        ("1", 2),
    ],
)
def test_first_spikes_in_exact_arithmetic(current, step):
    assert first_spike_exactly(Fraction(current), Fraction("0.850854")) == step


def test_v_passes_the_threshold_by_7e_8():
    beta = Fraction("0.850854")
    v = Fraction("0.15") * (1 - beta**32) / (1 - beta)
    assert float(v) == pytest.approx(1.0000000682, abs=1e-10)


@pytest.mark.parametrize("double", [False, True], ids=["float32", "float64"])
def test_snntorch_needs_a_step_more(double):
    """Its beta is stored in float32, also after `.double()`."""
    layer, current = (Lif().double(), HEARD_64) if double else (Lif(), HEARD_64.float())
    state, heard = None, []
    for step in range(1, 40):
        spikes, state = layer(current, state)
        heard += [step] * int(spikes)
    assert heard == [33]


def test_a_beta_in_float64_is_in_time():
    v, steps = 0.0, 0
    while v <= 1:
        v, steps = BETA * v + HEARD, steps + 1
    assert steps == 32


@pytest.mark.parametrize(
    ("dv", "vth", "event", "weight", "step"),
    [(611, 100_000, 7_500, 2, 33), (610, 100_000, 7_500, 2, 31), (611, 20_000, 1_500, 2, 33)],
)
def test_the_chip_with_a_wide_threshold(dv, vth, event, weight, step):
    assert from_synapses(dv, vth, event, weight) == step


@pytest.mark.parametrize(
    ("threshold", "current", "step"),
    [
        (2**12, 614, 35),  # 0.14990
        (2**11, 307, 37),  # 0.14990
        (2**10, 154, 35),  # 0.15039
        (2**8, 38, None),  # 0.14844: below what ever reaches it
        (2**7, 19, None),
    ],
)
def test_the_chip_with_a_narrow_threshold(threshold, current, step):
    assert round(HEARD * threshold) == current
    assert in_registers(611, threshold, current) == step


def test_a_current_below_the_rheobase_is_never_heard():
    beta = Fraction("0.850854")
    assert float(1 - beta) == pytest.approx(0.149146)
    assert in_registers(611, 2**12, int(0.149146 * 2**12)) is None


def test_documented_synaptic_with_a_wiping_reset_has_the_published_spikes():
    cell = snn.Synaptic(alpha=1.0, beta=BETA, reset_mechanism="zero")
    state, heard = (torch.zeros(1, 1), torch.zeros(1, 1)), []
    for step in range(1, 16):
        spikes, *state = cell(torch.tensor([[HEARD]]), *state)
        heard += [step] * int(spikes)
    assert heard == [4, 7, 9, 11, 13, 15]


# the network


@pytest.mark.parametrize("variant", ["lif", "synaptic"])
def test_a_variant_goes_to_the_chip(variant):
    torch.manual_seed(0)
    net = CochleaNet(variant, n_in=12)
    with torch.no_grad():
        net.head.fc1.weight.mul_(4)
        net.head.fc2.weight.mul_(8)
    x = np.random.default_rng(0).integers(0, 400, (3, 40, 12))
    graph = from_torch(net, x, dt=2e-3)
    with torch.no_grad():
        assert np.array_equal(run(graph, x).output, net(torch.tensor(x).float()).numpy())
    program = quantize(graph, x)
    assert [type(p).__name__ for p in program.populations.values()] == ["LIF", "LIFSubtract", "LIFSubtract"]
    listen = next(iter(program.populations.values()))
    assert set(listen.dv) == {611} and set(listen.du) == {4095 if variant == "lif" else 0}


def test_what_the_front_end_hands_over_is_heard_in_time():
    """0.15 as the front end says it, 77 of 512, and beta on the chip's grid."""
    heard = round(HEARD * EVENTS_PER_UNIT)
    assert first_spike_exactly(Fraction(heard, EVENTS_PER_UNIT), 1 - Fraction(611, 4096)) == 30
    assert from_synapses(611, 512 * 100, heard * 50, 2) == 30


def test_alpha_stays_where_a_register_holds_it():
    net = CochleaNet("synaptic")
    assert isinstance(net.listen, Synaptic)
    with torch.no_grad():
        net.listen.cell.alpha.fill_(1.2)
        net.head.hidden.beta.fill_(1.2)
    net.constrain()
    assert float(net.listen.cell.alpha) == 4095 / 4096 == float(net.head.hidden.beta.max())
