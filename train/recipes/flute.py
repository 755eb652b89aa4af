"""`flute`: is a note played by a real flute? Spectrum of each tenth of a second, 688-32-1."""

from pathlib import Path

import numpy as np
import soxr
import torch
from pydantic import Field
from torch import nn

from ...models.flute import FluteNet, FrameMLP, biased_loss
from ...models.front_ends.chunks import N_FEATURES, SAMPLE_RATE, STEP_S, chunk_events
from ...models.readout import majority
from ..data.nsynth import SAMPLE_RATE as NOTE_RATE
from ..note_sets import note_splits
from .recipe import Options, Recipe, Splits

SECONDS = 4.0
SEGMENT = 3  # chunks: the 300 ms test


class FluteOptions(Options):
    """As `Options`, with sizes of the data and the layer that listens.

    Attributes
    ----------
    notes, valid_notes, test_notes : int
        Generated, or at most so many of NSynth.
    noisy : float, 0 to 1
        Share of the training notes that are heard in noise of 0 to 20 dB.
    alpha, beta : float, 0 to 1
        Of the listening layer before training.
    """

    epochs: int = Field(15, ge=1)
    batch: int = Field(20, ge=1)
    learning_rate: float = Field(1e-3, gt=0)
    clip: float | None = Field(1.0, gt=0)
    notes: int = Field(600, ge=2)
    valid_notes: int = Field(100, ge=1)
    test_notes: int = Field(200, ge=1)
    noisy: float = Field(0.0, ge=0, le=1)
    alpha: float = Field(1.0, ge=0, le=1)
    beta: float = Field(0.999, ge=0, le=1)


def encode(samples: np.ndarray) -> np.ndarray:
    """Turn a note at 16 kHz into events of 40 chunks; published at 22,050 Hz."""
    return chunk_events(soxr.resample(samples, NOTE_RATE, SAMPLE_RATE))


def splits(data: Path | None, seed: int, options: FluteOptions) -> Splits:
    """Return notes of flutes, NSynth's or generated."""
    sizes = (options.notes, options.valid_notes, options.test_notes)
    return note_splits(data, seed, sizes, SECONDS, encode, options.noisy, skip_bad=options.skip_bad)


def segments(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw the 300 ms test: three chunks in a row of each of 35 notes, five times.

    Parameters
    ----------
    x : array (n, steps, channels)
        Notes.
    y : int64 (n,)
        Their labels.
    rng : numpy Generator
        Draws notes and places.

    Returns
    -------
    x : array (175, 3, channels)
    y : int64 (175,)
    """
    notes = np.concatenate([rng.choice(len(x), 35, replace=len(x) < 35) for _ in range(5)])
    starts = rng.integers(0, x.shape[1] - SEGMENT + 1, len(notes))
    return np.stack([x[i, s : s + SEGMENT] for i, s in zip(notes, starts, strict=True)]), y[notes]


def loss(output: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the biased loss; its p, which grows from .1 to .9 in the published run, stands at .5."""
    return biased_loss(output, y, bias=0.5)


def decide_score(output: np.ndarray) -> np.ndarray:
    """Return 1 where most steps are above a half: spikes are 0 or 1, scores of the MLP between."""
    return majority(np.asarray(output) > 0.5)


def accuracy(output: np.ndarray, y: np.ndarray) -> float:
    """Return the share of notes that are decided right."""
    return float(np.mean(decide_score(output) == y))


def network(options: FluteOptions) -> nn.Module:
    """Return the network before training."""
    return FluteNet(alpha=options.alpha, beta=options.beta)


RECIPE = Recipe(
    name="flute",
    summary="is a note a real flute's: mel and MFCC of 100 ms, per-neuron alpha and beta, 688-32-1",
    metric="accuracy",
    options=FluteOptions,
    splits=splits,
    network=network,
    loss=loss,
    score=accuracy,
    decide=decide_score,
    ann=lambda options: FrameMLP(N_FEATURES),
    dt_s=lambda options: STEP_S,
    variants={
        "published": {"learning_rate": 5e-5, "epochs": 5, "notes": 4000, "clip": None},
        "in-noise": {"noisy": 0.7},
    },
)
