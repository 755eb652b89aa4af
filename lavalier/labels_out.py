"""Where the labels of a stream go: to whoever shows them, and into a csv that is whole at the end."""

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lavalier.simulate import Hybrid
from lavalier.simulate.errors import BadInput
from lavalier.simulate.files import atomic
from lavalier.simulate.hybrid.decide import Decide
from lavalier.sound_in import is_device
from lavalier.sound_out import Sink


class Decision(NamedTuple):
    """A label, and the seconds of sound that were heard when it came."""

    seconds: float
    label: str

    def __str__(self) -> str:
        return f"{self.seconds:.3f} {self.label}"


def gives_labels(hybrid: Hybrid) -> bool:
    """Whether a model ends with labels, not with sound."""
    return isinstance(hybrid.end, Decide)


@contextmanager
def opened_labels(name: str | None, hybrid: Hybrid, tell: Callable[[Decision], object]) -> Iterator[Sink]:
    """Hand out a function that takes the labels of frames, -1 for none, piece by piece.

    Parameters
    ----------
    name : str, optional
        A csv file: seconds, label.
    hybrid : Hybrid
        Ends with Decide.
    tell : callable (Decision)
        Called for each as it comes.

    Raises
    ------
    BadInput
        The name is a device, or cannot be written.
    """
    if name is not None and is_device(name):
        raise BadInput(f"--out {name}: this model gives labels, which cannot be played; give a csv file")
    assert isinstance(hybrid.end, Decide)
    names, hop_s, frames = hybrid.end.names, hybrid.hop / hybrid.rate, 0
    with nullcontext(lambda decision: None) if name is None else _to_csv(Path(name)) as write:

        def take(labels: np.ndarray) -> None:
            nonlocal frames
            for t in np.flatnonzero(labels >= 0).tolist():
                decision = Decision(round((frames + t + 1) * hop_s, 6), names[labels[t]])
                write(decision)
                tell(decision)
            frames += len(labels)

        yield take


@contextmanager
def _to_csv(path: Path) -> Iterator[Callable[[Decision], object]]:
    with atomic(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(Decision._fields)
        yield rows.writerow
