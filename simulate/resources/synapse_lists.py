"""Which synapses a piece of a population needs: how many from each source, and in how many bits.

A piece is the neurons `low` to `high` (not included) of the target, in C order. Four forms, one interface:
`counts` (synapses from each source channel), `bits` (under a layout), `stored_in` (synapses that are
stored), `stored` (those of all, zero weights not among them, a kernel once), `fan_in` (the most of a neuron).
"""

from typing import TYPE_CHECKING

import numpy as np

from ..windows import Windows
from .limits import Layout

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from ..connections import Conv


class AllPairs:
    """All-to-all: a list of a weight for each neuron of the piece, from every source that has one.

    Parameters
    ----------
    n_in, n_out : int
    weights : int (n_out, n_in), optional
        Sources whose weights are all zero in a piece need no list there; without weights, none is.
    """

    def __init__(self, n_in: int, n_out: int, weights: np.ndarray | None = None) -> None:
        self.n_in, self.n_out, self.weights = n_in, n_out, weights
        self.fan_in = n_in if weights is None else int(np.count_nonzero(weights, axis=1).max(initial=0))
        self.stored = n_in * n_out if weights is None else int(np.count_nonzero(weights))

    def counts(self, low: int, high: int) -> np.ndarray:
        """Synapses from each source, zeros among them included; int64 (n_in)."""
        if self.weights is None:
            return np.full(self.n_in, high - low)
        return self.weights[low:high].any(axis=0) * np.int64(high - low)

    def stored_in(self, low: int, high: int) -> int:
        """Synapses that are stored for a piece."""
        return int(self.counts(low, high).sum())

    def bits(self, low: int, high: int, width: "Width") -> int:
        """Bits of the lists of a piece."""
        return width.of_lists(self.counts(low, high), 0)


class SomePairs:
    """Some pairs: a list of weights with the places of their neurons, from every source that has one."""

    def __init__(self, pattern: "csr_array") -> None:
        self.n_out, self.n_in = (int(n) for n in pattern.shape)  # type: ignore[union-attr]
        self.pattern = pattern
        self.stored = int(pattern.data.sum())
        of_rows = np.add.reduceat(np.append(pattern.data, 0), pattern.indptr[:-1])
        self.fan_in = int(np.where(np.diff(pattern.indptr) > 0, of_rows, 0).max(initial=0))

    def counts(self, low: int, high: int) -> np.ndarray:
        """Synapses from each source; int64 (n_in)."""
        entries = slice(*self.pattern.indptr[[low, high]])
        of_each = np.bincount(self.pattern.indices[entries], self.pattern.data[entries], self.n_in)
        return of_each.astype(np.int64)

    def stored_in(self, low: int, high: int) -> int:
        """Synapses that are stored for a piece."""
        return int(self.counts(low, high).sum())

    def bits(self, low: int, high: int, width: "Width") -> int:
        """Bits of the lists of a piece."""
        return width.of_lists(self.counts(low, high), high - low)


class EvenPairs:
    """`fan_in` synapses of each neuron, spread evenly over the sources: what a description can say."""

    def __init__(self, n_in: int, n_out: int, fan_in: int) -> None:
        self.n_in, self.n_out, self.fan_in = n_in, n_out, fan_in
        self.stored = n_out * fan_in

    def counts(self, low: int, high: int) -> np.ndarray:
        """Synapses from each source; int64 (n_in)."""
        each, more = divmod((high - low) * self.fan_in, self.n_in)
        return each + (np.arange(self.n_in) < more)

    def stored_in(self, low: int, high: int) -> int:
        """Synapses that are stored for a piece."""
        return int(self.counts(low, high).sum())

    def bits(self, low: int, high: int, width: "Width") -> int:
        """Bits of the lists of a piece."""
        return width.of_lists(self.counts(low, high), high - low)


class Kernel:
    """A convolution: its kernel is stored once in each core, a list with places for each channel in.

    Every place of a kernel counts, also where its weight is zero or padding is under it.
    """

    def __init__(self, conv: "Conv") -> None:
        self.n_out, self.n_in = conv.shape
        self.groups = conv.groups
        self.channels_out, self.channels_of_group, *kernel = conv.weights.shape
        self.n_places = int(np.prod(kernel))
        self.stored = conv.weights.size
        self.fan_in = self.channels_of_group * self.n_places
        sizes = conv.input_shape[1:]
        windows = Windows(tuple(kernel), conv.stride, conv.dilation, conv.padding, conv.padding)
        seen = windows.patches(np.arange(1, np.prod(sizes) + 1).reshape(1, 1, *sizes))
        self.seen = seen.reshape(self.n_places, -1)  # (places, windows); 0 is padding
        self.n_positions = int(np.prod(sizes))

    def counts(self, low: int, high: int) -> np.ndarray:
        """Which sources a window of the piece sees, 1 or 0; int64 (n_in)."""
        n_windows = self.seen.shape[1]
        sees = np.zeros((self.groups, n_windows), bool)
        for channel in self._channels(low, high):
            first = channel * n_windows
            sees[self._group(channel), max(low - first, 0) : high - first] = True
        reached = np.zeros((self.groups, self.n_positions + 1), np.int64)
        for group in range(self.groups):
            reached[group, self.seen[:, sees[group]]] = 1
        return np.repeat(reached[:, 1:], self.channels_of_group, axis=0).ravel()

    def stored_in(self, low: int, high: int) -> int:
        """Places of the kernels that are stored for a piece."""
        return len(self._channels(low, high)) * self.fan_in

    def bits(self, low: int, high: int, width: "Width") -> int:
        """Bits of the kernels of a piece."""
        of_group = np.bincount([self._group(c) for c in self._channels(low, high)], minlength=self.groups)
        lists = np.repeat(of_group * self.n_places, self.channels_of_group)
        return width.of_lists(lists, high - low)

    def _channels(self, low: int, high: int) -> range:
        n_windows = self.seen.shape[1]
        return range(low // n_windows, -(-high // n_windows))

    def _group(self, channel: int) -> int:
        return channel // (self.channels_out // self.groups)


Lists = AllPairs | SomePairs | EvenPairs | Kernel


class Width:
    """How wide the synapses of one connection are under a layout.

    >>> from lavalier.simulate.resources.limits import device_limits
    >>> Width(device_limits("loihi1").layout, 8, False).of_lists(np.array([64, 65, 0]), 0)
    1216
    """

    def __init__(self, layout: Layout, weight_bits: int, delayed: bool) -> None:
        self.layout = layout
        self.weight = _at_least(weight_bits, layout.weight_bits)
        self.fixed = self.weight + (layout.delay_bits if delayed else 0)

    def of_lists(self, counts: np.ndarray, neurons: int) -> int:
        """Return the bits of lists of so many synapses that name one of `neurons`; 0: in order, no name."""
        each = self.fixed + (self.index(neurons) if neurons else 0)
        layout, unit = self.layout, self.layout.unit_bits
        block = layout.block_synapses or max(int(counts.max(initial=0)), 1)
        full, rest = np.divmod(counts, block)
        units = full * -(-(block * each + layout.header_bits) // unit)
        units += np.where(rest > 0, -(-(rest * each + layout.header_bits) // unit), 0)
        return int(units.sum()) * unit

    def index(self, neurons: int) -> int:
        """Bits that name one of so many neurons."""
        return _at_least((neurons - 1).bit_length(), self.layout.index_bits)


def _at_least(bits: int, widths: list[int]) -> int:
    """Return the least width that there is for `bits`; beyond the widest, `bits` themselves."""
    return min((w for w in widths if w >= bits), default=bits)
