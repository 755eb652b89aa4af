"""What every loader hands over: samples with labels, speakers, names and notes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...simulate.errors import BadInput


@dataclass(frozen=True)
class Labeled:
    """Samples of a data set, in the order of its files.

    Parameters
    ----------
    x : array (n, *shape), or tuple of n arrays
        Encoded samples; sounds, whose lengths differ, are a tuple of float32 (samples,).
    y : int64 (n,)
        Class of each, 0 to len(classes) - 1.
    classes : tuple of str
        What the classes are called.
    names : tuple of n str
        Where each sample comes from.
    speakers : tuple of n str
        Who spoke; empty where nobody is known.
    rate_hz : int
        Of sounds; 0 for encoded samples.
    notes : tuple of str
        What was changed or left out, one line each.
    """

    x: np.ndarray | tuple[np.ndarray, ...]
    y: np.ndarray
    classes: tuple[str, ...]
    names: tuple[str, ...]
    speakers: tuple[str, ...] = ()
    rate_hz: int = 0
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.y)

    def take(self, places: Sequence[int] | np.ndarray) -> "Labeled":
        """Return the samples at these places, in this order."""
        chosen = [int(i) for i in places]
        picked = self.x[chosen] if isinstance(self.x, np.ndarray) else tuple(self.x[i] for i in chosen)
        return replace(
            self,
            x=picked,
            y=self.y[chosen],
            names=tuple(self.names[i] for i in chosen),
            speakers=tuple(self.speakers[i] for i in chosen) if self.speakers else (),
        )


def refuse_empty_classes(where: object, y: np.ndarray, classes: Sequence[str]) -> None:
    """Refuse labels that leave a class without a sample.

    Raises
    ------
    BadInput
        The message names the empty classes.
    """
    empty = [name for c, name in enumerate(classes) if not (y == c).any()]
    if empty:
        shown = ", ".join(empty[:5]) + (f" and {len(empty) - 5} more" if len(empty) > 5 else "")
        raise BadInput(
            f"{where}: no sample of {shown}; each of the {len(classes)} classes needs at least one: "
            "is the set complete?"
        )


def stratified_folds(y: np.ndarray, folds: int, seed: int) -> list[np.ndarray]:
    """Deal samples into folds in which each class is as frequent as in the whole.

    Parameters
    ----------
    y : integer (n,)
        Class of each sample.
    folds : int, 2 or more
        At most the size of the smallest class.
    seed : int, 0 or more
        Decides who goes where.

    Returns
    -------
    places : list of int64 arrays
        Of the samples in each fold, sorted; every sample is in one.

    Raises
    ------
    BadInput
        A class has fewer samples than there are folds.

    >>> [fold.tolist() for fold in stratified_folds(np.array([0, 0, 1, 1]), folds=2, seed=0)]
    [[0, 2], [1, 3]]
    """
    y = np.asarray(y)
    labels, counts = np.unique(y, return_counts=True)
    if folds < 2 or not len(counts) or counts.min() < folds:
        least = counts.min() if len(counts) else 0
        raise BadInput(
            f"{folds} folds of classes with {least} samples or more; 2 to {least} folds are possible"
        )
    rng = np.random.default_rng(seed)
    fold = np.empty(len(y), dtype=np.int64)
    dealt = 0
    for label in labels:
        places = rng.permutation(np.flatnonzero(y == label))
        fold[places] = (dealt + np.arange(len(places))) % folds
        dealt += len(places)  # the next class goes on where this one ended: sizes differ by one at most
    return [np.flatnonzero(fold == f) for f in range(folds)]
