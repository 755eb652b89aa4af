"""A connection laid out for the compiled loops: a row of weights for each channel, or runs of a few.

A row is added in whole vectors, whatever is zero in it; a run is some synapses to neurons side by side.
"""

from typing import Any, NamedTuple

import numpy as np

from .connections import Connection, Dense

LANES = 16  # neurons and channels are padded to a multiple: whole vectors, whole words
MANY = 1 / 16  # share of weights that are not zero, from which on rows are the faster
RUN = np.dtype([(f, np.int32) for f in ("target", "length", "weights")])


class Laid(NamedTuple):
    """One connection; a part that its form does not have is empty.

    Attributes
    ----------
    rows : int16 (channels + 1, lanes), flat
        Weights, or half of them where signs are mixed, for their lowest bit is 0; the last row 0.
    fan_out : int64 (channels + 1)
        Synapses of each channel, the last 0.
    first_run : int64 (channels + 1)
        Where the runs of each channel begin, and where the last ends.
    runs : RUN
        The first neuron, how many, and where their weights begin.
    weights : int16
    """

    rows: np.ndarray
    fan_out: np.ndarray
    first_run: np.ndarray
    runs: np.ndarray
    weights: np.ndarray


def lanes_of(size: int) -> int:
    """Return a size filled up to whole vectors."""
    return size + -size % LANES


def lay(connection: Connection) -> Laid:
    """Lay out one connection in the form that is faster."""
    fan_out = np.append(connection.fan_out, 0)
    empty = np.zeros(0, np.int64)
    if fan_out.sum() > MANY * np.prod(connection.shape, dtype=float):
        return Laid(_rows(connection), fan_out, empty, np.zeros(0, RUN), np.zeros(0, np.int16))
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
    return Laid(np.zeros(0, np.int16), fan_out, first_run, runs, columns.data.astype(np.int16))


def _rows(connection: Connection) -> np.ndarray:
    weights = connection.weights if isinstance(connection, Dense) else connection.matrix.toarray()
    n_out, n_in = connection.shape
    rows = np.zeros((n_in + 1, lanes_of(n_out)), np.int16)
    rows[:n_in, :n_out] = weights.T >> (connection.sign_mode == "mixed")
    return rows.ravel()


def largest_sums(connection: Connection) -> np.ndarray:
    """Return the largest sum of weights that any spikes can give each neuron, signs aside; int64 (n_out)."""
    stored = connection.weights if isinstance(connection, Dense) else connection.matrix
    return np.asarray(abs(stored).sum(axis=1), np.int64)
