"""Spike trains to spike counts in bins: the input of networks for SHD and SSC. NumPy only."""

import numpy as np

N_UNITS = 700
N_STEPS = 100
LAST_S = 1.4  # where the last bin begins, which takes all that is later
STEP_S = LAST_S / (N_STEPS - 1)  # 14.14 ms


def spike_counts(
    times: np.ndarray,
    units: np.ndarray,
    n_units: int = N_UNITS,
    n_steps: int = N_STEPS,
    last_s: float = LAST_S,
    first: int = 0,
) -> np.ndarray:
    """Count the spikes of every unit in every bin.

    The edges are `linspace(0, last_s, n_steps)`, so the last bin takes all that is later.

    Parameters
    ----------
    times : float (n,), s, 0 or more
        In any order.
    units : integer (n,), 0 to n_units - 1
        Which unit each spike is of.
    n_units, n_steps : int, 1 or more; n_steps at least 2
        Sizes of the result.
    last_s : float, s, above 0
        Where the last bin begins.
    first : int, 0 or 1
        Row of the first bin. 1 is SpyTorch's reading: row 0 stays empty, and what comes after `last_s` is
        left out.

    Returns
    -------
    counts : uint8 (n_steps, n_units)

    Raises
    ------
    ValueError
        Times and units differ in number, are no numbers of their kind, or out of range; a bin counts more
        than 255.

    Source: bins of yassine99ab/SNN-Auditory-Processing; with `first=1`, of fzenke/spytorch.

    >>> counts = spike_counts(np.array([0.0, 0.0, 0.0142, 1.39, 1.4, 9.0]), np.array([3, 3, 3, 5, 5, 5]))
    >>> counts.shape, counts[:2, 3].tolist(), counts[-2:, 5].tolist()
    ((100, 700), [2, 1], [1, 2])
    """
    times, units = np.asarray(times), np.asarray(units)
    check_spikes(times, units, n_units)
    edges = np.linspace(0, last_s, n_steps)
    rows = np.digitize(times.astype(np.float64), edges) - 1 + first
    kept = rows < n_steps
    places = rows[kept] * n_units + units[kept].astype(np.int64)
    counts = np.bincount(places, minlength=n_steps * n_units).reshape(n_steps, n_units)
    if counts.max(initial=0) > 255:
        step, unit = np.argwhere(counts > 255)[0]
        raise ValueError(
            f"unit {unit} spikes {counts[step, unit]} times in bin {step}; at most 255 are counted"
        )
    return counts.astype(np.uint8)


def check_spikes(times: np.ndarray, units: np.ndarray, n_units: int = N_UNITS) -> None:
    """Refuse what is not a list of spikes.

    Raises
    ------
    ValueError
        As in `spike_counts`.
    """
    if times.ndim != 1 or times.shape != units.shape:
        raise ValueError(f"times {times.shape} and units {units.shape}; there must be one unit for each time")
    if times.dtype.kind not in "fiu" or units.dtype.kind not in "iu":
        raise ValueError(f"times are {times.dtype}, units {units.dtype}; they must be numbers and integers")
    if not len(times):
        return
    bad = ~((times >= 0) & np.isfinite(times))
    if bad.any():
        raise ValueError(
            f"spike {bad.argmax()} is at {times[bad.argmax()]} s; times must be finite, 0 or more"
        )
    bad = (units < 0) | (units >= n_units)
    if bad.any():
        place = bad.argmax()
        raise ValueError(f"spike {place} is of unit {units[place]}; units are 0 to {n_units - 1}")
