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
