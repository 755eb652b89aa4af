"""Guards: what a network may have lost on its way to integers, said before anybody wonders.

An error is a population or connection that as a whole no longer does what it did in floats: it is silent, it
fires all the time, its thresholds cannot be reached, its weights are gone. Everything else is a warning.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..simulate.bounds import bounds
from ..simulate.ranges import DECAY_ONE, UNIT
from .findings import Case, Finding, look
from .populations import Population
from .quantization import Quantization

LEAST_RATE = 0.01  # spikes a step, from which on a neuron is missed
REST_RATE = 0.5  # in floats, below which a neuron does not fire all the time
FULL_RATE = 0.95  # in integers, from which on it does
MOST_LOST = 0.5  # share of a connection's weights that may become 0
DECAY_ERROR = 0.1  # share that a decay's rounding may change


def guard(
    quantization: Quantization, calibration: np.ndarray | Mapping[str, np.ndarray] | None = None
) -> list[Finding]:
    """Look for what a quantized network has lost.

    Parameters
    ----------
    quantization : Quantization
        The Program and the floats it came from.
    calibration : whole numbers (batch, steps, *shape), or {input name: array}, optional
        Real input; without it, what depends on rates and events is not looked at.

    Returns
    -------
    list of Finding
        Errors first; empty if nothing was found.
    """
    seen = None if calibration is None else look(quantization, calibration)
    case = Case(quantization, bounds(quantization.program), seen)
    found = [finding for guards in GUARDS for finding in guards(case)]
    return sorted(found, key=lambda finding: finding.severity)


def _silent_neurons(case: Case) -> Iterator[Finding]:
    for name, (floats, fixed) in case.seen.rates.items() if case.seen else ():
        whole = not fixed.any()
        silent = (floats > 0 if whole else floats >= LEAST_RATE) & (fixed == 0)
        if silent.any():
            yield Finding(
                "error" if whole else "warning",
                name,
                f"neurons of {floats.size} that fire in floats and never in integers",
                int(silent.sum()),
                0,
                "give more bits, or calibration like the real input",
            )


def _saturated_neurons(case: Case) -> Iterator[Finding]:
    for name, (floats, fixed) in case.seen.rates.items() if case.seen else ():
        full = (fixed >= FULL_RATE) & (floats < REST_RATE)
        if full.any():
            yield Finding(
                "error" if full.all() else "warning",
                name,
                f"neurons of {floats.size} that fire in nearly every step, and do not in floats",
                int(full.sum()),
                0,
                "threshold or bias do not match the weights: give more bits, or another weight_scale",
            )


def _thresholds_out_of_reach(case: Case) -> Iterator[Finding]:
    for p in case.made.floats:
        never = case.bounds[p.name].sends == 0
        if p.threshold is None or not never.any():
            continue
        lost = case.seen is None or case.seen.rates[p.name].floats.any()
        yield Finding(
            "error" if never.all() and lost else "warning",
            p.name,
            f"neurons of {never.size} whose threshold no input can reach",
            int(never.sum()),
            0,
            "their weights are too small for it: give more bits, or train them with a lower threshold",
        )


def _weights_rounded_to_nothing(case: Case) -> Iterator[Finding]:
    for p in case.made.floats:
        incoming = {(c.source, c.delay): c for c in case.made.program.incoming(p.name)}
        before, after = np.zeros(p.beta.size, int), np.zeros(p.beta.size, int)
        for key, linear in p.weights.items():
            given, kept = _row_counts(linear.matrix), _row_counts(incoming[key].matrix)
            before, after = before + given, after + kept
            share = 1 - kept.sum() / max(1, given.sum()) if given.any() else 0.0
            if share > MOST_LOST:
                yield Finding(
                    "warning" if kept.any() else "error",
                    incoming[key].name,
                    "share of weights rounded to 0",
                    share,
                    MOST_LOST,
                    "few large weights set the scale of many small ones: give more bits, or clip and retrain",
                )
        if n := int(np.sum((before > 0) & (after == 0))):
            yield Finding(
                "warning",
                p.name,
                f"neurons of {p.beta.size} that lost every weight",
                n,
                0,
                "their weights are small beside others of the layer: give more bits",
            )


def _row_counts(matrix: Any) -> np.ndarray:
    """Return how many weights of each neuron are not zero."""
    from scipy.sparse import csr_array

    held = csr_array(matrix, copy=True)
    held.eliminate_zeros()
    return np.diff(held.indptr)


def _overflow(case: Case) -> Iterator[Finding]:
    for counter, what in (("wraps", "u wrapped"), ("saturations", "v was cut")) if case.seen else ():
        for name, counts in getattr(case.seen.counts, counter).items():  # type: ignore[union-attr]
            if counts.any():
                yield Finding(
                    "warning",
                    name,
                    f"neuron steps of calibration in which {what}",
                    int(counts.sum()),
                    0,
                    "the scale leaves too little room: give a smaller weight_scale",
                )


def _dead_inputs(case: Case) -> Iterator[Finding]:
    program = case.made.program
    for name, entry in program.inputs.items():
        synapses = sum((c.fan_out for c in program.outgoing(name)), np.zeros(entry.size, int))
        dead = {"no synapse leads from": synapses == 0}
        if case.seen:
            dead["no event of calibration enters"] = ~case.seen.events[name]
        for why, channels in dead.items():
            if channels.any():
                yield Finding(
                    "warning",
                    name,
                    f"channels of {entry.size} that {why}",
                    int(channels.sum()),
                    0,
                    "check the front end and the calibration, or leave these channels out",
                )


def _lost_decays(case: Case) -> Iterator[Finding]:
    for p in case.made.floats if case.seen else ():
        neuron: Any = case.made.program.populations[p.name]
        steps = case.seen.steps  # type: ignore[union-attr]
        for state, kept, lost in (("u", p.alpha, neuron.du.ravel() + 1), ("v", p.beta, neuron.dv.ravel())):
            held = [_sum_of_powers(share, steps) for share in (kept, 1 - lost / DECAY_ONE)]
            change = np.abs(held[1] / held[0] - 1)
            yield from _decay(case, p, change, f"change of what {state} holds of a constant input")
        if p.threshold is not None:
            # up to a unit of v a step is lost to rounding toward zero, as long as v remembers
            memory = np.minimum(steps, DECAY_ONE / np.maximum(neuron.dv, 1)) * (neuron.dv > 0)
            share = memory / (UNIT * np.maximum(neuron.vth, 1))
            yield from _decay(case, p, share.ravel(), "share of the threshold that the rounding of v takes")


def _sum_of_powers(kept: np.ndarray, steps: int) -> np.ndarray:
    """Return 1 + kept + kept^2 + ... of so many terms."""
    lost = np.where(kept < 1, 1 - kept, 1.0)
    return np.where(kept < 1, (1 - kept**steps) / lost, steps)


def _decay(case: Case, p: Population, change: np.ndarray, what: str) -> Iterator[Finding]:
    wrong = change > DECAY_ERROR
    if wrong.any():
        yield Finding(
            "warning",
            p.name,
            f"{what} over {case.seen.steps} steps, the most of {wrong.sum()} of {wrong.size} neurons",  # type: ignore[union-attr]
            float(change.max()),
            DECAY_ERROR,
            "the decay lost its meaning: take a longer dt, a shorter time constant or a larger scale",
        )


GUARDS = (
    _silent_neurons,
    _saturated_neurons,
    _thresholds_out_of_reach,
    _weights_rounded_to_nothing,
    _overflow,
    _dead_inputs,
    _lost_decays,
)
