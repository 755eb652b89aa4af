"""A connection laid out for the compiled loops: a row of weights for each channel, or runs of a few.

A row is added in whole vectors, whatever is zero in it; a run is some synapses to neurons side by side.
"""

from typing import Any, NamedTuple

import numpy as np

from .connections import Connection, Dense
from .layout import CACHE_LINE, LANES, RUN
from .synapses import weight_grid

PLANES = [0, 2, 1, 3]  # which sixteen of 64 neurons side by side the bytes of 32 bits belong to
MANY = 1 / 16  # share of weights that are not zero, from which on there are rows
SMALL = 2**20  # lanes of all rows that a cache holds; there may then be rows of fewer weights
RUN_IN_LANES = 128  # so many lanes of a row in a cache take as long as a run


class Laid(NamedTuple):
    """One connection; a part that its form does not have is empty.

    Attributes
    ----------
    rows : uint8 (channels, lanes), flat
        For spikes: steps of a weight above the lowest of its signs. Of 32 neurons side by side the first 16
        are the even bytes, the others the odd ones.
    pairs : int16 (channels / 2, lanes, 2), flat
        For graded events: the weights of two channels beside each other.
    fan_out : int64 (channels, even)
        Synapses of each channel.
    first_run : int64 (channels + 1)
        Where the runs of each channel begin, and where the last ends.
    runs : RUN
        The first neuron, how many, and where their weights begin.
    weights : int16
    """

    rows: np.ndarray
    pairs: np.ndarray
    fan_out: np.ndarray
    first_run: np.ndarray
    runs: np.ndarray
    weights: np.ndarray


def lanes_of(size: int) -> int:
    """Return a size filled up to whole vectors."""
    return size + -size % LANES


def lowest(connection: Connection) -> int:
    """Return the lowest weight that the signs of a connection allow; what a byte of its rows counts from."""
    return weight_grid(8, connection.sign_mode)[1]


def lay(connection: Connection, graded: bool) -> Laid:
    """Lay out one connection in the form that is faster."""
    n_out, n_in = connection.shape
    fan_out = np.zeros(n_in + n_in % 2, np.int64)
    fan_out[:n_in] = connection.fan_out
    empty = Laid(*(np.zeros(0, kind) for kind in (np.uint8, np.int16, np.int64, np.int64, RUN, np.int16)))
    laid = empty._replace(fan_out=fan_out)
    if fan_out.sum() <= MANY * n_out * n_in:
        runs = _runs(connection)
        size = n_in * lanes_of(n_out)
        if size > SMALL or runs["runs"].size * RUN_IN_LANES <= size:
            return laid._replace(**runs)
    return laid._replace(pairs=_pairs(connection)) if graded else laid._replace(rows=_rows(connection))


def _runs(connection: Connection) -> dict[str, np.ndarray]:
    columns: Any = connection.matrix.tocsc()
    targets, ends = columns.indices, columns.indptr
    begins = np.ones(targets.size, bool)
    begins[1:] = targets[1:] != targets[:-1] + 1
    begins[ends[:-1][ends[:-1] < targets.size]] = True
    at = np.flatnonzero(begins)
    runs = np.empty(at.size, RUN)
    runs["target"], runs["weights"] = targets[at], at
    runs["length"] = np.diff(at, append=targets.size)
    first_run = np.searchsorted(at, ends).astype(np.int64)
    return {"first_run": first_run, "runs": runs, "weights": columns.data.astype(np.int16)}


def _matrix(connection: Connection) -> np.ndarray:
    return connection.weights if isinstance(connection, Dense) else connection.matrix.toarray()


def _rows(connection: Connection) -> np.ndarray:
    n_out, n_in = connection.shape
    low, halved = lowest(connection), connection.sign_mode == "mixed"
    rows = np.full((n_in, n_out + -n_out % CACHE_LINE), -low >> halved, np.uint8)  # a pad weighs 0
    above = _matrix(connection).T - low
    above >>= halved
    rows[:, :n_out] = above
    planes = rows.reshape(n_in, -1, len(PLANES), CACHE_LINE // len(PLANES))
    return planes[:, :, PLANES].swapaxes(2, 3).ravel()


def _pairs(connection: Connection) -> np.ndarray:
    n_out, n_in = connection.shape
    pairs = np.zeros((n_in + n_in % 2, lanes_of(n_out)), np.int16)
    pairs[:n_in, :n_out] = _matrix(connection).T
    return pairs.reshape(-1, 2, lanes_of(n_out)).swapaxes(1, 2).ravel()


def largest(connection: Connection) -> int:
    """Return the largest weight, signs aside."""
    stored = connection.weights if isinstance(connection, Dense) else connection.matrix
    return max(abs(int(stored.max())), abs(int(stored.min())))
