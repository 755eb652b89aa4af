"""The end stage that turns what a chip sends into labels."""

from dataclasses import dataclass

import numpy as np

from ..errors import BadInput
from .fields import check_whole
from .stages import End, Frame, Frames

MOST_STEPS = 10**6  # of a decision: they are kept


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
            check_whole(self, what, MOST_STEPS)
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
