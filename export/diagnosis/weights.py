"""Why a population's weights and biases differ beyond rounding: their scale, single ones, or all."""

import numpy as np

from ..populations import Key
from .factors import Range, Span, explained_by_one, middle, most_allowed
from .findings import Finding
from .pair import Entries, Pair

MANY = 3  # weights of a neuron that must be off by one factor before it is called its scale


def weight_findings(pair: Pair) -> list[Finding]:
    """Return what differs in weights and biases."""
    unit: Span = (1.0, 1.0)
    ranges = {key: pair.weight_factors(key) for key in pair.keys}
    if not pair.has_scale and not pair.exact and ranges:
        pooled = Range(*(np.concatenate(ends) for ends in zip(*ranges.values(), strict=True)))
        unit = most_allowed(pooled)
    found, units = [], [unit]
    for key, allowed in ranges.items():
        findings, used = _connection(pair, key, allowed, unit)
        found += findings
        units.append(used)
    found += _biases(pair, units)
    return sorted(found, key=lambda f: f.reason != "scale")  # the rest may follow from it


def _connection(pair: Pair, key: Key, allowed: Range, unit: Span) -> tuple[list[Finding], Span]:
    """Return what differs in one connection, and the factor that its weights have."""
    name, entries, found = pair.connection(key), pair.entries[key], []
    other = _one_factor(allowed, unit, entries.b)
    used = middle(other or unit)
    if other:
        factor = used / middle(unit)
        asks = "those of a" if pair.exact and not pair.has_scale else "the other weights ask for"
        asks = "what the threshold asks for" if pair.has_scale else asks
        text = f"weights of '{name}' are {factor:.3g} times {asks}"
        numbers = {"connection": name, "factor": factor}
        found.append(Finding(pair.name, "scale", text, numbers=numbers))
    wrong = ~allowed.allow(used)
    if pair.has_scale and not other:
        found += _neurons(pair, key, allowed, wrong)
    if wrong.any():
        found.append(_single(pair, key, entries, wrong))
    clipped = int(np.count_nonzero(pair.clipped(key, used)))
    if clipped:
        text = (
            f"{clipped} of {len(wrong)} weights of '{name}' lie beyond the largest integer and were cut to it"
        )
        numbers = {"connection": name, "weights": clipped, "of": len(wrong)}
        found.append(Finding(pair.name, "clipped", text, defect=False, numbers=numbers))
    return found, other or unit


def _one_factor(allowed: Range, unit: Span, b: np.ndarray) -> Span | None:
    """Return the one other factor that explains numbers, unless they are lost altogether."""
    lost = not np.any(b[~allowed.allow(middle(unit))])
    return None if lost else explained_by_one(allowed, middle(unit))


def _neurons(pair: Pair, key: Key, allowed: Range, wrong: np.ndarray) -> list[Finding]:
    """Find neurons whose weights are all off by one factor, and take those out of what is wrong."""
    rows, entries, off = pair.entries[key].rows, pair.entries[key], {}
    for row in np.flatnonzero(np.bincount(rows[wrong]) >= MANY):
        own = rows == row
        factor = _one_factor(Range(allowed.low[own], allowed.high[own]), (1.0, 1.0), entries.b[own])
        if factor:
            off[int(row)] = middle(factor)
            wrong[own] = False
    if not off:
        return []
    row, factor = next(iter(off.items()))
    what = "channel" if entries.kernel else "neuron"
    name = pair.connection(key)
    text = f"weights of '{name}' are {factor:.3g} times what the threshold asks for at {what} {row}"
    text += f", and off at {len(off) - 1} more" if len(off) > 1 else ""
    numbers = {"connection": name, "factor": factor, "first": row, "neurons": len(off)}
    return [Finding(pair.name, "scale", text, numbers=numbers)]


def _single(pair: Pair, key: Key, entries: Entries, wrong: np.ndarray) -> Finding:
    """Say which weights are off: all turned, or otherwise."""
    turned = wrong & (entries.a * entries.b < 0)
    only_turned = np.array_equal(turned, wrong)
    at = int(np.flatnonzero(wrong)[0])
    place = [int(index[at]) for index in entries.places]
    count = int(np.count_nonzero(wrong))
    verb = "of the other sign" if only_turned else "changed"
    name = pair.connection(key)
    text = f"{count} of {len(wrong)} weights of '{name}' {verb}; first {_place(entries, place)}: "
    text += f"{entries.a[at]:.4g} in a, {entries.b[at]:.4g} in b"
    numbers = {"connection": name, "weights": count, "of": len(wrong), "first": place}
    return Finding(pair.name, "sign" if only_turned else "weights", text, numbers=numbers)


def _place(entries: Entries, place: list[int]) -> str:
    if entries.kernel:
        return f"kernel {place}"
    return f"from channel {place[1]} to neuron {place[0]}"


def _biases(pair: Pair, units: list[Span]) -> list[Finding]:
    """Say which biases are off, in the unit of the neurons or in one that their weights have."""
    allowed, found = pair.bias_factors(), []
    wrong = min((_outside(allowed, unit) for unit in units), key=np.count_nonzero)
    if not pair.has_scale and wrong.any():
        # a readout's unit is what its weights say: it may be they that were scaled
        factor = _one_factor(allowed, units[0], pair.second.bias)
        if factor:
            ratio = middle(units[0]) / middle(factor)
            text = f"weights are {ratio:.3g} times what the bias asks for"
            found.append(Finding(pair.name, "scale", text, numbers={"factor": ratio}))
            wrong = _outside(allowed, factor)
    if wrong.any():
        a, b = pair.first.bias, pair.second.bias
        first, count = int(np.flatnonzero(wrong)[0]), int(np.count_nonzero(wrong))
        verb = "dropped" if not np.any(b[wrong]) else "changed"
        text = f"{verb} at {count} of {len(a)} neurons; first neuron {first}: {_bias(pair, a, first, 'a')}, "
        text += _bias(pair, b, first, "b")
        numbers = {"verb": verb, "neurons": count, "of": len(a), "first": first}
        found.append(Finding(pair.name, "bias", text, numbers=numbers))
    return found


def _bias(pair: Pair, bias: np.ndarray, neuron: int, side: str) -> str:
    threshold = (pair.first if side == "a" else pair.second).threshold
    if threshold is None or not threshold[neuron]:
        return f"{bias[neuron]:.4g} in {side}"
    return f"{bias[neuron] / threshold[neuron]:.4g} thresholds in {side}"


def _outside(allowed: Range, span: Span) -> np.ndarray:
    """Whether each pair allows no factor of a span."""
    return ~((allowed.low <= span[1]) & (span[0] <= allowed.high) & (allowed.low <= allowed.high))
