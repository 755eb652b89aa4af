"""A constant (DC) input as a bias of the first neurons, computed once on the host. NumPy only.

An input that is held for every step gives every first neuron the same current in every step. Sent as events
it would cost one synaptic operation a synapse a step; as a bias it costs none.
"""

import numpy as np

MANTISSA_BITS, LARGEST_EXPONENT = 13, 7  # of Loihi's bias, the mantissa with sign


def input_current(weight: np.ndarray, x: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    """Return the current that constant inputs give to the neurons of the first layer.

    Parameters
    ----------
    weight : (neurons, inputs)
        Of the first layer.
    x : (n, inputs)
        One row a sample.
    bias : (neurons,), optional
        Of the layer itself.

    Returns
    -------
    current : float64 (n, neurons)

    Raises
    ------
    ValueError
        The shapes do not fit, or a result is not finite.

    >>> input_current(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]), np.array([0.5])).tolist()
    [[11.5]]
    """
    weight, x = np.asarray(weight, dtype=np.float64), np.asarray(x, dtype=np.float64)
    if weight.ndim != 2 or x.ndim != 2 or weight.shape[1] != x.shape[1]:
        raise ValueError(
            f"weight is {weight.shape}, x {x.shape}; they must be (neurons, inputs), (n, inputs)"
        )
    current = x @ weight.T + (0.0 if bias is None else np.asarray(bias, dtype=np.float64))
    if not np.isfinite(current).all():
        raise ValueError("a current is not finite")
    return current


def held(current: np.ndarray, steps: int) -> np.ndarray:
    """Repeat what each sample gives in every step, without copying it.

    Returns
    -------
    x : (n, steps, neurons), read-only

    >>> held(np.array([[1, 2]]), 3).tolist()
    [[[1, 2], [1, 2], [1, 2]]]
    """
    current = np.asarray(current)
    return np.broadcast_to(current[:, None], (len(current), steps, *current.shape[1:]))


def bias_registers(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Round biases, in units of v, to a mantissa and an exponent each: `mant << exp` is the nearest there is.

    Parameters
    ----------
    values : float or integer, any shape
        At most 4095 * 2**7 either way.

    Returns
    -------
    mant : int64, -4095 to 4095
    exp : int64, 0 to 7, the smallest that holds the value

    Raises
    ------
    ValueError
        A value is too large or not finite.

    Source: Lava 0.10.0, LIF: 13-bit `bias_mant`, 3-bit `bias_exp`.

    >>> mant, exp = bias_registers(np.array([4095, 4097, -524160, 0]))
    >>> mant.tolist(), exp.tolist()
    ([4095, 2048, -4095, 0], [0, 1, 7, 0])
    """
    values = np.asarray(values, dtype=np.float64)
    largest = 2 ** (MANTISSA_BITS - 1) - 1
    exponents = np.arange(LARGEST_EXPONENT + 1).reshape(-1, *[1] * values.ndim)
    fits = np.abs(np.rint(values / 2.0**exponents)) <= largest
    if not fits.any(axis=0).all():
        raise ValueError(
            f"a bias is above {largest << LARGEST_EXPONENT} or not finite; lower the scale of the layer"
        )
    exp = fits.argmax(axis=0)
    return np.rint(values / 2.0**exp).astype(np.int64), exp.astype(np.int64)
