"""Layers of torch without states as NIR: Linear, convolutions, pooling, batch normalisation."""

import nir
import numpy as np
from torch import nn

from ...simulate.errors import Unsupported
from .layers import Place, fragment, numbers, title
from .snn_fragments import Fragment, single


@fragment.register
def _(layer: nn.Linear, place: Place) -> Fragment:
    if len(place.input) != 1:
        raise Unsupported(
            f"{title(layer, place.name)} is given {place.input} in a step; NIR's Affine takes one axis: "
            "flatten it"
        )
    return single(place.node, nir.Affine(numbers(layer.weight), _bias(layer)))


@fragment.register
def _(layer: nn.Conv1d, place: Place) -> Fragment:
    return single(place.node, _conv(layer, place, 1))


@fragment.register
def _(layer: nn.Conv2d, place: Place) -> Fragment:
    return single(place.node, _conv(layer, place, 2))


def _conv(layer: nn.Conv1d | nn.Conv2d, place: Place, n_axes: int) -> nir.NIRNode:
    if layer.padding_mode != "zeros":
        raise Unsupported(
            f"{title(layer, place.name)}: padding_mode='{layer.padding_mode}' has no form in NIR; "
            "supported: 'zeros'"
        )
    if len(place.input) != n_axes + 1:
        raise Unsupported(f"{title(layer, place.name)} is given {place.input} per step, without channels")
    size = place.input[1] if n_axes == 1 else place.input[1:]
    stride, dilation = (tuple(int(n) for n in values) for values in (layer.stride, layer.dilation))
    padding = layer.padding if isinstance(layer.padding, str) else tuple(int(n) for n in layer.padding)
    if n_axes == 1:
        stride, dilation = stride[0], dilation[0]
        padding = padding if isinstance(padding, str) else padding[0]
    kind = nir.Conv1d if n_axes == 1 else nir.Conv2d
    return kind(size, numbers(layer.weight), stride, padding, dilation, layer.groups, _bias(layer))  # type: ignore[arg-type]


@fragment.register
def _(layer: nn.AvgPool2d, place: Place) -> Fragment:
    if layer.ceil_mode or layer.divisor_override or not layer.count_include_pad:
        raise Unsupported(
            f"{title(layer, place.name)}: NIR has no ceil_mode, divisor_override or count_include_pad=False"
        )
    if len(place.input) != 3:
        raise Unsupported(f"{title(layer, place.name)} is given {place.input} per step, not (C, H, W)")
    numbers = (
        np.array(value if isinstance(value, tuple) else (value, value))
        for value in (layer.kernel_size, layer.stride, layer.padding)
    )
    return single(place.node, nir.AvgPool2d(*numbers))


@fragment.register(nn.BatchNorm1d)
@fragment.register(nn.BatchNorm2d)
def _(layer: nn.BatchNorm1d | nn.BatchNorm2d, place: Place) -> Fragment:
    scale, shift = scale_and_shift(layer, place)
    if len(place.input) == 1:
        return single(place.node, nir.Affine(np.diag(scale), shift))
    n_axes = len(place.input) - 1
    weight, groups = scale.reshape(-1, *[1] * (n_axes + 1)), len(scale)
    if n_axes == 1:
        return single(place.node, nir.Conv1d(place.input[1], weight, 1, 0, 1, groups, shift))
    pairs = ((1, 1), (0, 0), (1, 1))
    return single(place.node, nir.Conv2d((place.input[1], place.input[2]), weight, *pairs, groups, shift))


def scale_and_shift(layer: nn.BatchNorm1d | nn.BatchNorm2d, place: Place) -> tuple[np.ndarray, np.ndarray]:
    """Return a batch normalisation at inference as y = scale x + shift, one number per channel."""
    if layer.running_mean is None or layer.running_var is None:
        raise Unsupported(
            f"{title(layer, place.name)} has no running statistics: what it computes depends on the batch"
        )
    scale = 1 / np.sqrt(numbers(layer.running_var) + layer.eps)
    if layer.affine:
        scale = scale * numbers(layer.weight)
    shift = -numbers(layer.running_mean) * scale
    return scale, shift + numbers(layer.bias) if layer.affine else shift


def _bias(layer: nn.Linear | nn.Conv1d | nn.Conv2d) -> np.ndarray:
    return np.zeros(len(layer.weight)) if layer.bias is None else numbers(layer.bias)
