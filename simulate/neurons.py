"""The neuron types a Program can hold: integers per neuron, in Lava's names.

Adding a type: a class here, in `NEURONS`; its rule in `reference.py`; its threshold in `plan.py`, and a
loop in `stepping.py` if its step differs in more than that; how far its v goes in `membranes.py`; its NIR
form in `program_nir.py`; its Lava process in `deploy/neurons.py`. A test asks every stage.
"""

from dataclasses import dataclass, fields
from math import prod
from typing import Any, ClassVar

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

    def reshaped(self, shape: tuple[int, ...]) -> "Neuron":
        """Return the same neurons in another shape, in C order."""
        return type(self)(shape, **{f: getattr(self, f).reshape(shape) for f in self.registers()})  # type: ignore[call-arg, return-value]

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
    shape : tuple of int
        Of the neurons.
    du : int, -1 to 4095; 4095 leaves no memory in u (`snn.Leaky`)
    dv : int, 0 to 4096
    vth : int, 0 to 131071, in units of a weight
    bias_mant : int, -4096 to 4095
    bias_exp : int, 0 to 7
    u0, v0 : int, up to +-(2^23 - 1)
        u and v before the first step of a sample.
        Every register is a scalar or one value for each neuron.

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
    u0: Register = 0
    v0: Register = 0

    message_bits: ClassVar[int | None] = 0


@dataclass(frozen=True, eq=False)
class PLIF(LIF):
    """`LIF` that also spikes at the threshold itself: s <- v >= 64 * vth; spikingjelly's comparison."""


@dataclass(frozen=True, eq=False)
class LIFSubtract(LIF):
    """`LIF` whose threshold is taken from v in the step after a spike; snnTorch's default reset.

        v <- v decayed by dv/4096, plus u, plus bias, minus 64 * vth where it spiked in the step before

    The same as inhibition of itself by -vth that reaches v, one step late.

    Source: snnTorch 1.0.0, Leaky and Synaptic with reset_mechanism="subtract".
    """


@dataclass(frozen=True, eq=False)
class LIFNoReset(LIF):
    """`LIF` whose v goes on after a spike."""


@dataclass(frozen=True, eq=False)
class LIFRefractory(LIF):
    """`LIF` that rests after a spike: v stays 0 for `refractory` steps, while u integrates.

    Parameters
    ----------
    refractory : int, 0 to 63, in steps

    Source: Lava 0.10.0, lava/proc/lif/models.py, `PyLifRefractoryModelFloat`, in integers.
    """

    refractory: Register = 0


@dataclass(frozen=True, eq=False)
class ALIF(LIF):
    """LIF with an adaptive threshold, which is subtracted in the step after a spike; as in DPSNN.

        e <- e decayed by de/4096, plus jump where it spiked in the step before   (at most 2^23 - 1)
        v <- v decayed by dv/4096, plus u, plus bias, minus 64 * vth + e where it spiked in the step before
        s <- v > 64 * vth + e

    Parameters
    ----------
    de : int, 0 to 4096
    jump : int, 0 to 2^23 - 1, in units of v

    Source: Hao et al., DPSNN (2024); `ALIF` there, in integers.
    """

    de: Register = 0
    jump: Register = 0


@dataclass(frozen=True, eq=False)
class LI(_Registers):
    """Leaky integrator that never spikes: a readout whose output is v.

    u and v as in `LIF`; on Lava a `LIF` with vth = 2^17, which a saturated v does not reach.

    Parameters
    ----------
    shape, du, dv, bias_mant, bias_exp, u0, v0
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
    u0: Register = 0
    v0: Register = 0

    message_bits: ClassVar[int | None] = None


@dataclass(frozen=True, eq=False)
class GradedLI(LIF):
    """Leaky integrator that sends its membrane: v / 64, rounded down, where v > 64 * vth; else nothing."""

    message_bits: ClassVar[int | None] = 17


@dataclass(frozen=True, eq=False)
class GradedReLU(_Registers):
    """Sends its input where that exceeds a threshold, and remembers nothing; Lava's `GradedReluVec`.

    Parameters
    ----------
    shape : tuple of int
    vth : int, 0 to 131071, in units of a weight

    Raises
    ------
    OutOfRange
        A value does not fit its register.

    Source: Lava 0.10.0, lava/proc/graded/models.py.
    """

    shape: tuple[int, ...]
    vth: Register = 0

    message_bits: ClassVar[int | None] = 31


Neuron = LIF | LI | GradedReLU
NEURONS: dict[str, type[Neuron]] = {
    kind.__name__: kind
    for kind in (LIF, PLIF, LIFSubtract, LIFNoReset, LIFRefractory, ALIF, LI, GradedLI, GradedReLU)
}
