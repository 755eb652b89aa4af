"""Host stages that turn a frame of sound into events: spectrum, bands, range, matrix, whole numbers."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.fft import rfft
from scipy.sparse import csr_array

from ..errors import BadInput
from .fields import check_array, check_positive, check_whole
from .stages import Frame, Stage

MOST_BINS = 2**20  # of a spectrum


@dataclass(frozen=True, eq=False)
class Spectrum(Stage):
    """Magnitudes of the bins of a frame under a window.

    Parameters
    ----------
    weight : float (window,)
    n : int, window to 2^20
        Of the transform; the rest is silence. n // 2 + 1 bins.

    >>> Spectrum([1, 0.5], 2).step(None, np.array([3, 4], np.float32)).tolist()
    [5.0, 1.0]
    """

    weight: Any
    n: int

    reads = ("frame",)
    writes = "spectrum"
    why = "square roots, and dense and real-valued: encoding, by the rules of N-DNS"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_array(self, axes=1)
        check_whole(self, "n", MOST_BINS)
        if self.n < len(self.weight):
            raise BadInput(f"Spectrum: n = {self.n} must be at least its window, {len(self.weight)}")

    def step(self, kept: None, *values: Frame) -> Frame:
        """Transform a frame."""
        if values[0].shape != self.weight.shape:
            raise ValueError(f"a window of {len(self.weight)} for frames of {len(values[0])}")
        return np.abs(np.asarray(rfft(values[0] * self.weight, self.n)))

    @property
    def operations(self) -> int:
        """The window, the transform as a fast one of real numbers, and a magnitude a bin."""
        return len(self.weight) + round(self.n * np.log2(self.n)) + self.n // 2 + 1


@dataclass(frozen=True, eq=False)
class Bands(Stage):
    """Sums of bins: weight @ spectrum.

    Parameters
    ----------
    weight : float (n, bins)
        Few of them need be other than 0.
    """

    weight: Any

    reads = ("spectrum",)
    writes = "bands"
    why = "real-valued: encoding, by the rules of N-DNS"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_array(self, axes=2)

    @cached_property
    def _sparse(self) -> csr_array:
        return csr_array(self.weight)

    def step(self, kept: None, *values: Frame) -> Frame:
        """Sum."""
        return self._sparse @ values[0]

    @property
    def operations(self) -> int:
        """One for each weight that is not 0."""
        return self._sparse.nnz


@dataclass(frozen=True, eq=False)
class UnitRange(Stage):
    """Division by the range of a frame, or by the smallest range that counts.

    Parameters
    ----------
    n : int
        Bands.
    smallest : float, above 0

    >>> stage = UnitRange(2, 0.5)
    >>> [stage.step(None, np.array([0, x], np.float32)).tolist() for x in (2, 0.25)]
    [[0.0, 1.0], [0.0, 0.5]]
    """

    n: int
    smallest: float

    reads = ("bands",)
    writes = "unit"
    why = "a division: the chip has none"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_whole(self, "n", MOST_BINS)
        check_positive(self, "smallest")

    def step(self, kept: None, *values: Frame) -> Frame:
        """Divide."""
        smallest = np.float32(self.smallest)
        extent = values[0].max() - values[0].min()
        return values[0] / (np.maximum(extent - smallest, 0) + smallest)

    @property
    def operations(self) -> int:
        """A largest, a smallest and a quotient."""
        return 3 * self.n


@dataclass(frozen=True, eq=False)
class Rectified(Stage):
    """The positive part of weight @ values.

    Parameters
    ----------
    weight : float (n, bands)
    """

    weight: Any

    reads = ("unit",)
    writes = "channels"
    why = "dense and real-valued: encoding, by the rules of N-DNS"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_array(self, axes=2)

    def step(self, kept: None, *values: Frame) -> Frame:
        """Multiply."""
        return np.maximum(self.weight @ values[0], 0)

    @property
    def operations(self) -> int:
        """One for each weight, and each output."""
        return self.weight.size + len(self.weight)


@dataclass(frozen=True, eq=False)
class Counts(Stage):
    """Whole numbers of events, scale for 1, at most `largest`.

    Parameters
    ----------
    n : int
        Channels.
    scale : float, above 0
    largest : int, above 0

    >>> Counts(3, 512, 1023).step(None, np.array([-1, 0.5, 9], np.float32)).tolist()
    [0, 256, 1023]
    """

    n: int
    scale: float
    largest: int

    reads = ("channels",)
    writes = "events"
    why = "where floats become integers"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_whole(self, "n", MOST_BINS)
        check_whole(self, "largest", 2**24 - 1)
        check_positive(self, "scale")

    def step(self, kept: None, *values: Frame) -> Frame:
        """Round."""
        return np.clip(np.rint(values[0] * np.float32(self.scale)), 0, self.largest).astype(np.int32)

    @property
    def operations(self) -> int:
        """One a channel."""
        return self.n
