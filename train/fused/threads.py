"""Compiled work shared among as many threads as torch has, which itself has one meanwhile."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import torch


@lru_cache(maxsize=1)
def _helpers(threads: int) -> ThreadPoolExecutor:
    """Threads that stay: to start them takes as long as a small run."""
    return ThreadPoolExecutor(threads, "lavalier-fused", torch.set_num_threads, (1,))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_helpers.cache_clear)  # a fork has none of them


def shared(size: int, work: Callable[[int, int], None]) -> None:
    """Do `work(low, high)` on parts of range(size), one for each thread.

    >>> done = []
    >>> shared(3, lambda low, high: done.extend(range(low, high)))
    >>> sorted(done)
    [0, 1, 2]
    """
    threads = torch.get_num_threads()
    parts = max(1, min(threads, size))
    if parts == 1:
        return work(0, size)
    ends = [size * i // parts for i in range(parts + 1)]
    torch.set_num_threads(1)
    helping = [_helpers(parts - 1).submit(work, ends[i], ends[i + 1]) for i in range(1, parts)]
    try:
        work(ends[0], ends[1])
    finally:
        for helper in helping:
            helper.result()
        torch.set_num_threads(threads)
