"""Why a population's connections differ: one is missing, too many, or waits another time."""

from .findings import Finding
from .pair import Pair


def wiring_findings(pair: Pair) -> list[Finding]:
    """Return what differs in the connections that lead to a population."""
    found, first, second = [], pair.first.weights, pair.second.weights
    for key, other in pair.keys.items():
        if key != other:
            text = f"events of '{key[0]}' arrive {key[1]} steps later in a, {other[1]} in b"
            numbers = {"source": key[0], "a": key[1], "b": other[1]}
            found.append(Finding(pair.name, "delay", text, numbers=numbers))
    missing = [key for key in first if key not in pair.keys and first[key].stored.any()]
    extra = [key for key in second if key not in pair.keys.values() and second[key].stored.any()]
    for reason, side, keys in (("missing", "a", missing), ("extra", "b", extra)):
        for key in keys:
            text = f"'{pair.connection(key)}' is in {side} only"
            numbers = {"connection": pair.connection(key)}
            found.append(Finding(pair.name, reason, text, numbers=numbers))
    return found
