"""How long many calls took, in a constant amount of memory."""

import numpy as np

BIN_S, BINS = 1e-6, 20_000  # up to 20 ms; what takes longer is kept as its maximum


class Durations:
    """A histogram of durations.

    >>> taken = Durations()
    >>> for ms in range(1, 101):
    ...     taken.add(ms * 1e-4)
    >>> round(taken.quantile(0.99) * 1e3, 1), taken.count, round(taken.total_s, 3)
    (9.9, 100, 0.505)
    """

    def __init__(self) -> None:
        self._bins = np.zeros(BINS, np.int64)
        self.count = 0
        self.total_s = self.longest_s = 0.0

    def add(self, seconds: float) -> None:
        """Count one call."""
        self._bins[min(BINS - 1, int(seconds / BIN_S))] += 1
        self.count += 1
        self.total_s += seconds
        self.longest_s = max(self.longest_s, seconds)

    def quantile(self, share: float) -> float:
        """Return what this share of the calls did not exceed, to a microsecond; 0 without calls."""
        if not self.count:
            return 0.0
        at = int(np.searchsorted(np.cumsum(self._bins), share * self.count))
        return min(self.longest_s, (at + 1) * BIN_S) if at < BINS - 1 else self.longest_s
