"""Triangular mel filters, as torchaudio has them; NumPy only."""

from functools import cache

import numpy as np


@cache
def mel_filters(n_mels: int, n_bins: int, rate: int, low_hz: float, high_hz: float) -> np.ndarray:
    """Return triangles, evenly spaced in HTK's mel, each 1 at its center.

    Parameters
    ----------
    n_mels : int
        Triangles.
    n_bins : int
        Of a spectrum from 0 Hz to half the rate, both ends included.
    rate : int, Hz
        Of the sound.
    low_hz, high_hz : float
        Where the first triangle begins and the last one ends. Those above half the rate hold no bin: 0.

    Returns
    -------
    filters : float64 (n_bins, n_mels), read-only

    Source: torchaudio 2.3.1, `functional.melscale_fbanks` with norm None and mel_scale "htk".

    >>> mel_filters(2, 5, 8000, 0, 4000).round(2).tolist()
    [[0.0, 0.0], [0.68, 0.32], [0.0, 0.91], [0.0, 0.45], [0.0, 0.0]]
    """
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (low_hz, high_hz))
    edges = 700 * (10 ** (np.linspace(low, high, n_mels + 2) / 2595) - 1)
    left, center, right = edges[:-2], edges[1:-1], edges[2:]
    hz = np.linspace(0, rate // 2, n_bins)[:, None]
    filters = np.maximum(0, np.minimum((hz - left) / (center - left), (right - hz) / (right - center)))
    filters.flags.writeable = False
    return filters
