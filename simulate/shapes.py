"""The shape that leaves a node: computed here, as what files state is often wrong."""

from functools import singledispatch
from math import prod

import nir
import numpy as np

from .errors import BadInput, Unsupported
from .graph import NEURONS
from .node_windows import windows_of

Shape = tuple[int, ...]
ELEMENTWISE = (*NEURONS, nir.Scale, nir.Threshold, nir.Delay)
NOT_PARAMETERS = ("input_type", "output_type", "metadata")


def parameters(node: nir.NIRNode) -> dict[str, np.ndarray]:
    """Return what a node holds, by name."""
    return {name: np.asarray(a) for name, a in vars(node).items() if name not in NOT_PARAMETERS}


def spread(values: np.ndarray, shape: Shape, name: str = "a parameter") -> np.ndarray:
    """Return a parameter in the full shape of its node, as a view.

    Raises
    ------
    BadInput
        It has neither one element nor, axis by axis, the node's shape or 1.
    """
    if values.size == 1:
        return np.broadcast_to(values.reshape(()), shape)
    if values.ndim == len(shape):
        try:
            return np.broadcast_to(values, shape)
        except ValueError:
            pass
    raise BadInput(f"{name} {values.shape} does not fit its input {shape}")


@singledispatch
def shape_after(node: nir.NIRNode, shape: Shape) -> Shape:
    """Return the shape that leaves a node if `shape` enters it; both without batch and time.

    Raises
    ------
    BadInput
        It does not fit.
    Unsupported
        No such node is known.
    """
    raise Unsupported(f"{type(node).__name__} has no rule here")


@shape_after.register
def _(node: nir.Input, shape: Shape) -> Shape:
    return shape


@shape_after.register
def _(node: nir.Output, shape: Shape) -> Shape:
    return shape


def _elementwise(node: nir.NIRNode, shape: Shape) -> Shape:
    for name, values in parameters(node).items():
        spread(values, shape, name)
    return shape


for _kind in ELEMENTWISE:
    shape_after.register(_kind, _elementwise)


@shape_after.register
def _(node: nir.Linear, shape: Shape) -> Shape:
    return _product(node.weight, shape)


@shape_after.register
def _(node: nir.Affine, shape: Shape) -> Shape:
    _check_bias(node.bias, node.weight)
    return _product(node.weight, shape)


def _product(weight: np.ndarray, shape: Shape) -> Shape:
    if weight.ndim != 2:
        raise BadInput(f"weight {weight.shape} must be (out, in)")
    if shape and shape[-1] == weight.shape[1]:
        return (*shape[:-1], weight.shape[0])
    why = ""
    if prod(shape) == weight.shape[1]:
        why = "; put a Flatten before it"
    elif shape and shape[-1] == weight.shape[0]:
        why = "; is it transposed?"
    raise BadInput(f"weight {weight.shape} (out, in) does not take {shape}{why}")


def _check_bias(bias: np.ndarray, weight: np.ndarray) -> None:
    if np.size(bias) != 1 and np.shape(bias) != weight.shape[:1]:
        raise BadInput(f"bias {np.shape(bias)} does not fit weight {weight.shape}")


@shape_after.register(nir.Conv1d)
@shape_after.register(nir.Conv2d)
def _(node: nir.Conv1d | nir.Conv2d, shape: Shape) -> Shape:
    axes = 1 if isinstance(node, nir.Conv1d) else 2
    weight, groups = node.weight, int(node.groups)
    if weight.ndim != axes + 2:
        raise BadInput(f"weight {weight.shape} must have {axes + 2} axes (out, in / groups, *kernel)")
    _check_bias(node.bias, weight)
    if groups < 1 or weight.shape[0] % groups:
        raise BadInput(f"groups = {groups} does not divide its {weight.shape[0]} channels")
    if len(shape) != axes + 1 or shape[0] != weight.shape[1] * groups:
        like = len(shape) == axes + 1 and shape[0] == weight.shape[0]
        turned = "; is it transposed?" if like else ""
        raise BadInput(
            f"weight {weight.shape} (out, in / groups, *kernel) with groups = {groups} does not take {shape}"
            f"{turned}"
        )
    stated = () if node.input_shape is None else tuple(int(n) for n in np.ravel(node.input_shape))
    if stated not in ((), shape[1:], shape):
        raise BadInput(f"input_shape = {stated}, but {shape[1:]} arrives")
    return (weight.shape[0], *windows_of(node).sizes(shape[1:]))


@shape_after.register(nir.SumPool2d)
@shape_after.register(nir.AvgPool2d)
def _(node: nir.SumPool2d | nir.AvgPool2d, shape: Shape) -> Shape:
    if len(shape) != 3:
        raise BadInput(f"takes (channels, height, width), not {shape}")
    windows = windows_of(node)
    if any(2 * p > k for p, k in zip(windows.before, windows.kernel, strict=True)):
        raise BadInput(f"padding {windows.before} is more than half of kernel_size {windows.kernel}")
    return (shape[0], *windows.sizes(shape[1:]))


@shape_after.register
def _(node: nir.Flatten, shape: Shape) -> Shape:
    stated = (node.input_type or {}).get("input")
    if stated is not None and tuple(int(n) for n in np.ravel(stated)) != shape:
        raise BadInput(f"input_type = {tuple(int(n) for n in np.ravel(stated))}, but {shape} arrives")
    axes = len(shape)
    start, end = int(node.start_dim), int(node.end_dim)
    start, end = (n + axes if n < 0 else n for n in (start, end))
    if not 0 <= start <= end < axes:
        raise BadInput(f"start_dim = {node.start_dim} to end_dim = {node.end_dim} are no axes of {shape}")
    return (*shape[:start], prod(shape[start : end + 1]), *shape[end + 1 :])


def state_shapes(node: nir.NIRNode, before: Shape, after: Shape) -> None:
    """Write the true shapes, and parameters in full shape, into a node."""
    if isinstance(node, nir.Conv1d):
        node.input_shape = before[1]
    elif isinstance(node, nir.Conv2d):
        node.input_shape = before[1:]  # type: ignore[assignment]
    elif isinstance(node, ELEMENTWISE):
        for name, values in parameters(node).items():
            setattr(node, name, spread(values, before).copy())
    node.input_type = {"input": np.array(before)}
    node.output_type = {"output": np.array(after)}
