"""Rates to spikes by a counter-based generator: host, reference and Lava see the same bits. NumPy only.

Whether unit i spikes in step t of a sample depends on (seed, sample, t, i) alone: not on the batch, on the
order of samples or on how often one was drawn before.
"""

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np

BITS = 24  # of a rate


def bernoulli_spikes(
    rates: np.ndarray, seed: int, sample: int | str, steps_per_frame: int = 10
) -> np.ndarray:
    """Draw spikes at the rates of one sample.

    A unit spikes where its 24-bit random number is below `rint(rate * 2**24)`: never at rate 0, always at 1.

    Parameters
    ----------
    rates : float (frames, units), 0 to 1
        Probability of a spike in a step.
    seed : int, 0 to 2**64 - 1
        Decides one encoding of the whole data set.
    sample : int, 0 to 2**64 - 1, or str
        Which sample it is: its index in the data set, or its name.
    steps_per_frame : int, 1 or more
        Steps for which each frame holds.

    Returns
    -------
    spikes : uint8 (frames * steps_per_frame, units), 0 or 1

    Raises
    ------
    ValueError
        A rate is outside 0 to 1 or not a number, `rates` has not two axes, or an integer is out of range.

    Source: Philox-4x64-10, Salmon et al. 2011, Proc. SC11, doi 10.1145/2063384.2063405; key (seed, sample),
    the step and the unit in C order as counter.

    >>> bernoulli_spikes(np.array([[0.0, 0.5, 1.0]]), seed=0, sample=4, steps_per_frame=4).tolist()
    [[0, 0, 1], [0, 1, 1], [0, 0, 1], [0, 1, 1]]
    """
    rates = np.asarray(rates, dtype=np.float64)
    if rates.ndim != 2:
        raise ValueError(f"rates have shape {rates.shape}; they must be (frames, units)")
    if not ((rates >= 0) & (rates <= 1)).all():
        raise ValueError("a rate is outside 0 to 1; scale the features first")
    if steps_per_frame < 1:
        raise ValueError(f"steps_per_frame is {steps_per_frame}; it must be at least 1")
    key = (seed, key_of(sample) if isinstance(sample, str) else sample)
    if not all(0 <= part < 2**64 for part in key):
        raise ValueError(f"seed {seed}, sample {sample}; both must be 0 to 2**64 - 1")
    below = np.repeat(np.rint(rates * 2**BITS).astype(np.uint64), steps_per_frame, axis=0)
    drawn = np.random.Philox(key=np.array(key, dtype=np.uint64)).random_raw(below.size)
    return (drawn.reshape(below.shape) >> np.uint64(64 - BITS) < below).astype(np.uint8)


def encode_all(
    rates: Iterable[np.ndarray], seed: int, samples: Iterable[int | str], steps_per_frame: int = 10
) -> np.ndarray:
    """Draw the spikes of several samples of one size.

    Returns
    -------
    spikes : uint8 (n, frames * steps_per_frame, units)

    Raises
    ------
    ValueError
        As `bernoulli_spikes`; or rates and samples differ in number.
    """
    pairs = zip(rates, samples, strict=True)
    return np.stack([bernoulli_spikes(r, seed, sample, steps_per_frame) for r, sample in pairs])


def key_of(name: str) -> int:
    """Return the 64-bit number that stands for a name, the same on every machine.

    >>> key_of("7_theo_32.wav")
    9279363168413757614
    """
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")
