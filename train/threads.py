"""How many threads torch has meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Let torch use n threads; a decorator, too.

    Small steps take one: a second gains little, stalls on a busy machine, and rounds sums in another order.

    >>> with threads(1):
    ...     torch.get_num_threads()
    1
    """
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)
