"""What a Program does to the calibration, against the float run."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ..models.readout import decide
from ..simulate.fast import run
from ..simulate.program import Program
from .calibration import Batch, Observed
from .judging import in_floats, share, squared
from .populations import Population
from .rounding import Choice


class Outcome(NamedTuple):
    """How far the outputs of a Program are from the float run's.

    Attributes
    ----------
    error : float
        Root of the squared distance of spikes (low-pass filtered) or membranes, in shares of the float ones;
        of several outputs the mean.
    differ : int, or None
        Decisions (the largest sum over the steps) that differ; None where the output is no vector of classes.
    decisions : int
        How many there are.
    """

    error: float
    differ: int | None
    decisions: int

    @property
    def loss(self) -> float:
        """The share of decisions that differ; where there are none, the error."""
        return self.error if self.differ is None else self.differ / max(1, self.decisions)


def outcome(
    program: Program, floats: list[Population], choices: Mapping[str, Choice], observed: Observed
) -> Outcome:
    """Run a Program on the calibration."""
    outputs = run(program, events_of(program, observed)).outputs
    named = dict(zip(program.outputs, outputs.values(), strict=True))
    of_name = {p.name: p for p in floats}
    errors = []
    for name, output in named.items():
        p, target = of_name[name], observed.target(name)
        lost = squared(p, in_floats(p, choices[name], output) - target)
        errors.append(share(lost.sum(), squared(p, target).sum()))
    differ = None
    name, output = next(iter(named.items()))
    if len(named) == 1 and output.ndim == 3 and output.shape[1] and output.shape[2] > 1:
        differ = int(np.sum(decide(output) != decide(observed.target(name))))
    return Outcome(float(np.mean(errors)), differ, len(output))


def distances(
    program: Program, floats: list[Population], choices: Mapping[str, Choice], observed: Observed
) -> dict[str, float]:
    """Return how far each population of the running network is from the float run, as `Outcome.error`."""
    trace = run(program, events_of(program, observed), record=program.populations)
    far = {}
    for p in floats:
        target = observed.target(p.name)
        ours = in_floats(p, choices[p.name], (trace.v if p.threshold is None else trace.spikes)[p.name])
        far[p.name] = share(squared(p, ours - target).sum(), squared(p, target).sum())
    return far


def events_of(program: Program, observed: Observed) -> Batch:
    """Return the calibration as a Program takes it."""
    kept = {name: observed.events[name] for name in program.inputs}
    return {name: a.reshape(*a.shape[:2], *program.shape(name)) for name, a in kept.items()}
