"""Learned rounding: the weights of a neuron rounded together, for the events that they will meet.

What one weight loses another one makes up for: over the calibration, what arrives at the membrane shall be
what the float weights give for the float events. That is a quadratic in the integers; coordinate descent
visits one weight after the other, of all neurons at once.

Source: the objective of Nagel et al., "Up or Down? Adaptive Rounding", ICML 2020; coordinate descent on it as
in Frantar et al., "GPTQ", ICLR 2023.
"""

from collections.abc import Mapping

import numpy as np

from ..simulate.synapses import weight_step
from .calibration import late
from .linear_maps import Convolution, Few
from .populations import Population
from .rounding import Choice, Rounded

SWEEPS = 4
AT_ONCE = 16  # samples whose filtered events are held at once
PULL = 0.01  # toward the float weights, in shares of the mean energy of a channel
REMEMBERED = 0.95  # the most that a membrane keeps per step here: resets let it forget
MOST_STEPS = 2**33  # multiplications of all sweeps over a population; one that needs more is not learned


def can_be_learned(p: Population) -> bool:
    """Whether each weight serves one neuron, and there is time."""
    channels = sum(w.matrix.shape[1] for w in p.weights.values())
    alone = not any(isinstance(w, Convolution) for w in p.weights.values())
    return alone and 0 < SWEEPS * p.beta.size * channels**2 <= MOST_STEPS


class Arrivals:
    """What arrives at a population, as its membranes remember it.

    Parameters
    ----------
    p : Population
    ours, floats : {source: (batch, steps, n)}
        Events of the quantised network, and of the float run.
    """

    def __init__(self, p: Population, ours: Mapping[str, np.ndarray], floats: Mapping[str, np.ndarray]):
        self._p = p
        channels = sum(w.matrix.shape[1] for w in p.weights.values())
        self._energy = np.zeros((channels, channels))  # of our events
        self._wanted = np.zeros((channels, channels))  # what float weights give, seen through our events
        batch = len(next(iter(ours.values())))
        for some in (slice(i, i + AT_ONCE) for i in range(0, batch, AT_ONCE)):
            a, b = (
                np.concatenate([_remembered(p, sent[s][some], d) for s, d in p.weights], axis=1)
                for sent in (ours, floats)
            )
            self._energy += a.T @ a
            self._wanted += b.T @ a

    def learned(self, choice: Choice) -> Choice:
        """Return the choice with integers that make up for one another; none moves by more than a step."""
        p, energy = self._p, self._energy
        ridge = PULL * float(np.mean(np.diag(energy)))
        scaled = np.concatenate([_dense(w.scaled(choice.scale).matrix) for w in p.weights.values()], axis=1)
        held = np.concatenate([_dense(_held(p, choice, key).matrix) for key in p.weights], axis=1)
        units = np.concatenate(
            [np.full(w.matrix.shape[1], 2.0 ** choice.weights[key].exp) for key, w in p.weights.items()]
        )
        held = _descend(scaled, held, energy, self._wanted, ridge, units, choice.bits)
        integers = np.split(
            held / units, np.cumsum([w.matrix.shape[1] for w in p.weights.values()])[:-1], axis=1
        )
        weights = {
            key: Rounded(_stored(p, key, np.rint(values)), choice.weights[key].exp)
            for key, values in zip(p.weights, integers, strict=True)
        }
        return choice._replace(weights=weights, learned=np.ones(p.beta.size, bool))


def _descend(
    scaled: np.ndarray,
    held: np.ndarray,
    energy: np.ndarray,
    wanted: np.ndarray,
    ridge: float,
    units: np.ndarray,
    bits: int,
) -> np.ndarray:
    """Minimise |held ours - scaled floats|^2 + ridge |held - scaled|^2 on the grid; (n, channels)."""
    step = weight_step(bits)
    missing = scaled @ wanted - held @ energy  # of each weight, what the others leave to it
    for _ in range(SWEEPS):
        moved = False
        for i in np.flatnonzero(np.diag(energy)):
            grid, here = units[i] * step, held[:, i]
            best = here + (missing[:, i] + ridge * (scaled[:, i] - here)) / (energy[i, i] + ridge)
            ends = -256 * units[i], (256 - step) * units[i]
            low, high = (np.clip(grid * to(scaled[:, i] / grid), *ends) for to in (np.floor, np.ceil))
            best = np.clip(grid * np.rint(best / grid), low, high)
            rows = np.flatnonzero((best != here) & (scaled[:, i] != 0))
            if rows.size:
                missing[rows] -= np.outer(best[rows] - here[rows], energy[i])
                held[rows, i] = best[rows]
                moved = True
        if not moved:
            break
    return held


def _remembered(p: Population, events: np.ndarray, delay: int) -> np.ndarray:
    """Filter events as u and v of the mean neuron do; float (batch * steps, n)."""
    alpha, beta = (min(float(np.mean(kept)), REMEMBERED) for kept in (p.alpha, p.beta))
    if p.threshold is None:
        beta = float(np.mean(p.beta))
    arrived = late(events, delay).astype(float)
    u = v = np.zeros_like(arrived[:, 0])
    kept = np.empty_like(arrived)
    for t in range(arrived.shape[1]):
        u = alpha * u + arrived[:, t]
        v = beta * v + u
        kept[:, t] = v
    return kept.reshape(-1, kept.shape[2])


def _held(p: Population, choice: Choice, key):
    integers, exp = choice.weights[key]
    return p.weights[key].replaced(np.ldexp(integers.astype(float), exp))


def _dense(matrix) -> np.ndarray:
    return matrix if isinstance(matrix, np.ndarray) else matrix.toarray()


def _stored(p: Population, key, values: np.ndarray) -> np.ndarray:
    """Return a matrix as its map stores it."""
    linear = p.weights[key]
    if isinstance(linear, Few):
        entries = linear.values.tocoo()
        return values[entries.row, entries.col].astype(np.int64)
    return values.astype(np.int64)
