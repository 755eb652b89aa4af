"""The registers: what each integer of a Program may hold.

Source: Lava 0.10.0, lava/proc/lif/models.py (documented widths), and nengo-loihi's discretizer for
the 12-bit decays. Lava itself enforces none of them: `du=5000` or `vth=2**20` run there silently.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .errors import BadInput, OutOfRange

RANGES = {
    "du": (-1, 4095),  # -1: the current never decays; 4095: it has no memory
    "dv": (0, 4096),  # 0: no leak; 4096: the membrane is cleared each step
    "vth": (0, 131071),
    "bias_mant": (-4096, 4095),
    "bias_exp": (0, 7),
    "weight_exp": (-8, 7),
    "num_weight_bits": (1, 8),
    "message_bits": (0, 24),
    "delay": (0, 62),
    "refractory": (0, 63),
    "de": (0, 4096),  # 0: the threshold stays raised; 4096: for one step
    "jump": (0, 8388607),
    "u0": (-8388607, 8388607),
    "v0": (-8388607, 8388607),
}

U_HALF_RANGE = 1 << 23  # u wraps here, once
V_MAX = (1 << 23) - 1  # v saturates at plus and minus this
DECAY_ONE = 4096  # a decay register counts 4096ths
V_SHIFT = 6  # one weight unit is 64 units of u and v
UNIT = 1 << V_SHIFT


def fit_register(where: str, field: str, values: npt.ArrayLike) -> np.ndarray:
    """Return `values` as int32 if all of them are integers within the register `field`.

    Raises
    ------
    OutOfRange
        A value is not a whole number, or lies outside `RANGES[field]`; the message names it.

    >>> fit_register("hidden", "vth", [100, 200])
    array([100, 200], dtype=int32)
    """
    low, high = RANGES[field]
    try:
        values = np.asarray(values)
    except ValueError as error:
        raise OutOfRange(f"{where}.{field} is not one array ({error})") from error
    if values.dtype.kind not in "biuf":
        raise OutOfRange(f"{where}.{field} holds {values.dtype}, not integers")
    wrong = values[~((values >= low) & (values <= high) & (values == np.floor(values)))]
    if wrong.size:
        raise OutOfRange(f"{where}.{field} = {wrong.flat[0]} is not an integer in [{low}, {high}]")
    return values.astype(np.int32)


def check_shape(where: str, shape: Sequence[int]) -> tuple[int, ...]:
    """Return `shape` as a tuple if each of its axes has at least one channel.

    Raises
    ------
    BadInput
        No axes, or nothing in one.

    >>> check_shape("hidden", [3, 4])
    (3, 4)
    """
    try:
        checked = tuple(int(n) for n in shape)
    except (TypeError, ValueError):
        checked = ()
    if not checked or min(checked) < 1 or list(checked) != list(shape):
        raise BadInput(f"{where}: shape {shape} must be sizes of at least 1")
    return checked
