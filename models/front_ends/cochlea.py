"""The cochlea's host part: sound to 320 graded channels every 2 ms, at any loudness alike.

A frame is divided by its own range, so that what is above a floor sounds the same at every amplitude. Frames
do not know of one another: a stream gives the events of the whole sound. NumPy and SciPy only.
"""

from functools import cache

import numpy as np
from scipy.fft import dct, rfft
from scipy.signal import get_window
from scipy.sparse import csr_array

from .mel import mel_filters

HOP_S = 0.002  # one step of the network
HOPS_PER_WINDOW = 6
N_MELS, N_COSINES = 256, 64
N_CHANNELS = N_MELS + N_COSINES
HIGHEST_HZ = 20_000
SCALE = N_MELS / 1024  # of the mel sums
SMALLEST_RANGE = 0.05  # of a frame: what is flatter or quieter keeps its amplitude
TAPS = 24  # of lateral inhibition, to each side
EVENTS_PER_UNIT, EVENT_BITS = 512, 10
LARGEST_EVENT = 2**EVENT_BITS - 1
FRAMES_AT_ONCE = 100


def cochlea_events(samples: np.ndarray, rate: int, lateral: bool = True) -> np.ndarray:
    """Turn a sound into graded events.

    Parameters
    ----------
    samples : float (n,), at least 12 ms
        Mono.
    rate : int, Hz
        A multiple of 500.
    lateral : bool
        Whether neighboring channels inhibit each other.

    Returns
    -------
    events : uint16 (steps, 320), 0 to 1023
        One row for each 2 ms; 256 mel channels, low to high, then 64 cosine coefficients. 512 is 1.

    Raises
    ------
    ValueError
        The sound is not one axis of finite numbers, too short, or its rate has no whole hop.

    >>> tone = np.sin(2 * np.pi * 880 * np.arange(1600) / 16000)
    >>> events = cochlea_events(tone, 16000)
    >>> events.shape, bool(np.array_equal(events, cochlea_events(tone / 4, 16000)))
    ((45, 320), True)
    """
    mel = normalized(mel_frames(samples, rate))
    coefficients = np.maximum(np.asarray(dct(mel, norm="ortho"))[:, :N_COSINES], 0)
    if lateral:
        mel = np.maximum(mel @ lateral_inhibition().T, 0)
    channels = np.concatenate([mel, coefficients], axis=1)
    return np.clip(np.rint(channels * EVENTS_PER_UNIT), 0, LARGEST_EVENT).astype(np.uint16)


def mel_frames(samples: np.ndarray, rate: int) -> np.ndarray:
    """Return the magnitudes of 256 mel bands every 2 ms, each of 12 ms under a Blackman window.

    The spectrum has a bin every 2 Hz, so that the narrowest band holds some.

    Parameters
    ----------
    samples : float (n,)
        As in `cochlea_events`.
    rate : int, Hz
        As in `cochlea_events`.

    Returns
    -------
    mel : float32 (steps, 256), 0 or more
    """
    samples = np.asarray(samples, np.float64)
    hop = _hop(rate)
    width = HOPS_PER_WINDOW * hop
    if samples.ndim != 1 or len(samples) < width:
        raise ValueError(f"samples have shape {samples.shape}; one axis of at least {width} is needed")
    if not np.isfinite(samples).all():
        raise ValueError("the samples hold NaN or infinity")
    frames = np.lib.stride_tricks.sliding_window_view(samples, width)[::hop] * get_window("blackman", width)
    frames = frames.astype(np.float32)  # events have ten bits
    parts = [frames[i : i + FRAMES_AT_ONCE] for i in range(0, len(frames), FRAMES_AT_ONCE)]
    spectra = (np.abs(np.asarray(rfft(part, rate // 2))) for part in parts)
    return np.concatenate([SCALE * (mel_bands(rate) @ spectrum.T).T for spectrum in spectra])


def normalized(mel: np.ndarray) -> np.ndarray:
    """Divide each frame by its range, or by the smallest range that counts.

    >>> normalized(np.array([[0.0, 2.0], [0.0, 0.01]])).round(6).tolist()
    [[0.0, 1.0], [0.0, 0.2]]
    """
    extent = mel.max(axis=1, keepdims=True) - mel.min(axis=1, keepdims=True)
    return mel / (np.maximum(extent - SMALLEST_RANGE, 0) + SMALLEST_RANGE)


@cache
def lateral_inhibition() -> np.ndarray:
    """Return how channels inhibit their far neighbors and excite the near ones: (256, 256), read-only.

    Toward the center of a row the 24 weights of each side are -sin(2 pi x), x = 1/24 to 1; the center is what
    makes the row sum to 1: a flat spectrum stays what it is.

    >>> row = lateral_inhibition()[128]
    >>> row[104:129].round(3).tolist()[::4], round(float(row.sum()), 12)
    ([-0.259, -0.966, -0.707, 0.259, 0.966, 0.707, 1.0], 1.0)
    """
    side = -np.sin(2 * np.pi * np.arange(1, TAPS + 1) / TAPS)
    weights = np.concatenate([side, [0.0], side[::-1]])
    matrix = np.zeros((N_MELS, N_MELS))
    for offset, weight in zip(range(-TAPS, TAPS + 1), weights, strict=True):
        matrix += weight * np.eye(N_MELS, k=offset)
    matrix += np.diag(1 - matrix.sum(axis=1))
    matrix.flags.writeable = False
    return matrix


@cache
def mel_bands(rate: int) -> csr_array:
    """Return the mel filters, (256, rate // 4 + 1) float32; few of their entries are not 0."""
    filters = mel_filters(N_MELS, rate // 4 + 1, rate, 0.0, min(HIGHEST_HZ, rate / 2))
    return csr_array(filters.T.astype(np.float32))


def _hop(rate: int) -> int:
    """Samples in a step."""
    hop = round(rate * HOP_S)
    if rate <= 0 or hop != rate * HOP_S:
        raise ValueError(f"{rate} Hz; 2 ms have to be a whole number of samples, as at 16000 Hz")
    return hop
