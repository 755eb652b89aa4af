"""compare: are two traces equal, and if not, where do they part first, and how far?"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from .errors import BadInput
from .population_distances import Distance, distance_table, population_distances
from .trace import COUNTERS, Trace


@dataclass(frozen=True)
class Difference:
    """The first place where two traces differ."""

    quantity: str  # "u", "v", "spikes" or "output"
    population: str
    sample: int
    step: int
    neuron: int | tuple[int, ...]
    a: Any
    b: Any

    def __str__(self) -> str:
        return (
            f"{self.quantity} of '{self.population}', sample {self.sample}, step {self.step}, "
            f"neuron {self.neuron}: {self.a} and {self.b}"
        )


@dataclass(frozen=True)
class Row:
    """One quantity of one population."""

    population: str
    quantity: str
    values: int
    different: int


@dataclass(frozen=True)
class Comparison:
    """What `compare` found.

    Attributes
    ----------
    first : Difference or None
        Lowest sample, then earliest step, then the population nearest the input, then u, v, spikes.
    rows : list of Row
        Values compared and values that differ, for each population and quantity.
    counters : list of str
        Counters that differ, as `counter of part`.
    counted : bool
        Whether both traces have counts; a float graph has none.
    other_units : list of str
        Quantities that are floats in one trace and integers in the other: only their distance says something.
    distances : list of Distance
        Of each population, if the traces are not equal.
    """

    first: Difference | None
    rows: list[Row]
    counters: list[str]
    counted: bool
    other_units: list[str]
    distances: list[Distance]

    @property
    def equal(self) -> bool:
        """Whether every value and every count is the same."""
        return self.first is None and not self.counters and not self.other_units

    @property
    def difference(self) -> str | None:
        """The first difference in words, None if all is equal."""
        if self.first is not None or self.counters:
            return str(self.first or self.counters[0])
        return f"{self.other_units[0]} is floats and integers" if self.other_units else None

    @property
    def values(self) -> int:
        """Number of values compared."""
        return sum(row.values for row in self.rows)

    def to_json(self) -> dict:
        """Return the same as plain data."""
        return {
            "equal": self.equal,
            "values": self.values,
            "first": None if self.first is None else asdict(self.first),
            "rows": [asdict(row) for row in self.rows],
            "counters": self.counters,
            "counted": self.counted,
            "other_units": self.other_units,
            "distances": [asdict(distance) for distance in self.distances],
        }

    def to_text(self) -> str:
        """Return the verdict and a line for each population and quantity."""
        lines = [f"{'population':<16} {'quantity':<9} {'values':>12} {'different':>12}"]
        lines += [f"{r.population:<16} {r.quantity:<9} {r.values:>12,} {r.different:>12,}" for r in self.rows]
        if self.first is not None:
            lines.append(f"first difference: {self.first}")
        lines += [f"counts differ: {counter}" for counter in self.counters]
        if not self.counted:
            lines.append("counts not compared: not both traces have them")
        if self.other_units:
            lines.append(f"floats against integers, not compared with ==: {', '.join(self.other_units)}")
        if self.distances:
            lines += ["", *distance_table(self.distances), ""]
        lines.append("equal" if self.equal else "different")
        return "\n".join(lines) + "\n"


def compare(a: Trace, b: Trace) -> Comparison:
    """Compare everything that both traces hold, with `==`, and say how far apart they are if they differ.

    Parameters
    ----------
    a, b : Trace
        Of the same network and input; populations in the order input to output. Of floats against integers
        spikes are compared with `==`, and u and v, in other units, by distance.

    Returns
    -------
    Comparison

    Raises
    ------
    BadInput
        The traces do not hold the same populations in the same shapes, so nothing was compared.

    >>> trace = Trace(output=np.array([[[0], [1]]]))
    >>> compare(trace, Trace(output=np.array([[[0], [2]]]))).first.step
    1
    """
    rows, firsts, other_units = [], [], []
    for depth, (population, quantity, left, right) in enumerate(_pairs(a, b)):
        if not _of_one_unit(quantity, left, right):
            other_units.append(f"{quantity} of '{population}'")
            continue
        wrong = left != right
        rows.append(Row(population, quantity, wrong.size, int(np.count_nonzero(wrong))))
        if rows[-1].different:
            sample, step, *neuron = np.argwhere(wrong)[0].tolist()
            place = neuron[0] if len(neuron) == 1 else tuple(neuron)
            index = (sample, step, *neuron)
            found = Difference(
                quantity, population, sample, step, place, left[index].item(), right[index].item()
            )
            firsts.append((sample, step, depth, found))
    if not sum(row.values for row in rows) and not other_units:
        raise BadInput("the traces hold no values to compare")
    first = min(firsts, key=lambda f: f[:3])[3] if firsts else None
    counted, counters = bool(a.counts.syn_ops) and bool(b.counts.syn_ops), _different_counters(a, b)
    found = Comparison(first, rows, counters, counted, other_units, [])
    return found if found.equal else replace(found, distances=population_distances(a, b))


def _pairs(a: Trace, b: Trace) -> Iterator[tuple[str, str, np.ndarray, np.ndarray]]:
    """Yield what both hold, in the order in which a difference would spread."""
    names = list(dict.fromkeys([*a.v, *a.spikes]))
    for quantity in ("u", "v", "spikes"):
        left, right = getattr(a, quantity), getattr(b, quantity)
        # a graph has no u where nothing is remembered, and v under the name of its node
        if left.keys() != right.keys() and (quantity == "spikes" or _holds_floats(a) == _holds_floats(b)):
            raise BadInput(f"{quantity} is recorded for {list(left)} and {list(right)}")
    if a.outputs.keys() != b.outputs.keys():
        raise BadInput(f"the outputs are {list(a.outputs)} and {list(b.outputs)}")
    parts = [(n, q, getattr(a, q), getattr(b, q)) for n in names for q in ("u", "v", "spikes")]
    parts += [(n, "output", a.outputs, b.outputs) for n in a.outputs]
    for name, quantity, left, right in parts:
        if name in left and name in right:
            if left[name].shape != right[name].shape:
                raise BadInput(f"{quantity} of '{name}' is {left[name].shape} and {right[name].shape}")
            yield name, quantity, left[name], right[name]


def _holds_floats(trace: Trace) -> bool:
    return any(a.dtype.kind == "f" for a in (*trace.outputs.values(), *trace.v.values()))


def _of_one_unit(quantity: str, left: np.ndarray, right: np.ndarray) -> bool:
    """Whether == says something: not of a membrane in floats and in integers."""
    alike = (left.dtype.kind == "f") == (right.dtype.kind == "f")
    return alike or quantity == "spikes" or np.uint8 in (left.dtype, right.dtype)


def _different_counters(a: Trace, b: Trace) -> list[str]:
    """Name the counts that differ; a float graph has none, and nothing is said of it."""
    different = []
    for counter in COUNTERS:
        left, right = getattr(a.counts, counter), getattr(b.counts, counter)
        if not left or not right:
            continue
        for name in dict.fromkeys([*left, *right]):
            if name not in left or name not in right or not np.array_equal(left[name], right[name]):
                different.append(f"{counter} of '{name}'")
    return different
