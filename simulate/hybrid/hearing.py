"""Host stages: a frame of sound to events, and what a chip sends to labels."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.fft import rfft
from scipy.sparse import csr_array

from ..errors import BadInput
from .stages import End, Frame, Frames, Stage

MOST_BINS = 2**20  # of a spectrum
MOST_STEPS = 10**6  # of a decision: they are kept


@dataclass(frozen=True, eq=False)
class Spectrum(Stage):
    """Magnitudes of the bins of a frame under a window.

    Parameters
    ----------
    weight : float (window,)
    n : int, window to 2^20
        Of the transform; the rest is silence. n // 2 + 1 bins.

    >>> Spectrum([1, 1], 4).step(None, np.array([1, 1], np.float32)).round(3).tolist()
    [2.0, 1.414, 0.0]
    """

    weight: Any
    n: int

    reads = ("frame",)
    writes = "spectrum"
    why = "square roots, and dense and real-valued: encoding, by the rules of N-DNS"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_array(self, axes=1)
        _check_whole(self, "n", MOST_BINS)
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
        _check_array(self, axes=2)

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

    >>> stage = UnitRange(2, 0.05)
    >>> [stage.step(None, np.array([0, x], np.float32)).round(6).tolist() for x in (2, 0.01)]
    [[0.0, 1.0], [0.0, 0.2]]
    """

    n: int
    smallest: float

    reads = ("bands",)
    writes = "unit"
    why = "a division: the chip has none"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_whole(self, "n", MOST_BINS)
        _check_positive(self, "smallest")

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
        _check_array(self, axes=2)

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
        _check_whole(self, "n", MOST_BINS)
        _check_whole(self, "largest", 2**24 - 1)
        _check_positive(self, "scale")

    def step(self, kept: None, *values: Frame) -> Frame:
        """Round."""
        return np.clip(np.rint(values[0] * np.float32(self.scale)), 0, self.largest).astype(np.int32)

    @property
    def operations(self) -> int:
        """One a channel."""
        return self.n


@dataclass(frozen=True, eq=False)
class Decide(End):
    """A label every `stride` steps, of the last `window` steps.

    Of one channel the second name where its sum exceeds threshold * window, else the first. Of several
    the name of the largest sum, among equals the first.

    Parameters
    ----------
    n : int
        Channels that the chip sends.
    names : str, two for one channel, else as many as there are
    window, stride : int, steps
        The first label comes after a whole window.
    threshold : float
        Of the mean of one channel.

    >>> decide = Decide(1, ("no", "yes"), window=3, stride=1, threshold=0.5)
    >>> kept = decide.start()
    >>> [int(decide.step(kept, np.array([s]))[0]) for s in (0, 1, 1, 0, 0)]
    [-1, -1, 1, 1, 0]
    """

    n: int
    names: tuple[str, ...]
    window: int
    stride: int
    threshold: float = 0.0

    reads = ("sent",)
    writes = "label"
    why = "a comparison of sums that nothing on the chip waits for"
    dtype = np.int32

    def __post_init__(self) -> None:
        if not isinstance(self.names, (tuple, list)) or not all(
            isinstance(name, str) and name and name.isprintable() for name in self.names
        ):
            raise BadInput(f"Decide: names {self.names!r} must be words that can be printed")
        object.__setattr__(self, "names", tuple(self.names))
        super().__post_init__()
        for what in ("n", "window", "stride"):
            _check_whole(self, what, MOST_STEPS)
        if self.n * self.window > MOST_STEPS:
            raise BadInput(
                f"Decide: {self.window} steps of {self.n} channels are kept; the limit is {MOST_STEPS} values"
            )
        if type(self.threshold) not in (int, float) or not np.isfinite(self.threshold):
            raise BadInput(f"Decide: threshold = {self.threshold} must be a number")
        if len(self.names) != max(2, self.n):
            raise BadInput(f"Decide: {len(self.names)} names for {self.n} channels; give {max(2, self.n)}")

    def start(self) -> tuple[np.ndarray, np.ndarray]:
        """Return a ring of steps, and how many have passed."""
        return np.zeros((self.window, self.n), np.int64), np.zeros(1, np.int64)

    def step(self, kept: tuple[np.ndarray, np.ndarray], *values: Frame) -> Frame:
        """Take a step; return the number of a name, or -1 for none."""
        ring, passed = kept
        ring[passed[0] % self.window] = values[0].reshape(self.n)
        passed += 1
        after = int(passed[0]) - self.window
        due = after >= 0 and after % self.stride == 0
        return np.array([self._label(ring.sum(axis=0)) if due else -1], np.int32)

    def _label(self, sums: np.ndarray) -> int:
        return int(sums.argmax() if self.n > 1 else sums[0] > self.threshold * self.window)

    @property
    def size(self) -> int:
        """One."""
        return 1

    @property
    def late(self) -> int:
        """None: a label comes with the step that it is due in."""
        return 0

    def fits(self, frames: Frames) -> bool:
        """Any."""
        return True

    def waits(self, frames: Frames) -> int:
        """A window of sound for each step of a window."""
        return frames.window + (self.window - 1) * frames.hop

    @property
    def operations(self) -> int:
        """The sums, spread over the steps between two labels; and a comparison."""
        return -(-self.n * self.window // self.stride) + 1


def _check_array(stage: Any, axes: int) -> None:
    """Refuse a weight that is none; a file may hold anything."""
    if not isinstance(stage.weight, np.ndarray) or stage.weight.ndim != axes:
        raise BadInput(f"{type(stage).__name__}: weight must be an array of {axes} axes")


def _check_whole(stage: Stage, what: str, most: int) -> None:
    value = getattr(stage, what)
    if type(value) is not int or not 1 <= value <= most:
        raise BadInput(f"{type(stage).__name__}: {what} = {value} must be a whole number, 1 to {most}")


def _check_positive(stage: Stage, what: str) -> None:
    value = getattr(stage, what)
    if type(value) not in (int, float) or not 0 < value < np.inf:
        raise BadInput(f"{type(stage).__name__}: {what} = {value} must be a number above 0")
