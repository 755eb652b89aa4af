"""Compiled work shared among as many threads as torch has."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, wraps
from typing import TypeVar

import torch

Result = TypeVar("Result")


@lru_cache(maxsize=1)
def _helpers(threads: int) -> ThreadPoolExecutor:
    """Threads that stay: to start them takes as long as a small run."""
    return ThreadPoolExecutor(threads, "lavalier-fused", torch.set_num_threads, (1,))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_helpers.cache_clear)  # a fork has none of them


_gathered = threading.local()  # how many threads share work


def gathering(function: Callable[..., Result]) -> Callable[..., Result]:
    """Let a function share work among as many threads as torch has, which itself has one meanwhile.

    Torch's own threads wait busily for more, and would take the processor from these.
    """

    @wraps(function)
    def gathered(*args, **kwargs):
        threads = torch.get_num_threads()
        if threads == 1:
            return function(*args, **kwargs)
        torch.set_num_threads(1)
        _gathered.threads = threads
        try:
            return function(*args, **kwargs)
        finally:
            _gathered.threads = 1
            torch.set_num_threads(threads)

    return gathered


def shared(size: int, work: Callable[[int, int], None]) -> None:
    """Do `work(low, high)` on parts of range(size), one for each thread that `gathering` found.

    >>> done = []
    >>> gathering(shared)(3, lambda low, high: done.extend(range(low, high)))
    >>> sorted(done)
    [0, 1, 2]
    """
    parts = max(1, min(getattr(_gathered, "threads", 1), size))
    ends = [size * i // parts for i in range(parts + 1)]
    helping = [_helpers(parts - 1).submit(work, ends[i], ends[i + 1]) for i in range(1, parts)]
    try:
        work(ends[0], ends[1])
    finally:
        for helper in helping:
            helper.result()
