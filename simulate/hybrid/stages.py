"""What a host computes before and after a chip: one frame at a time, the same in a batch and on a stream.

Adding a stage: a class here or beside, and in `STAGES` of `hybrid_file.py`. Its fields are numbers,
names and float arrays; a file holds them by name.
"""

from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from ..errors import BadInput

Frame = np.ndarray


@dataclass(frozen=True, eq=False)
class Stage:
    """A function of named values of a frame, with what it keeps for the next one.

    Attributes
    ----------
    reads, writes : names of values
    why : str
        What keeps it off the chip.
    """

    reads: ClassVar[tuple[str, ...]]
    writes: ClassVar[str]
    why: ClassVar[str]

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, (list, np.ndarray)):
                held = np.array(value, np.float32)
                if not held.size or not np.isfinite(held).all():
                    raise BadInput(f"{type(self).__name__}.{field.name} must hold numbers, all finite")
                held.flags.writeable = False
                object.__setattr__(self, field.name, held)

    def start(self) -> Any:
        """Return what is kept, before the first frame."""
        return None

    def step(self, kept: Any, *values: Frame) -> Frame:
        """Return what it writes; `kept` is changed in place."""
        raise NotImplementedError

    @property
    def operations(self) -> int:
        """Multiply-adds and functions of one value, for a frame."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Frames(Stage):
    """The last `window` samples, every `hop` samples.

    >>> frames = Frames(window=4, hop=2)
    >>> kept = frames.start()
    >>> [frames.step(kept, np.array(x, np.float32)).tolist() for x in ([1, 2], [3, 4])]
    [[0.0, 0.0, 1.0, 2.0], [1.0, 2.0, 3.0, 4.0]]
    """

    window: int
    hop: int

    reads = ("samples",)
    writes = "frame"
    why = "a buffer of samples"

    def start(self) -> Frame:
        """Return silence."""
        return np.zeros(self.window, np.float32)

    def step(self, kept: Frame, *values: Frame) -> Frame:
        """Take `hop` samples; return the window."""
        kept[: -self.hop] = kept[self.hop :]
        kept[-self.hop :] = values[0]
        return kept.copy()

    @property
    def operations(self) -> int:
        """None."""
        return 0


class End(Stage):
    """The last stage: what a Hybrid gives for each hop.

    Attributes
    ----------
    dtype : type
        Of the values that it gives.
    """

    dtype: ClassVar[Any]

    @property
    def size(self) -> int:
        """Values for a hop."""
        raise NotImplementedError

    @property
    def late(self) -> int:
        """Values before the first that belongs to the sound."""
        raise NotImplementedError

    def fits(self, frames: Frames) -> bool:
        """Whether it takes frames of this window and hop."""
        raise NotImplementedError

    def waits(self, frames: Frames) -> int:
        """Samples that have to be heard before one is done with."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Filters(Stage):
    """A learned filter bank: the positive part of weight @ frame + bias.

    Parameters
    ----------
    weight : float (n, window)
    bias : float (n)
    """

    weight: Any
    bias: Any

    reads = ("frame",)
    writes = "filtered"
    why = "dense and real-valued: encoding, by the rules of N-DNS"

    def step(self, kept: None, *values: Frame) -> Frame:
        """Filter a frame."""
        return np.maximum(self.weight @ values[0] + self.bias, 0)

    @property
    def operations(self) -> int:
        """One for each weight, and each output."""
        return self.weight.size + len(self.bias)


@dataclass(frozen=True, eq=False)
class UnitVariance(Stage):
    """Division by the standard deviation of a frame: what is left of a LayerNorm when the rest is in weights.

    Its mean, which is linear, and its affine part are in the weights behind it.

    Parameters
    ----------
    n : int
        Channels.
    eps : float
        Added to the variance.
    """

    n: int
    eps: float

    reads = ("filtered",)
    writes = "features"
    why = "a square root and a division: the chip has neither"

    def step(self, kept: None, *values: Frame) -> Frame:
        """Divide."""
        return values[0] / np.sqrt(values[0].var() + np.float32(self.eps))

    @property
    def operations(self) -> int:
        """A mean, a variance and a quotient."""
        return 3 * self.n


@dataclass(frozen=True, eq=False)
class Dequantize(Stage):
    """Graded events in floats: an event e was rounded down, and stands for (e + 1/2) / scale.

    Parameters
    ----------
    scale : float (n)
    """

    scale: Any

    reads = ("sent",)
    writes = "readout"
    why = "where integers become floats"

    def step(self, kept: None, *values: Frame) -> Frame:
        """Scale the events; none is 0."""
        sent = values[0].astype(np.float32)
        return np.where(sent > 0, (sent + np.float32(0.5)) / self.scale, np.float32(0))

    @property
    def operations(self) -> int:
        """One a channel."""
        return len(self.scale)


@dataclass(frozen=True, eq=False)
class Mask(Stage):
    """What was filtered, times the sigmoid of weight @ readout + bias.

    Parameters
    ----------
    weight : float (n, n_readout)
    bias : float (n)
    """

    weight: Any
    bias: Any

    reads = ("readout", "filtered")
    writes = "masked"
    why = "a sigmoid and a product of two real values"

    def step(self, kept: None, *values: Frame) -> Frame:
        """Mask."""
        readout, filtered = values
        return filtered / (1 + np.exp(-(self.weight @ readout + self.bias)))

    @property
    def operations(self) -> int:
        """One for each weight, and a sigmoid and a product a channel."""
        return self.weight.size + 2 * len(self.bias)


@dataclass(frozen=True, eq=False)
class OverlapAdd(End):
    """A window of sound for each frame, added to the rest of the one before; a hop is finished.

    Parameters
    ----------
    weight : float (window, n)
    offset : float
        Added to every sample.
    hop : int
        Half a window or more.
    """

    weight: Any
    offset: float
    hop: int

    reads = ("masked",)
    writes = "samples"
    why = "dense and real-valued: decoding, by the rules of N-DNS"
    dtype = np.float32

    @property
    def size(self) -> int:
        """A hop."""
        return self.hop

    @property
    def late(self) -> int:
        """What the first frame holds of the time before the sound."""
        return len(self.weight) - self.hop

    def fits(self, frames: Frames) -> bool:
        """Its own window and hop."""
        return self.hop == frames.hop and np.shape(self.weight)[:1] == (frames.window,)

    def waits(self, frames: Frames) -> int:
        """A window."""
        return frames.window

    def start(self) -> Frame:
        """Return silence."""
        return np.zeros(len(self.weight) - self.hop, np.float32)

    def step(self, kept: Frame, *values: Frame) -> Frame:
        """Return the next `hop` samples."""
        piece = self.weight @ values[0]
        done = piece[: self.hop] + np.float32(self.offset)
        done[: len(kept)] += kept
        kept[:] = piece[self.hop :]
        return done

    @property
    def operations(self) -> int:
        """One for each weight, and each sample that is added."""
        return self.weight.size + len(self.weight)
