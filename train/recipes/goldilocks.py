"""`goldilocks`: two coupled neurons learn to hear periods of 30 to 50 steps, and no others."""

from pathlib import Path

import numpy as np
import torch
from pydantic import Field
from torch import nn
from torch.nn import functional

from ...models.goldilocks import Goldilocks
from ...models.readout import seen_in_windows
from ...simulate.errors import BadInput
from ..generate.trains import BAND, LONGEST, SHORTEST, draw_periods, in_band, period_trains
from .recipe import Options, Recipe, Split, Splits

WINDOW, STRIDE = 101, 51  # steps: a period of 50 that takes two inputs fires once in each window


class GoldilocksOptions(Options):
    """As `Options`, with the neuron before training.

    Attributes
    ----------
    trains : int
        To learn from.
    beta_theta, beta_tau, w_tau : float
        Before training: the example of the report, which hears periods 16 to 18.
    w_theta : float
        Weight of an input; not learned.
    """

    epochs: int = Field(25, ge=1)
    batch: int = Field(1000, ge=1)
    learning_rate: float = Field(1e-3, gt=0)
    trains: int = Field(5000, ge=2)
    beta_theta: float = Field(0.88509, gt=0, lt=1)
    beta_tau: float = Field(0.86375, gt=0, lt=1)
    w_tau: float = Field(2.0, ge=0)
    w_theta: float = Field(0.9, gt=0)


def splits(data: Path | None, seed: int, options: GoldilocksOptions) -> Splits:
    """Return drawn trains to learn from and to choose by; the test has every period, at three phases.

    Raises
    ------
    BadInput
        There is `data`: trains have no recordings.
    """
    if data is not None:
        raise BadInput("goldilocks: periodic trains are drawn; leave out --data")
    rng = np.random.default_rng([*b"periods", seed])
    every = np.tile(np.arange(SHORTEST, LONGEST + 1), 3)
    source = f"periodic trains of 1,000 steps, periods {BAND[0]} to {BAND[1]} to be heard, seed {seed}"
    train, valid = (_split(draw_periods(n, rng), rng) for n in (options.trains, 500))
    return Splits(train, valid, _split(every, rng), source)


def network(options: GoldilocksOptions) -> nn.Module:
    """Return the neuron before training."""
    return Goldilocks(1, options.beta_theta, options.beta_tau, options.w_tau, options.w_theta)


def loss(output: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return how far the windows with a spike are from all of them, or from none."""
    seen = functional.max_pool1d(output.transpose(1, 2), WINDOW, STRIDE)
    return (seen - y.to(output.dtype)[:, None, None]).abs().mean()


def decide(output: np.ndarray) -> np.ndarray:
    """Return 1 where half of the windows or more have a spike, else 0."""
    return (seen_in_windows(output, WINDOW, STRIDE).mean((1, 2)) >= 0.5).astype(np.int64)


def _split(periods: np.ndarray, rng: np.random.Generator) -> Split:
    names = tuple(f"period {period}" for period in periods)
    return Split(period_trains(periods, rng), in_band(periods), names)


RECIPE = Recipe(
    name="goldilocks",
    summary="a neuron that fires only for periods in a band: two LIFs, three learned parameters",
    metric="accuracy",
    options=GoldilocksOptions,
    splits=splits,
    network=network,
    loss=loss,
    score=lambda output, y: float(np.mean(decide(output) == y)),
    decide=decide,
    dt_s=lambda options: 2e-3,
)
