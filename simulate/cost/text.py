"""Energy as text."""

from collections.abc import Iterator

from .entries import SI
from .intervals import Interval
from .result import Energy, Layer


def joules(energy: Interval | None) -> str:
    """Print an interval in the unit that suits its upper end.

    >>> joules(Interval(1.234e-6, 2e-6)), joules(Interval(None, 2.5e-9))
    ('1.23 to 2.00 uJ', 'at most 2.50 nJ')
    """
    if energy is None:
        return "not priced in joules"
    unit = next((u for u in ("mJ", "uJ", "nJ") if energy.high >= SI[u]), "pJ")
    return ends(energy.times(1 / SI[unit]), "{:.2f}", unit)


def ends(interval: Interval, form: str, unit: str) -> str:
    """Print both ends of an interval, or the one that is known.

    >>> ends(Interval(2, 2), "{:.0f}", "syn_op")
    '2 syn_op'
    """
    low, high = (None if end is None else form.format(end) for end in interval)
    if low is None:
        return f"at most {high} {unit}"
    return f"{high} {unit}" if low == high else f"{low} to {high} {unit}"


def energy_to_text(energy: Energy) -> str:
    """Return layers, totals, what a conventional network costs, constants, and what is not priced."""
    lines = [f"{'layer':<12} {'syn_ops':>10} {'updates':>10} {'spikes':>8} {'energy per inference':>24}"]
    lines += [_layer(layer) for layer in energy.layers]
    lines += [*_totals(energy), *_compared(energy), *_beside(energy)]
    for table in energy.tables_of_figure:
        lines.append(f"{table.name}: {table.title}; {table.conditions}")
        lines += [f"  {counter:<26} {entry.to_text()}" for counter, entry in table.energy.items()]
    lines += [f"not priced: {what}" for what in energy.unpriced]
    return "\n".join(lines) + "\n"


def _layer(layer: Layer) -> str:
    c = layer.counts
    updates = c["dendrite_updates_active"] + c["dendrite_updates_inactive"]
    costs = [joules(layer.joules.over_samples())] if layer.joules else []
    if layer.equivalents:
        costs.append(_equivalents(layer.equivalents.over_samples()))
    counts = f"{layer.name:<12} {c['syn_ops']:>10,.0f} {updates:>10,.0f} {c['spikes_out']:>8,.0f}"
    return f"{counts} {'; '.join(costs):>24}"


def _equivalents(interval: Interval) -> str:
    return ends(interval, "{:,.0f}", "syn_op equivalents")


def _totals(energy: Energy) -> Iterator[str]:
    if energy.joules and energy.per_inference:
        only_bound = energy.per_inference.low is None
        yield f"{'total':<12} {joules(energy.per_inference):>55}" + (
            "  (upper bound, inherited from another device)" if only_bound else ""
        )
        spread = [f"{name} {joules(energy.joules.over_samples(name))}" for name in ("median", "p5", "p95")]
        yield f"over {energy.samples} samples: {', '.join(spread)}"
        per_second = energy.per_inference.times(1 / energy.seconds)
        time = f"{energy.steps} steps of {energy.dt_s * 1e3:g} ms"
        yield f"per second of input: {joules(per_second)} (an inference is {time})"
    if energy.equivalents:
        yield f"{'total':<12} {_equivalents(energy.equivalents.over_samples()):>55}"
    if energy.per_syn_op:
        yield f"per syn_op, all in: {ends(energy.per_syn_op.times(1e12), '{:.1f}', 'pJ')}"
    yield f"mean of {energy.samples} samples; boundary: {energy.boundary}; what is not priced comes on top"


def _compared(energy: Energy) -> Iterator[str]:
    same = energy.conventional
    graded = sum(layer.counts["multiply_adds"] for layer in energy.layers)
    if graded:
        total = sum(layer.counts["syn_ops"] for layer in energy.layers)
        yield f"of the syn_ops {100 * graded / total:.0f} % are multiply-adds of graded events"
    yield f"a conventional network of this shape: {same.macs:,} multiply-adds a pass" + (
        f", {joules(same.one_pass)}; a pass in every step {joules(same.one_pass.times(same.steps))}"
        if same.one_pass
        else ""
    )


def _beside(energy: Energy) -> Iterator[str]:
    """Print power and the host's work, neither of which is in the figure."""
    for table in energy.tables:
        yield from (f"apart: {name} power, {e.to_text()}" for name, e in table.power.items())
    yield from (
        f"host, not priced: {what}: {amount:,.0f} per inference" for what, amount in energy.host.items()
    )
