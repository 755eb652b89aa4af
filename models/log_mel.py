"""The host front end: sound at 8 kHz to 8-bit graded events, one frame every 10 ms.

Training and inference share it. NumPy and SciPy only; it knows nothing of networks, files or
resampling.
"""

from functools import cache

import numpy as np
from scipy.signal import get_window

SAMPLE_RATE = 8000
N_BANDS = 40
N_STEPS = 100
HOP = 80  # samples: one step of the network
STEP_S = HOP / SAMPLE_RATE
FRAME = 200  # samples: 25 ms
N_FFT = 512  # longer than the frame: the narrowest band still holds two bins
LOW_HZ, HIGH_HZ = 60.0, 3900.0
PRE_EMPHASIS = 0.97
# decibels are per band, of the pre-emphasized sound; a sine of amplitude 1 would be 0 without the
# emphasis
RANGE_DB = 40.0  # from an event of 255, the clip's peak, down to 0
FLOOR_DB = -80.0  # nothing below it is an event, however quiet the clip


def n_frames(n_samples: int) -> int:
    """Return how many steps a sound fills: more than `N_STEPS` are cut, fewer are padded with
    silence.

    >>> n_frames(8000), n_frames(8001), n_frames(3200)
    (100, 101, 40)
    """
    return -(-n_samples // HOP)


def check_samples(samples: np.ndarray) -> None:
    """Refuse what is not a sound.

    Raises
    ------
    ValueError
        The samples are not one-dimensional, fewer than a frame, or hold NaN or infinity.
    """
    if samples.ndim != 1:
        raise ValueError(f"samples have shape {samples.shape}; they must be mono, one axis")
    if not len(samples):
        raise ValueError(f"no samples; at least one frame of {FRAME} is needed")
    if len(samples) < FRAME:
        raise ValueError(
            f"{len(samples)} samples at {SAMPLE_RATE} Hz; at least one frame of {FRAME} is needed"
        )
    if not np.isfinite(samples).all():
        first = int(np.flatnonzero(~np.isfinite(samples))[0])
        raise ValueError(f"sample {first} is {samples[first]}; all must be finite")


def log_mel_events(samples: np.ndarray) -> np.ndarray:
    """Turn a sound into graded events.

    The level of each mel band in decibels, relative to the loudest in the clip: the peak gives 255,
    and what is 40 dB below it, or below an absolute floor, gives no event. So the level of a clip
    hardly matters, and silence costs nothing.

    Parameters
    ----------
    samples : float (n,), n at least 200
        Mono, 8 kHz. Only the first second counts; a shorter sound is padded with silence (see
        `n_frames`).

    Returns
    -------
    events : uint8 (100, 40), 0 to 255
        One row per step of 10 ms, one column per band, low to high.

    Raises
    ------
    ValueError
        The samples are not one-dimensional, fewer than a frame, or hold NaN or infinity.

    Source: mel scale and triangular bands, Davis and Mermelstein 1980, IEEE Trans. ASSP 28(4), p.
    357-366; the mel formula, O'Shaughnessy 1987, Speech Communication, p. 150.

    >>> tone = np.sin(2 * np.pi * 1000 * np.arange(4000) / 8000)
    >>> int(log_mel_events(tone).max(axis=0).argmax())
    17
    >>> int(log_mel_events(np.zeros(4000)).sum())
    0
    """
    samples = np.asarray(samples, dtype=np.float64)
    check_samples(samples)
    level_db = 10 * np.log10(_power(samples[: N_STEPS * HOP]) @ _mel_filters().T + 1e-20)
    floor_db = max(level_db.max() - RANGE_DB, FLOOR_DB)
    return np.clip(np.rint((level_db - floor_db) * (255 / RANGE_DB)), 0, 255).astype(np.uint8)


def _power(samples):
    """Power spectrum (steps, bins) of every frame; a sine of amplitude 1 has a peak of 1."""
    emphasized = samples - PRE_EMPHASIS * np.concatenate([[0.0], samples[:-1]])
    padded = np.pad(emphasized, (0, (N_STEPS - 1) * HOP + FRAME - len(samples)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP]
    window = get_window("hann", FRAME)
    return np.abs(np.fft.rfft(frames * window, N_FFT)) ** 2 / (window.sum() / 2) ** 2


@cache
def _mel_filters():
    """Triangles (bands, bins), evenly spaced in mel, each 1 at its center."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (LOW_HZ, HIGH_HZ))
    edges = 700 * (10 ** (np.linspace(low, high, N_BANDS + 2) / 2595) - 1)
    left, center, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    hz = np.fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE)
    return np.maximum(0, np.minimum((hz - left) / (center - left), (right - hz) / (right - center)))
