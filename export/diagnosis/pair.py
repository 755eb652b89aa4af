"""One population on both sides: its weights side by side, and the unit of each neuron.

b's weights are S times a's, and so are threshold and bias; rounding leaves S open within a range.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse

from ..linear_maps import Convolution, LinearMap
from ..populations import Key, Population
from .factors import FUZZ, Range, Values, factors
from .sides import Grid, Side

VTH_STEP = 1.0  # that a threshold in a register may be off


class Entries(NamedTuple):
    """Weights of a connection that are not zero on both sides: where they are, and what."""

    places: tuple[np.ndarray, ...]  # row of the matrix and column, or index in the kernel
    kernel: bool
    a: np.ndarray
    b: np.ndarray

    @property
    def rows(self) -> np.ndarray:
        """Neuron of each, or channel of a kernel."""
        return self.places[0]


class Scale(NamedTuple):
    """S of each neuron, from low to high: b's threshold over a's, as far as rounding leaves it open."""

    low: np.ndarray
    high: np.ndarray

    def relative(self, ranges: Range, rows: np.ndarray) -> Range:
        """Return factors as multiples of S."""
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            return Range(ranges.low / self.high[rows], ranges.high / self.low[rows])


@dataclass(frozen=True)
class Pair:
    """A population of both sides."""

    a: Side
    b: Side
    name: str

    @property
    def first(self) -> Population:
        """The population on side a."""
        return self.a.populations[self.name]

    @property
    def second(self) -> Population:
        """The population on side b."""
        return self.b.populations[self.name]

    @cached_property
    def keys(self) -> dict[Key, Key]:
        """Connections of a that are in b too, some perhaps with another delay."""
        first, second = self.first.weights, self.second.weights
        found = {key: key for key in first if key in second}
        left = [key for key in second if key not in found]
        for key in first:
            other = next((k for k in left if k[0] == key[0]), None)
            if key not in found and other:
                found[key] = other
                left.remove(other)
        return found

    @cached_property
    def entries(self) -> dict[Key, Entries]:
        """Weights of each connection of both sides."""
        first, second = self.first.weights, self.second.weights
        return {key: _entries(first[key], second[other]) for key, other in self.keys.items()}

    def grids(self, key: Key) -> tuple[Grid, Grid]:
        """Return the grids of a connection on both sides."""
        return self.a.grid(self.name, key), self.b.grid(self.name, self.keys[key])

    def connection(self, key: Key) -> str:
        """Name a connection as a Program does."""
        source, delay = key
        return f"{source} -> {self.name}" + (f" +{delay}" if delay else "")

    @property
    def of_one_kind(self) -> bool:
        """Whether both sides are floats, or both integers."""
        return (self.a.program is None) == (self.b.program is None)

    @cached_property
    def exact(self) -> bool:
        """Whether nothing was rounded between the two: floats, or integers of the same scale and bits."""
        if self.a.program is None or self.b.program is None:
            return self.of_one_kind
        equal = sum(np.count_nonzero(e.a == e.b) for e in self.entries.values())
        weights = sum(e.a.size for e in self.entries.values())
        same_grids = all(a == b for a, b in map(self.grids, self.keys))
        return same_grids and 2 * equal >= weights

    @property
    def has_scale(self) -> bool:
        """Whether thresholds tell S; else it is one factor, which the weights tell."""
        return all(p.threshold is not None and np.any(p.threshold) for p in (self.first, self.second))

    @cached_property
    def scale(self) -> Scale:
        """S of each neuron, 1 where there is no threshold."""
        if not self.has_scale:
            return Scale(np.ones(len(self.first.beta)), np.ones(len(self.first.beta)))
        first, second = np.asarray(self.first.threshold), np.asarray(self.second.threshold)
        off = [0.0 if self.exact or side.program is None else VTH_STEP for side in (self.a, self.b)]
        with np.errstate(divide="ignore", invalid="ignore"):
            low = np.maximum(second - off[1], 0) / (first + off[0])
            high = (second + off[1]) / np.maximum(first - off[0], 0)
        blind = (first == 0) | (second == 0)  # a threshold of 0 says nothing about the unit
        return Scale(np.where(blind, 0, low * (1 - FUZZ)), np.where(blind, np.inf, high * (1 + FUZZ)))

    def weight_factors(self, key: Key) -> Range:
        """Return the multiples of S that each weight of a connection allows."""
        entries = self.entries[key]
        grids = (Grid(), Grid()) if self.exact else self.grids(key)
        found = factors(Values(entries.a, *grids[0]), Values(entries.b, *grids[1]))
        return self._row_scale(entries).relative(found, entries.rows)

    def clipped(self, key: Key, factor: float) -> np.ndarray:
        """Return which weights lie beyond the grid of b, if they are a's times S times a factor."""
        entries, (_, grid) = self.entries[key], self.grids(key)
        scale = self._row_scale(entries)
        with np.errstate(invalid="ignore"):
            target = (scale.low + scale.high)[entries.rows] / 2 * factor * entries.a
        above = (entries.b >= grid.high) & (target > grid.high + grid.step)
        below = (entries.b <= grid.low) & (target < grid.low - grid.step)
        return np.isfinite(target) & (above | below)

    def _row_scale(self, entries: Entries) -> Scale:
        """Return S of each row: of a neuron, or of all neurons of a kernel's channel."""
        if not entries.kernel:
            return self.scale
        low, high = (s.reshape(self.first.shape[0], -1) for s in self.scale)
        return Scale(low.min(axis=1), high.max(axis=1))

    def bias_factors(self) -> Range:
        """Return the multiples of S that the bias of each neuron allows."""
        steps = [np.zeros(1) if self.exact else side.bias_step(self.name) for side in (self.a, self.b)]
        biases = [self.first.bias, self.second.bias]
        found = factors(*(Values(bias, step) for bias, step in zip(biases, steps, strict=True)))
        return self.scale.relative(found, np.arange(len(self.first.bias)))


def _entries(a: LinearMap, b: LinearMap) -> Entries:
    if isinstance(a, Convolution) and isinstance(b, Convolution) and a.values.shape == b.values.shape:
        if (a.shape, a.windows, a.groups) == (b.shape, b.windows, b.groups):
            places = np.nonzero((a.values != 0) | (b.values != 0))
            return Entries(places, True, a.values[places], b.values[places])
    left, right = a.matrix, b.matrix
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        places = np.nonzero((left != 0) | (right != 0))
    else:
        places = (abs(left) + abs(right)).nonzero()
    picked: list[Any] = [m[places] for m in (left, right)]
    return Entries(places, False, *(p.toarray().ravel() if issparse(p) else p for p in picked))
