"""Where a tensor comes from: a weighted sum of what layers returned, one step of it or all steps at once.

Values are data; which torch function makes which value stands in functions.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeGuard

import torch
from torch.utils.weak import WeakIdKeyDictionary

STATES = ("spk", "syn", "mem")
# in place of a layer's name; no layer is called so
INPUT, OUTPUT = "", "."


class Source(NamedTuple):
    """What a layer returned under the name `exit` when it was called for the `call`-th time."""

    layer: str
    exit: str
    call: int


@dataclass(frozen=True)
class Step:
    """A tensor (batch, *shape): the sum of weight times source. No terms: zeros."""

    terms: Mapping[Source, float]


@dataclass(frozen=True)
class Steps:
    """A tensor of whole steps, stacked along axis 0 or 1; the batch has the other of the two.

    Where `joined`, both are one axis, as conv layers need it.
    """

    axis: int
    steps: tuple[Step, ...]
    joined: bool = False

    @property
    def n_leading(self) -> int:
        """How many axes come before those of a step."""
        return 1 if self.joined else 2


@dataclass(frozen=True)
class Opaque:
    """A tensor that depends on a traced one in a way that is not followed; `why` completes "is given ..."."""

    why: str


Value = Step | Steps | Opaque
ZEROS = Step({})


def add(a: Step, b: Step, weight: float = 1.0) -> Step:
    """Return a + weight * b."""
    terms = dict(a.terms)
    for source, factor in b.terms.items():
        terms[source] = terms.get(source, 0.0) + weight * factor
    return Step({source: factor for source, factor in terms.items() if factor != 0})


def scale(a: Step, weight: float) -> Step:
    """Return weight * a."""
    return add(ZEROS, a, weight)


def title(layer: str) -> str:
    """Name a layer, the input or the output in a message."""
    return {INPUT: "the input", OUTPUT: "the output"}.get(layer, f"layer '{layer}'")


def describe(value: Value) -> str:
    """Say what a value is, in a message."""
    if not isinstance(value, Step):
        return origin(value)
    terms = [
        ("" if weight == 1 else f"{weight:g} times ")
        + (f"{s.exit} of " if s.exit in STATES else "")
        + f"{title(s.layer)} in step {s.call}"
        for s, weight in value.terms.items()
    ]
    return " plus ".join(terms) or "zeros"


def origin(value: Value) -> str:
    """Name what a value is made of, in a message."""
    if isinstance(value, Opaque):
        return value.why
    steps = value.steps if isinstance(value, Steps) else (value,)
    layers = dict.fromkeys(source.layer for step in steps for source in step.terms)
    return " and ".join(map(title, layers)) or "zeros"


class Provenance:
    """The values of the tensors that are alive. A tensor that was changed behind our back is opaque."""

    def __init__(self) -> None:
        self._known = WeakIdKeyDictionary()

    def tag(self, tensor: torch.Tensor, value: Value) -> None:
        """Note what a tensor holds."""
        self._known[tensor] = (value, tensor._version)

    def get(self, tensor: torch.Tensor) -> Value | None:
        """Return what a tensor holds, None for one that no layer or input went into."""
        value, version = self._known.get(tensor) or (None, 0)
        if value is not None and version != tensor._version:
            return Opaque(f"what was computed in place on {origin(value)}")
        return value

    def of(self, tensor: torch.Tensor) -> Value:
        """Return what a tensor holds; one that nothing traced went into may only be zeros."""
        value = self.get(tensor)
        if value is None:
            value = (
                Opaque("a constant, or a tensor made where it cannot be followed") if tensor.any() else ZEROS
            )
        return value


class Arguments:
    """The values of a function's tensors, looked up before the function may change them."""

    def __init__(self, known: Provenance, *arguments: Any) -> None:
        tensors = list(_tensors(arguments))
        self._traced = {id(t): value for t in tensors if (value := known.get(t)) is not None}
        self._all = {id(t): known.of(t) for t in tensors} if self._traced else {}

    @property
    def traced(self) -> list[Value]:
        """The values of those that come from the input or a layer."""
        return list(self._traced.values())

    def get(self, tensor: torch.Tensor) -> Value | None:
        """Return what an argument holds, None for one that no layer or input went into."""
        return self._traced.get(id(tensor))

    def of(self, tensor: torch.Tensor) -> Value:
        """Return what an argument holds."""
        return self._all[id(tensor)]


def is_tensor(value: Any) -> TypeGuard[torch.Tensor]:
    """Whether an argument or a result is a tensor."""
    return isinstance(value, torch.Tensor)


def _tensors(values: Any) -> Iterator[torch.Tensor]:
    if is_tensor(values):
        yield values
    elif isinstance(values, (list, tuple, dict)):
        for value in values.values() if isinstance(values, dict) else values:
            yield from _tensors(value)
