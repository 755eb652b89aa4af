"""One population by itself, fed with events: in floats by its recurrence, in integers by the chip's rule.

Both take the events of each source as they arrive, after the delay of the connection, in pieces of any
length, and go on where they stopped.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

import numpy as np

from ...simulate.alone import alone
from ...simulate.program import Program
from ...simulate.session import Session
from ..populations import Key, Population

Arriving = Mapping[Key, np.ndarray]  # events (batch, steps, n_in) of each source and delay


class Cells(Protocol):
    """A population with a state."""

    def run(self, arriving: Arriving) -> np.ndarray:
        """Return what it sends in the next steps, or v of a readout: (batch, steps, n)."""
        ...


class FloatCells:
    """A population in floats.

    u <- alpha u + weights @ events
    v <- beta v + u + bias   (minus the threshold where it spiked in the step before, if it subtracts)
    s <- v > threshold, or >=
    v <- 0 where s           (if it resets to zero)
    In its steps of rest v stays 0.
    """

    def __init__(self, p: Population, batch: int) -> None:
        self._p = p
        self._matrices = {key: w.matrix for key, w in p.weights.items()}
        self._u = np.zeros((batch, len(p.beta)))
        self._v = np.zeros_like(self._u)
        self._fired = np.zeros(self._u.shape, bool)
        self._left = np.zeros(self._u.shape, int)  # steps of rest

    def run(self, arriving: Arriving) -> np.ndarray:
        """Return what it sends in the next steps, or v of a readout: (batch, steps, n)."""
        batch, steps = next(iter(arriving.values())).shape[:2]
        drive = np.zeros((batch * steps, self._u.shape[1]))
        for key, matrix in self._matrices.items():
            events = arriving[key].reshape(batch * steps, -1).astype(float)
            drive += events @ matrix.T if isinstance(matrix, np.ndarray) else (matrix @ events.T).T
        drive = drive.reshape(batch, steps, -1)
        sent = np.empty_like(drive)
        for t in range(steps):
            sent[:, t] = self._step(drive[:, t])
        return sent

    def _step(self, drive: np.ndarray) -> np.ndarray:
        p = self._p
        self._u = p.alpha * self._u + drive
        self._v = p.beta * self._v + self._u + p.bias
        if p.threshold is None:
            return self._v
        if p.reset == "subtract-delayed":
            self._v -= self._fired * p.threshold
        self._v[self._left > 0] = 0
        self._fired = self._v >= p.threshold if p.at_threshold else self._v > p.threshold
        self._fired &= self._left == 0
        self._left = np.where(self._fired, p.rest, np.maximum(self._left - 1, 0))
        if p.reset in ("zero", "refractory"):
            self._v[self._fired] = 0
        return self._fired


class IntegerCells:
    """A population of a Program."""

    def __init__(self, program: Program, name: str, batch: int) -> None:
        self._name, self._sends = name, program.sends(name)
        self._program, self._inputs = _given_in_time(program, name)
        self._session = Session(self._program, batch)

    def run(self, arriving: Arriving) -> np.ndarray:
        """Return what it sends in the next steps, or v of a readout: (batch, steps, n)."""
        shapes = {entry: self._program.shape(entry) for entry in self._inputs.values()}
        x = {
            entry: arriving[key].reshape(*arriving[key].shape[:2], *shapes[entry])
            for key, entry in self._inputs.items()
        }
        trace = self._session.run(x, (self._name,))
        sent = (trace.spikes if self._sends else trace.v)[self._name]
        return sent.reshape(*sent.shape[:2], -1)


def cells_of(network: Program | Population, name: str, batch: int) -> Cells:
    """Return a population at rest."""
    if isinstance(network, Population):
        return FloatCells(network, batch)
    return IntegerCells(network, name, batch)


def _given_in_time(program: Program, name: str) -> tuple[Program, dict[Key, str]]:
    """Return a population alone, without delays, and the input of each source and delay."""
    lone = alone(program, name)
    inputs, connections, entries = {}, [], {}
    for given, c in zip(program.incoming(name), lone.incoming(name), strict=True):
        entry = f"{c.source}, {c.delay} steps before"
        entries[given.source, given.delay] = entry
        inputs[entry] = lone.inputs[c.source]
        connections.append(replace(c, source=entry, delay=0))
    return replace(lone, inputs=inputs, connections=tuple(connections)), entries
