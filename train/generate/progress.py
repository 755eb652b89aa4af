"""How long work says how far it is."""

from collections.abc import Callable

Progress = Callable[[int, int], None]  # done, total


def shifted(progress: Progress | None, done: int, total: int) -> Progress | None:
    """Return the progress of a part, of which `done` came before and which ends within `total`.

    >>> shifted(lambda done, total: print(done, "of", total), 10, 30)(5, 20)
    15 of 30
    """
    return None if progress is None else lambda i, _: progress(done + i, total)
