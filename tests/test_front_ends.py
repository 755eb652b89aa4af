"""The encoders: by hand, against an independent computation, and the same whatever the batch."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lavalier.models.front_ends.bernoulli import bernoulli_spikes, encode_all, key_of
from lavalier.models.front_ends.bins import spike_counts
from lavalier.models.front_ends.constant import bias_registers, held, input_current
from lavalier.models.front_ends.mfcc import mfcc, mfcc_rates
from lavalier.models.front_ends.samples import min_max, raw_samples
from lavalier.models.front_ends.spectrogram import spectrogram

FEW = settings(max_examples=30)
SEEDS = st.integers(0, 2**64 - 1)


def counted(times, units, first) -> np.ndarray:
    """Count spikes one by one, by the definition of digitize."""
    edges = np.linspace(0, 1.4, 100)
    counts = np.zeros((100, 700), dtype=int)
    for time, unit in zip(times, units, strict=True):
        row = sum(edge <= time for edge in edges) - 1 + first
        if row < 100:
            counts[row, unit] += 1
    return counts


@given(st.data())
def test_counts_are_those_of_the_definition(data):
    edges = np.linspace(0, 1.4, 100).tolist()
    times = data.draw(st.lists(st.floats(0, 3) | st.sampled_from(edges), max_size=20))
    units = data.draw(st.lists(st.sampled_from([0, 1, 699]), min_size=len(times), max_size=len(times)))
    first = data.draw(st.sampled_from([0, 1]))
    counts = spike_counts(np.array(times), np.array(units, dtype=int), first=first)
    assert counts.dtype == np.uint8
    assert np.array_equal(counts, counted(times, units, first))


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_times_of_any_width_are_counted(kind):
    times = np.array([0.0, 0.5, 1.0], dtype=kind)
    assert spike_counts(times, np.array([0, 0, 0], dtype=np.uint16))[[0, 35, 70], 0].tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("times", "units", "message"),
    [
        ([-0.1], [0], "spike 0 is at -0.1 s"),
        ([0.0, np.nan], [0, 0], "spike 1 is at nan s"),
        ([np.inf], [0], "spike 0 is at inf s"),
        ([0.1], [700], "unit 700; units are 0 to 699"),
        ([0.1], [-1], "unit -1"),
        ([0.1, 0.2], [1], "one unit for each time"),
        ([0.1] * 256, [3] * 256, "unit 3 spikes 256 times in bin 7"),
    ],
)
def test_what_are_no_spikes_is_refused(times, units, message):
    with pytest.raises(ValueError, match=message):
        spike_counts(np.array(times), np.array(units))


def philox(key: tuple[int, int], n: int) -> list[int]:
    """Philox-4x64-10 in plain integers, from the paper; NumPy counts from 1."""
    most = 2**64 - 1
    drawn = []
    for block in range(1, n // 4 + 2):
        c, k = [block, 0, 0, 0], list(key)
        for _ in range(10):
            low, high = 0xD2E7470EE14C6C93 * c[0], 0xCA5A826395121157 * c[2]
            c = [(high >> 64) ^ c[1] ^ k[0], high & most, (low >> 64) ^ c[3] ^ k[1], low & most]
            k = [(k[0] + 0x9E3779B97F4A7C15) & most, (k[1] + 0xBB67AE8584CAA73B) & most]
        drawn += c
    return drawn[:n]


@FEW
@given(SEEDS, SEEDS, st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3))
def test_spikes_are_those_of_philox(seed, sample, rates):
    spikes = bernoulli_spikes(np.array([rates]), seed, sample, steps_per_frame=2)
    numbers = [number >> 40 for number in philox((seed, sample), 6)]
    expected = [number < round(rate * 2**24) for number, rate in zip(numbers, rates * 2, strict=True)]
    assert spikes.ravel().tolist() == expected


@given(SEEDS, st.permutations(range(4)))
def test_spikes_do_not_depend_on_order_or_company(seed, order):
    rates = np.random.default_rng(0).random((4, 3, 5))
    together = encode_all(rates, seed, range(4))
    shuffled = encode_all(rates[order], seed, order)
    assert np.array_equal(shuffled, together[order])
    assert np.array_equal(bernoulli_spikes(rates[2], seed, 2), together[2])


def test_another_seed_or_sample_gives_other_spikes():
    rates = np.full((8, 20), 0.5)
    drawn = [bernoulli_spikes(rates, seed, sample) for seed, sample in ((0, 0), (1, 0), (0, 1))]
    assert len({spikes.tobytes() for spikes in drawn}) == 3
    assert np.array_equal(bernoulli_spikes(rates, 0, "a.wav"), bernoulli_spikes(rates, 0, key_of("a.wav")))


def test_spikes_come_at_their_rate():
    rates = np.tile([0.0, 0.1, 0.5, 1.0], (1000, 1))
    mean = bernoulli_spikes(rates, 3, 4).mean(axis=0)
    assert mean[0] == 0 and mean[3] == 1
    assert np.abs(mean[1:3] - [0.1, 0.5]).max() < 5 * np.sqrt(0.25 / 10_000)


@pytest.mark.parametrize("rate", [-0.001, 1.001, np.nan])
def test_what_is_no_rate_is_refused(rate):
    with pytest.raises(ValueError, match="outside 0 to 1"):
        bernoulli_spikes(np.array([[rate]]), 0, 0)
    with pytest.raises(ValueError, match=r"0 to 2\*\*64 - 1"):
        bernoulli_spikes(np.array([[0.5]]), -1, 0)


@pytest.mark.parametrize("n", [201, 3999, 16000, 16137])
def test_coefficients_are_those_of_torchaudio(n):
    torch, torchaudio = pytest.importorskip("torch"), pytest.importorskip("torchaudio")
    samples = np.random.default_rng(n).standard_normal(n) * np.exp(-np.arange(n) / 900)
    settings = {"n_fft": 400, "hop_length": 200, "n_mels": 64}
    theirs = torchaudio.transforms.MFCC(16_000, 20, melkwargs=settings).double()(torch.from_numpy(samples)).T
    ours = mfcc(samples)
    assert ours.shape == theirs.shape == (1 + n // 200, 20)
    assert np.abs(ours - theirs.numpy()).max() < 1e-3 * np.abs(ours).max()  # their bands are float32


def test_rates_reach_both_ends_and_are_padded():
    samples = np.random.default_rng(0).standard_normal(8000)
    rates = mfcc_rates(samples)
    assert rates.shape == (80, 20) and rates.dtype == np.float32
    assert rates[:41].min(axis=0).max() == 0 and rates[:41].max(axis=0).min() > 0.999999
    assert not rates[41:].any()
    # a longer clip is scaled over all of its frames, then cut
    assert np.array_equal(mfcc_rates(samples, n_frames=10), rates[:10])


@pytest.mark.parametrize("samples", [np.zeros((4000, 2)), np.zeros(200), np.full(4000, np.nan)])
def test_what_has_no_coefficients_is_refused(samples):
    with pytest.raises(ValueError):
        mfcc(samples)


def test_a_silent_clip_has_no_rates():
    assert not mfcc_rates(np.zeros(4000)).any()


@FEW
@given(st.floats(1, 1e3), st.floats(-10, 10))
def test_level_and_offset_do_not_matter(gain, offset):
    values = np.random.default_rng(0).standard_normal(50)
    assert np.abs(min_max(gain * values + offset) - min_max(values)).max() < 1e-5
    assert min_max(values).min() == 0 and min_max(values).max() == 1


def test_raw_samples_may_be_doubled():
    samples = np.hanning(4000) * np.sin(np.arange(4000) / 50)
    doubled = raw_samples(samples, 8000)
    assert doubled.shape == (8000,)
    assert np.abs(doubled[::2] - raw_samples(samples))[100:-100].max() < 0.01
    with pytest.raises(ValueError, match="a divisor of it"):
        raw_samples(samples, 6000)


@pytest.mark.parametrize(("bins", "hz"), [(103, 100.0), (105, 402.0)])
def test_a_tone_lies_in_its_bin(bins, hz):
    values = spectrogram(np.sin(2 * np.pi * hz * np.arange(4000) / 2000), n_bins=bins)
    assert values.shape == (bins, 135) and values.dtype == np.float32
    assert (values.argmax(axis=0) == round(hz * 512 / 2000)).all()
    assert values.min() == 0 and values.max() == 1


def test_the_spectrogram_of_silence_is_flat():
    assert not spectrogram(np.zeros(4000)).any()
    assert not spectrogram(np.zeros(4000), decibels=False).any()


@FEW
@given(st.integers(-(4095 << 7), 4095 << 7))
def test_a_bias_is_the_nearest_there_is(value):
    mant, exp = (int(part[0]) for part in bias_registers(np.array([value])))
    assert abs(mant) <= 4095 and 0 <= exp <= 7
    held_values = {m << e for e in range(8) for m in (value >> e, (value >> e) + 1) if abs(m) <= 4095}
    assert abs((mant << exp) - value) == min(abs(h - value) for h in held_values)


@pytest.mark.parametrize("value", [4096 << 7, -(4096 << 7), np.inf, np.nan])
def test_a_bias_out_of_reach_is_refused(value):
    with pytest.raises(ValueError, match="a bias is above 524160"):
        bias_registers(np.array([value]))


def test_a_held_input_is_one_product():
    rng = np.random.default_rng(0)
    weight, x = rng.standard_normal((3, 5)), rng.standard_normal((4, 5))
    current = input_current(weight, x, np.ones(3))
    assert current[2, 1] == pytest.approx(sum(weight[1, i] * x[2, i] for i in range(5)) + 1)
    assert held(current, 6).shape == (4, 6, 3) and (held(current, 6)[:, 5] == current).all()
    with pytest.raises(ValueError, match="weight is"):
        input_current(weight, x.T)


@pytest.mark.parametrize(
    "module",
    [
        f"models.front_ends.{name}"
        for name in ("bins", "bernoulli", "mfcc", "samples", "spectrogram", "constant")
    ]
    + ["train.data.shd", "train.data.audiomnist", "train.data.whales", "train.generate.sets"],
)
def test_no_torch_is_needed(module):
    code = f"import sys, lavalier.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
