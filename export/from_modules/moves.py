"""Where elements go: functions that select, stack or reshape, applied to the numbers of the elements."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from .provenance import ZEROS, Arguments, Opaque, Step, Steps, Value, is_tensor

MOVES = frozenset(
    "getitem select unbind narrow split chunk view reshape flatten unflatten squeeze unsqueeze transpose "
    "swapaxes swapdims permute movedim moveaxis view_as reshape_as".split()
)


class TimeFirst(Exception):
    """The module walks along axis 0: that is its time axis."""


def moved(
    given: Arguments, func: Callable, args: Sequence[Any], kwargs: dict[str, Any], n_results: int
) -> list[Value | None]:
    """Return what the results of a function in MOVES hold; None where that is no step and no sequence.

    Parameters
    ----------
    given : Arguments
        What the arguments held.
    func, args, kwargs : callable, sequence, dict
        The call.
    n_results : int
        How many tensors it returned.

    Raises
    ------
    TimeFirst
        It picked a sample where all steps come second.
    """
    source = args[0] if args else kwargs["input"]
    value = given.get(source)
    if not isinstance(value, (Step, Steps)):
        return [value] * n_results
    numbers = torch.arange(source.numel()).view(source.shape)
    parts = func(numbers, *args[1:], **kwargs) if args else func(**(kwargs | {"input": numbers}))
    return [_found(value, numbers, part) for part in (parts if isinstance(parts, (tuple, list)) else [parts])]


def _found(value: Step | Steps, numbers: torch.Tensor, part: torch.Tensor) -> Value | None:
    """Return what a tensor holds whose elements have these numbers in a tensor with `value`."""
    if isinstance(value, Step):
        keeps = part.numel() == numbers.numel() and part.shape[:1] == numbers.shape[:1]
        return value if keeps and torch.equal(part.flatten(), numbers.flatten()) else None
    by_time = _by_time(value, numbers)
    n_steps, batch, size = by_time.shape
    orders = {axis: by_time.movedim(0, axis) for axis in (1, 0)}
    if part.numel() == numbers.numel() and part.dim() > 2:
        for axis, order in orders.items():
            if part.shape[:2] == order.shape[:2] and torch.equal(part.flatten(2), order):
                return Steps(axis, value.steps)
    if part.numel() == batch * size and part.shape[:1] == (batch,):
        step = int((by_time[:, 0, 0] == part.flatten()[0]).nonzero().sum())
        if torch.equal(part.reshape(batch, size), by_time[step]):
            return value.steps[step]
    if part.shape[:1] == (batch * n_steps,) and part.dim() > 1 and batch > 1:
        for axis, order in orders.items():
            if torch.equal(part.flatten(1), order.flatten(0, 1)):
                return Steps(axis, value.steps, joined=True)
    if value.axis == 1 and part.numel() == n_steps * size:
        sample = int((by_time[0, :, 0] == part.flatten()[0]).nonzero().sum())
        if torch.equal(part.reshape(n_steps, size), by_time[:, sample]):
            raise TimeFirst("forward picks single samples")
    return None


def _by_time(value: Steps, numbers: torch.Tensor) -> torch.Tensor:
    """Return the numbers as (steps, batch, elements)."""
    if value.joined:
        n_steps = len(value.steps)
        numbers = numbers.unflatten(0, (-1, n_steps) if value.axis else (n_steps, -1))
    return numbers.movedim(value.axis, 0).flatten(2)


def written(given: Arguments, args: Sequence[Any]) -> Value | None:
    """Return what a buffer for all steps holds into which one step is written, if it is one."""
    buffer, index, new = args
    step = given.of(new) if is_tensor(new) else (ZEROS if new == 0 else Opaque("a constant"))
    numbers = torch.arange(buffer.numel()).view(buffer.shape)
    place = numbers[index]
    before = given.get(buffer)
    if isinstance(step, Step) and buffer.dim() > 2 and place.numel():
        for axis in (1, 0):
            t = int(place.flatten()[0]) // numbers.stride(axis) % buffer.shape[axis]
            whole = torch.equal(place, numbers.select(axis, t))
            if not whole or (is_tensor(new) and new.shape != place.shape):
                continue
            steps = before if before is not None else Steps(axis, (ZEROS,) * buffer.shape[axis])
            if isinstance(steps, Steps) and steps.axis == axis:
                return Steps(axis, (*steps.steps[:t], step, *steps.steps[t + 1 :]))
    return step if isinstance(step, Opaque) else None
