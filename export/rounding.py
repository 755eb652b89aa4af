"""Floats to the integers of one scale: weights, bias, and whether nothing is lost.

S is in weight units per unit of the float membrane: a threshold of 1 becomes vth = S. Each neuron may have
its own, for its row of weights, threshold and bias go with it.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ..simulate.errors import OutOfRange
from ..simulate.ranges import DECAY_ONE, RANGES, UNIT
from ..simulate.synapses import weight_step
from .populations import Key, Population

BIAS_LIMIT = RANGES["bias_mant"][1] << RANGES["bias_exp"][1]


class Scale(NamedTuple):
    """S of every neuron or of all, and the share of the largest weight that becomes the largest integer."""

    value: float | np.ndarray
    clip: float = 1.0


class Rounded(NamedTuple):
    """Integers in place of what a map stores; times 2^exp they are S w."""

    integers: np.ndarray
    exp: int


class Choice(NamedTuple):
    """How a population is rounded.

    Attributes
    ----------
    scale : float (n)
        S of each neuron.
    weights : {(source, delay): Rounded}
    bits : int, 1 to 8
        Of a weight with its sign.
    nudge_u, nudge_v : int (n), or 0
        What is added to the nearest du and dv.
    learned : bool (n), or False
        Whether the weights of a neuron were rounded together, for the calibration events, not one by one.
    """

    scale: np.ndarray
    weights: dict[Key, Rounded]
    bits: int
    nudge_u: np.ndarray | int = 0
    nudge_v: np.ndarray | int = 0
    learned: np.ndarray | bool = False


def rounded(p: Population, scale: Scale, bits: int) -> Choice:
    """Round a population at a scale to the nearest integers."""
    each = np.broadcast_to(np.asarray(scale.value, float), p.beta.shape)
    weights = {key: round_weights(w.scaled(each).stored, bits, scale.clip) for key, w in p.weights.items()}
    return Choice(each, weights, bits)


def rounded_at(p: Population, scale: np.ndarray, exps: Mapping[Key, int], bits: int) -> Choice:
    """Round a population to the nearest integers, S of each neuron and every exponent given."""
    weights = {
        key: Rounded(nearest(np.ldexp(w.scaled(scale).stored, -exps[key]), bits), exps[key])
        for key, w in p.weights.items()
    }
    return Choice(scale, weights, bits)


def nearest(values: np.ndarray, bits: int) -> np.ndarray:
    """Return the nearest weights that `bits` hold; the ends for what lies beyond them."""
    step = weight_step(bits)
    return np.clip(np.rint(values / step) * step, -256, 256 - step).astype(np.int64)


def span(bits: int) -> int:
    """Integer that the largest weight becomes: the positive end; with 1 bit there is only -256."""
    return 256 - weight_step(bits) if bits > 1 else 256


def round_weights(scaled: np.ndarray, bits: int, clip: float = 1.0) -> Rounded:
    """Round S w to integers * 2^exp: exactly if some exponent allows it, else to the nearest.

    `clip` is the share of the largest that becomes the largest integer.
    """
    low, high = RANGES["weight_exp"]
    exact = _exact_exponent(scaled, bits)
    if exact is not None:
        return Rounded(np.rint(np.ldexp(scaled, -exact)).astype(np.int64), exact)
    reach = clip * np.abs(scaled).max(initial=0)
    exp = int(np.ceil(np.log2(reach / span(bits)) - 1e-9))
    if exp > high:
        raise OutOfRange(f"weights of up to {reach:.3g} at their scale need a weight_exp above {high}")
    exp = max(exp, low)
    return Rounded(nearest(np.ldexp(scaled, -exp), bits), exp)


def _exact_exponent(scaled: np.ndarray, bits: int) -> int | None:
    low, high = RANGES["weight_exp"]
    for exp in sorted(range(low, high + 1), key=abs):
        integers = np.ldexp(scaled, -exp) / weight_step(bits)
        fits = np.all((integers >= -(2 ** (bits - 1))) & (integers < 2 ** (bits - 1)))
        if fits and _whole(integers):
            return exp
    return None


def round_bias(p: Population, scale: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """Mantissa and the smallest exponent that holds 64 S b, for each neuron."""
    target = scale * p.bias * UNIT
    exps = np.arange(RANGES["bias_exp"][1] + 1)
    mants = np.rint(np.ldexp(target[:, None], -exps))
    fits = np.abs(mants) <= RANGES["bias_mant"][1]
    if not fits[:, -1].all():
        raise OutOfRange(
            f"'{p.name}': bias {np.abs(p.bias).max():.3g} at scale {np.max(scale):.3g} exceeds {BIAS_LIMIT}"
        )
    exp = fits.argmax(axis=1)
    return mants[np.arange(len(exp)), exp].astype(np.int64), exp


def on_grid(p: Population, bits: int) -> bool:
    """Whether S = 1 loses nothing. Weights have to be whole: of others the sum of a step is rounded down."""
    registers = [p.bias * UNIT, np.ravel(p.first_u) * UNIT, np.ravel(p.jump) * UNIT]
    if p.threshold is not None:
        registers.append(p.threshold)
    decays = np.concatenate([1 - p.alpha, 1 - p.beta, np.ravel(p.kept_e), [1]]) * DECAY_ONE
    if not all(map(_whole, [*registers, decays])) or np.abs(p.bias).max(initial=0) * UNIT > BIAS_LIMIT:
        return False
    mant, exp = round_bias(p, 1.0)
    exact_bias = np.array_equal(mant << exp, np.rint(p.bias * UNIT))
    stored = [w.stored for w in p.weights.values()]
    return exact_bias and all(_whole(w) and _exact_exponent(w, bits) is not None for w in stored)


def _whole(values: np.ndarray) -> bool:
    """Whether values are whole but for rounding; a little of something is not 0."""
    within = 1e-6 * min(1, np.abs(values).max(initial=0))
    return bool(np.all(np.abs(values - np.rint(values)) <= within))
