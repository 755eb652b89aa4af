"""`instrument`: in which half seconds of a noisy piece does one instrument sound? The complete recogniser."""

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch import nn
from torch.nn import functional

from ...export.hearing import hearing
from ...models.front_ends.cochlea import HOP_S, cochlea_events
from ...models.instrument import InstrumentNet
from ...simulate.hybrid.decide import Decide
from ...simulate.hybrid.hybrid import Hybrid
from ...simulate.program import Program
from ..data.nsynth import SAMPLE_RATE, SPLITS
from ..generate.din import DIN, mixed
from ..generate.notes import FAMILIES, SOURCES
from ..generate.scores import Recorded, ScoreNote, Sounding, Voice, compose, generated, perform, presence
from .recipe import Options, Recipe, Split, Splits

WINDOW_MS, STRIDE_MS = 500, 250
WINDOW, STRIDE = (round(ms / 1000 / HOP_S) for ms in (WINDOW_MS, STRIDE_MS))


class InstrumentOptions(Options):
    """As `Options`, with what is to be heard, sizes, and what else sounds.

    Attributes
    ----------
    family, source : str
        What is to be heard: acoustic flutes.
    hidden, readout, beta_theta, beta_tau
        As in `InstrumentNet`.
    pieces, valid_pieces, test_pieces : int
        To learn from, to choose by, to score.
    length_ms : int
        Of a piece.
    lowest_db, highest_db : float
        Signal to noise.
    """

    epochs: int = Field(10, ge=1)
    batch: int = Field(12, ge=1)
    learning_rate: float = Field(3e-3, gt=0)
    schedule: Literal["constant", "cosine", "plateau"] = "cosine"
    clip: float | None = Field(1.0, gt=0)
    family: str = Field("flute", pattern=f"^({'|'.join(FAMILIES)})$")
    source: str = Field("acoustic", pattern=f"^({'|'.join(SOURCES)})$")
    hidden: int = Field(64, ge=1)
    readout: int = Field(32, ge=1)
    beta_theta: float = Field(0.9, gt=0, lt=1)
    beta_tau: float = Field(0.3, gt=0, lt=1)
    pieces: int = Field(240, ge=2)
    valid_pieces: int = Field(40, ge=1)
    test_pieces: int = Field(80, ge=1)
    length_ms: int = Field(2000, ge=WINDOW_MS + 12)
    lowest_db: float = 5.0
    highest_db: float = 20.0


def splits(data: Path | None, seed: int, options: InstrumentOptions) -> Splits:
    """Return pieces of a few voices in noise; y says in which half seconds the instrument sounds."""
    sizes = (options.pieces, options.valid_pieces, options.test_pieces)
    train, valid, test = (_split(data, seed, s, n, options) for s, n in zip(SPLITS, sizes, strict=True))
    source = f"NSynth in {Path(data).name}" if data else "generated notes"
    return Splits(train, valid, test, f"{options.source} {options.family} in pieces of {source}, seed {seed}")


def _split(data: Path | None, seed: int, split: str, n: int, options: InstrumentOptions) -> Split:
    rng = np.random.default_rng([*f"pieces of {split}".encode(), seed])
    recorded = None if data is None else Recorded(data, split, options.skip_bad)
    made = [_piece(i % 2 == 0, recorded or generated(split, rng), options, rng) for i in range(n)]
    sounds = tuple(sound for sound, _ in made)
    x = np.stack([cochlea_events(sound, SAMPLE_RATE)[:, None] for sound in sounds]).astype(np.int16)
    y = np.stack([heard[: _n_windows(x.shape[1])] for _, heard in made])
    notes = () if recorded is None else recorded.skipping.notes()
    return Split(x, y, tuple(f"{split} piece {i}" for i in range(n)), notes, sounds, SAMPLE_RATE)


def _piece(
    present: bool, sounding: Sounding, options: InstrumentOptions, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return a piece as sound, and in which windows the instrument is heard."""
    target, length = Voice(options.family, options.source), options.length_ms
    others = [v for v in VOICES if v != target]
    voices = [others[i] for i in rng.permutation(len(others))[: int(rng.integers(1, 3))]]
    melodies: dict[Voice, list[ScoreNote]] = {v: compose(v, length, rng) for v in voices}
    if present:
        melodies[target] = compose(target, length, rng)
    parts = [perform(v, melody, length, sounding, rng) for v, melody in melodies.items()]
    levels = 10 ** (rng.uniform(-6, 0, len(parts)) / 20)
    levels[-1] = 1.0
    sound = levels @ np.stack(parts)
    noise = DIN[str(rng.choice(sorted(DIN)))](rng, len(sound), SAMPLE_RATE)
    sound = mixed(sound, noise, rng.uniform(options.lowest_db, options.highest_db))
    loudness = 10 ** (rng.uniform(-40, 0) / 20)  # any: the front end hears alike
    return loudness * sound, presence(melodies.get(target, []), length, WINDOW_MS, STRIDE_MS)


PUBLISHED = {
    "hidden": 1024,
    "readout": 128,
    "beta_theta": 0.5,
    "beta_tau": 0.4,
    "length_ms": 8000,
    "epochs": 20,
}
VOICES = tuple(Voice(family, source) for family in FAMILIES for source in ("acoustic", "synthetic"))


def window_scores(output: torch.Tensor) -> torch.Tensor:
    """Return the mean score of each half second, (batch, windows)."""
    return functional.avg_pool1d(output.transpose(1, 2), WINDOW, STRIDE)[:, 0]


def loss(output: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the cross-entropy of the windows."""
    return functional.binary_cross_entropy_with_logits(window_scores(output), y.to(output.dtype))


def heard(output: np.ndarray) -> np.ndarray:
    """Return in which half seconds the instrument is found: bool (batch, windows).

    >>> heard(np.r_[np.full(250, -1), np.full(125, 2)].reshape(1, 375, 1)).tolist()
    [[False, True]]
    """
    total = np.cumsum(np.pad(np.asarray(output)[..., 0], ((0, 0), (1, 0))).astype(np.float64), axis=1)
    starts = np.arange(_n_windows(output.shape[1])) * STRIDE
    return total[:, starts + WINDOW] - total[:, starts] > 0


def window_accuracy(output: np.ndarray, y: np.ndarray) -> float:
    """Return the share of half seconds that are decided right."""
    return float(np.mean(heard(output) == y))


def _n_windows(steps: int) -> int:
    return (steps - WINDOW) // STRIDE + 1


def network(options: InstrumentOptions) -> nn.Module:
    """Return the network before training."""
    return InstrumentNet(options.hidden, options.readout, options.beta_theta, options.beta_tau)


def hybrid(program: Program, options: InstrumentOptions) -> Hybrid:
    """Return the model that says in which half seconds it hears the instrument, as `heard`."""
    sought = f"{options.source} {options.family}"
    return hearing(program, Decide(1, (f"no {sought}", sought), WINDOW, STRIDE))


RECIPE = Recipe(
    name="instrument",
    summary="where in a noisy piece one instrument sounds: cochlea, convolution, goldilocks, traces, hold",
    metric="window accuracy",
    options=InstrumentOptions,
    splits=splits,
    network=network,
    loss=loss,
    score=window_accuracy,
    dt_s=lambda options: HOP_S,
    hybrid=hybrid,
    variants={"published": PUBLISHED},
)
