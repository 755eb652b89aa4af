"""Keeping the rest of a data set when a part of it is bad."""

from collections.abc import Iterator
from contextlib import contextmanager

from ...simulate.errors import BadInput

SHOWN = 3  # reasons in the notes; the others are counted


class Skipping:
    """Collect what is wrong with parts of a data set, or let the first error through.

    Parameters
    ----------
    skip_bad : bool
        Leave bad parts out instead of raising.

    >>> skipping = Skipping(skip_bad=True)
    >>> with skipping.part():
    ...     raise BadInput("a.wav: 2 channels")
    >>> skipping.notes()
    ('1 left out: a.wav: 2 channels',)
    """

    def __init__(self, skip_bad: bool) -> None:
        self.skip_bad = skip_bad
        self.reasons: list[str] = []

    @contextmanager
    def part(self) -> Iterator[None]:
        """Guard the reading of one part."""
        try:
            yield
        except BadInput as error:
            if not self.skip_bad:
                raise
            self.reasons.append(str(error))

    def notes(self) -> tuple[str, ...]:
        """Say how many parts were left out, and why the first ones were."""
        if not self.reasons:
            return ()
        more = len(self.reasons) - SHOWN
        shown = "; ".join(self.reasons[:SHOWN]) + (f"; and {more} more" if more > 0 else "")
        return (f"{len(self.reasons)} left out: {shown}",)
