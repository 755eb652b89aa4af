"""What joins two populations in floats: a full matrix, one of few entries, or a convolution.

Nodes in a row are multiplied into one map; a convolution alone stays one, as the chip stores its kernel once.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import singledispatch
from math import prod
from typing import Any

import nir
import numpy as np
from scipy.sparse import csr_array, diags_array, eye_array, kron

from ..simulate.connections import Connection, Conv, Dense, Sparse
from ..simulate.errors import Unsupported
from ..simulate.node_windows import windows_of
from ..simulate.shapes import Shape, shape_after, spread
from ..simulate.windows import Windows

MOST_BYTES = 2**31  # of one matrix in float64
FULL = 1 / 4  # share of entries that are not zero, from which on a matrix is stored in full


class LinearMap(ABC):
    """From the channels of a source to the neurons of a target."""

    values: Any

    @property
    @abstractmethod
    def matrix(self) -> Any:
        """The map as an array or a sparse matrix (n_out, n_in)."""

    @property
    def stored(self) -> np.ndarray:
        """Every number that the map holds."""
        return self.values

    def replaced(self, stored: np.ndarray) -> "LinearMap":
        """Return the same map with other numbers."""
        return replace(self, values=stored)  # type: ignore[type-var]

    @abstractmethod
    def of_rows(self, rows: np.ndarray) -> np.ndarray:
        """Spread one value for each neuron over what is stored; of a convolution, that of each channel."""

    def scaled(self, rows: np.ndarray) -> "LinearMap":
        """Multiply the row of each neuron."""
        return map_from(diags_array(rows) @ self.matrix)

    def apply(self, events: np.ndarray) -> np.ndarray:
        """Return what events (n, n_in) give: (n, n_out)."""
        return (self.matrix @ events.T).T

    @abstractmethod
    def connection(self, source: str, target: str, integers: np.ndarray, **settings: int) -> Connection:
        """Return the connection of a Program that holds integers in place of the numbers."""


@dataclass(frozen=True, eq=False)
class Full(LinearMap):
    """A matrix (n_out, n_in)."""

    values: np.ndarray

    @property
    def matrix(self) -> np.ndarray:
        """The values."""
        return self.values

    def of_rows(self, rows: np.ndarray) -> np.ndarray:
        """Spread one value for each neuron over the columns."""
        return np.broadcast_to(rows[:, None], self.values.shape)

    def scaled(self, rows: np.ndarray) -> "Full":
        """Multiply the row of each neuron."""
        return Full(self.of_rows(rows) * self.values)

    def apply(self, events: np.ndarray) -> np.ndarray:
        """Return what events (n, n_in) give: (n, n_out)."""
        return events @ self.values.T

    def connection(self, source: str, target: str, integers: np.ndarray, **settings: int) -> Dense:
        """Return a Dense."""
        return Dense(source, target, integers, **settings)  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class Few(LinearMap):
    """A sparse matrix (n_out, n_in)."""

    values: Any  # csr_array

    @property
    def matrix(self) -> csr_array:
        """The values."""
        return self.values

    @property
    def stored(self) -> np.ndarray:
        """The entries."""
        return self.values.data

    def replaced(self, stored: np.ndarray) -> "Few":
        """Return the same places with other entries."""
        same = self.values
        return Few(csr_array((stored, same.indices, same.indptr), shape=same.shape))

    def of_rows(self, rows: np.ndarray) -> np.ndarray:
        """Spread one value for each neuron over its entries."""
        return np.repeat(rows, np.diff(self.values.indptr))

    def scaled(self, rows: np.ndarray) -> "Few":
        """Multiply the row of each neuron."""
        return self.replaced(self.of_rows(rows) * self.values.data)

    def connection(self, source: str, target: str, integers: np.ndarray, **settings: int) -> Sparse:
        """Return a Sparse."""
        return Sparse(source, target, self.replaced(integers).values, **settings)  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class Convolution(LinearMap):
    """A kernel (channels out, channels in / groups, *kernel) and where its windows lie."""

    values: np.ndarray
    shape: Shape
    windows: Windows
    groups: int

    @property
    def matrix(self) -> csr_array:
        """A row for each window and channel out."""
        return self.windows.matrix(self.values, self.shape, self.groups)

    def of_rows(self, rows: np.ndarray) -> np.ndarray:
        """Spread the value of the first neuron of each channel over its kernel."""
        first = rows.reshape(len(self.values), -1)[:, 0]
        return np.broadcast_to(first.reshape(-1, *(1,) * (self.values.ndim - 1)), self.values.shape)

    def scaled(self, rows: np.ndarray) -> LinearMap:
        """Multiply the row of each neuron; a channel whose rows differ makes it a matrix."""
        by_channel = rows.reshape(len(self.values), -1)
        if not np.all(by_channel == by_channel[:, :1]):
            return super().scaled(rows)
        return self.replaced(self.of_rows(rows) * self.values)

    def connection(self, source: str, target: str, integers: np.ndarray, **settings: int) -> Conv:
        """Return a Conv."""
        where = self.windows
        geometry: Any = {"stride": where.stride, "padding": where.before, "dilation": where.dilation}
        geometry |= {"input_shape": self.shape, "groups": self.groups}
        return Conv(source, target, integers, **settings, **geometry)


def map_from(matrix: Any) -> LinearMap:
    """Return a matrix in the form that suits its zeros."""
    if isinstance(matrix, np.ndarray):
        return Full(matrix)
    matrix = csr_array(matrix)
    matrix.eliminate_zeros()
    matrix.sort_indices()
    size = prod(matrix.shape)
    if matrix.nnz > FULL * size and 8 * size <= MOST_BYTES:
        return Full(matrix.toarray())
    return Few(matrix)


def identity(n: int) -> LinearMap:
    """Return the map that changes nothing."""
    return Few(csr_array(eye_array(n)))


def is_identity(linear: LinearMap) -> bool:
    """Whether a map changes nothing."""
    if not isinstance(linear, Few) or linear.values.shape[0] != linear.values.shape[1]:
        return False
    entries = linear.values
    n = entries.shape[0]
    return bool(entries.nnz == n and np.all(entries.data == 1) and np.all(entries.indices == np.arange(n)))


def followed_by(first: LinearMap, then: LinearMap) -> LinearMap:
    """Return one map for two in a row."""
    if is_identity(first):
        return then
    if is_identity(then):
        return first
    return map_from(then.matrix @ first.matrix)


def added(a: LinearMap, b: LinearMap) -> LinearMap:
    """Return one map for two side by side."""
    return map_from(a.matrix + b.matrix)


@singledispatch
def map_of(node: nir.NIRNode, shape: Shape) -> LinearMap:
    """Return what a node without memory does to what enters it, bias aside.

    Raises
    ------
    Unsupported
        Its matrix would not fit into memory.
    """
    return identity(prod(shape))  # Input, Output, Flatten


@map_of.register(nir.Linear)
@map_of.register(nir.Affine)
def _(node: nir.Linear | nir.Affine, shape: Shape) -> LinearMap:
    weights = node.weight.astype(float)
    if len(shape) == 1:
        return Full(weights)
    return map_from(kron(eye_array(prod(shape[:-1])), csr_array(weights)))


@map_of.register
def _(node: nir.Scale, shape: Shape) -> LinearMap:
    return Few(csr_array(diags_array(spread(node.scale.astype(float), shape).ravel())))


@map_of.register(nir.Conv1d)
@map_of.register(nir.Conv2d)
def _(node: nir.Conv1d | nir.Conv2d, shape: Shape) -> LinearMap:
    windows, groups = windows_of(node), int(node.groups)
    weights: Any = np.asarray(node.weight, float)
    _check_size(shape, shape_after(node, shape), weights[0].size)
    if windows.before != windows.after:  # padding = "same" and an even kernel
        return map_from(windows.matrix(weights, shape, groups))
    return Convolution(weights, shape, windows, groups)


@map_of.register(nir.SumPool2d)
@map_of.register(nir.AvgPool2d)
def _(node: nir.SumPool2d | nir.AvgPool2d, shape: Shape) -> LinearMap:
    windows = windows_of(node)
    _check_size(shape, shape_after(node, shape), prod(windows.kernel))
    weight = 1 / prod(windows.kernel) if isinstance(node, nir.AvgPool2d) else 1.0
    ones = np.full((shape[0], 1, *windows.kernel), weight)
    return map_from(windows.matrix(ones, shape, shape[0]))


def _check_size(shape: Shape, after: Shape, places: int) -> None:
    size = 12 * prod(after) * places
    if size > MOST_BYTES:
        raise Unsupported(
            f"{shape} to {after} takes {size / 2**30:.1f} GiB of synapses, more than {MOST_BYTES / 2**30:g}"
        )
