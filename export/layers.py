"""What was chosen for each layer, in numbers."""

from typing import NamedTuple

import numpy as np

from ..simulate.ranges import DECAY_ONE
from ..simulate.synapses import weight_step
from .assembly import decay
from .populations import Population
from .rounding import Choice

LONG = 1024  # steps; a longer time constant has a decay register below 4, an error of up to 12 %


class Layer(NamedTuple):
    """A population and its choice.

    Attributes
    ----------
    name : str
    spikes : bool
        Whether `before` and `after` are distances of spikes, or of membranes.
    bits : int
    scale : (float, float)
        Least and largest S of a neuron.
    exps : tuple of int
        One for each connection.
    clipped : float
        Share of the weights that lie beyond the largest integer.
    rounding : str
    tau_error : float
        The largest relative error of a time constant of u or v.
    slowest : float
        Its longest time constant, steps; inf where nothing leaks.
    before, after : float, or None without calibration
        Distance from the float run with the largest weight as the largest integer, and as chosen.
    """

    name: str
    spikes: bool
    bits: int
    scale: tuple[float, float]
    exps: tuple[int, ...]
    clipped: float
    rounding: str
    tau_error: float
    slowest: float
    before: float | None = None
    after: float | None = None

    @property
    def note(self) -> str | None:
        """What to know of a time constant near the end of its register."""
        if not LONG <= self.slowest < np.inf:
            return None
        return (
            f"'{self.name}' remembers {self.slowest:.0f} steps: {DECAY_ONE / self.slowest:.2f} of {DECAY_ONE}"
            f" becomes a whole number, its time constants are up to {100 * self.tau_error:.1f} % off"
        )


def layer_of(p: Population, choice: Choice, before: float | None, after: float | None) -> Layer:
    """Describe a choice."""
    learned = float(np.mean(choice.learned))
    part = "" if learned == 1 else f" ({100 * learned:.0f} % of neurons)"
    errors = [
        _tau_errors(p, s, kept, by)
        for s, kept, by in (("u", p.alpha, choice.nudge_u), ("v", p.beta, choice.nudge_v))
    ]
    leaking = p.beta[p.beta < 1 - 1e-9]
    return Layer(
        p.name,
        p.threshold is not None,
        choice.bits,
        (float(choice.scale.min()), float(choice.scale.max())),
        tuple(rounded.exp for rounded in choice.weights.values()),
        _clipped(p, choice),
        f"learned{part}" if learned else "nearest",
        float(max(e.max(initial=0) for e in errors)),
        float(1 / (1 - leaking.max())) if leaking.size else np.inf,
        before,
        after,
    )


def _tau_errors(p: Population, state: str, kept: np.ndarray, nudge: np.ndarray | int) -> np.ndarray:
    """Return the relative errors of 1 / (1 - kept) steps; none where nothing is kept or nothing leaks."""
    held = decay(p.name, state, kept) + nudge
    some = (kept > 0) & (held > 0)
    return np.abs(DECAY_ONE * (1 - kept[some]) / held[some] - 1)


def _clipped(p: Population, choice: Choice) -> float:
    step, beyond, n = weight_step(choice.bits), 0, 0
    for key, w in p.weights.items():
        integers = np.ldexp(w.scaled(choice.scale).stored, -choice.weights[key].exp)
        beyond += np.sum((integers < -256 - step / 2) | (integers > 256 - step / 2))
        n += integers.size
    return float(beyond / max(1, n))
