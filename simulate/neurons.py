"""The neuron types a Program can hold: integers per neuron, in Lava's names.

Adding a type: a class here, in `NEURONS`; its rule in `reference.py`; its threshold in `plan.py`, and a
loop in `kernels.py` if its step differs in more than that; its NIR form in `program_nir.py`; its Lava process
in `deploy/neurons.py`. A test asks every stage.
"""

from dataclasses import dataclass, fields
from math import prod
from typing import Any

import numpy as np

from .errors import BadInput
from .ranges import check_shape, fit_register

Register = Any  # given: an integer, or one for each neuron; held: int32 (shape), read-only


class _Registers:
    """Broadcast every register to the shape, check it, and freeze it."""

    shape: tuple[int, ...]

    @classmethod
    def registers(cls) -> list[str]:
        """Names of the integer parameters, in the order of the definition."""
        return [f.name for f in fields(cls) if f.name != "shape"]  # type: ignore[arg-type]

    @property
    def size(self) -> int:
        """Number of neurons."""
        return prod(self.shape)

    @property
    def bias(self) -> np.ndarray:
        """The constant that is added to v each step: `bias_mant << bias_exp`, int32 (shape)."""
        return self.bias_mant << self.bias_exp  # type: ignore[attr-defined]

    def __post_init__(self) -> None:
        kind = type(self).__name__
        shape = check_shape(kind, self.shape)
        object.__setattr__(self, "shape", shape)
        for field in self.registers():
            values = fit_register(kind, field, getattr(self, field))
            if values.shape not in ((), (1,), shape):
                raise BadInput(f"{kind}.{field} is {values.shape}, not one value or {shape}")
            values = np.broadcast_to(values, shape).copy()
            values.flags.writeable = False
            object.__setattr__(self, field, values)

    def __eq__(self, other: object) -> bool:
        return (
            type(self) is type(other)
            and self.shape == other.shape  # type: ignore[attr-defined]
            and all(np.array_equal(getattr(self, f), getattr(other, f)) for f in self.registers())
        )


@dataclass(frozen=True, eq=False)
class LIF(_Registers):
    """Leaky integrate and fire with a current (CUBA) and reset to zero; Lava's `LIF`.

        u <- u decayed by (du + 1)/4096, plus 64 * a_in     (wraps once at +-2^23)
        v <- v decayed by dv/4096, plus u, plus bias        (saturates at +-(2^23 - 1))
        s <- v > 64 * vth
        v <- 0 where s

    Parameters
    ----------
    shape : (int,)
        Number of neurons.
    du : int, -1 to 4095; 4095 leaves no memory in u (`snn.Leaky`)
    dv : int, 0 to 4096
    vth : int, 0 to 131071, in units of a weight
    bias_mant : int, -4096 to 4095
    bias_exp : int, 0 to 7
        A scalar or one value for each neuron.

    Raises
    ------
    OutOfRange
        A value does not fit its register.

    Source: Lava 0.10.0, lava/proc/lif/models.py, `PyLifModelBitAcc`.

    >>> LIF((3,), dv=[100, 200, 300], vth=64).vth
    array([64, 64, 64], dtype=int32)
    """

    shape: tuple[int, ...]
    du: Register = 4095
    dv: Register = 0
    vth: Register = 0
    bias_mant: Register = 0
    bias_exp: Register = 0


@dataclass(frozen=True, eq=False)
class LI(_Registers):
    """Leaky integrator that never spikes: a readout whose output is v.

    u and v as in `LIF`; on Lava a `LIF` with vth = 2^17, which a saturated v does not reach.

    Parameters
    ----------
    shape, du, dv, bias_mant, bias_exp
        As in `LIF`.

    Raises
    ------
    OutOfRange
        A value does not fit its register.

    Source: Lava 0.10.0, lava/proc/lif/models.py, `PyLifModelBitAcc`.
    """

    shape: tuple[int, ...]
    du: Register = 4095
    dv: Register = 0
    bias_mant: Register = 0
    bias_exp: Register = 0


Neuron = LIF | LI
NEURONS: dict[str, type[Neuron]] = {"LIF": LIF, "LI": LI}
SPIKING = (LIF,)
