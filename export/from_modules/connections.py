"""From single calls to connections: the one pattern, with lags in steps, that all calls of a layer follow."""

from collections.abc import Sequence
from typing import NamedTuple

from ...simulate.errors import Unsupported
from .calls import Layer
from .provenance import INPUT, OUTPUT, Step, describe, title


class Connection(NamedTuple):
    """What one layer takes from another.

    Attributes
    ----------
    source : str
        A layer, or INPUT.
    exit : str
        Which of its values.
    lag : int
        Steps ago; what would be before the first step is zero.
    target : str
        A layer, or OUTPUT.
    weight : float
        Factor.
    """

    source: str
    exit: str
    lag: int
    target: str
    weight: float


def connections(layers: dict[str, Layer], output: Sequence[Step]) -> list[Connection]:
    """Return what every layer and the output take.

    Parameters
    ----------
    layers : {name: Layer}
        With their calls.
    output : sequence of Step
        What the module returned, step by step.

    Raises
    ------
    Unsupported
        A layer was not called once a step, or not given the same in every step.
    """
    n_steps = len(output)
    found = []
    for name, layer in layers.items():
        calls = len(layer.given)
        # a layer without states may pause at the ends: nobody takes what it would give there
        if calls > n_steps or (layer.has_states and calls < n_steps):
            raise Unsupported(
                f"layer '{name}' ran {calls} times in {n_steps} steps; if it stands in several places, give "
                "each its own"
            )
        found += _pattern(name, layer.given)
    return found + _pattern(OUTPUT, output)


def _pattern(target: str, given: Sequence[Step]) -> list[Connection]:
    """Return the terms by lag; a term may only be missing where its source has not run yet."""
    weights: dict[tuple[str, str, int], float] = {}
    first: dict[tuple[str, str, int], int] = {}
    for t, step in enumerate(given):
        for source, weight in step.terms.items():
            key = (source.layer, source.exit, t - source.call)
            first.setdefault(key, t)
            weights.setdefault(key, weight)
    for t, step in enumerate(given):
        expected = {key: weight for key, weight in weights.items() if t >= key[2]}
        here = {(s.layer, s.exit, t - s.call): weight for s, weight in step.terms.items()}
        if here != expected:
            other = next(n for n, s in enumerate(given) if n != t and n in (*first.values(), len(given) - 1))
            raise Unsupported(
                f"{title(target)} is given {describe(step)} at step {t}, but {describe(given[other])} at "
                f"step {other}; NIR has the same connections in every step"
            )
    longest = max((lag for _, _, lag in weights), default=0)
    if longest and 2 * longest >= len(given):
        raise Unsupported(
            f"{title(target)} is given what is {longest} steps old in an example of {len(given)} steps; a "
            "sum over all steps has to be a layer (Integrator), anything else needs a longer example"
        )
    if any(lag < 0 for _, _, lag in weights):
        raise Unsupported(f"{title(target)} is given what comes later: {describe(given[0])} at step 0")
    if not weights:
        raise Unsupported(f"{title(target)} is given nothing but zeros")
    return [
        Connection(source, exit_, lag, target, weights[source, exit_, lag]) for source, exit_, lag in weights
    ]


def needed(found: Sequence[Connection]) -> list[Connection]:
    """Leave out the connections that do not lead to the output."""
    used = {OUTPUT}
    while more := {c.source for c in found if c.target in used} - used:
        used |= more
    return [c for c in found if c.target in used]


def moved_behind(found: Sequence[Connection], layers: dict[str, Layer]) -> list[Connection]:
    """Move lags from before a layer without states to behind it, as loops are usually written in NIR.

    Parameters
    ----------
    found : sequence of Connection
        As they ran.
    layers : {name: Layer}
        For which have states.
    """
    moved = list(found)
    movable = [n for n, layer in layers.items() if not layer.has_states and n not in (INPUT, OUTPUT)]
    for name in movable * len(movable):
        lags = [c.lag for c in moved if c.target == name]
        if lags and min(lags) > 0:
            moved = [_shifted(c, name) for c in moved]
    return moved


def _shifted(connection: Connection, name: str) -> Connection:
    step = (connection.source == name) - (connection.target == name)
    return connection._replace(lag=connection.lag + step)
