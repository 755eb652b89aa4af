"""What a choice costs a population: it runs alone, in integers, on the events that reach it."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..simulate.alone import alone, heard
from ..simulate.fast import run
from ..simulate.program import Program
from ..simulate.ranges import UNIT
from .assembly import connections_of, neuron_of
from .populations import Population
from .rounding import Choice

REACH = 10  # steps over which two spikes are near one another


class Judge:
    """The loss of each neuron under any choice.

    Parameters
    ----------
    p : Population
    program : Program
        Any in which the population stands.
    events : {source: (batch, steps, n)}
        What its sources send.
    target : (batch, steps, n)
        Spikes or membranes of the float run.
    """

    def __init__(
        self, p: Population, program: Program, events: Mapping[str, np.ndarray], target: np.ndarray
    ) -> None:
        self._p, self._names = p, heard(program, p.name)
        self._base = alone(program, p.name)
        self._x = {
            given: events[source].reshape(*events[source].shape[:2], *program.shape(source))
            for source, given in self._names.items()
        }
        self._target = target
        self.energy = squared(p, target)

    def losses(self, choice: Choice) -> np.ndarray:
        """Return the squared distance of each neuron from its target; float (n)."""
        p = self._p
        connections = (replace(c, source=self._names[c.source]) for c in connections_of(p, choice))
        program = replace(
            self._base, populations={p.name: neuron_of(p, choice)}, connections=tuple(connections)
        )
        return squared(p, in_floats(p, choice, run(program, self._x).output) - self._target)

    def relative(self, losses: np.ndarray) -> float:
        """Return the distance of the population, in shares of its target."""
        return share(losses.sum(), self.energy.sum())


def in_floats(p: Population, choice: Choice, output: np.ndarray) -> np.ndarray:
    """Return spikes as they are, a membrane in units of the float one; float32 (batch, steps, n)."""
    values = output.reshape(*output.shape[:2], -1).astype(np.float32)
    return values if p.threshold is not None else values / (UNIT * choice.scale).astype(np.float32)


def squared(p: Population, signal: np.ndarray) -> np.ndarray:
    """Return the squared size of each neuron's signal; of spikes after a low-pass filter (van Rossum).

    Source: van Rossum, "A novel spike distance", Neural Computation 13 (2001), p. 751-763.
    """
    if p.threshold is None:
        return np.sum(signal.astype(float) ** 2, axis=(0, 1))
    kept, total = np.zeros_like(signal[:, 0], np.float32), np.zeros(signal.shape[2])
    keep = np.float32(np.exp(-1 / REACH))
    for t in range(signal.shape[1]):
        kept = keep * kept + signal[:, t]
        total += np.sum(kept.astype(float) ** 2, axis=0)
    return total


def share(lost: float, energy: float) -> float:
    """Return a distance in shares of what should be; 1 where nothing should be, and something is.

    >>> share(0.25, 1.0), share(0.0, 0.0), share(2.0, 0.0)
    (0.5, 0.0, 1.0)
    """
    return float(np.sqrt(lost / (energy or lost or 1.0)))
