"""Trials of the search: scales at given exponents, and which clips let a neuron's weights err least."""

from collections.abc import Iterator, Mapping

import numpy as np

from ..simulate.ranges import DECAY_ONE, RANGES, UNIT
from ..simulate.synapses import weight_step
from .assembly import decay
from .calibration import late
from .linear_maps import Convolution
from .populations import Key, Population
from .rounding import Choice, rounded_at

CLIPS = 2.0 ** -np.arange(0, 4.25, 0.25)  # shares of the largest weight that may become the largest integer
MOST_SAMPLED = 2**24  # synapses that sampled events may pass to find a rounding error
SLOW = 64  # a decay register below this may do better rounded to the other side: 1 of it is 1.6 % of tau
TOSSED = 0.4  # of a step: what lies nearer to a decay register than this is rounded to it


def groups_of(p: Population) -> np.ndarray:
    """Return which neurons share a scale; int (n), from 0.

    All of a population whose values are compared, those of a channel that shares a kernel, else each alone.
    """
    n = p.beta.size
    channels = {len(w.values) for w in p.weights.values() if isinstance(w, Convolution)}
    if p.threshold is None or len(channels) > 1:
        return np.zeros(n, int)
    return np.repeat(np.arange(*channels), n // min(channels)) if channels else np.arange(n)


class Trial:
    """A population at given exponents.

    Parameters
    ----------
    p : Population
    exps : {(source, delay): int}
    bits : int, 1 to 8
    limit : float (n)
        The largest S of each neuron.
    """

    def __init__(self, p: Population, exps: Mapping[Key, int], bits: int, limit: np.ndarray) -> None:
        self._p, self._exps, self._bits = p, exps, bits
        self.groups = groups_of(p)
        self._reach = np.zeros(self.groups.max() + 1)
        high = 256 - weight_step(bits) if bits > 1 else 256
        for key, w in p.weights.items():
            ends = np.maximum(w.stored / high, w.stored / -256) * 2.0 ** -exps[key]
            np.maximum.at(self._reach, np.broadcast_to(w.of_rows(self.groups), ends.shape), ends)
        self._limit = np.full(self._reach.shape, np.inf)
        np.minimum.at(self._limit, self.groups, limit)
        self._threshold = np.full(self._reach.shape, np.inf)  # the lowest of a group
        thresholds = np.zeros(p.beta.size) if p.threshold is None else p.threshold
        np.minimum.at(self._threshold, self.groups, thresholds)
        self._one_threshold = np.all(thresholds == self._threshold[self.groups])

    def at(self, clip: np.ndarray) -> Choice:
        """Round to the nearest, this share of each group's largest weight becoming the largest integer."""
        positive = self._threshold > 0
        least = np.where(positive, 1 / np.where(positive, self._threshold, 1), 0)  # vth = 1
        reach = np.where(self._reach > 0, self._reach, 1 / UNIT)
        scale = np.minimum(np.maximum(1 / (clip * reach), least), self._limit)
        return rounded_at(self._p, self._snapped(scale)[self.groups], self._exps, self._bits)

    def ranked(self, events: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the clips of each group, the least squared error of a_in first; (clips, groups)."""
        arriving = _sampled(self._p, events)
        n_groups = self._reach.size
        errors = []
        for clip in CLIPS:
            wrong = _wrong(self._p, self.at(np.full(n_groups, clip)), arriving)
            errors.append(np.bincount(self.groups, wrong, n_groups))
        return CLIPS[np.argsort(errors, axis=0, kind="stable")]

    def _snapped(self, scale: np.ndarray) -> np.ndarray:
        """Lower each S until its threshold is a whole number."""
        if self._p.threshold is None or not self._one_threshold:
            return scale
        vth = np.floor(scale * self._threshold)
        return np.where(vth > 0, vth / np.where(vth > 0, self._threshold, 1), scale)


def lowered(exps: Mapping[Key, int], shift: int) -> dict[Key, int] | None:
    """Return smaller exponents, or None where a register ends."""
    low, _ = RANGES["weight_exp"]
    shifted = {key: exp + shift for key, exp in exps.items()}
    return shifted if min(shifted.values(), default=0) >= low else None


def nudged(p: Population, choice: Choice) -> Iterator[Choice]:
    """Return choices whose slow decays are rounded to the other side, where that is not much further."""
    for field, kept in (("nudge_v", p.beta), ("nudge_u", p.alpha)):
        held, exact = decay(p.name, field[-1], kept), DECAY_ONE * (1 - kept)
        other = np.sign(exact - held).astype(int)
        tossed = (held < SLOW) & (np.abs(exact - held) >= TOSSED) & (held + other > 0)
        if np.any(tossed):
            yield choice._replace(**{field: other * tossed})


def merged(p: Population, old: Choice, new: Choice, rows: np.ndarray) -> Choice:
    """Return the old choice with some neurons of the new one; their exponents are the same."""
    weights = {
        key: kept._replace(
            integers=np.where(p.weights[key].of_rows(rows), new.weights[key].integers, kept.integers)
        )
        for key, kept in old.weights.items()
    }
    rest = {
        f: np.where(rows, getattr(new, f), getattr(old, f))
        for f in ("scale", "nudge_u", "nudge_v", "learned")
    }
    return old._replace(weights=weights, **rest)


def _sampled(p: Population, events: Mapping[str, np.ndarray]) -> dict[Key, np.ndarray]:
    """Return what arrives at some steps, taken evenly; float (steps, channels) for each connection."""
    synapses = sum(w.matrix.size for w in p.weights.values())
    arrived = {}
    for source, delay in p.weights:
        flat = late(events[source], delay).reshape(-1, events[source].shape[2])
        arrived[source, delay] = flat[:: max(1, len(flat) * synapses // MOST_SAMPLED)]
    return arrived


def _wrong(p: Population, choice: Choice, arriving: Mapping[Key, np.ndarray]) -> np.ndarray:
    """Return the squared error of each neuron's a_in in units of the float one."""
    total: np.ndarray | int = 0
    for key, w in p.weights.items():
        integers, exp = choice.weights[key]
        scaled = w.scaled(choice.scale)
        total = total + scaled.replaced(np.ldexp(integers, exp) - scaled.stored).apply(arriving[key])
    return np.sum(np.square(total), axis=0) / choice.scale**2
