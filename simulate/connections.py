"""What joins populations: inputs where events enter, and the synapses."""

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from .errors import BadInput, OutOfRange
from .ranges import check_shape, fit_register


@dataclass(frozen=True)
class Input:
    """Where events enter.

    Parameters
    ----------
    shape : tuple of int
    message_bits : int, 0 to 24
        0: binary spikes; b > 0: graded events, each an integer from 0 (no event) to 2^b - 1.
    """

    shape: tuple[int, ...]
    message_bits: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", check_shape("Input", self.shape))
        bits = fit_register("Input", "message_bits", self.message_bits)
        object.__setattr__(self, "message_bits", int(bits))

    @property
    def size(self) -> int:
        """Number of channels."""
        return prod(self.shape)

    @property
    def largest(self) -> int:
        """The largest event."""
        return max(1, 2**self.message_bits - 1)


@dataclass(frozen=True, eq=False)
class Dense:
    """All-to-all synapses in Lava's mixed sign mode.

    a_in of the target += (weights @ events) * 2^weight_exp, the shift applied to the sum (a negative
    one rounds down). The events are those that the source sent `delay` steps ago: 0 is this step, 1 the
    shortest way round a loop.

    Parameters
    ----------
    source, target : str
    weights : int (n_out, n_in), multiples of 2^(9 - num_weight_bits) in -256 to 255
        As the chip applies them: with 8 bits and mixed signs the lowest bit is not stored. Channels of
        several axes are counted in C order.
    weight_exp : int, -8 to 7
    num_weight_bits : int, 1 to 8
    delay : int, 0 to 62, in steps

    Raises
    ------
    OutOfRange
        A weight is not on the grid of its bits.

    Source: Lava 0.10.0, lava/proc/dense/models.py, `PyDenseModelBitAcc`.

    >>> Dense("input", "hidden", [[2, -4], [0, 254]]).name
    'input -> hidden'
    """

    source: str
    target: str
    weights: Any  # given: any array of whole numbers; held: int32, read-only
    weight_exp: int = 0
    num_weight_bits: int = 8
    delay: int = 0

    def __post_init__(self) -> None:
        where = f"{self.source} -> {self.target}"
        delay = int(fit_register(where, "delay", self.delay))
        object.__setattr__(self, "delay", delay)
        exp = int(fit_register(self.name, "weight_exp", self.weight_exp))
        bits = int(fit_register(self.name, "num_weight_bits", self.num_weight_bits))
        try:
            given = np.asarray(self.weights)
        except ValueError as error:
            raise BadInput(f"{self.name}.weights is not one array ({error})") from error
        if given.ndim != 2 or given.dtype.kind not in "biuf":
            raise BadInput(
                f"{self.name}.weights must be numbers (n_out, n_in), not {given.dtype} {given.shape}"
            )
        step = weight_step(bits)
        bad = given[~((given >= -256) & (given <= 256 - step) & (given % step == 0))]
        if bad.size:
            raise OutOfRange(
                f"{self.name}.weights = {bad.flat[0]} is not a multiple of {step} in "
                f"[-256, {256 - step}] ({bits} bits, mixed signs)"
            )
        weights = np.ascontiguousarray(given, dtype=np.int32)
        if weights is given:
            weights = weights.copy()
        weights.flags.writeable = False
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "weight_exp", exp)
        object.__setattr__(self, "num_weight_bits", bits)

    @property
    def name(self) -> str:
        """`source -> target`, and how much later if it is; unique in a Program."""
        return f"{self.source} -> {self.target}" + (f" +{self.delay}" if self.delay else "")

    @property
    def fan_out(self) -> np.ndarray:
        """Synapses that an event of each source channel reaches, zero weights pruned; int64 (n_in)."""
        return np.count_nonzero(self.weights, axis=0).astype(np.int64)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Dense)
            and self.name == other.name
            and self.weight_exp == other.weight_exp
            and self.num_weight_bits == other.num_weight_bits
            and np.array_equal(self.weights, other.weights)
        )


def weight_step(num_weight_bits: int) -> int:
    """Distance between two weights that `num_weight_bits` can tell apart, signs mixed.

    >>> weight_step(8), weight_step(4)
    (2, 32)
    """
    return 1 << (9 - num_weight_bits)
