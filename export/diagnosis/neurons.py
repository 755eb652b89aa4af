"""Why a population's neurons differ: type, reset, comparison, decays, and registers without a float."""

import numpy as np

from ...simulate.ranges import DECAY_ONE
from .factors import FUZZ
from .findings import Finding
from .pair import Pair

DECAY_STEP = 1 / DECAY_ONE  # that a decay in a register may be off


def neuron_findings(pair: Pair) -> list[Finding]:
    """Return what differs in the rule of the neurons; nothing else is compared then."""
    a, b = pair.first, pair.second
    if (a.threshold is None) != (b.threshold is None):
        kinds = ["integrates" if p.threshold is None else "spikes" for p in (a, b)]
        return [Finding(pair.name, "neuron", f"it {kinds[0]} in a and {kinds[1]} in b")]
    found = []
    if a.reset != b.reset:
        text = f"'{a.reset}' in a, '{b.reset}' in b"
        found.append(Finding(pair.name, "reset", text, numbers={"a": a.reset, "b": b.reset}))
    else:
        found += _rest(pair)
    if a.at_threshold != b.at_threshold:
        signs = [">=" if p.at_threshold else ">" for p in (a, b)]
        text = f"spikes where v {signs[0]} threshold in a, v {signs[1]} threshold in b"
        found.append(Finding(pair.name, "comparison", text, numbers={"a": signs[0], "b": signs[1]}))
    return [*found, *_decays(pair), *_registers(pair)]


def _rest(pair: Pair) -> list[Finding]:
    a, b = (np.broadcast_to(p.rest, p.beta.shape) for p in (pair.first, pair.second))
    off = np.flatnonzero(a != b)
    if not off.size:
        return []
    text = f"rest of {_of(off, len(a))}; neuron {off[0]}: {a[off[0]]} steps in a, {b[off[0]]} in b"
    numbers = {"neurons": off.size, "first": int(off[0]), "a": int(a[off[0]]), "b": int(b[off[0]])}
    return [Finding(pair.name, "reset", text, numbers=numbers)]


def _decays(pair: Pair) -> list[Finding]:
    found = []
    allowed = FUZZ if pair.of_one_kind else DECAY_STEP * (1 + 1e-3)
    for state, field in (("u", "alpha"), ("v", "beta")):
        a, b = (getattr(p, field) for p in (pair.first, pair.second))
        off = np.flatnonzero(np.abs(a - b) > allowed)
        if off.size:
            worst = int(off[np.argmax(np.abs(a - b)[off])])
            text = (
                f"{state} of {_of(off, len(a))}; most at neuron {worst}: "
                f"{_steps(a[worst])} steps in a, {_steps(b[worst])} in b"
            )
            numbers = {"state": state, "neurons": off.size, "first": int(off[0]), "worst": worst}
            numbers |= {"a": float(a[worst]), "b": float(b[worst])}
            found.append(Finding(pair.name, "decay", text, numbers=numbers))
    return found


def _registers(pair: Pair) -> list[Finding]:
    """Return what floats have no word for, if it differs; a graph has 0 everywhere."""
    first, second = (side.registers.get(pair.name, {}) for side in (pair.a, pair.b))
    found = []
    for field in sorted({*first, *second}):
        zero = np.zeros(len(pair.first.beta), int)
        a, b = first.get(field, zero), second.get(field, zero)
        off = np.flatnonzero(a != b)
        if off.size:
            text = f"{field} of {_of(off, len(a))}; neuron {off[0]}: {a[off[0]]} in a, {b[off[0]]} in b"
            numbers = {"register": field, "neurons": off.size, "first": int(off[0])}
            found.append(Finding(pair.name, "registers", text, numbers=numbers))
    return found


def _of(off: np.ndarray, n: int) -> str:
    return f"{off.size} of {n} neurons"


def _steps(kept: float) -> str:
    return f"{1 / (1 - kept):.4g}" if kept < 1 else "unlimited"
