"""Where the windows of a convolution or a pool lie: sizes, and the patches they see."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .errors import BadInput

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Sizes = tuple[int, ...]


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

    def matrix(self, weights: np.ndarray, shape: Sizes, groups: int) -> "csr_array":
        """Return a convolution as a matrix: a row for each window and channel out, none of them 0.

        Parameters
        ----------
        weights : array (channels out, channels in / groups, *kernel)
            Of the convolution.
        shape : (channels in, *sizes)
            Of what it takes.
        groups : int
            Parts of the channels that see nothing of each other.
        """
        from scipy.sparse import csr_array

        n_in = int(np.prod(shape))
        # which channel each place of a window sees, 0 where it sees a zero that was added
        seen = self.patches(np.arange(1, n_in + 1).reshape(1, *shape))[0]
        seen = seen.reshape(groups, weights[0].size, -1).transpose(0, 2, 1)  # (groups, windows, places)
        n_out, n_windows = len(weights), seen.shape[1]
        columns = np.repeat(seen, n_out // groups, axis=0)
        entries = np.broadcast_to(weights.reshape(n_out, 1, -1), columns.shape)
        there = (columns > 0) & (entries != 0)
        starts = np.concatenate([[0], np.cumsum(there.sum(axis=2).ravel())])
        # places of a window come in the order of the channels that they see
        return csr_array((entries[there], columns[there] - 1, starts), shape=(n_out * n_windows, n_in))


def whole_numbers(field: str, value: Any, axes: int, least: int) -> Sizes:
    """Return a number for each axis, of one number or as many as there are axes.

    Raises
    ------
    BadInput
        It is neither, or one of them is below `least`.
    """
    values = np.asarray(value)
    if values.dtype.kind not in "iu" or values.size not in (1, axes) or np.any(values < least):
        raise BadInput(f"{field} = {value} must be {axes} whole numbers of at least {least}")
    return tuple(int(n) for n in np.broadcast_to(values.ravel(), axes))
