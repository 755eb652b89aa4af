"""Room for large results, again and again the same: fresh memory takes longer than the work does."""

from collections import deque
from math import prod
from weakref import finalize

import numpy as np
import torch

IDLE = 2**30  # bytes that wait to be used again, at most; what waits longest goes first
FITTING = 2  # times the size that is asked for, at most

_idle: deque[np.ndarray] = deque()


def room(shape: tuple[int, ...], like: torch.Tensor) -> torch.Tensor:
    """Return a tensor whose values are anything; NumPy asks for large pages, torch does not.

    >>> room((2, 3), torch.zeros(1, dtype=torch.float64)).dtype
    torch.float64
    """
    dtype = like.detach().numpy().dtype
    size = prod(shape) * dtype.itemsize
    block = _waiting(size)
    lent = block[:size].view(dtype)
    finalize(lent, _take_back, block).atexit = False
    return torch.from_numpy(lent).view(shape)


def _waiting(size: int) -> np.ndarray:
    """Return a block of at least so many bytes that nobody holds, or a fresh one."""
    for _ in range(len(_idle)):
        try:
            block = _idle.pop()
        except IndexError:  # another thread has it
            break
        if size <= len(block) <= FITTING * size:
            return block
        _idle.appendleft(block)
    return np.empty(size, np.uint8)


def _take_back(block: np.ndarray) -> None:
    _idle.append(block)
    while sum(map(len, tuple(_idle))) > IDLE:
        _idle.popleft()
