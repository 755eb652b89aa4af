"""Costs as intervals: from the cheapest table to the dearest, for each sample."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

STATISTICS = {
    "mean": np.mean,
    "median": np.median,
    "p5": lambda values: np.percentile(values, 5),
    "p95": lambda values: np.percentile(values, 95),
}


class Interval(NamedTuple):
    """From the cheapest table to the dearest; low is None where only an upper bound is known."""

    low: float | None
    high: float

    def times(self, factor: float) -> "Interval":
        """Return it scaled."""
        return Interval(None if self.low is None else self.low * factor, self.high * factor)


@dataclass(frozen=True)
class Cost:
    """Joules or syn_op equivalents of each sample, (batch): the low end (None: unknown) and the high one."""

    low: np.ndarray | None
    high: np.ndarray

    def __add__(self, other: "Cost") -> "Cost":
        low = None if self.low is None or other.low is None else self.low + other.low
        return Cost(low, self.high + other.high)

    def over_samples(self, statistic: str = "mean") -> Interval:
        """Return a statistic of both ends: mean, median, p5 or p95."""
        of = STATISTICS[statistic]
        return Interval(None if self.low is None else float(of(self.low)), float(of(self.high)))

    def to_json(self) -> dict:
        """Return every statistic as [low, high]."""
        return {name: list(self.over_samples(name)) for name in STATISTICS}
