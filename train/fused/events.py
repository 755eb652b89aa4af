"""Products with matrices that are mostly zeros, entry by entry."""

from typing import NamedTuple

import numpy as np

from ...simulate.compiled import inlined, kernel
from .threads import shared

CACHE = 2**20  # bytes of dense rows that stay in a core's second cache while they are summed
LANES = 16  # columns that are summed at once


class Events(NamedTuple):
    """The entries of a matrix that are not zero, row by row (CSR).

    Attributes
    ----------
    starts : int64 (rows + 1)
    columns : int32 (entries)
    values : float (entries)
    n_columns : int
    """

    starts: np.ndarray
    columns: np.ndarray
    values: np.ndarray
    n_columns: int

    @property
    def density(self) -> float:
        """Share of the entries that are not zero."""
        return self.columns.size / max(1, (self.starts.size - 1) * self.n_columns)


def found(x: np.ndarray, dtype: np.dtype | None = None) -> Events:
    """Find the entries of a matrix (rows, columns) that are not zero.

    >>> found(np.array([[0.0, 3.0], [0.0, 0.0]], np.float32))[:3]
    (array([0, 1, 1]), array([1], dtype=int32), array([3.], dtype=float32))
    """
    rows = len(x)
    starts = np.zeros(rows + 1, np.int64)
    shared(rows, lambda low, high: count(x, starts, low, high))
    np.cumsum(starts, out=starts)
    columns, values = np.empty(starts[-1], np.int32), np.empty(starts[-1], dtype or x.dtype)
    shared(rows, lambda low, high: collect(x, starts, columns, values, low, high))
    return Events(starts, columns, values, x.shape[1])


def turned(events: Events) -> Events:
    """Return the same matrix with rows for columns, in the order of the rows."""
    rows = events.starts.size - 1
    starts = np.zeros(events.n_columns + 1, np.int64)
    columns, values = np.empty_like(events.columns), np.empty_like(events.values)
    turn(events.starts, events.columns, events.values, starts, columns, values)
    return Events(starts, columns, values, rows)


def product(events: Events, dense: np.ndarray, out: np.ndarray) -> None:
    """Add the product of the matrix and a dense one (columns, n) to `out` (rows, n).

    Parameters
    ----------
    events : Events
        The matrix.
    dense, out : float
        Whole rows lie together.
    """
    rows, n = out.shape
    blocks = CACHE // (dense.itemsize * LANES * max(1, len(dense)))
    columns = LANES * max(1, min(-(-n // LANES), blocks))
    if columns * len(dense) * dense.itemsize > CACHE:  # too many rows for any block of columns
        columns = n
    width, each = min(columns, n), max(1, CACHE // (dense.itemsize * min(columns, n)))
    shared(rows, lambda low, high: accumulate(*events[:3], dense, out, width, each, low, high))


@kernel
def count(x, starts, low, high):
    """Count the entries of some rows into starts[row + 1]."""
    for row in range(low, high):
        total = 0
        for column in range(x.shape[1]):
            total += x[row, column] != 0
        starts[row + 1] = total


@kernel
def collect(x, starts, columns, values, low, high):
    """Write the entries of some rows."""
    at = starts[low]
    for row in range(low, high):
        last = starts[row + 1]
        for column in range(x.shape[1]):
            if at == last:
                break
            columns[at] = column
            at += x[row, column] != 0
        for k in range(starts[row], last):
            values[k] = x[row, columns[k]]


@kernel
def turn(starts, columns, values, turned_starts, turned_columns, turned_values):
    """Sort entries by column; `turned_starts` holds zeros before."""
    for k in range(columns.size):
        turned_starts[columns[k] + 1] += 1
    for i in range(1, turned_starts.size):
        turned_starts[i] += turned_starts[i - 1]
    place = turned_starts[:-1].copy()
    for row in range(starts.size - 1):
        for k in range(starts[row], starts[row + 1]):
            at = place[columns[k]]
            turned_columns[at], turned_values[at] = row, values[k]
            place[columns[k]] = at + 1


@kernel
def accumulate(starts, columns, values, dense, out, width, each, low, high):
    """Add rows of `dense` to some rows of `out`, in blocks of `width` columns and `each` rows of `dense`."""
    n = dense.shape[1]
    at = np.empty(high - low, np.int64)
    for begin in range(0, n, width):
        end = min(begin + width, n)
        at[:] = starts[low:high]
        for first in range(0, max(1, dense.shape[0]), each):
            limit = first + each
            for row in range(low, high):
                k, last = at[row - low], starts[row + 1]
                total = out[row, begin:end]
                while k + 4 <= last and columns[k + 3] < limit:
                    add_four(columns, values, dense, k, begin, end, total)
                    k += 4
                while k < last and columns[k] < limit:
                    d, v = dense[columns[k], begin:end], values[k]
                    for j in range(total.size):
                        total[j] += v * d[j]
                    k += 1
                at[row - low] = k


@inlined
def add_four(columns, values, dense, k, begin, end, total):
    d0, d1 = dense[columns[k], begin:end], dense[columns[k + 1], begin:end]
    d2, d3 = dense[columns[k + 2], begin:end], dense[columns[k + 3], begin:end]
    v0, v1, v2, v3 = values[k], values[k + 1], values[k + 2], values[k + 3]
    for j in range(total.size):
        total[j] += (v0 * d0[j] + v1 * d1[j]) + (v2 * d2[j] + v3 * d3[j])
