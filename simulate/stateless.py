"""What the nodes without memory compute, on many steps at once.

Source: nir 1.0.8; padding and pooling as in torch (zeros count in a mean).
"""

from collections.abc import Callable
from functools import reduce, singledispatch
from math import prod
from operator import add

import nir
import numpy as np

from .node_windows import windows_of
from .policy import Policy
from .shapes import Shape, shape_after, spread

Rule = Callable[[np.ndarray], np.ndarray]
PATCH_BYTES = 2**25  # patches of a convolution that lie in memory at a time


@singledispatch
def rule(node: nir.NIRNode, shape: Shape, policy: Policy, dtype: np.dtype) -> Rule:
    """Return what a node without memory computes: (n, *shape) to (n, *shape after it).

    Parameters
    ----------
    node : nir.NIRNode
        Of a graph that was checked.
    shape : tuple of int
        What enters it.
    policy : Policy
        Its comparison counts for Threshold.
    dtype : float32 or float64
        Of x; parameters are rounded to it.
    """
    return lambda x: x  # Input and Output


@rule.register
def _(node: nir.Linear, shape: Shape, policy: Policy, dtype: np.dtype) -> Rule:
    weight = node.weight.astype(dtype).T
    return lambda x: x @ weight


@rule.register
def _(node: nir.Affine, shape: Shape, policy: Policy, dtype: np.dtype) -> Rule:
    weight, bias = node.weight.astype(dtype).T, node.bias.astype(dtype)
    return lambda x: x @ weight + bias


@rule.register
def _(node: nir.Scale, shape: Shape, policy: Policy, dtype: np.dtype) -> Rule:
    scale = spread(node.scale.astype(dtype), shape)
    return lambda x: x * scale


@rule.register
def _(node: nir.Threshold, shape: Shape, policy: Policy, dtype: np.dtype) -> Rule:
    threshold = spread(node.threshold.astype(dtype), shape)
    exceeds = policy.exceeds
    return lambda x: exceeds(x, threshold).astype(dtype)


@rule.register
def _(node: nir.Flatten, shape: Shape, policy: Policy, dtype: np.dtype) -> Rule:
    after = shape_after(node, shape)
    return lambda x: x.reshape(len(x), *after)


@rule.register(nir.Conv1d)
@rule.register(nir.Conv2d)
def _(node: nir.Conv1d | nir.Conv2d, shape: Shape, policy: Policy, dtype: np.dtype) -> Rule:
    windows, after = windows_of(node), shape_after(node, shape)
    groups = int(node.groups)
    weight = node.weight.astype(dtype).reshape(groups, after[0] // groups, -1)
    bias = np.broadcast_to(node.bias.astype(dtype).ravel(), after[0]).reshape(-1, *(1,) * len(after[1:]))

    def convolve(x: np.ndarray) -> np.ndarray:
        patches = windows.patches(x).reshape(len(x), groups, weight.shape[2], -1)
        return (weight @ patches).reshape(len(x), *after) + bias

    patch_size = groups * weight.shape[2] * prod(after[1:]) * dtype.itemsize
    return _in_chunks(convolve, max(1, PATCH_BYTES // patch_size))


@rule.register(nir.SumPool2d)
@rule.register(nir.AvgPool2d)
def _(node: nir.SumPool2d | nir.AvgPool2d, shape: Shape, policy: Policy, dtype: np.dtype) -> Rule:
    windows = windows_of(node)
    size = prod(windows.kernel) if isinstance(node, nir.AvgPool2d) else 1
    places = list(np.ndindex(windows.kernel))

    def pool(x: np.ndarray) -> np.ndarray:
        patches = windows.patches(x)
        # place by place is faster than over two axes, and in the order of torch
        return reduce(add, (patches[:, :, i, j] for i, j in places)) / dtype.type(size)

    return pool


def _in_chunks(rule: Rule, n: int) -> Rule:
    def run(x: np.ndarray) -> np.ndarray:
        if len(x) <= n:
            return rule(x)
        return np.concatenate([rule(x[i : i + n]) for i in range(0, len(x), n)])

    return run
