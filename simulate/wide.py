"""Chip arithmetic on arrays: int64 that wraps to 32 bits, as Lava's arrays do.

For what follows a run from outside, and for our own Lava processes; `reference` and `fast` share none of it.
Source: Lava 0.10.0, lava/proc/{lif,dense}/models.py.
"""

from typing import Any

import numpy as np

from .ranges import DECAY_ONE


def int32(values: np.ndarray) -> np.ndarray:
    """Wrap to 32 bits, as int64.

    >>> int32(np.array([2**31, -5]))
    array([-2147483648,          -5])
    """
    return values.astype(np.int32).astype(np.int64)


def decayed(values: np.ndarray, decay: np.ndarray | int) -> np.ndarray:
    """Return what a decay of some 4096ths leaves, rounded toward zero.

    >>> decayed(np.array([7, -7]), 2048)
    array([ 3, -3])
    """
    product = values * (DECAY_ONE - decay)
    return np.sign(product) * (np.abs(product) >> 12)


def shifted(total: np.ndarray, weight_exp: int) -> np.ndarray:
    """Return sums of weights times 2^weight_exp, rounded down if that is to the right.

    >>> shifted(np.array([5, -5]), -1)
    array([ 2, -3])
    """
    total = int32(total)
    return int32(total << weight_exp) if weight_exp > 0 else total >> -weight_exp


def deliver(weights: Any, weight_exp: int, events: np.ndarray) -> np.ndarray:
    """Return what events give the neurons: the sum is shifted.

    Parameters
    ----------
    weights : matrix (n_out, n_in)
        Dense or of scipy.sparse.
    weight_exp : int
        Powers of 2.
    events : int64 (n_in) or (n_in, steps)
        0 where there is none.
    """
    return shifted(weights.astype(np.int64) @ events, weight_exp)
