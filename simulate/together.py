"""Work that several threads do together."""

import ctypes
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import lru_cache
from threading import get_native_id

# Linux alone tells where a thread is, and lets it be elsewhere
_processor = getattr(ctypes.CDLL(None), "sched_getcpu", None) if hasattr(os, "sched_setaffinity") else None


def processors() -> int:
    """Return how many processors this thread may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Helpers:
    """Threads that stay: to start them takes as long as a small run."""

    def __init__(self, threads: int) -> None:
        self.ids: list[int] = []
        self.pool = ThreadPoolExecutor(threads, "lavalier", lambda: self.ids.append(get_native_id()))


@lru_cache(maxsize=1)
def _helpers(threads: int) -> _Helpers:
    return _Helpers(threads)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_helpers.cache_clear)  # a fork has none of them


def together(work: Callable[[], object], threads: int) -> None:
    """Do `work()` in so many threads, of which the caller is one, and wait for all.

    >>> done = []
    >>> together(lambda: done.append("a share"), 2)
    >>> done in (["a share"], ["a share", "a share"])  # who comes too late is not waited for
    True
    """
    if threads == 1:
        work()
        return
    helpers = _helpers(threads - 1)
    started = helpers.ids if len(helpers.ids) == threads - 1 else []
    with _apart(started):
        helping = [helpers.pool.submit(work) for _ in range(threads - 1)]
        try:
            work()
        finally:
            for helper in helping:
                if not helper.cancel():
                    helper.result()


@contextmanager
def _apart(threads: list[int]) -> Iterator[None]:
    """Keep other threads from the processor of this one.

    Linux would wake them there in a virtual machine, whose idle processors look as if they were taken, and
    move them only milliseconds later.
    """
    if _processor is None or not threads:  # one that starts meanwhile would be where this one is
        yield
        return
    allowed, here = os.sched_getaffinity(0), {_processor()}
    _let(0, here)
    for thread in threads:
        _let(thread, allowed - here)
    try:
        yield
    finally:
        for thread in (0, *threads):
            _let(thread, allowed)


def _let(thread: int, processors: set[int]) -> None:
    """Let a thread run on some processors, if there are any and the system agrees."""
    if processors:
        with suppress(OSError):
            os.sched_setaffinity(thread, processors)
