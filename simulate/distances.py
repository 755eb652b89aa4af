"""How far two runs are apart: spike trains, rates, membranes.

Spikes and membranes are (batch, steps, *shape); a train is one neuron in one sample.
"""

import numpy as np

TAU = 10.0  # steps that a spike is felt


def van_rossum(a: np.ndarray, b: np.ndarray, tau: float = TAU) -> float:
    """Return the distance of van Rossum, root mean square over all trains.

    Each spike becomes exp(-t / tau); D^2 = 1/tau * integral of the squared difference. In steps the integral
    is a sum, scaled so that one spike too many is D^2 = 1/2, and one that comes k steps late
    1 - exp(-k / tau). 0 for equal, symmetric, no unit.

    Parameters
    ----------
    a, b : array (batch, steps, *shape)
        Spikes, or graded events.
    tau : float
        Steps that a spike is felt.

    Source: van Rossum, Neural Computation 13:751 (2001).

    >>> late = van_rossum(np.array([[[1], [0]]]), np.array([[[0], [1]]]), tau=10)
    >>> round(late**2, 6) == round(1 - np.exp(-1 / 10), 6)
    True
    """
    trains = max(1, a[:, :1].size)
    return float(np.sqrt(_energy(_difference(a, b), tau) / trains))


def spike_error(a: np.ndarray, b: np.ndarray, tau: float = TAU) -> float:
    """Return the distance of van Rossum as a share of the larger run's distance from silence.

    0 for equal, 1 against silence, 1.4 for runs of the same rate that have nothing in common; symmetric.

    >>> spike_error(np.array([[[1], [0]]]), np.array([[[0], [0]]]))
    1.0
    """
    largest = max(_energy(np.asarray(a, float), tau), _energy(np.asarray(b, float), tau))
    return float(np.sqrt(_energy(_difference(a, b), tau) / largest)) if largest else 0.0


def rate_correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    """Return Pearson's correlation of the firing rates of all trains, -1 to 1; symmetric.

    None where all trains of a run have the same rate.

    Source: Pearson 1895; as in `numpy.corrcoef`.

    >>> rate_correlation(np.array([[[1, 0]]]), np.array([[[0, 1]]]))
    -1.0
    """
    left, right = (_rates(spikes) - _rates(spikes).mean() for spikes in (a, b))
    norm = np.sqrt(np.sum(left**2) * np.sum(right**2))
    return float(np.clip(np.sum(left * right) / norm, -1, 1)) if norm > 0 else None


def rate_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return the earth mover's distance between the firing rates of the neurons, in spikes a step.

    For as many neurons on both sides it is mean |a_(i) - b_(i)| of the rates in order: which neuron has which
    rate does not count. 0 for equal, symmetric.

    Source: Rubner et al., IJCV 40:99 (2000); in one dimension, Vallender 1974.

    >>> rate_distance(np.array([[[1, 0], [1, 0]]]), np.array([[[0, 1], [0, 0]]]))
    0.25
    """
    left, right = (np.sort(_rates(spikes).mean(axis=0)) for spikes in (a, b))
    return float(np.mean(np.abs(left - right)))


def membrane_error(a: np.ndarray, b: np.ndarray) -> float:
    """Return how far two membranes are apart; 0 for equal, symmetric, no unit.

    Both floats or both integers: |a - b| / max(|a|, |b|), root sums of squares over everything, up to 2.
    Floats against integers, which are in other units: `membrane_angle`.

    >>> membrane_error(np.array([[[3.0], [4.0]]]), np.array([[[3.0], [3.0]]]))
    0.2
    """
    if (a.dtype.kind == "f") != (b.dtype.kind == "f"):
        return membrane_angle(a, b)
    left, right = np.asarray(a, float), np.asarray(b, float)
    largest = max(np.linalg.norm(left), np.linalg.norm(right))
    return float(np.linalg.norm(left - right) / largest) if largest else 0.0


def membrane_angle(a: np.ndarray, b: np.ndarray) -> float:
    """Return how far two membranes are apart in whatever units, 0 to 1; symmetric.

    Each neuron's b is scaled by the factor, 0 or more, of least squares; what is left, as a share of a, is
    the sine of the angle between the two. Root mean square over the neurons; 1 if one of two is silent.

    >>> round(membrane_angle(np.array([[[1.0], [2.0]]]), np.array([[[64], [128]]])), 12)
    0.0
    """
    left, right = (np.asarray(v, float).reshape(-1, int(np.prod(v.shape[2:]))) for v in (a, b))
    norms = [np.linalg.norm(v, axis=0) for v in (left, right)]
    units = [v / np.where(norm > 0, norm, 1) for v, norm in zip((left, right), norms, strict=True)]
    cosine = np.maximum(np.sum(units[0] * units[1], axis=0), 0)
    sines = np.linalg.norm(units[0] - cosine * units[1], axis=0)
    sines[(norms[0] == 0) & (norms[1] > 0)] = 1.0
    return float(np.sqrt(np.mean(sines**2)))


def _difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(a, float) - np.asarray(b, float)


def _energy(trains: np.ndarray, tau: float) -> float:
    """Sum of squares of trains that ring on, also after the last step; 1/2 for a single spike."""
    kept = np.exp(-1 / tau)
    ring, total = np.zeros(trains[:, 0].shape if trains.shape[1] else 0), 0.0
    for t in range(trains.shape[1]):
        ring = kept * ring + trains[:, t]
        total += float(np.sum(ring**2))
    return total * (1 - kept**2) / 2 + float(np.sum(ring**2)) * kept**2 / 2


def _rates(spikes: np.ndarray) -> np.ndarray:
    """Spikes a step of each train, (batch, n)."""
    return np.asarray(spikes, float).mean(axis=1).reshape(len(spikes), -1)
