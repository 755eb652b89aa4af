"""How DPSNN is trained, in numbers; no torch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """How to train.

    Attributes
    ----------
    steps, batch : int
    seconds : float
        Of an excerpt; half a second stalls.
    learning_rate, clip : float
        Of Adam at its height, and the largest norm of a gradient.
    average : float
        Share of the average over steps that the next step leaves.
    checks : int
        How often validation decides.
    seed : int
    """

    steps: int = 20_000
    batch: int = 8
    seconds: float = 1.0
    learning_rate: float = 1e-2
    clip: float = 5.0
    average: float = 0.99
    checks: int = 20
    seed: int = 0


# in the chip's integers; the learning rate is in shares of a layer's weights
FINE = Settings(steps=400, learning_rate=0.0003, checks=8)
