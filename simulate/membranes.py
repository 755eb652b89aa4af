"""How far u and v of each neuron type can go, if what is added in a step lies in a known interval.

All values are int64 and of one shape. No range of a register is applied here but that of v where it is cut.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .neurons import ALIF, LI, LIF, PLIF, GradedLI, LIFNoReset, LIFRefractory, LIFSubtract
from .ranges import DECAY_ONE, V_MAX, V_SHIFT

FAR = 1 << 45  # beyond every register: what grows without end
MOST_ADDED = 1 << 30  # what is added to v stays clear of a wrap of 32 bits up to here


class Interval(NamedTuple):
    """Lowest and highest value of each neuron; int64 (shape)."""

    low: np.ndarray
    high: np.ndarray


class Reached(NamedTuple):
    """How far v goes.

    Attributes
    ----------
    v : Interval
        After reset; beyond +-V_MAX where it is cut.
    peak : Interval
        Before it is cut and reset.
    fires : bool (shape)
        Whether a spike is possible.
    """

    v: Interval
    peak: Interval
    fires: np.ndarray


def _wide(register: np.ndarray) -> np.ndarray:
    return np.asarray(register, np.int64)


def after(x: np.ndarray, added: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """Return x after a step: decayed by lost/4096, rounded toward zero, plus what is added.

    >>> after(np.array([-3]), np.array([10]), np.array([2048]))
    array([9])
    """
    kept = x * (DECAY_ONE - lost)
    return np.where(kept >= 0, kept >> 12, -(-kept >> 12)) + added


def highest(x: np.ndarray, added: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """Return the highest value after one or more steps from x.

    If the first step does not rise, no other does. Else x rises to the first fixed point: x - added =
    x (4096 - lost)/4096, rounded toward zero, holds for the whole numbers in 4096 (added - 1)/lost < x <=
    4096 added/lost if something is added, for 0 if nothing is, and mirrored if something is taken.

    >>> highest(np.zeros(1, int), np.full(1, 10), np.array([4096, 2048, 1, 0])).tolist()
    [10, 19, 36865, 35184372088832]
    """
    first, share = after(x, added, lost), np.maximum(lost, 1)
    end = np.where(added > 0, DECAY_ONE * (added - 1) // share + 1, -(DECAY_ONE * -added // share))
    return np.where(first > x, np.where(lost > 0, end, FAR), first)


def lowest(x: np.ndarray, added: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """Return the lowest value after one or more steps from x; `highest` mirrored."""
    return -highest(-x, -added, lost)


def membrane(neuron: Any, u: Interval) -> Reached:
    """Return how far v of a population goes, given its u."""
    bias = _wide(neuron.bias)
    added = Interval(u.low + bias, u.high + bias)
    tame = (added.low >= -MOST_ADDED) & (added.high <= MOST_ADDED)
    v, peak, fires = REACHES[type(neuron)](neuron, Interval(*(np.where(tame, end, 0) for end in added)))
    v, peak = (Interval(np.where(tame, i.low, -FAR), np.where(tame, i.high, FAR)) for i in (v, peak))
    return Reached(v, peak, fires | ~tame & (neuron.message_bits is not None))


def _kept(neuron: Any, added: Interval) -> Reached:
    """No reset."""
    v0, lost = _wide(neuron.v0), _wide(neuron.dv)
    v = Interval(lowest(v0, added.low, lost), highest(v0, added.high, lost))
    silent = isinstance(neuron, LI)
    return Reached(v, v, np.zeros(neuron.shape, bool) if silent else v.high > neuron.vth << V_SHIFT)


def _reset(neuron: Any, added: Interval) -> Reached:
    """To zero: v is not above the threshold after a step, and starts again from 0."""
    v0, lost = _wide(neuron.v0), _wide(neuron.dv)
    last = (_wide(neuron.vth) << V_SHIFT) - isinstance(neuron, PLIF)  # that does not fire
    zero = np.zeros_like(v0)
    high = np.minimum(highest(v0, added.high, lost), last)
    low = lowest(v0, added.low, lost)
    fires = np.maximum(after(v0, added.high, lost), after(high, added.high, lost)) > last
    again = np.maximum(0, np.minimum(highest(zero, added.high, lost), last))
    high = np.where(fires, np.maximum(high, again), high)
    low = np.where(fires, np.minimum(low, np.minimum(0, lowest(zero, added.low, lost))), low)
    v, cut = Interval(low, high), np.maximum(low, -V_MAX)
    peak = Interval(
        np.minimum(after(v0, added.low, lost), after(cut, added.low, lost)),
        np.maximum(after(v0, added.high, lost), after(high, added.high, lost)),
    )
    return Reached(v, peak, fires)


def _subtracted(neuron: LIFSubtract, added: Interval) -> Reached:
    threshold = _wide(neuron.vth) << V_SHIFT
    return _lowered(neuron, added, threshold, threshold, threshold)


def _adapting(neuron: ALIF, added: Interval) -> Reached:
    threshold, jump = _wide(neuron.vth) << V_SHIFT, _wide(neuron.jump)
    raised = threshold + np.clip(highest(np.zeros_like(jump), jump, _wide(neuron.de)), 0, V_MAX)
    return _lowered(neuron, added, raised, threshold + jump, raised)


def _lowered(neuron: LIF, added: Interval, quiet: np.ndarray, least: np.ndarray, most: np.ndarray) -> Reached:
    """By what a spike takes, one step late: from `least` to `most`; no v above `quiet` goes without a spike.

    From v above `quiet` only a step that takes `least` leads higher than one from `quiet`.
    """
    v0, lost, threshold = _wide(neuron.v0), _wide(neuron.dv), _wide(neuron.vth) << V_SHIFT
    first = Interval(after(v0, added.low, lost), after(v0, added.high, lost))
    alone = np.maximum(first.high, highest(first.high, added.high, lost))
    fires = alone > threshold
    start = np.maximum(first.high, after(quiet, added.high, lost))
    spiking = np.maximum(start, highest(start, added.high - least, lost))
    high = np.where(fires, np.minimum(alone, spiking), alone)
    low = np.minimum(first.low, lowest(first.low, added.low, lost))
    taken = after(threshold + 1, added.low, lost) - most
    down = np.minimum(taken, lowest(taken, added.low, lost))
    v = Interval(np.where(fires, np.minimum(low, down), low), high)
    return Reached(v, v, fires)


REACHES: dict[type, Callable[[Any, Interval], Reached]] = {
    LIF: _reset,
    PLIF: _reset,
    LIFRefractory: _reset,
    LIFSubtract: _subtracted,
    LIFNoReset: _kept,
    ALIF: _adapting,
    LI: _kept,
    GradedLI: _kept,
}
