"""Both networks as they are: their traces by the names of the populations, and where integers overflowed."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ...simulate.comparison import Comparison
from ...simulate.execute import run
from ...simulate.interpreter import recordable
from ...simulate.network import network_of
from ...simulate.population_distances import share
from ...simulate.trace import Trace, collect
from .findings import Finding
from .sides import Side


def whole_runs(a: Side, b: Side, x: Mapping[str, np.ndarray]) -> tuple[Trace, Trace]:
    """Run both networks; keep the spikes and v that both have."""
    first, second = _trace(a, x), _trace(b, x)
    for part in ("spikes", "v"):
        left, right = getattr(first, part), getattr(second, part)
        both = left.keys() & right.keys()
        first = replace(first, **{part: {n: values for n, values in left.items() if n in both}})
        second = replace(second, **{part: {n: values for n, values in right.items() if n in both}})
    return first, second


def _trace(side: Side, x: Mapping[str, np.ndarray]) -> Trace:
    """Run a network; spikes and v by the names of the populations."""
    names = tuple(side.populations)
    if side.program:
        trace = run(side.program, side.given(x), names)
        spikes, v, counts = dict(trace.spikes), dict(trace.v), trace.counts
    else:
        membranes = {p.name: p.membrane for p in side.populations.values()}
        known = set(recordable(network_of(side.network)))  # type: ignore[arg-type]
        trace = run(side.network, x, known & {*names, *membranes.values()})
        spikes = {n: trace.spikes[n] for n in names if n in trace.spikes}
        v = {n: trace.v[m] for n, m in membranes.items() if m in trace.v}
        counts = trace.counts
    outputs = {n: spikes.get(n, v.get(n)) for n in side.outputs}
    return Trace(collect(side.outputs, outputs), spikes, {}, v, counts)  # type: ignore[arg-type]


def overflow_findings(comparison: Comparison) -> list[Finding]:
    """Say where u wrapped, which is a defect, and where v was cut, which may be harmless."""
    found = []
    for d in comparison.distances:
        for reason, shares in (("wraps", d.wraps), ("saturations", d.saturations)):
            first, second = (value or 0.0 for value in shares)
            if second > first:
                what = "u wrapped" if reason == "wraps" else "v was cut"
                text = f"{what} in {share(second)} of the neuron steps of b, {share(first)} of a"
                numbers = {"a": first, "b": second}
                found.append(Finding(d.population, reason, text, reason == "wraps", numbers))
    return found
