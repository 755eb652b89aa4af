"""A network whose populations come from one side or the other: some in floats, some in integers.

Populations run one after another on all steps; those of a loop step by step.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np

from ...simulate.components import components
from ...simulate.errors import BadInput
from .cells import Cells, cells_of
from .sides import Side

Sent = dict[str, np.ndarray]  # (batch, steps, n) of each input and population


class _Part(NamedTuple):
    """Populations that run together: one, or those of a loop in an order to compute them in."""

    names: list[str]
    loop: bool
    before: frozenset[str]  # every population that has an effect on it, itself among them


class Mixed:
    """Two networks of the same populations, and an input.

    Parameters
    ----------
    a, b : Side
        With the same inputs and populations, of the same shapes.
    x : array (batch, steps, *shape), or {input name: array}
        Whole numbers; floats where a Program's input has a scale.
    """

    def __init__(self, a: Side, b: Side, x: np.ndarray | Mapping[str, np.ndarray]) -> None:
        _check_alike(a, b)
        self.a, self.b = a, b
        self.x = _checked(a, b, x)
        self._sent = {
            of_b: {name: values.reshape(*values.shape[:2], -1) for name, values in side.given(self.x).items()}
            for of_b, side in ((False, a), (True, b))
        }
        self._parts = _parts(a, b)
        self._kept: dict[tuple[int, bool], Sent] = {}

    @property
    def samples(self) -> int:
        """Samples of the input."""
        return len(next(iter(self.x.values())))

    @property
    def layers(self) -> list[str]:
        """Populations, sources first."""
        return [name for part in self._parts for name in part.names]

    def run(self, from_b: Collection[str]) -> Sent:
        """Run the network that takes some populations from b and all others from a.

        Returns
        -------
        {population: array (batch, steps, n)}
            Spikes, or v of a readout.
        """
        sent: Sent = {}
        for place, part in enumerate(self._parts):
            sides = {name in from_b for name in part.before}
            # what only one side has had an effect on is the same in many of these networks
            key = (place, sides == {True})
            if len(sides) > 1 or key not in self._kept:
                found = self._run_part(part, from_b, sent)
                if len(sides) == 1:
                    self._kept[key] = found
            else:
                found = self._kept[key]
            sent |= found
        return sent

    def _run_part(self, part: _Part, from_b: Collection[str], sent: Sent) -> Sent:
        batch, steps = next(iter(self.x.values())).shape[:2]
        sides = {name: self.b if name in from_b else self.a for name in part.names}
        cells = {n: cells_of(side.program or side.populations[n], n, batch) for n, side in sides.items()}
        if not part.loop:
            (name,) = part.names
            return {name: self._piece(cells[name], sides[name], name, sent, slice(0, steps))}
        sizes = {name: len(side.populations[name].beta) for name, side in sides.items()}
        found = {name: np.zeros((batch, steps, n)) for name, n in sizes.items()}
        for t in range(steps):
            for name in part.names:
                piece = slice(t, t + 1)
                found[name][:, piece] = self._piece(cells[name], sides[name], name, sent | found, piece)
        return found

    def _piece(self, cells: Cells, side: Side, name: str, sent: Sent, steps: slice) -> np.ndarray:
        keys, given = side.populations[name].weights, self._sent[side is self.b] | sent
        return cells.run({(s, delay): _late(given[s], delay, steps) for s, delay in keys})


def _late(events: np.ndarray, delay: int, steps: slice) -> np.ndarray:
    """Return what arrives in some steps of events that take `delay` steps."""
    begin, end = steps.start - delay, steps.stop - delay
    silent = np.zeros(
        (len(events), min(max(0, -begin), steps.stop - steps.start), events.shape[2]), events.dtype
    )
    return np.concatenate([silent, events[:, max(0, begin) : max(0, end)]], axis=1)


def _parts(a: Side, b: Side) -> list[_Part]:
    edges = {(s, n, d) for side in (a, b) for n, p in side.populations.items() for s, d in p.weights}
    inner = [(s, n) for s, n, _ in sorted(edges) if s in a.populations]
    now = [(s, n) for s, n, delay in sorted(edges) if s in a.populations and not delay]
    before: dict[str, frozenset[str]] = {}
    found = []
    for names in components(a.populations, inner):
        inside = [(s, n) for s, n in now if s in names and n in names]
        order = [name for part in components(names, inside) for name in part]
        above = {s for s, n in inner if n in names and s not in names}
        ancestors = frozenset(names).union(*(before[s] for s in above))
        before |= dict.fromkeys(names, ancestors)
        loop = len(names) > 1 or (names[0], names[0]) in inner
        found.append(_Part(order, loop, ancestors))
    return found


def _checked(a: Side, b: Side, x: np.ndarray | Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the input by name, if it is one that both sides take."""
    given = x if isinstance(x, Mapping) else dict.fromkeys(list(a.inputs)[:1], x)
    if given.keys() != a.inputs.keys():
        raise BadInput(f"inputs are {list(a.inputs)}, x has {list(given)}; give {{input name: array}}")
    arrays = {name: np.asarray(values) for name, values in given.items()}
    for name, shape in a.inputs.items():
        values, scales = arrays[name], [side.event_scales.get(name, 1.0) for side in (a, b)]
        if values.shape[2:] != shape or values.ndim < 2:
            raise BadInput(f"input '{name}': x is {values.shape}, not (batch, steps, {shape})")
        if 0 in values.shape[:2]:
            raise BadInput("x holds no samples or no steps: there is nothing to compare")
        if values.dtype.kind != "f" and scales[0] != scales[1]:
            raise BadInput(
                f"input '{name}': whole numbers are events, {scales[0]:g} a unit of input for a and "
                f"{scales[1]:g} for b; give the float input"
            )
    return arrays


def _check_alike(a: Side, b: Side) -> None:
    shapes = [{n: p.shape for n, p in side.populations.items()} for side in (a, b)]
    for what, left, right in (("inputs", a.inputs, b.inputs), ("populations", *shapes)):
        if left != right:
            raise BadInput(f"two different networks: the {what} are {_listed(left)} and {_listed(right)}")
    if sorted(a.outputs) != sorted(b.outputs):
        raise BadInput(f"two different networks: the outputs are {list(a.outputs)} and {list(b.outputs)}")


def _listed(shapes: Mapping[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in shapes.items())
