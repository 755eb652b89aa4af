"""By what factor do rounded numbers follow the numbers they were made from?

Every pair of numbers allows a range of factors: rounding, nearest or learned, moves a number by less than a
step of its grid, and what lies beyond the grid is cut to its end. The factor that most pairs allow is the one
that was used; a pair that does not allow it was changed by something else.
"""

from typing import NamedTuple

import numpy as np

Span = tuple[float, float]  # lowest and highest factor
FUZZ = 2e-6  # relative; what float32 and the order of sums may move


class Range(NamedTuple):
    """Factors that pairs of numbers allow, each from low to high; none where low > high."""

    low: np.ndarray
    high: np.ndarray

    def allow(self, factor: float) -> np.ndarray:
        """Whether each pair allows a factor."""
        return (self.low <= factor) & (factor <= self.high)


class Values(NamedTuple):
    """Numbers of one side and the grid that they lie on: how far one may be off, and where it is cut."""

    values: np.ndarray
    step: np.ndarray | float
    low: float = -np.inf
    high: float = np.inf


def factors(a: Values, b: Values) -> Range:
    """Return the factors S for which b = S a, but for rounding: |b - S a| <= step_b + S step_a.

    >>> found = factors(Values(np.array([1.0, -2.0]), 0.0), Values(np.array([10.0, 20.0]), 2.0))
    >>> found.allow(9), found.allow(12.5)
    (array([ True, False]), array([False, False]))
    """
    wide_a = a.step + FUZZ * np.abs(a.values)
    wide_b = b.step + FUZZ * np.abs(b.values)
    above = _at_least(a.values + wide_a, b.values - wide_b)  # S (a + step) >= b - step
    below = _at_least(wide_a - a.values, -b.values - wide_b)  # S (a - step) <= b + step
    # one that was cut may stand for anything beyond
    no_above = (b.values <= b.low) | (a.values >= a.high)
    no_below = (b.values >= b.high) | (a.values <= a.low)
    low = np.maximum(np.where(no_above, 0, above.low), np.where(no_below, 0, below.low))
    high = np.minimum(np.where(no_above, np.inf, above.high), np.where(no_below, np.inf, below.high))
    return Range(low, high)


def _at_least(p: np.ndarray, q: np.ndarray) -> Range:
    """Return the factors S >= 0 for which S p >= q."""
    with np.errstate(divide="ignore", invalid="ignore"):
        bound = q / p
    nowhere = (p <= 0) & (q > 0)
    low = np.where(nowhere, np.inf, np.where((p > 0) & (q > 0), bound, 0.0))
    high = np.where(nowhere, -np.inf, np.where(p < 0, np.maximum(bound, 0), np.inf))
    return Range(low, high)


def most_allowed(ranges: Range) -> Span:
    """Return the lowest and highest factor that most pairs allow, the span of them nearest to 1.

    >>> most_allowed(Range(np.array([0.4, 0.5, 2.0]), np.array([0.7, 0.6, np.inf])))
    (0.5, 0.6)
    """
    some = ranges.low <= ranges.high
    low, high = np.sort(ranges.low[some]), np.sort(ranges.high[some])
    if not low.size:
        return 1.0, 1.0
    # pairs that allow each low end: begun by then, and not ended before
    counts = np.searchsorted(low, low, "right") - np.searchsorted(high, low, "left")
    best = low[counts == counts.max()]
    ends = high[np.searchsorted(high, best, "left")]
    middle = np.where(np.isfinite(ends), (best + ends) / 2, best)
    nearest = int(np.argmin(np.abs(np.log(np.maximum(middle, 1e-300)))))
    return float(best[nearest]), float(ends[nearest])


def middle(span: Span) -> float:
    """Return a factor within a span."""
    low, high = span
    return (low + high) / 2 if np.isfinite(high) else low or 1.0


def explained_by_one(ranges: Range, factor: float) -> Span | None:
    """Return the one other factor that explains what `factor` does not; None if single pairs were changed.

    It leaves at most a quarter of the pairs that `factor` leaves: three or more of them, or half of all.
    """
    left = int(np.count_nonzero(~ranges.allow(factor)))
    if not left or (left < 3 and 2 * left < ranges.low.size):
        return None
    other = most_allowed(ranges)
    return other if 4 * np.count_nonzero(~ranges.allow(middle(other))) <= left else None
