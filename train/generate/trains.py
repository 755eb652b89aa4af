"""Periodic trains of spikes: the task of the `goldilocks` neuron. NumPy only."""

import numpy as np

BAND = (30, 50)  # periods to be found, both ends included
SHORTEST, LONGEST = 2, 100
N_STEPS = 1000


def period_train(period: int, phase: int, n_steps: int = N_STEPS) -> np.ndarray:
    """Return spikes every `period` steps, the first at `phase`.

    Parameters
    ----------
    period : int, 1 or more
        Steps between two spikes.
    phase : int, 0 to period - 1
        Step of the first one.
    n_steps : int
        Length.

    Returns
    -------
    spikes : uint8 (n_steps,), 0 or 1

    >>> period_train(3, 1, 8)
    array([0, 1, 0, 0, 1, 0, 0, 1], dtype=uint8)
    """
    return (np.arange(n_steps) % period == phase).astype(np.uint8)


def draw_periods(n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw periods, half of them in the band, the others outside of it.

    >>> drawn = draw_periods(100, np.random.default_rng(0))
    >>> int(in_band(drawn).sum()), int(drawn.min()) >= SHORTEST, int(drawn.max()) <= LONGEST
    (50, True, True)
    """
    every = np.arange(SHORTEST, LONGEST + 1)
    inside = in_band(every) == 1
    drawn = np.concatenate([rng.choice(every[inside], n // 2), rng.choice(every[~inside], n - n // 2)])
    return rng.permutation(drawn)


def in_band(periods: np.ndarray) -> np.ndarray:
    """Return 1 for periods in the band, else 0."""
    return ((periods >= BAND[0]) & (periods <= BAND[1])).astype(np.int64)


def period_trains(periods: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a train for each period, at a phase that is drawn: uint8 (n, 1000, 1)."""
    return np.stack([period_train(p, rng.integers(p)) for p in periods])[:, :, None]
