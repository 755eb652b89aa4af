"""How large S may be, and the plain choice: the largest weight of a population is the largest integer."""

import numpy as np

from ..simulate.errors import OutOfRange
from ..simulate.ranges import RANGES, UNIT, V_MAX
from ..simulate.synapses import weight_step
from .calibration import Observed
from .populations import Population
from .rounding import BIAS_LIMIT, Scale, span

V_LIMIT = V_MAX // UNIT  # largest membrane, in weight units
A_IN_LIMIT = 2**15 - 1  # the chip's width of a_in; Lava's CPU models do not enforce it
HEADROOM = 2.0  # room above the largest state seen in calibration
BLIND_VTH = 1 << 12  # threshold without calibration: 12 bits fine, 5 bits of room above


def max_abs(p: Population, observed: Observed | None, bits: int, clip: float = 1.0) -> Scale:
    """Return one S for all neurons, with the largest exponent that fits, or as large as it may be.

    Raises
    ------
    OutOfRange
        Threshold, bias or membrane need a scale at which every weight would be 0.
    """
    limit = float(largest_scale(p, observed).min())
    largest = max((np.abs(w.stored).max(initial=0) for w in p.weights.values()), default=0)
    if not largest:
        return Scale(min(limit, float(UNIT)))
    value = _shifted(span(bits) / (clip * largest), limit)
    if value is None:  # the weights stay below the largest integer
        value = limit
    if np.ldexp(value * largest, -RANGES["weight_exp"][0]) <= weight_step(bits) / 2:
        raise OutOfRange(
            f"'{p.name}': threshold, bias or membrane need a scale below {limit:.3g}, which the weights "
            f"of up to {largest:.3g} would lose; scale the layer's weights and threshold together"
        )
    return Scale(value, clip)


def largest_scale(p: Population, observed: Observed | None) -> np.ndarray:
    """Return the upper limit of each neuron's S: of every register it fills, and the states seen; (n)."""
    limits = [_fit(BIAS_LIMIT / UNIT, np.abs(p.bias))]
    if p.threshold is not None:
        limits.append(_fit(RANGES["vth"][1] if observed else BLIND_VTH, p.threshold))
    if observed is not None:
        limits.append(_fit(A_IN_LIMIT / HEADROOM, _expected(p, observed.a_in[p.name])))
        limits.append(_fit(V_LIMIT / HEADROOM, _expected(p, observed.v[p.name])))
    elif p.threshold is None:
        largest = max((np.abs(w.stored).max(initial=0) for w in p.weights.values()), default=0)
        limits.append(_fit(span(8), np.full(p.beta.size, largest)))
    return np.minimum.reduce(limits)


def _expected(p: Population, seen: np.ndarray) -> np.ndarray:
    """Return what a neuron may reach: what it reached, or, by its weights, what the mean neuron did."""
    weights = sum(np.asarray(abs(w.matrix).sum(axis=1)).ravel() for w in p.weights.values())
    mean = np.mean(weights)
    return np.maximum(seen, np.mean(seen) * weights / mean) if mean else seen


def _fit(room: float, values: np.ndarray) -> np.ndarray:
    """Return room / values; no limit where a value is 0."""
    return np.divide(room, values, out=np.full(values.shape, np.inf), where=values > 0)


def _shifted(scale: float, limit: float) -> float | None:
    """Return scale * 2^weight_exp for the largest exponent within `limit`, or None if there is none."""
    low, high = RANGES["weight_exp"]
    exp = min(high, int(np.floor(np.log2(limit / scale)))) if limit < np.inf else 0
    return scale * 2.0**exp if exp >= low else None
