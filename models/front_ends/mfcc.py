"""Mel-frequency cepstral coefficients as torchaudio gives them, and their rates for spikes. NumPy, SciPy."""

from functools import cache

import numpy as np
from scipy.fft import dct
from scipy.signal import get_window

SAMPLE_RATE = 16_000
N_MFCC, N_MELS = 20, 64
FRAME, HOP = 400, 200  # samples: 25 ms every 12.5 ms
TOP_DB = 80.0  # what is further below the loudest value of the clip counts as that
FLOOR = 1e-10  # of the power
N_FRAMES = 80  # 1 s


def mfcc(
    samples: np.ndarray,
    rate_hz: int = SAMPLE_RATE,
    n_mfcc: int = N_MFCC,
    n_mels: int = N_MELS,
    frame: int = FRAME,
    hop: int = HOP,
) -> np.ndarray:
    """Return the cepstral coefficients of a sound.

    Power spectrum of Hann frames centered on multiples of the hop, the ends mirrored; triangular mel bands;
    decibels, at most `TOP_DB` below the clip's loudest; orthonormal cosine transform.

    Parameters
    ----------
    samples : float (n,), n above frame / 2
        Mono, at `rate_hz`.
    rate_hz : int
        Of the samples.
    n_mfcc, n_mels : int
        Coefficients, and bands that they are of.
    frame, hop : int, samples
        Length of a frame, and from one to the next.

    Returns
    -------
    coefficients : float64 (1 + n // hop, n_mfcc)

    Raises
    ------
    ValueError
        The samples are not one-dimensional, too few, or not finite.

    Source: torchaudio 2.3.1, `transforms.MFCC` with its defaults (HTK mel scale, no norm, power 2, center);
    Davis and Mermelstein 1980, IEEE Trans. ASSP 28(4), p. 357-366.

    >>> mfcc(np.sin(np.arange(16000.0))).shape
    (81, 20)
    """
    samples = np.asarray(samples, dtype=np.float64)
    if samples.ndim != 1 or len(samples) <= frame // 2:
        raise ValueError(f"samples are {samples.shape}; more than {frame // 2} of one channel are needed")
    if not np.isfinite(samples).all():
        raise ValueError(f"sample {int((~np.isfinite(samples)).argmax())} is not finite")
    padded = np.pad(samples, frame // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, frame)[::hop]
    power = np.abs(np.fft.rfft(frames * get_window("hann", frame))) ** 2
    level_db = 10 * np.log10(np.maximum(power @ _bands(rate_hz, n_mels, frame).T, FLOOR))
    level_db = np.maximum(level_db, level_db.max() - TOP_DB)
    return np.asarray(dct(level_db, type=2, norm="ortho", axis=1))[:, :n_mfcc]


def mfcc_rates(samples: np.ndarray, n_frames: int = N_FRAMES, **settings: int) -> np.ndarray:
    """Scale every coefficient of a clip to 0 to 1 over its own frames, and cut or pad with 0 in time.

    Parameters
    ----------
    samples : float (n,)
        As in `mfcc`.
    n_frames : int, 1 or more
        Frames that are kept.
    settings
        Of `mfcc`.

    Returns
    -------
    rates : float32 (n_frames, n_mfcc), 0 to 1
        For `bernoulli_spikes`.

    Raises
    ------
    ValueError
        As in `mfcc`.

    Source: adhishjs/snn-mnsit-audio-digit-classifier, its encoder (each minimum to 0, each maximum to 1).

    >>> rates = mfcc_rates(np.sin(np.arange(4000.0) ** 1.2))
    >>> rates.shape, float(rates.min()), bool(rates[:21].max() <= 1), float(rates[21:].max())
    ((80, 20), 0.0, True, 0.0)
    """
    found = mfcc(samples, **settings)
    low, high = found.min(axis=0), found.max(axis=0)
    scaled = (found - low) / (high - low + 1e-8)
    kept = scaled[:n_frames]
    return np.pad(kept, ((0, n_frames - len(kept)), (0, 0))).astype(np.float32)


@cache
def _bands(rate_hz, n_mels, frame):
    """Triangles (bands, bins), evenly spaced in mel from 0 to half the rate, each 1 at its center."""
    top = 2595 * np.log10(1 + rate_hz / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, n_mels + 2) / 2595) - 1)
    left, center, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    hz = np.linspace(0, rate_hz / 2, frame // 2 + 1)
    return np.maximum(0, np.minimum((hz - left) / (center - left), (right - hz) / (right - center)))
