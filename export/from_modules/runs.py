"""Run a torch module on an example with its time loop inside or outside, and follow what it does."""

import copy
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import snntorch as snn
import torch
from torch import nn

from ...simulate.errors import BadInput, LavalierError, Unsupported
from .calls import Layer, LoopOutside
from .moves import TimeFirst
from .provenance import INPUT, ZEROS, Opaque, Provenance, Source, Step, Steps, Value, describe, origin
from .trace import Tracer

FAILURES = (RuntimeError, TypeError, ValueError, LookupError, AttributeError, AssertionError)


class Run(NamedTuple):
    """What a module did on an example.

    Attributes
    ----------
    layers : {name: Layer}
        In the order of their first call.
    output : list of Step
        What forward returned, step by step.
    values : tensor (batch, steps, *shape)
        The same in numbers.
    again : callable (dtype, keep_margins) -> Run
        Runs it in another float type.
    """

    layers: dict[str, Layer]
    output: list[Step]
    values: torch.Tensor
    again: Callable[..., "Run"]


def run_module(module: nn.Module, x: torch.Tensor) -> Run:
    """Run a module in float64 on all steps at once, or step by step if it is for one step.

    Parameters
    ----------
    module : nn.Module
        Left as it is; copies run, for inference and from rest.
    x : tensor (batch, steps, *shape)
        If the module walks along its first axis, it gets (steps, batch, *shape).

    Raises
    ------
    BadInput
        The module does not run on the example.
    Unsupported
        What it does cannot be followed.
    """
    try:
        try:
            return _attempt(module, x, _all_at_once, 1)
        except TimeFirst:
            return _attempt(module, x, _all_at_once, 0)
    except LoopOutside:
        return _attempt(module, x, _step_by_step, 1)
    except _NotInLoop as first:
        try:
            return _attempt(module, x, _step_by_step, 1)
        except LavalierError as second:
            raise (second if isinstance(first.error, BadInput) else first.error) from None


class _NotInLoop(Exception):
    """A run failed before any neuron took a single step; the loop may be outside."""

    def __init__(self, error: LavalierError) -> None:
        super().__init__()
        self.error = error


def _attempt(module: nn.Module, x: torch.Tensor, way: Callable, axis: int) -> Run:
    def run(dtype: torch.dtype, keep_margins: bool = False) -> Run:
        single_use = copied(module, dtype)
        tracer = Tracer(single_use, dtype, keep_margins)
        try:
            with inference(dtype), tracer:
                output, values = way(single_use, tracer.known, x.to(dtype).clone(), axis)
        except FAILURES as error:
            failure = BadInput(f"the module does not run on the example: {error}")
        except Unsupported as error:
            failure = error
        except (LoopOutside, TimeFirst) as error:
            if way is _all_at_once and not tracer.in_loop:
                raise
            failure = Unsupported(str(error))
        else:
            return Run(tracer.layers, output, values, run)
        if way is _all_at_once and not tracer.in_loop:
            raise _NotInLoop(failure)
        raise failure

    return run(torch.float64)


@contextmanager
def inference(dtype: torch.dtype) -> Iterator[None]:
    """Without gradients; tensors that forward makes have the run's type."""
    usual = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.no_grad():
            yield
    finally:
        torch.set_default_dtype(usual)


def copied(module: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Copy a module for inference, at rest whatever state an earlier call has left in it."""
    memo = {}
    for layer in module.modules():
        for value in [*vars(layer).values(), *layer._buffers.values()]:
            if isinstance(value, torch.Tensor) and not value.is_leaf:
                memo[id(value)] = value.detach().clone()  # deepcopy refuses what has a history
    single_use = copy.deepcopy(module, memo).to(dtype).cpu().eval()
    for layer in single_use.modules():
        if isinstance(layer, snn.SpikingNeuron) and hasattr(layer, "reset_mem"):
            layer.reset_mem()  # type: ignore[operator]
    return single_use


def _all_at_once(
    module: nn.Module, known: Provenance, x: torch.Tensor, axis: int
) -> tuple[list[Step], torch.Tensor]:
    steps = tuple(Step({Source(INPUT, "x", t): 1.0}) for t in range(x.shape[1]))
    given = x if axis == 1 else x.transpose(0, 1)
    known.tag(given, Steps(axis, steps))
    result = first_of(module(given))
    if (
        isinstance(result, list)
        and len(result) == len(steps)
        and all(isinstance(r, torch.Tensor) for r in result)
    ):
        return [_single(known.of(r)) for r in result], torch.stack(result, 1)
    if not isinstance(result, torch.Tensor):
        raise Unsupported(f"forward returns {_kind(result)}; it has to return a tensor of all steps")
    value = known.of(result)
    if not isinstance(value, Steps) or value.joined:
        raise Unsupported(f"forward returns {_what(value)}, not one value a step; leave that to the host")
    if len(value.steps) != len(steps):
        raise Unsupported(f"forward returns {len(value.steps)} steps of {len(steps)}")
    return list(value.steps), result.movedim(value.axis, 1)


def _step_by_step(
    module: nn.Module, known: Provenance, x: torch.Tensor, axis: int
) -> tuple[list[Step], torch.Tensor]:
    further = state_parameters(module)
    states: tuple = ()
    results = []
    for t, x_t in enumerate(x.unbind(1)):
        known.tag(x_t, Step({Source(INPUT, "x", t): 1.0}))
        returned = module(x_t, *states)
        if further and isinstance(returned, tuple) and len(returned) == len(further) + 1:
            states = returned[1:]
        results.append(first_of(returned))
        if not isinstance(results[-1], torch.Tensor):
            raise Unsupported(f"forward returns {_kind(results[-1])}; it has to return a tensor")
    return [_single(known.of(r)) for r in results], torch.stack(results, 1)


def state_parameters(module: nn.Module) -> list[str]:
    """Return the parameters of forward after its input; states may be given back to them."""
    parameters = list(inspect.signature(module.forward).parameters.values())[1:]
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = [p.name for p in positional if p.default is p.empty]
    if needed:
        raise Unsupported(
            f"forward needs {', '.join(needed)} beside its input; give them the default None and return them "
            "after the output, or put the time loop into forward"
        )
    return [p.name for p in positional] if all(p.default is None for p in positional) else []


def first_of(value: Any) -> Any:
    """Return the spikes of (spikes, membrane), or the value itself."""
    while isinstance(value, tuple) and value:
        value = value[0]
    return value


def _single(value: Value) -> Step:
    if not isinstance(value, Step):
        raise Unsupported(f"forward returns {_what(value)}, not one value a step; leave that to the host")
    return value


def _what(value: Value) -> str:
    if value == ZEROS or isinstance(value, Opaque):
        return describe(value)
    return f"all steps of {origin(value)}" if isinstance(value, Steps) else describe(value)


def _kind(value: Any) -> str:
    return f"a list of {len(value)}" if isinstance(value, list) else f"a {type(value).__name__}"
