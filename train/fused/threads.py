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
def _workers(threads: int) -> ThreadPoolExecutor:
    """Threads that stay: to start them takes as long as a small run."""
    return ThreadPoolExecutor(threads, "lavalier-fused", _begin)


def _begin() -> None:
    """In this thread, let torch have one, and keep no gradients: these run what autograd calls."""
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_workers.cache_clear)  # a fork has none of them


_gathered = threading.local()  # how many threads share work


def gathering(function: Callable[..., Result]) -> Callable[..., Result]:
    """Let a function share work among as many threads as torch has, where torch itself has one.

    Torch's own threads wait busily for more, and would take the processor from these. With several, it runs
    in another thread, without gradients: to change torch's number of threads back and forth takes longer.
    """

    @wraps(function)
    def gathered(*args, **kwargs):
        threads = torch.get_num_threads()
        if threads == 1:
            return function(*args, **kwargs)
        inference = torch.is_inference_mode_enabled()

        def alone() -> Result:
            _gathered.threads = threads
            with torch.inference_mode(inference), torch.no_grad():  # a mode brings gradients back
                return function(*args, **kwargs)

        return _workers(threads).submit(alone).result()

    return gathered


def shared(size: int, work: Callable[[int, int], None], each: int | None = None) -> None:
    """Do `work(low, high)` on parts of range(size), in the threads that `gathering` found.

    Parameters
    ----------
    size : int
        Of the whole.
    work : callable
        Of two bounds.
    each : int, optional
        Size of a part, at most; default: as many parts as there are threads.

    >>> done = []
    >>> gathering(shared)(3, lambda low, high: done.extend(range(low, high)))
    >>> sorted(done)
    [0, 1, 2]
    """
    threads = getattr(_gathered, "threads", 1)
    part = max(1, min(each or size, -(-size // threads)))
    todo = iter(range(0, size, part))  # each start is given to one thread

    def take() -> None:
        for low in todo:
            work(low, min(low + part, size))

    helpers = min(threads, -(-size // part)) - 1
    helping = [_workers(threads).submit(take) for _ in range(helpers)]
    try:
        take()
    finally:
        for helper in helping:
            if not helper.cancel():  # one that never began has nothing left to do
                helper.result()
