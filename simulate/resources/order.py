"""In which order the neurons of a population are placed, so that a piece of them shares what it can.

C order, but behind a convolution: there blocks of channels, and in a block window after window with all its
channels. A piece then sees few sources, and its core holds the kernels of one block.
"""

import numpy as np

from ..connections import Connection, Conv

BLOCK = 1 << 15  # places of a kernel in a block: beside the sources' lists, half a core


def order_of(size: int, incoming: list[Connection]) -> np.ndarray:
    """Return the neurons' numbers in C order, in the order to place them; int64 (size).

    >>> conv = Conv("in", "a", np.full((2, 1, 1), 2), input_shape=(1, 3))
    >>> order_of(6, [conv])
    array([0, 3, 1, 4, 2, 5])
    """
    convs = [c for c in incoming if isinstance(c, Conv)]
    numbers = np.arange(size)
    if not convs:
        return numbers
    channels = convs[0].windows[0]
    block = max(1, min(channels, BLOCK // max(c.weights[0].size for c in convs)))
    cut = [numbers[first:last] for first, last in _blocks(channels, block, size // channels)]
    return np.concatenate([part.reshape(-1, size // channels).T.ravel() for part in cut])


def _blocks(channels: int, block: int, windows: int) -> list[tuple[int, int]]:
    firsts = range(0, channels, block)
    return [(first * windows, min(first + block, channels) * windows) for first in firsts]
