"""How a class is read off a network's output; NumPy only, the same for floats and integers."""

import numpy as np


def decide(output):
    """Return the class with the largest membrane mean.

    Integers are summed exactly, so that every back end that agrees on the membrane agrees on the
    class. Among equals the lowest class wins.

    Parameters
    ----------
    output : array, (batch, steps, classes), float or integer
        Membrane of the readout at every step.

    Returns
    -------
    labels : int64 (batch,), 0 to classes - 1

    Raises
    ------
    ValueError
        The array has not three axes, or holds no step or class.

    >>> decide(np.array([[[0, 5], [9, 2]], [[0, 5], [4, 2]]]))
    array([0, 1])
    """
    output = np.asarray(output)
    if output.ndim != 3 or 0 in output.shape[1:]:
        raise ValueError(f"output has shape {output.shape}; it must be (batch, steps, classes)")
    dtype = np.float64 if output.dtype.kind == "f" else np.int64
    return output.sum(axis=1, dtype=dtype).argmax(axis=1).astype(np.int64)


def seen_in_windows(spikes, width, stride):
    """Return in which windows of steps a channel spikes at least once; only full windows count.

    Parameters
    ----------
    spikes : array (batch, steps, n), 0 or more
        Of any back end.
    width, stride : int
        Steps.

    Returns
    -------
    seen : bool (batch, windows, n)

    >>> seen_in_windows(np.array([[[0], [1], [0], [0], [0]]]), width=3, stride=2)[0, :, 0]
    array([ True, False])
    """
    windows = np.lib.stride_tricks.sliding_window_view(np.asarray(spikes) > 0, width, axis=1)
    return windows[:, ::stride].any(axis=-1)


def majority(spikes):
    """Return the mode over time of one channel of spikes: 1 where more than half of the steps have one.

    Parameters
    ----------
    spikes : array (batch, steps, 1), 0 or more
        Of any back end.

    Returns
    -------
    labels : int64 (batch,), 0 or 1

    >>> majority(np.array([[[1], [1], [0]], [[1], [0], [0]]]))
    array([1, 0])
    """
    spikes = np.asarray(spikes)[..., 0] > 0
    return (2 * spikes.sum(axis=1) > spikes.shape[1]).astype(np.int64)
