"""Why a population's connections differ: one is missing, too many, or waits another time."""

from .findings import Finding
from .pair import Pair


def wiring_findings(pair: Pair) -> list[Finding]:
    """Return what differs in the connections that lead to a population."""
    missing, extra = ([k for k in p if k not in pair.keys] for p in (pair.first.weights, pair.second.weights))
    found = []
    for key in missing:
        source, delay = key
        other = next((k for k in extra if k[0] == source), None)
        if other:
            extra.remove(other)
            text = f"events of '{source}' arrive {delay} steps later in a, {other[1]} in b"
            numbers = {"source": source, "a": delay, "b": other[1]}
            found.append(Finding(pair.name, "delay", text, numbers=numbers))
        elif pair.first.weights[key].stored.any():
            text = f"'{pair.connection(key)}' is in a only"
            numbers = {"connection": pair.connection(key)}
            found.append(Finding(pair.name, "missing", text, numbers=numbers))
    for key in extra:
        if pair.second.weights[key].stored.any():
            text = f"'{pair.connection(key)}' is in b only"
            numbers = {"connection": pair.connection(key)}
            found.append(Finding(pair.name, "extra", text, numbers=numbers))
    return found
