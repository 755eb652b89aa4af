"""K folds of what a recipe learns from: each is scored once by a network that has not seen it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ...simulate.errors import BadInput
from ..recipes.recipe import Options, Recipe, Split, Splits


def folded(splits: Splits, fold: int, folds: int, seed: int) -> Splits:
    """Return what a fold learns from, what chooses its epoch, and, as `test`, what it is scored on.

    Training and validation data of the recipe are dealt to the folds, class by class; samples of one name
    stay together. The recipe's own test split is not touched. Of the folds that are not scored, as large a
    share chooses the epoch as in the recipe.

    Parameters
    ----------
    splits : Splits
        Of the recipe.
    fold : int, 0 to folds - 1
        Which one is scored.
    folds, seed : int
        How many; of the order in which they are dealt.

    Raises
    ------
    BadInput
        There are more folds than names, or fewer than two.
    """
    pool = _joined(splits.train, splits.valid)
    dealt = dealt_to(folds, pool, seed)
    rest = pool.take(np.flatnonzero(dealt != fold))
    parts = max(2, round(len(pool) / max(1, len(splits.valid))))
    chooses = dealt_to(parts, rest, seed + 1) == 0
    learn, choose = (rest.take(np.flatnonzero(which)) for which in (~chooses, chooses))
    return Splits(learn, choose, pool.take(np.flatnonzero(dealt == fold)), splits.source)


def dealt_to(folds: int, split: Split, seed: int) -> np.ndarray:
    """Return the fold of each sample, int (n,).

    >>> split = Split(np.zeros((4, 1, 1)), np.array([0, 1, 0, 1]), tuple("abcd"))
    >>> sorted(dealt_to(2, split, 0)[:2]), sorted(dealt_to(2, split, 0)[[0, 2]])
    ([0, 1], [0, 1])
    """
    names, first, of = np.unique(np.array(split.names), return_index=True, return_inverse=True)
    if not 2 <= folds <= len(names):
        raise BadInput(f"folds = {folds}: must be 2 to {len(names)}, the names of the samples")
    order = np.random.default_rng([seed, folds]).permutation(len(names))
    if split.y.ndim == 1:
        order = order[np.argsort(split.y[first][order], kind="stable")]
    dealt = np.empty(len(names), np.int64)
    dealt[order] = np.arange(len(names)) % folds
    return dealt[of]


def _joined(a: Split, b: Split) -> Split:
    """Return the samples of both; without sounds, which nobody hears in a sweep."""
    x, y = np.concatenate([a.x, b.x]), np.concatenate([a.y, b.y])
    return Split(x, y, a.names + b.names, (*a.notes, *b.notes))


class Watched:
    """Options that note which of them were looked at."""

    def __init__(self, options: Options) -> None:
        self._options, self.seen = options, set()

    def __getattr__(self, name: str) -> Any:
        self.seen.add(name)
        return getattr(self._options, name)


class Data:
    """The splits of a recipe, made again only where an option that decides them changes.

    Parameters
    ----------
    recipe : Recipe
    data : Path or None
    seed : int
    """

    def __init__(self, recipe: Recipe, data: Path | None, seed: int) -> None:
        self._make: Callable[[Any], Splits] = lambda options: recipe.splits(data, seed, options)
        self._kept: tuple[dict[str, Any], Splits] | None = None

    def __call__(self, options: Options) -> Splits:
        """Return the splits for these options."""
        if self._kept is not None:
            seen, splits = self._kept
            if all(getattr(options, name) == value for name, value in seen.items()):
                return splits
        self._kept = None  # one at a time is in memory
        watched = Watched(options)
        splits = self._make(watched)
        train, valid, test = (replace(part, sounds=()) for part in splits[:3])
        splits = Splits(train, valid, test, splits.source)
        self._kept = {name: getattr(options, name) for name in watched.seen}, splits
        return splits
