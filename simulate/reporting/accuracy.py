"""How often each machine decides right, how sure that is, and what is taken for what."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

from .section import Missing

Z = 1.959963984540054  # two-sided 95 % of the normal distribution


@dataclass(frozen=True)
class Score:
    """One machine: shares are 0 to 1, `interval` is Wilson's of 95 %; rows of `confusion` are the truth."""

    samples: int
    correct: int
    accuracy: float
    interval: tuple[float, float]
    confusion: list[list[int]]


@dataclass(frozen=True)
class AccuracySection:
    """Every machine that was scored, and on how many samples fixed decides otherwise than float."""

    scores: dict[str, Score]
    differ: int | None
    lava_not_run: str | None


def accuracy_section(metrics: Mapping[str, Any]) -> AccuracySection | Missing:
    """Return the scores of a run."""
    given = metrics.get("scores")
    if not given:
        return Missing("the run has no scores: its metrics.json says nothing of labels and decisions")
    scores = {
        name: Score(
            said["samples"],
            said["correct"],
            said["correct"] / said["samples"],
            wilson(said["correct"], said["samples"]),
            said["confusion"],
        )
        for name, said in given.items()
    }
    not_run = None if "lava" in scores else metrics.get("lava_not_run") or "this run did not use Lava"
    return AccuracySection(scores, given.get("fixed", {}).get("differ_from_float"), not_run)


def wilson(correct: int, samples: int) -> tuple[float, float]:
    """Return the interval that holds the true share with 95 %.

    Source: Wilson 1927, J. Am. Stat. Assoc. 22(158), p. 209-212.

    >>> [round(end, 4) for end in wilson(9, 10)]
    [0.5958, 0.9821]
    """
    share, z2 = correct / samples, Z * Z
    center = (share + z2 / (2 * samples)) / (1 + z2 / samples)
    half = Z / (1 + z2 / samples) * sqrt(share * (1 - share) / samples + z2 / (4 * samples**2))
    return max(0.0, center - half), min(1.0, center + half)
