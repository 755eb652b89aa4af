"""Raw sound as the input of a network: samples scaled to 0 to 1. NumPy and SciPy."""

import numpy as np
from scipy.signal import resample_poly


def min_max(values: np.ndarray) -> np.ndarray:
    """Scale one clip so that its lowest value is 0 and its highest 1; a flat one is 0.

    Parameters
    ----------
    values : array, any shape, finite
        Samples or a spectrogram of one clip.

    Returns
    -------
    scaled : float32, the same shape, 0 to 1

    Raises
    ------
    ValueError
        There are no values, or one is not finite.

    >>> min_max(np.array([-2.0, 0.0, 2.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    values = np.asarray(values, dtype=np.float64)
    if not values.size or not np.isfinite(values).all():
        raise ValueError("there are no values, or one is not finite")
    low, high = values.min(), values.max()
    if low == high:
        return np.zeros(values.shape, dtype=np.float32)
    return ((values - low) / (high - low)).astype(np.float32)


def raw_samples(samples: np.ndarray, n: int = 4000) -> np.ndarray:
    """Return the samples of a clip as n values from 0 to 1.

    Parameters
    ----------
    samples : float (m,)
        One clip; n may be a multiple of m, then it is resampled (the 8,000 inputs that the slides name).
    n : int
        Inputs of the network.

    Returns
    -------
    values : float32 (n,), 0 to 1

    Raises
    ------
    ValueError
        n is no multiple of the number of samples, or a sample is not finite.

    Source: IRENav, CAID 2025 slides (min-max over the clip).

    >>> raw_samples(np.arange(4000.0))[[0, -1]].tolist()
    [0.0, 1.0]
    """
    samples = np.asarray(samples, dtype=np.float64)
    if samples.ndim != 1 or not len(samples) or n % len(samples):
        raise ValueError(
            f"samples are {samples.shape}; {n} inputs need {n} of one channel, or a divisor of it"
        )
    factor = n // len(samples)
    return min_max(samples if factor == 1 else resample_poly(samples, factor, 1))
