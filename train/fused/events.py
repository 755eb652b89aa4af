"""Products with matrices that are mostly zeros, entry by entry."""

from typing import NamedTuple

import numpy as np

from ...simulate.compiled import inlined, kernel
from ...simulate.unchecked import window
from .compress import places_not_zero
from .threads import shared

CACHE = 2**20  # bytes of dense rows that stay in a core's second cache while they are summed
LANES = 16  # columns that are summed at once
NARROW = 64  # columns in a block, below which it is better to have few rows in it


class Events(NamedTuple):
    """The entries of a matrix that are not zero, row by row.

    Attributes
    ----------
    starts, ends : int64 (rows)
        Where the entries of a row are.
    columns : int32 (room)
    values : float (room), or nothing
        1 where there are none.
    n_columns : int
    """

    starts: np.ndarray
    ends: np.ndarray
    columns: np.ndarray
    values: np.ndarray
    n_columns: int

    def rows(self, low: int, high: int) -> "Events":
        """Return some of the rows."""
        return self._replace(starts=self.starts[low:high], ends=self.ends[low:high])

    @property
    def density(self) -> float:
        """Share of the entries that are not zero."""
        return (self.ends - self.starts).sum() / max(1, len(self.starts) * self.n_columns)


def dense(events: Events, dtype: np.dtype) -> np.ndarray:
    """Return the matrix with its zeros."""
    out = np.zeros((len(events.starts), events.n_columns), dtype)
    spread(*events[:4], out)
    return out


def found(x: np.ndarray, dtype: np.dtype | None = None, most: float = 1.0) -> Events | None:
    """Find the entries of a matrix that are not zero.

    Parameters
    ----------
    x : array (rows, columns)
        Whole rows lie together.
    dtype : dtype, optional
        Of the values; default: that of x.
    most : float, 0 to 1
        Share of entries from which it is not worth while, and None is returned.

    >>> events = found(np.array([[0.0, 3.0], [0.0, 0.0]], np.float32))
    >>> events.starts, events.ends, events.columns[:1], events.values[:1]
    (array([0, 1]), array([1, 1]), array([1], dtype=int32), array([3.], dtype=float32))
    """
    rows, n = x.shape
    width = int(np.ceil(most * n))
    starts, ends = np.empty(rows, np.int64), np.empty(rows, np.int64)
    columns, values = np.empty(rows * width, np.int32), np.empty(rows * width, dtype or x.dtype)
    few = []
    shared(rows, lambda low, high: few.append(collect(x, width, starts, ends, columns, values, low, high)))
    return Events(starts, ends, columns, values, n) if all(few) else None


def turned(events: Events) -> Events:
    """Return the same matrix with rows for columns, in the order of the rows."""
    starts, ends = np.zeros(events.n_columns, np.int64), np.zeros(events.n_columns, np.int64)
    size = int((events.ends - events.starts).sum())
    columns = np.empty(size, np.int32)
    values = np.empty(size if events.values.size else 0, events.values.dtype)
    turn(*events[:4], starts, ends, columns, values)
    return Events(starts, ends, columns, values, len(events.starts))


def product(events: Events, dense: np.ndarray, out: np.ndarray, start: np.ndarray | None = None) -> None:
    """Add the product of the matrix and a dense one (columns, n) to `out` (rows, n).

    Parameters
    ----------
    events : Events
        The matrix.
    dense, out : float
        Whole rows lie together.
    start : float (n), optional
        What each row begins with, instead of what `out` holds.
    """
    shared(len(out), lambda low, high: add_product(events, dense, out, low, high, start))


def add_product(
    events: Events, dense: np.ndarray, out: np.ndarray, low: int, high: int, start: np.ndarray | None = None
) -> None:
    """As `product`, some of the rows, in this thread."""
    start = np.empty(0, out.dtype) if start is None else start
    accumulate(*events[:4], dense, start, out, *_block(dense), low, high)


def add_turned_product(events: Events, dense: np.ndarray, out: np.ndarray) -> None:
    """As `product` of the `turned` matrix, in this thread and in one call."""
    accumulate_turned(*events[:4], dense, out, *_block(dense))


def _block(dense: np.ndarray) -> tuple[int, int]:
    """Return how many columns and rows of a matrix stay in a core's cache."""
    rows, n = dense.shape
    width = CACHE // (dense.itemsize * max(1, rows)) // LANES * LANES
    width = min(n, width if width >= NARROW else n)
    return width, max(1, CACHE // (dense.itemsize * width))


@kernel
def collect(x, width, starts, ends, columns, values, low, high):
    """Write the entries of some rows, as many as `width` in a row on average; False if there are more."""
    n, at, limit = x.shape[1], low * width, high * width
    here = np.empty(n, np.int32)
    for row in range(low, high):
        count = places_not_zero(window(x, row * n, n), here, 0)
        if at + count > limit:
            return False
        starts[row] = at
        for k in range(count):
            columns[at + k] = here[k]
            values[at + k] = x[row, here[k]]
        at += count
        ends[row] = at
    return True


@kernel
def spread(starts, ends, columns, values, out):
    """Write entries into a matrix of zeros."""
    for row in range(starts.size):
        for k in range(starts[row], ends[row]):
            out[row, columns[k]] = values[k] if values.size else 1


@kernel
def turn(starts, ends, columns, values, turned_starts, turned_ends, turned_columns, turned_values):
    """Sort entries by column; `turned_starts` and `turned_ends` hold zeros before."""
    for row in range(starts.size):
        for k in range(starts[row], ends[row]):
            turned_ends[columns[k]] += 1
    total = 0
    for i in range(turned_ends.size):
        turned_starts[i] = total
        total += turned_ends[i]
        turned_ends[i] = turned_starts[i]
    for row in range(starts.size):
        for k in range(starts[row], ends[row]):
            at = turned_ends[columns[k]]
            turned_columns[at] = row
            if values.size:
                turned_values[at] = values[k]
            turned_ends[columns[k]] = at + 1


@kernel
def accumulate(starts, ends, columns, values, dense, start, out, width, each, low, high):
    """Add rows of `dense` to some rows of `out`, in blocks of `width` columns and `each` rows of `dense`.

    `start` (n), or nothing, is what each row of `out` begins with.
    """
    n, at, one = dense.shape[1], np.empty(high - low, np.int64), dense.dtype.type(1)
    weighted = values.size > 0
    for begin in range(0, n, width):
        size = min(width, n - begin)
        at[:] = starts[low:high]
        for limit in range(each, max(1, dense.shape[0]) + each, each):
            for row in range(low, high):
                k, last, total = at[row - low], ends[row], window(out, row * n + begin, size)
                if start.size and limit == each:
                    _copy(window(start, begin, size), total)
                while k + 4 <= last and columns[k + 3] < limit:
                    d0 = window(dense, columns[k] * n + begin, size)
                    d1 = window(dense, columns[k + 1] * n + begin, size)
                    d2 = window(dense, columns[k + 2] * n + begin, size)
                    d3 = window(dense, columns[k + 3] * n + begin, size)
                    if weighted:
                        v0, v1, v2, v3 = values[k], values[k + 1], values[k + 2], values[k + 3]
                        _add_four(v0, v1, v2, v3, d0, d1, d2, d3, total)
                    else:
                        _add_four(one, one, one, one, d0, d1, d2, d3, total)
                    k += 4
                while k < last and columns[k] < limit:
                    _add_one(
                        values[k] if weighted else one, window(dense, columns[k] * n + begin, size), total
                    )
                    k += 1
                at[row - low] = k


@kernel
def accumulate_turned(starts, ends, columns, values, dense, out, width, each):
    """Turn entries, and accumulate all rows of `out`."""
    size, n = 0, out.shape[0]
    for row in range(starts.size):
        size += ends[row] - starts[row]
    turned_starts, turned_ends = np.zeros(n, starts.dtype), np.zeros(n, ends.dtype)
    turned_columns = np.empty(size, columns.dtype)
    turned_values = np.empty(size if values.size else 0, values.dtype)
    turn(starts, ends, columns, values, turned_starts, turned_ends, turned_columns, turned_values)
    none = np.empty(0, out.dtype)
    accumulate(turned_starts, turned_ends, turned_columns, turned_values, dense, none, out, width, each, 0, n)


@kernel
def add_up(rows, total):
    """Add all rows (rows, n) to one (n)."""
    n, one, row = total.size, total.dtype.type(1), 0
    while row + 4 <= rows.shape[0]:
        r0, r1 = window(rows, row * n, n), window(rows, (row + 1) * n, n)
        r2, r3 = window(rows, (row + 2) * n, n), window(rows, (row + 3) * n, n)
        _add_four(one, one, one, one, r0, r1, r2, r3, total)
        row += 4
    while row < rows.shape[0]:
        _add_one(one, window(rows, row * n, n), total)
        row += 1


@inlined
def _copy(x, to):
    for j in range(to.size):
        to[j] = x[j]


@inlined
def _add_four(v0, v1, v2, v3, d0, d1, d2, d3, total):
    for j in range(total.size):
        total[j] += (v0 * d0[j] + v1 * d1[j]) + (v2 * d2[j] + v3 * d3[j])


@inlined
def _add_one(v, d, total):
    for j in range(total.size):
        total[j] += v * d[j]
