"""The front end: what it hears, what it does not, and what it refuses."""

import numpy as np
import pytest

from lavalier.models.log_mel import FRAME, HOP, N_BANDS, N_STEPS, log_mel_events, n_frames
from lavalier.models.readout import decide

RATE = 8000


def tone(hz, n=8000, amplitude=0.5):
    return amplitude * np.sin(2 * np.pi * hz * np.arange(n) / RATE)


def test_shape_type_and_peak():
    events = log_mel_events(tone(440))
    assert events.shape == (N_STEPS, N_BANDS) and events.dtype == np.uint8
    assert events.max() == 255


@pytest.mark.parametrize("hz", [200, 500, 1000, 2000, 3500])
def test_a_tone_is_loudest_in_the_band_around_it(hz):
    mel = [2595 * np.log10(1 + f / 700) for f in (60, hz, 3900)]
    expected = (mel[1] - mel[0]) / (mel[2] - mel[0]) * (N_BANDS + 1) - 1
    assert abs(log_mel_events(tone(hz))[50].argmax() - expected) <= 1


def test_higher_tones_land_in_higher_bands():
    bands = [log_mel_events(tone(hz))[50].argmax() for hz in range(150, 3600, 150)]
    assert bands == sorted(set(bands))


def test_an_event_is_a_step_of_the_forty_decibels():
    steps = np.r_[tone(1000, 4000), tone(1000, 4000, 0.5 * 10 ** (-20 / 20))]
    events = log_mel_events(steps)
    difference = int(events[20].max()) - int(events[80].max())
    assert difference == pytest.approx(20 / 40 * 255, abs=2)


def test_level_does_not_matter():
    sound = np.random.default_rng(0).standard_normal(6000) * 0.1
    assert np.array_equal(log_mel_events(sound), log_mel_events(sound * 0.25))


@pytest.mark.parametrize(
    "sound",
    [np.zeros(8000), np.full(8000, 1e-6), np.random.default_rng(0).uniform(-1, 1, 8000) / 32768],
    ids=["digital silence", "offset", "last bit of 16"],
)
def test_silence_has_no_events(sound):
    assert not log_mel_events(sound).any()


def test_quiet_background_has_no_events_beside_speech():
    background = np.random.default_rng(0).standard_normal(8000) * 1e-4
    background[:2000] += tone(500, 2000)
    events = log_mel_events(background)
    assert events[:20].any() and not events[30:].any()


def test_sound_after_a_clip_is_silence():
    events = log_mel_events(tone(500, 3200))
    assert events[:40].any(axis=1).all() and not events[40:].any()


def test_a_longer_clip_is_cut():
    long = np.random.default_rng(0).standard_normal(12000)
    assert np.array_equal(log_mel_events(long), log_mel_events(long[:8000]))


@pytest.mark.parametrize(
    ("n_samples", "frames"), [(FRAME, 3), (8000, 100), (8001, 101), (7920, 99), (7921, 100)]
)
def test_n_frames_tells_what_is_cut_and_padded(n_samples, frames):
    assert n_frames(n_samples) == frames
    assert HOP * (frames - 1) < n_samples <= HOP * frames


def test_one_frame_is_enough():
    assert log_mel_events(tone(1000, FRAME)).any()


@pytest.mark.parametrize(
    ("sound", "message"),
    [
        (np.zeros(0), "no samples; at least one frame of 200"),
        (np.zeros(FRAME - 1), "199 samples .* at least one frame of 200"),
        (np.r_[np.zeros(300), np.nan], "sample 300 is nan"),
        (np.r_[np.inf, np.zeros(300)], "sample 0 is inf"),
        (np.zeros((2, 8000)), r"shape \(2, 8000\); they must be mono"),
    ],
)
def test_refusals_say_what_and_why(sound, message):
    with pytest.raises(ValueError, match=message):
        log_mel_events(sound)


def test_decide_takes_the_largest_mean():
    output = np.random.default_rng(0).standard_normal((50, 7, 10))
    expected = [max(range(10), key=lambda c, clip=clip: clip[:, c].mean()) for clip in output]
    assert decide(output).tolist() == expected


def test_decide_sums_integers_exactly():
    top = 2**31 - 1
    output = np.zeros((1, 100, 2), dtype=np.int32)
    output[0, :, 0], output[0, :, 1] = top - 1, top
    output[0, 0, 0] = top
    assert decide(output).tolist() == [1]


def test_decide_takes_the_lowest_among_equals():
    assert decide(np.ones((1, 3, 4), dtype=np.int8)).tolist() == [0]


@pytest.mark.parametrize("shape", [(3, 4), (1, 0, 4), (1, 4, 0)])
def test_decide_refuses_other_shapes(shape):
    with pytest.raises(ValueError, match="batch, steps, classes"):
        decide(np.zeros(shape))
