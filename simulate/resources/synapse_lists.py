"""Which synapses a piece of a population needs: lists of them, and from which sources.

A piece is the neurons `low` to `high` (not included) of the target, in the order of its `Group`. Four forms
with one interface: `of` (the lists of a piece), `named` (a synapse names its neuron), `stored` (all synapses,
zero weights not among them, a kernel once), `fan_in` (the most of a neuron).
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..windows import Windows
from .limits import Layout

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from ..connections import Conv


LONG = 64  # synapses of a list, where a layout has no blocks


class Lists(NamedTuple):
    """What a piece needs.

    Attributes
    ----------
    reached : bool (n_in)
        Sources that have a synapse there.
    lengths : int64 (lists)
        Synapses of each list that is stored.
    """

    reached: np.ndarray
    lengths: np.ndarray


class AllPairs:
    """All-to-all: a list of a weight for each neuron of the piece, from every source that has one.

    Parameters
    ----------
    n_in, n_out : int
        Channels of the source, neurons.
    weights : int (n_out, n_in), optional
        Rows in the order of the neurons. Sources whose weights are all zero in a piece need no list there;
        without weights, none is.
    """

    named = False  # the weights of a list stand in the order of the neurons

    def __init__(self, n_in: int, n_out: int, weights: np.ndarray | None = None) -> None:
        self.n_in, self.n_out, self.weights = n_in, n_out, weights
        self.fan_in = n_in if weights is None else int(np.count_nonzero(weights, axis=1).max(initial=0))
        self.stored = n_in * n_out if weights is None else int(np.count_nonzero(weights))

    def of(self, low: int, high: int) -> Lists:
        """Return the lists of a piece."""
        every = np.ones(self.n_in, bool)
        reached = every if self.weights is None else self.weights[low:high].any(axis=0)
        return Lists(reached, reached * np.int64(high - low))


class SomePairs:
    """Some pairs: a list of weights with the places of their neurons, from every source that has one.

    Parameters
    ----------
    pattern : csr_array of int (n_out, n_in)
        How many synapses each pair has; rows in the order of the neurons.
    """

    named = True

    def __init__(self, pattern: "csr_array") -> None:
        self.n_out, self.n_in = (int(n) for n in pattern.shape)  # type: ignore[union-attr]
        self.pattern = pattern
        self.stored = int(pattern.data.sum())
        of_rows = np.add.reduceat(np.append(pattern.data, 0), pattern.indptr[:-1])
        self.fan_in = int(np.where(np.diff(pattern.indptr) > 0, of_rows, 0).max(initial=0))

    def of(self, low: int, high: int) -> Lists:
        """Return the lists of a piece."""
        entries = slice(*self.pattern.indptr[[low, high]])
        of_each = np.bincount(self.pattern.indices[entries], self.pattern.data[entries], self.n_in)
        lengths = of_each.astype(np.int64)
        return Lists(lengths > 0, lengths)


class EvenPairs:
    """`fan_in` synapses of each neuron, spread evenly over the sources: what a description can say."""

    named = True

    def __init__(self, n_in: int, n_out: int, fan_in: int) -> None:
        self.n_in, self.n_out, self.fan_in = n_in, n_out, fan_in
        self.stored = n_out * fan_in

    def of(self, low: int, high: int) -> Lists:
        """Return the lists of a piece."""
        each, more = divmod((high - low) * self.fan_in, self.n_in)
        lengths = each + (np.arange(self.n_in) < more)
        return Lists(lengths > 0, lengths)


class Kernel:
    """A convolution: its kernel is stored once in each core, a list with places for each channel in.

    Every place of a kernel counts, also where its weight is zero or padding is under it.

    Parameters
    ----------
    conv : Conv
    order : int (n_out)
        Of the neurons: their numbers in C order.
    """

    named = True

    def __init__(self, conv: "Conv", order: np.ndarray) -> None:
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
        channels, self.windows = np.divmod(order, self.seen.shape[1])
        self.channels, self.group_of = channels, channels // (self.channels_out // self.groups)

    def of(self, low: int, high: int) -> Lists:
        """Return the lists of a piece: a list for each channel in, and the sources that its windows see."""
        sees = np.zeros((self.groups, self.seen.shape[1]), bool)
        sees[self.group_of[low:high], self.windows[low:high]] = True
        reached = np.zeros((self.groups, self.n_positions + 1), bool)
        for group in range(self.groups):
            reached[group, self.seen[:, sees[group]]] = True
        channels = np.unique(self.channels[low:high])
        of_group = np.bincount(channels // (self.channels_out // self.groups), minlength=self.groups)
        lengths = np.repeat(of_group * self.n_places, self.channels_of_group)
        return Lists(np.repeat(reached[:, 1:], self.channels_of_group, axis=0).ravel(), lengths)


Synapses = AllPairs | SomePairs | EvenPairs | Kernel


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

    def of_lists(self, lengths: np.ndarray, neurons: int) -> int:
        """Return the bits of lists of so many synapses that name one of `neurons`; 0: in order, no name."""
        each = self.fixed + (self.index(neurons) if neurons else 0)
        n_lists = np.bincount(lengths)  # of each length; as many as there are, lengths are few
        length = np.flatnonzero(n_lists)
        layout, unit = self.layout, self.layout.unit_bits
        block = layout.block_synapses or max(len(n_lists), 1)
        full, rest = np.divmod(length, block)
        units = full * -(-(block * each + layout.header_bits) // unit)
        units += np.where(rest > 0, -(-(rest * each + layout.header_bits) // unit), 0)
        return int(units @ n_lists[length]) * unit

    def rate(self, neurons: int) -> float:
        """Bits of a synapse in a long list."""
        block = self.layout.block_synapses or LONG
        return self.of_lists(np.array([block]), neurons) / block

    def index(self, neurons: int) -> int:
        """Bits that name one of so many neurons."""
        return _at_least((neurons - 1).bit_length(), self.layout.index_bits)


def _at_least(bits: int, widths: list[int]) -> int:
    """Return the least width that there is for `bits`; beyond the widest, `bits` themselves."""
    return min((w for w in widths if w >= bits), default=bits)
