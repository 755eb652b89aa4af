"""Where the windows of a convolution or a pool lie: sizes, and the patches they see."""

from typing import Any, NamedTuple

import nir
import numpy as np

from .errors import BadInput, Unsupported

Sizes = tuple[int, ...]
CONVOLUTIONS = (nir.Conv1d, nir.Conv2d)
POOLS = (nir.SumPool2d, nir.AvgPool2d)


class Windows(NamedTuple):
    """Windows over one or two axes; a number for each axis.

    Attributes
    ----------
    kernel, stride, dilation : tuple of int, >= 1
    before, after : tuple of int, >= 0
        Zeros added at both ends of an axis.
    """

    kernel: Sizes
    stride: Sizes
    dilation: Sizes
    before: Sizes
    after: Sizes

    @property
    def span(self) -> Sizes:
        """How far the window reaches."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True))

    def sizes(self, sizes: Sizes) -> Sizes:
        """Return how many windows fit.

        Raises
        ------
        BadInput
            Not even one.
        """
        padded = [n + a + b for n, a, b in zip(sizes, self.before, self.after, strict=True)]
        for n, span in zip(padded, self.span, strict=True):
            if span > n:
                raise BadInput(f"a window of {span} does not fit into {n}, padding included")
        return tuple((n - k) // s + 1 for n, k, s in zip(padded, self.span, self.stride, strict=True))

    def patches(self, x: np.ndarray) -> np.ndarray:
        """Return what the windows see.

        Parameters
        ----------
        x : array (n, channels, *sizes)
            The last axes are those that the windows move over.

        Returns
        -------
        array (n, channels, *kernel, *windows)
            A view where nothing is padded.
        """
        axes = tuple(range(2, x.ndim))
        if any(self.before) or any(self.after):
            x = np.pad(x, [(0, 0), (0, 0), *zip(self.before, self.after, strict=True)])
        seen = np.lib.stride_tricks.sliding_window_view(x, self.span, axis=axes)  # type: ignore[call-overload]
        strides = tuple(slice(None, None, s) for s in self.stride)
        dilations = tuple(slice(None, None, d) for d in self.dilation)
        seen = seen[(slice(None), slice(None), *strides, *dilations)]
        return np.moveaxis(seen, axes, [a + len(axes) for a in axes])


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
    kernel = node.weight.shape[2:] if conv else _whole("kernel_size", node.kernel_size, axes, 1)  # type: ignore[attr-defined]
    stride = _whole("stride", node.stride, axes, 1)  # type: ignore[attr-defined]
    dilation = _whole("dilation", node.dilation, axes, 1) if conv else (1,) * axes  # type: ignore[attr-defined]
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
    both = _whole("padding", 0 if isinstance(padding, str) else padding, len(kernel), 0)
    return both, both


def _whole(field: str, value: Any, axes: int, least: int) -> Sizes:
    """Return a number for each axis, of one number or as many as there are axes."""
    values = np.asarray(value)
    if values.dtype.kind not in "iu" or values.size not in (1, axes) or np.any(values < least):
        raise BadInput(f"{field} = {value} must be {axes} whole numbers of at least {least}")
    return tuple(int(n) for n in np.broadcast_to(values.ravel(), axes))
