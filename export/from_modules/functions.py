"""Which torch functions are followed, and what they do to a value (provenance).

Functions that only move elements stand in moves; sums and multiples are computed here. Any other
function gives a value that no layer accepts.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch

from .moves import MOVES, moved, written
from .provenance import ZEROS, Arguments, Opaque, Step, Steps, Value, add, is_tensor, origin, scale

SAME = frozenset(
    "clone detach contiguous to float double type type_as requires_grad cpu cuda alias data dropout "
    "dropout1d dropout2d dropout3d alpha_dropout feature_dropout feature_alpha_dropout".split()
)
NEW = frozenset(
    "zeros_like ones_like empty_like full_like rand_like randn_like new_zeros new_ones new_full "
    "new_empty".split()
)
DECISIONS = frozenset(
    "bool float_ int index item tolist numpy array equal allclose is_nonzero nonzero contains".split()
)
NAMES = {"iadd": "add", "radd": "add", "isub": "sub", "imul": "mul", "rmul": "mul", "itruediv": "div"}
NAMES |= {"subtract": "sub", "multiply": "mul", "divide": "div", "true_divide": "div", "truediv": "div"}
NAMES |= {"negative": "neg"}


def name_of(func: Callable) -> str:
    """Return a function's plain name: the same for torch.add, Tensor.add_ and +=."""
    name = getattr(func, "__name__", "")
    if name == "__get__":  # an attribute of tensors, such as x.T
        return getattr(getattr(func, "__self__", None), "__name__", "")
    if name in ("__float__", "__int__", "__bool__", "__index__"):
        return "float_" if name == "__float__" else name.strip("_")
    name = name.strip("_")
    return NAMES.get(name, name)


def values_after(
    given: Arguments, func: Callable, args: Sequence[Any], kwargs: dict[str, Any], result: Any
) -> list[tuple[torch.Tensor, Value]]:
    """Return what the tensors hold that a function gave back or changed.

    Parameters
    ----------
    given : Arguments
        What the arguments held before; at least one of them is traced.
    func, args, kwargs : callable, sequence, dict
        The call.
    result : Any
        What it returned.
    """
    name = name_of(func)
    if name == "setitem":
        return [(args[0], written(given, args) or _unknown(given, name))]
    tensors = [r for r in (result if isinstance(result, (tuple, list)) else [result]) if is_tensor(r)]
    if name in NEW or not tensors:
        return []
    if name in MOVES:
        found = moved(given, func, args, kwargs, len(tensors))
        return [(t, value or _unknown(given, name)) for t, value in zip(tensors, found, strict=True)]
    rule = RULES.get(name)
    value = rule(given, args, kwargs, tensors[0]) if rule else None
    return [(tensor, value or _unknown(given, name)) for tensor in tensors]


def _unknown(given: Arguments, name: str) -> Opaque:
    opaque = next((value for value in given.traced if isinstance(value, Opaque)), None)
    if opaque:
        return opaque
    sources = " and ".join(dict.fromkeys(map(origin, given.traced)))
    return Opaque(f"what torch's '{name}' makes of {sources}")


def _same(given: Arguments, args: Sequence[Any], kwargs: dict, result: torch.Tensor) -> Value | None:
    source = args[0] if args else kwargs["input"]
    kept = source.shape == result.shape and result.is_floating_point()
    return given.of(source) if kept else None


def _dropout(given: Arguments, args: Sequence[Any], kwargs: dict, result: torch.Tensor) -> Value | None:
    training = args[2] if len(args) > 2 else kwargs.get("training", kwargs.get("train", True))
    return None if training else _same(given, args, kwargs, result)


def _sum(
    given: Arguments, args: Sequence[Any], kwargs: dict, result: torch.Tensor, sign: float
) -> Value | None:
    first, second = [*args, *(kwargs[k] for k in ("input", "other") if k in kwargs)][:2]
    weight = kwargs.get("alpha", 1)
    a, b = _term(given, first, result), _term(given, second, result)
    if a is None or b is None or not isinstance(weight, (int, float)):
        return None
    return next((v for v in (a, b) if isinstance(v, Opaque)), None) or _combined(a, b, sign * weight)


def _term(given: Arguments, side: Any, result: torch.Tensor) -> Value | None:
    """Return one side of a sum; None where it is spread over the other."""
    if not is_tensor(side):
        return ZEROS if side == 0 else Opaque(f"a constant of {side} beside other terms")
    value = given.of(side)
    spread = side.shape != result.shape and value != ZEROS and not isinstance(value, Opaque)
    return None if spread else value


def _combined(a: Value, b: Value, weight: float) -> Value | None:
    if isinstance(a, Step) and isinstance(b, Step):
        return add(a, b, weight)
    first = next(v for v in (a, b) if isinstance(v, Steps))
    zeros = replace(first, steps=(ZEROS,) * len(first.steps))
    a, b = (zeros if v == ZEROS else v for v in (a, b))
    if not isinstance(a, Steps) or not isinstance(b, Steps):
        return None
    if (a.axis, a.joined, len(a.steps)) != (b.axis, b.joined, len(b.steps)):
        return None
    return replace(a, steps=tuple(add(x, y, weight) for x, y in zip(a.steps, b.steps, strict=True)))


def _add(given: Arguments, args: Sequence[Any], kwargs: dict, result: torch.Tensor) -> Value | None:
    return _sum(given, args, kwargs, result, 1.0)


def _sub(given: Arguments, args: Sequence[Any], kwargs: dict, result: torch.Tensor) -> Value | None:
    return _sum(given, args, kwargs, result, -1.0)


def _rsub(given: Arguments, args: Sequence[Any], kwargs: dict, result: torch.Tensor) -> Value | None:
    return _sum(given, args[::-1], kwargs, result, -1.0)


def _times(given: Arguments, args: Sequence[Any], kwargs: dict, result: torch.Tensor) -> Value | None:
    args = [*args, *(kwargs[k] for k in ("input", "other") if k in kwargs)]
    for a, b in (args[:2], args[1::-1]):
        number = _number(given, b)
        if number is not None and is_tensor(a) and a.shape == result.shape:
            return _scaled(given.of(a), number)
    return None


def _over(given: Arguments, args: Sequence[Any], kwargs: dict, result: torch.Tensor) -> Value | None:
    number = _number(given, args[1]) if len(args) > 1 else None
    if not number or kwargs or args[0].shape != result.shape:
        return None
    return _scaled(given.of(args[0]), 1 / number)


def _negative(given: Arguments, args: Sequence[Any], kwargs: dict, result: torch.Tensor) -> Value | None:
    return _scaled(given.of(args[0]), -1.0)


def _scaled(value: Value, number: float) -> Value:
    if isinstance(value, Steps):
        return replace(value, steps=tuple(scale(step, number) for step in value.steps))
    return scale(value, number) if isinstance(value, Step) else value


def _number(given: Arguments, value: Any) -> float | None:
    """Return a constant with one value, given as a number or a tensor."""
    if is_tensor(value):
        return float(value) if value.numel() == 1 and given.get(value) is None else None
    return float(value) if isinstance(value, (int, float)) else None


def _stacked(given: Arguments, args: Sequence[Any], kwargs: dict, result: torch.Tensor) -> Value | None:
    tensors = args[0] if args else kwargs["tensors"]
    axis = (args[1] if len(args) > 1 else kwargs.get("dim", 0)) % result.dim()
    values = [given.of(tensor) for tensor in tensors]
    opaque = next((value for value in values if isinstance(value, Opaque)), None)
    if opaque or axis > 1:
        return opaque
    steps = tuple(value for value in values if isinstance(value, Step))
    return Steps(axis, steps) if len(steps) == len(values) else None


RULES: dict[str, Callable] = dict.fromkeys(SAME, _same)
RULES |= {name: _dropout for name in SAME if "dropout" in name}
RULES |= {"add": _add, "sub": _sub, "rsub": _rsub, "mul": _times, "div": _over, "neg": _negative}
RULES["stack"] = _stacked
