"""What joins populations: inputs where events enter, and the types of connections.

Adding a type: a class here, in `CONNECTIONS`; its synapses in `reference.py`; its NIR form in
`program_nir.py`; its Lava process in `deploy/connections.py`. `fast` takes it as its matrix.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import BadInput, OutOfRange
from .ranges import check_shape, fit_register
from .synapses import Synapses
from .windows import Windows, whole_numbers

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@dataclass(frozen=True)
class Input:
    """Where events enter.

    Parameters
    ----------
    shape : tuple of int
    message_bits : int, 0 to 24
        0: binary spikes; b > 0: graded events, each an integer from 0 (no event) to 2^b - 1.
    scale : float
        Events per unit of the float input that they stand for; 1 where that is whole numbers already.

    >>> Input((3,), message_bits=4, scale=10.0).encode([[[0.0, 0.26, 7.0]]])
    array([[[ 0,  3, 15]]], dtype=int32)
    """

    shape: tuple[int, ...]
    message_bits: int = 0
    scale: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", check_shape("Input", self.shape))
        bits = fit_register("Input", "message_bits", self.message_bits)
        object.__setattr__(self, "message_bits", int(bits))
        if not 0 < self.scale < np.inf:
            raise OutOfRange(f"Input.scale = {self.scale} must be a positive number of events per unit")
        object.__setattr__(self, "scale", float(self.scale))

    def encode(self, values: Any) -> np.ndarray:
        """Return the events that stand for float input: rint(values * scale), at most the largest event.

        Raises
        ------
        BadInput
            It holds other things than numbers from 0 on.
        """
        values = np.asarray(values)
        if values.dtype.kind not in "biuf" or not np.all(values >= 0):
            raise BadInput("float input becomes events from 0 on; it must hold numbers, none below 0")
        return np.minimum(np.rint(values * self.scale), self.largest).astype(np.int32)

    @property
    def size(self) -> int:
        """Number of channels."""
        return prod(self.shape)

    @property
    def largest(self) -> int:
        """The largest event."""
        return max(1, 2**self.message_bits - 1)


@dataclass(frozen=True, eq=False)
class Dense(Synapses):
    """All-to-all synapses.

    a_in of the target += (weights @ events) * 2^weight_exp, the shift applied to the sum (a negative
    one rounds down). The events are those that the source sent `delay` steps ago: 0 is this step, 1 the
    shortest way round a loop.

    Parameters
    ----------
    source, target : str
    weights : int (n_out, n_in)
        As the chip applies them: multiples of 2^(9 - num_weight_bits) in -256 to 255 with mixed signs, of
        2^(8 - num_weight_bits) in 0 to 255 (excitatory) or -255 to 0 (inhibitory). With 8 bits and mixed
        signs the lowest bit is not stored. Channels of several axes are counted in C order.
    weight_exp : int, -8 to 7
    num_weight_bits : int, 1 to 8
    delay : int, 0 to 62, in steps
    sign_mode : "mixed", "excitatory" or "inhibitory"

    Raises
    ------
    BadInput
        The weights are not numbers of that shape.
    OutOfRange
        A weight is not on the grid of its bits and signs.

    Source: Lava 0.10.0, lava/proc/dense/models.py, `PyDenseModelBitAcc`.

    >>> Dense("input", "hidden", [[2, -4], [0, 254]]).name
    'input -> hidden'
    """

    def _checked(self, weights: Any) -> np.ndarray:
        return self.on_grid(self.as_numbers(weights, "(n_out, n_in)"))

    @property
    def shape(self) -> tuple[int, int]:
        """Neurons of the target, channels of the source."""
        return self.weights.shape

    @property
    def matrix(self) -> "csr_array":
        """The weights without zeros."""
        from scipy.sparse import csr_array

        return csr_array(self.weights)

    @property
    def fan_out(self) -> np.ndarray:
        """Weights of each channel that are not zero; int64 (n_in)."""
        return np.count_nonzero(self.weights, axis=0).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Sparse(Synapses):
    """Synapses between some pairs; the arithmetic is that of `Dense`.

    Parameters
    ----------
    weights : whole numbers (n_out, n_in), any matrix or array of scipy.sparse
        On the grid of `Dense`. Held as a `csr_array` of int32 without zeros, columns in order.
    source, target, weight_exp, num_weight_bits, delay, sign_mode
        As in `Dense`.

    Raises
    ------
    BadInput
        Not a sparse matrix of numbers, or one that holds an entry twice.
    OutOfRange
        A weight is not on the grid of its bits and signs.

    Source: Lava 0.10.0, lava/proc/sparse/models.py, `PySparseModelBitAcc`.

    >>> from scipy.sparse import csr_array
    >>> Sparse("input", "hidden", csr_array([[0, -4, 0], [0, 0, 254]])).fan_out
    array([0, 1, 1])
    """

    def _checked(self, weights: Any) -> "csr_array":
        from scipy.sparse import csr_array, issparse

        if not issparse(weights) or weights.ndim != 2:
            raise BadInput(f"{self.name}.weights must be a scipy.sparse matrix (n_out, n_in)")
        held = csr_array(weights, copy=True)
        held.sum_duplicates()  # sorts, too
        if held.nnz < weights.nnz:
            raise BadInput(f"{self.name}.weights holds an entry twice")
        held.data = self.on_grid(self.as_numbers(held.data, "(n)"))
        held.data = held.data.copy()
        held.eliminate_zeros()
        for part in (held.data, held.indices, held.indptr):
            part.flags.writeable = False
        return held

    @property
    def shape(self) -> tuple[int, int]:
        """Neurons of the target, channels of the source."""
        return self.weights.shape

    @property
    def values(self) -> np.ndarray:
        """The weights that are not zero."""
        return self.weights.data

    @property
    def matrix(self) -> "csr_array":
        """The weights themselves."""
        return self.weights

    def _same_weights(self, other: "Sparse") -> bool:
        return (
            np.array_equal(self.weights.indptr, other.weights.indptr)
            and np.array_equal(self.weights.indices, other.weights.indices)
            and np.array_equal(self.weights.data, other.weights.data)
        )


@dataclass(frozen=True, eq=False)
class Conv(Synapses):
    """A convolution over one or two axes, as torch's: the kernel is not flipped.

    Parameters
    ----------
    weights : int (channels out, channels in / groups, *kernel)
        On the grid of `Dense`, whose arithmetic it has.
    input_shape : (channels in, *sizes)
        Of the source; the neurons of the target are (channels out, *windows) in C order.
    stride, dilation : int >= 1, or one for each axis
    padding : int >= 0, or one for each axis
        Zeros at both ends.
    groups : int >= 1
    source, target, weight_exp, num_weight_bits, delay, sign_mode
        As in `Dense`.

    Raises
    ------
    BadInput
        Shapes, stride, padding, dilation and groups do not fit together.
    OutOfRange
        A weight is not on the grid of its bits and signs.

    >>> conv = Conv("input", "hidden", [[[2, -4]]], input_shape=(1, 4), stride=2)
    >>> conv.windows, conv.matrix.toarray().tolist()
    ((1, 2), [[2, -4, 0, 0], [0, 0, 2, -4]])
    """

    input_shape: tuple[int, ...] = field(kw_only=True)
    # given: one number, or one for each axis; held: one for each
    stride: Any = field(default=1, kw_only=True)
    padding: Any = field(default=0, kw_only=True)
    dilation: Any = field(default=1, kw_only=True)
    groups: int = field(default=1, kw_only=True)

    def _checked(self, weights: Any) -> np.ndarray:
        put = object.__setattr__
        kernels = self.as_numbers(weights, "(out, in, x) or (out, in, y, x)")
        put(self, "input_shape", check_shape(f"{self.name}.input_shape", self.input_shape))
        axes = kernels.ndim - 2
        try:
            for name, least in (("stride", 1), ("padding", 0), ("dilation", 1)):
                put(self, name, whole_numbers(name, getattr(self, name), axes, least))
            put(self, "groups", whole_numbers("groups", self.groups, 1, 1)[0])
            if kernels.shape[0] % self.groups:
                raise BadInput(f"groups = {self.groups} does not divide its {kernels.shape[0]} channels")
            if not kernels.size:
                raise BadInput(f"weights {kernels.shape} hold nothing")
            if self.input_shape[0] != kernels.shape[1] * self.groups or len(self.input_shape) != axes + 1:
                raise BadInput(
                    f"weights {kernels.shape} with groups = {self.groups} do not take {self.input_shape}"
                )
            put(self, "weights", kernels)
            self._windows().sizes(self.input_shape[1:])
        except BadInput as error:
            raise BadInput(f"{self.name}: {error}") from error
        return self.on_grid(kernels)

    def _windows(self) -> Windows:
        return Windows(self.weights.shape[2:], self.stride, self.dilation, self.padding, self.padding)

    @property
    def windows(self) -> tuple[int, ...]:
        """Shape of what it gives: (channels out, *windows)."""
        return (self.weights.shape[0], *self._windows().sizes(self.input_shape[1:]))

    @property
    def shape(self) -> tuple[int, int]:
        """Neurons of the target, channels of the source."""
        return prod(self.windows), prod(self.input_shape)

    @property
    def matrix(self) -> "csr_array":
        """A row for each window and channel out."""
        return self._windows().matrix(self.weights, self.input_shape, self.groups)


Connection = Dense | Sparse | Conv
CONNECTIONS: dict[str, type[Connection]] = {kind.__name__: kind for kind in (Dense, Sparse, Conv)}


def with_delays(connection: Dense | Sparse, delays: Sequence | np.ndarray) -> list[Sparse]:
    """Give each synapse its own delay: one connection for each, as in Lava's `DelayDense`.

    The sum of each delay is shifted by weight_exp on its own.

    Parameters
    ----------
    connection : Dense or Sparse
        Its own delay is added.
    delays : int (n_out, n_in), 0 to 62
        In steps.

    Raises
    ------
    BadInput
        The delays have another shape than the weights.
    OutOfRange
        A delay is too long.

    >>> [c.name for c in with_delays(Dense("a", "b", [[2, 4]]), [[0, 3]])]
    ['a -> b', 'a -> b +3']
    """
    from scipy.sparse import csr_array

    steps = fit_register(connection.name, "delay", delays)
    if steps.shape != connection.shape:
        raise BadInput(f"{connection.name}: delays {steps.shape} do not fit weights {connection.shape}")
    entries = connection.matrix.tocoo()
    of_each = steps[entries.row, entries.col]
    settings = connection.settings()
    apart = []
    for delay in np.unique(of_each):
        some = of_each == delay
        place = (entries.row[some], entries.col[some])
        weights = csr_array((entries.data[some], place), shape=connection.shape)
        later: dict[str, Any] = settings | {"delay": connection.delay + int(delay)}
        apart.append(Sparse(connection.source, connection.target, weights, **later))
    return apart
