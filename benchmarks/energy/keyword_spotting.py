"""The published keyword spotter on Loihi, 390-256-256-29, beside our interval, at rates nobody gives."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lavalier.simulate import LIF, Dense, Input, Program, energy, run
from lavalier.simulate.cost.text import joules

from ..measure import Figure, point
from . import tables

SIZES = 390, 256, 256, 29
STEPS = 10  # of an inference
DT_S = 1e-3  # Nengo's
RATES_HZ = 10, 20, 50, 100, 200
INFERENCES = 200
HALVINGS = 16
SEED = 0


def program(weights: np.ndarray, vth: int) -> Program:
    """Return what is on the chip: the weights between the hidden layers, and the second of these."""
    return Program(
        inputs={"first": Input((SIZES[1],))},
        populations={"second": LIF((SIZES[2],), dv=200, vth=vth)},
        connections=(Dense("first", "second", weights),),
        outputs=("second",),
        dt=DT_S,
    )


def at_rate(weights: np.ndarray, x: np.ndarray, rate_hz: float) -> Program:
    """Return the Program whose threshold lets the second layer fire as often as the first, by bisection."""
    low, high = 0, 131071
    for _ in range(HALVINGS):
        middle = (low + high) // 2
        fired = run(program(weights, middle), x).counts.spikes_out["second"].mean()
        too_often = fired / (SIZES[2] * STEPS * DT_S) > rate_hz
        low, high = (middle, high) if too_often else (low, middle)
    return program(weights, high)


def keyword_spotting(data: Path | None) -> Iterator[Figure]:
    """Sweep the mean rate of both hidden layers; the figures are the ends at 10 and at 200 Hz."""
    rng = np.random.default_rng(SEED)
    weights = 2 * np.clip(np.round(rng.normal(0, 20, (SIZES[2], SIZES[1]))), -127, 127).astype(int)
    rows, found = [], []
    for rate in RATES_HZ:
        x = rng.random((INFERENCES, STEPS, SIZES[1])) < rate * DT_S
        chosen = at_rate(weights, x, rate)
        trace = run(chosen, x)
        priced = energy(chosen, trace, "loihi1")
        counts = priced.layers[0].counts
        fired = counts["spikes_out"] / (SIZES[2] * STEPS * DT_S)
        assert priced.per_inference and priced.per_inference.low is not None
        found.append(priced.per_inference)
        rows.append([f"{rate}", f"{fired:.0f}", f"{counts['syn_ops']:,.0f}", joules(priced.per_inference)])
    header = ["rate of layer 1, Hz", "measured rate of layer 2, Hz", "syn_ops an inference", "our interval"]
    tables.put("keyword-spotting", header, rows)
    unit = (
        "uJ an inference, keyword spotter 390-256-256-29, layer 1 and output on the host, Loihi 1 neurocores"
    )
    yield point("energy.keyword_spotting_low", found[0].low * 1e6, f"{unit}, low end at 10 Hz", None, "lower")
    yield point(
        "energy.keyword_spotting_high", found[-1].high * 1e6, f"{unit}, high end at 200 Hz", None, "lower"
    )
