"""The windows of NIR's nodes that have some."""

from typing import Any

import nir

from .errors import BadInput, Unsupported
from .windows import Sizes, Windows, whole_numbers

CONVOLUTIONS = (nir.Conv1d, nir.Conv2d)


def windows_of(node: nir.NIRNode) -> Windows:
    """Return the windows of a Conv1d, Conv2d, SumPool2d or AvgPool2d node.

    Raises
    ------
    BadInput
        A stride, dilation or padding that is none.
    Unsupported
        padding = 'same' with a stride other than 1, which frameworks understand differently.
    """
    conv = isinstance(node, CONVOLUTIONS)
    axes = node.weight.ndim - 2 if conv else 2
    kernel = node.weight.shape[2:] if conv else whole_numbers("kernel_size", node.kernel_size, axes, 1)  # type: ignore[attr-defined]
    stride = whole_numbers("stride", node.stride, axes, 1)  # type: ignore[attr-defined]
    dilation = whole_numbers("dilation", node.dilation, axes, 1) if conv else (1,) * axes  # type: ignore[attr-defined]
    before, after = _padding(node.padding, kernel, stride, dilation)  # type: ignore[attr-defined]
    return Windows(kernel, stride, dilation, before, after)


def _padding(padding: Any, kernel: Sizes, stride: Sizes, dilation: Sizes) -> tuple[Sizes, Sizes]:
    if isinstance(padding, bytes):
        padding = padding.decode()
    if isinstance(padding, str) and padding != "valid":
        if padding != "same":
            raise BadInput(f"padding = '{padding}' is neither 'same' nor 'valid'")
        if set(stride) != {1}:
            raise Unsupported(f"padding = 'same' with stride {stride} has no agreed meaning; give numbers")
        total = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return tuple(n // 2 for n in total), tuple(n - n // 2 for n in total)
    both = whole_numbers("padding", 0 if isinstance(padding, str) else padding, len(kernel), 0)
    return both, both
