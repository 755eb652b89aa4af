"""The low bins of a Hamming spectrogram, scaled to 0 to 1: the input of `whale-2d`. NumPy and SciPy."""

import numpy as np
from scipy.signal import get_window

from .samples import min_max

N_FFT, HOP = 512, 26  # at 2 kHz: 256 ms every 13 ms, 95 % overlap
N_BINS = 103  # up to 398 Hz; the slides' other figure is 105, up to 406 Hz
FLOOR_DB = 80.0  # what is further below the loudest value of the clip counts as that


def spectrogram(
    samples: np.ndarray, n_bins: int = N_BINS, n_fft: int = N_FFT, hop: int = HOP, decibels: bool = True
) -> np.ndarray:
    """Return the spectrogram of a clip, low bins only.

    Parameters
    ----------
    samples : float (n,), n at least n_fft
        One clip; 4,000 samples give 135 frames.
    n_bins : int, 1 to n_fft // 2 + 1
        Bins kept, from 0 Hz up.
    n_fft, hop : int, samples
        Length of a frame, and from one to the next.
    decibels : bool
        Level rather than magnitude; the source does not say which. Scaled to 0 to 1 either way.

    Returns
    -------
    values : float32 (n_bins, frames), 0 to 1

    Raises
    ------
    ValueError
        The samples are not one-dimensional, too few, or not finite.

    Source: IRENav, CAID 2025 slides (Hamming, N_fft 512, 95 % overlap, 103 x 135).

    >>> tone = np.sin(2 * np.pi * 125 * np.arange(4000) / 2000)
    >>> spectrogram(tone).shape, int(spectrogram(tone)[:, 60].argmax())
    ((103, 135), 32)
    """
    samples = np.asarray(samples, dtype=np.float64)
    if samples.ndim != 1 or len(samples) < n_fft:
        raise ValueError(f"samples are {samples.shape}; at least {n_fft} of one channel are needed")
    frames = np.lib.stride_tricks.sliding_window_view(samples, n_fft)[::hop]
    magnitude = np.abs(np.fft.rfft(frames * get_window("hamming", n_fft)))[:, :n_bins].T
    if not decibels:
        return min_max(magnitude)
    peak = magnitude.max()
    if peak == 0:
        return min_max(magnitude)
    return min_max(np.maximum(20 * np.log10(np.maximum(magnitude / peak, 1e-10)), -FLOOR_DB))
