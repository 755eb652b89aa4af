"""What every connection has: its ends, its weights on their grid, exponent, bits, delay and signs."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import BadInput, OutOfRange
from .ranges import fit_register

if TYPE_CHECKING:
    from scipy.sparse import csr_array

LARGEST = 256  # no weight is larger, whatever its sign
SIGN_MODES = ("mixed", "excitatory", "inhibitory")


@dataclass(frozen=True, eq=False)
class Synapses:
    """The parameters that all connections share; see `Dense`."""

    source: str
    target: str
    weights: Any  # given: whole numbers; held: int32, read-only
    weight_exp: int = 0
    num_weight_bits: int = 8
    delay: int = 0
    sign_mode: str = "mixed"

    def __post_init__(self) -> None:
        put = object.__setattr__
        where = f"{self.source} -> {self.target}"
        for field in ("delay", "weight_exp", "num_weight_bits"):
            put(self, field, int(fit_register(where, field, getattr(self, field))))
        if self.sign_mode not in SIGN_MODES:
            raise BadInput(f"{self.name}.sign_mode = {self.sign_mode!r} is none of {', '.join(SIGN_MODES)}")
        put(self, "weights", self._checked(self.weights))

    def _checked(self, weights: Any) -> Any:
        """Return the weights as they are held."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        """`source -> target`, and how much later if it is; unique in a Program."""
        return f"{self.source} -> {self.target}" + (f" +{self.delay}" if self.delay else "")

    @property
    def shape(self) -> tuple[int, int]:
        """Neurons of the target, channels of the source."""
        raise NotImplementedError

    @property
    def values(self) -> np.ndarray:
        """The weights that are stored, int32."""
        return self.weights

    @property
    def matrix(self) -> "csr_array":
        """A row of weights for each neuron, a column for each channel, without zeros; int32, sorted."""
        raise NotImplementedError

    @property
    def fan_out(self) -> np.ndarray:
        """Synapses that an event of each source channel reaches, zero weights pruned; int64 (n_in)."""
        return np.bincount(self.matrix.indices, minlength=self.shape[1]).astype(np.int64)

    def settings(self) -> dict[str, Any]:
        """Return what a connection is made from beside source, target and weights, by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)[3:]}

    def on_grid(self, given: np.ndarray) -> np.ndarray:
        """Return weights as int32, read-only, if the bits and signs can hold them.

        Raises
        ------
        OutOfRange
            They cannot hold one; the message names it.
        """
        step, low, high = weight_grid(self.num_weight_bits, self.sign_mode)
        bad = given[~((given >= low) & (given <= high) & (given % step == 0))]
        if bad.size:
            signs = "mixed signs" if self.sign_mode == "mixed" else self.sign_mode
            raise OutOfRange(
                f"{self.name}.weights = {bad.flat[0]} is not a multiple of {step} in "
                f"[{low}, {high}] ({self.num_weight_bits} bits, {signs})"
            )
        weights = np.ascontiguousarray(given, dtype=np.int32)
        if weights is given:
            weights = weights.copy()
        weights.flags.writeable = False
        return weights

    def as_numbers(self, given: Any, axes: str) -> np.ndarray:
        """Return what was given as an array of numbers with the axes that a text names.

        Raises
        ------
        BadInput
            It is none.
        """
        try:
            values = np.asarray(given)
        except ValueError as error:
            raise BadInput(f"{self.name}.weights is not one array ({error})") from error
        if (
            values.ndim not in {a.count(",") + 1 for a in axes.split(" or ")}
            or values.dtype.kind not in "biuf"
        ):
            raise BadInput(f"{self.name}.weights must be numbers {axes}, not {values.dtype} {values.shape}")
        return values

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Synapses)
            and type(self) is type(other)
            and self.name == other.name
            and self.settings() == other.settings()
            and self.shape == other.shape
            and self._same_weights(other)
        )

    def _same_weights(self, other: Any) -> bool:
        return np.array_equal(self.weights, other.weights)


def weight_step(num_weight_bits: int, sign_mode: str = "mixed") -> int:
    """Distance between two weights that `num_weight_bits` can tell apart; mixed signs take one of them.

    >>> weight_step(8), weight_step(4), weight_step(8, "excitatory")
    (2, 32, 1)
    """
    return 1 << (8 - num_weight_bits + (sign_mode == "mixed"))


def weight_grid(num_weight_bits: int, sign_mode: str = "mixed") -> tuple[int, int, int]:
    """Return the distance between weights, the lowest and the highest.

    >>> weight_grid(8), weight_grid(7, "excitatory"), weight_grid(8, "inhibitory")
    ((2, -256, 254), (2, 0, 254), (1, -255, 0))
    """
    step = weight_step(num_weight_bits, sign_mode)
    low = {"mixed": -LARGEST, "excitatory": 0, "inhibitory": step - LARGEST}[sign_mode]
    return step, low, 0 if sign_mode == "inhibitory" else LARGEST - step
