"""The search: how one population is rounded so that it does what its floats do.

Its neurons do not hear one another within a step, and a loop hands on the float run's spikes, so one run of
a candidate judges every neuron by itself, and each keeps the candidate that suits it best.
"""

from collections.abc import Mapping

import numpy as np

from .judging import Judge
from .learned_rounding import Arrivals, can_be_learned
from .populations import Population
from .rounding import Choice
from .trials import Trial, lowered, merged, nudged

SHIFTS = (0, -1, -2, -3)  # exponents below the largest that fits
TRIED = 3  # clips of each neuron that are run: those whose weights err least, and none


def search(
    p: Population,
    judge: Judge,
    plain: Choice,
    limit: np.ndarray,
    ours: Mapping[str, np.ndarray],
    floats: Mapping[str, np.ndarray],
) -> Choice:
    """Choose scale, exponents, rounding and decays of a population.

    Parameters
    ----------
    p : Population
        In floats.
    judge : Judge
        Of that population.
    plain : Choice
        The largest weight the largest integer; what is returned is never worse, as the judge has it.
    limit : float (n)
        The largest S of each neuron.
    ours, floats : {source: (batch, steps, n)}
        Events that reach it, and those of the float run.
    """
    exps = {key: w.exp for key, w in plain.weights.items()}
    shifted = [lower for shift in SHIFTS if (lower := lowered(exps, shift)) is not None]
    trials = [Trial(p, lower, plain.bits, limit) for lower in shifted]
    ranked = trials[-1].ranked(ours)  # the smallest scales: the limit stops none
    trial = trials[int(np.argmin([judge.losses(t.at(ranked[0])).sum() for t in trials]))]
    arrivals = Arrivals(p, ours, floats) if can_be_learned(p) else None
    best = _Best(p, judge, trial.groups, trial.at(ranked[0]))
    for clip in (*ranked[:TRIED], np.ones_like(ranked[0])):
        choice = trial.at(clip)
        best.offer(choice)
        if arrivals:
            best.offer(arrivals.learned(choice))
    for choice in list(nudged(p, best.choice)):
        best.offer(choice)
    return best.choice if best.losses.sum() < judge.losses(plain).sum() else plain


class _Best:
    """The candidate that suits each group of neurons best so far."""

    def __init__(self, p: Population, judge: Judge, groups: np.ndarray, choice: Choice) -> None:
        self._p, self._judge, self._groups = p, judge, groups
        self.choice, self.losses = choice, self._of(choice)

    def offer(self, choice: Choice) -> None:
        """Let each group take it if it costs less."""
        losses = self._of(choice)
        better = losses < self.losses
        self.choice = merged(self._p, self.choice, choice, better[self._groups])
        self.losses = np.minimum(losses, self.losses)

    def _of(self, choice: Choice) -> np.ndarray:
        return np.bincount(self._groups, self._judge.losses(choice))
