"""What a run keeps, and where: found once for a Program and the names to record."""

from math import prod
from typing import NamedTuple

import numpy as np

from .layout import Plan
from .plan import keepings_of, plan_of
from .program import Program


class Kind(NamedTuple):
    """Values of one kind, of one population after another; of each all samples and steps.

    Attributes
    ----------
    dtype : type
    shapes : {population: its shape}
    starts : {population: values of the populations before it, of a step}
    size : int
        Values of a step, of all populations.
    """

    dtype: type
    shapes: dict[str, tuple[int, ...]]
    starts: dict[str, int]
    size: int

    @classmethod
    def of(cls, program: Program, names: list[str], dtype: type) -> "Kind":
        """Return the values of some populations."""
        starts, size = {}, 0
        for name in names:
            starts[name] = size
            size += program.size(name)
        return cls(dtype, {name: program.shape(name) for name in names}, starts, size)

    def room(self, batch: int, steps: int) -> np.ndarray:
        """Return where the values of a run go."""
        return np.empty(batch * steps * self.size, self.dtype)

    def arrays(self, values: np.ndarray, batch: int, steps: int) -> dict[str, np.ndarray]:
        """Return the values of each population, (batch, steps, *shape)."""
        whole, arrays = batch * steps, {}
        for name, shape in self.shapes.items():
            start = whole * self.starts[name]
            arrays[name] = values[start : start + whole * prod(shape)].reshape(batch, steps, *shape)
        return arrays


class Keeping(NamedTuple):
    """What a run keeps.

    Attributes
    ----------
    plan : Plan
        Its layers say where.
    each : int
        Bytes of a step of one sample.
    spikes, messages, u, v : Kind
    """

    plan: Plan
    each: int
    spikes: Kind
    messages: Kind
    u: Kind
    v: Kind

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """All of them, in the order of the fields."""
        return self[2:]


def keeping_of(program: Program, record: tuple[str, ...]) -> Keeping:
    """Return what a run of a Program keeps that records some populations, in the Program's order."""
    known = keepings_of(program)
    if record not in known:
        known[record] = _keeping(program, record)
    return known[record]


def _keeping(program: Program, record: tuple[str, ...]) -> Keeping:
    listened = [n for n in program.populations if n in record or n in program.outputs]
    sending = [n for n in listened if program.sends(n)]
    kinds = {
        "spikes": Kind.of(program, [n for n in sending if not program.message_bits(n)], np.uint8),
        "messages": Kind.of(program, [n for n in sending if program.message_bits(n)], np.int32),
        "u": Kind.of(program, list(record), np.int32),
        "v": Kind.of(program, [n for n in listened if n in record or n not in sending], np.int32),
    }
    plan = plan_of(program)
    layers = plan.layers.copy()
    place = {name: p for p, name in enumerate(program.populations)}
    for kind, kept in kinds.items():
        for name, start in kept.starts.items():
            layers[kind][place[name]] = start
    each = sum(np.dtype(kept.dtype).itemsize * kept.size for kept in kinds.values())
    return Keeping(plan._replace(layers=layers), each, **kinds)
