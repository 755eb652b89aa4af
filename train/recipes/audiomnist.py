"""`audiomnist`: spoken digits as Bernoulli spikes of cepstral coefficients, summed spikes of ten neurons.

Source: Adhish, snn-mnsit-audio-digit-classifier: front end, sizes, loss and the sum as published. There, what
neurons send are sigmoids (`spike="sigmoid"`: made binary, they collapse); here they are spikes from the
first step of training on. Splits are the official ones; the original had no test.
"""

from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch import nn
from torch.nn import functional

from ...models.audiomnist import RateAnn, SpikingNet, soft_net
from ...models.front_ends.bernoulli import encode_all
from ...models.front_ends.mfcc import HOP, N_MFCC, SAMPLE_RATE, mfcc_rates
from ...models.readout import decide
from ..data.audiomnist import load_audiomnist
from ..data.fsdd import load_fsdd
from ..data.labeled import Labeled
from ..data.shd import hold_out
from ..generate.sets import generated
from .recipe import Options, Recipe, Split, Splits

FRAME_S = HOP / SAMPLE_RATE
LOGITS = 100.0  # of a neuron that spikes in every step
LATEST = 8  # frames by which a training clip is shifted: 0.1 s
ENCODINGS_FROM = 1_000_000  # seeds of the training encodings; none is that of a validation or test encoding
VALID_FOLDS = 20  # of FSDD, which has no validation set: one of so many


class AudioMnistOptions(Options):
    """Of `audiomnist`.

    Attributes
    ----------
    hidden : tuple of int
        (32, 32, 32) as published.
    spike : "hard" or "sigmoid"
        sigmoid as published: it cannot be exported.
    slope, gain
        As in `SpikingNet`.
    steps_per_frame : int
        For which a frame of 12.5 ms is held; 10 as published.
    encodings : int
        How often each training clip is encoded, with other random numbers, shifted in time.
    encoding : int
        Seed of the encoding of the validation and test clips.
    fold : int, 0 to 4
        Of AudioMNIST.
    takes : int
        Recordings per digit of each of the 60 speakers that are generated.
    """

    epochs: int = 20
    batch: int = 64
    learning_rate: float = 1e-2
    schedule: Literal["constant", "cosine", "plateau"] = "cosine"
    keep: Literal["best", "last", "average"] = "average"
    clip: float | None = 1.0
    hidden: tuple[int, ...] = (32, 32, 32)
    spike: Literal["hard", "sigmoid"] = "hard"
    slope: int = Field(5, ge=1)
    gain: float = Field(3.0, gt=0)
    steps_per_frame: int = Field(10, ge=1)
    encodings: int = Field(2, ge=1)
    encoding: int = Field(0, ge=0)
    fold: int = Field(0, ge=0, le=4)
    takes: int = Field(2, ge=1, le=50)


def splits(data: Path | None, seed: int, options: AudioMnistOptions) -> Splits:
    """Read AudioMNIST or FSDD, whichever is there, or generate AudioMNIST; as spikes."""
    source = f"recordings: {Path(data).name}" if data is not None else ""
    if data is None:
        data = generated("audiomnist", options.takes, seed)
        source = f"generated in the layout of AudioMNIST, seed {seed}"
    train, valid, test = _parts(data, options.fold, options.skip_bad)
    whole = partial(_encoded, options=options, encodings=(options.encoding,))
    several = tuple(range(ENCODINGS_FROM, ENCODINGS_FROM + options.encodings))
    return Splits(_encoded(train, options, several, shifts=True), whole(valid), whole(test), source)


def _parts(data: Path, fold: int, skip_bad: bool) -> tuple[Labeled, Labeled, Labeled]:
    """Return train, validation and test; FSDD keeps a tenth of its training recordings for validation."""
    if _is_fsdd(Path(data)):
        train, test = (load_fsdd(data, split, SAMPLE_RATE, skip_bad) for split in ("train", "test"))
        return *hold_out(train, VALID_FOLDS), test
    names = ("train", "valid", "test")
    train, valid, test = (load_audiomnist(data, s, fold, SAMPLE_RATE, skip_bad) for s in names)
    return train, valid, test


def _is_fsdd(data: Path) -> bool:
    return (data / "recordings").is_dir() or any(data.glob("*.wav"))


def _encoded(
    sounds: Labeled, options: AudioMnistOptions, encodings: tuple[int, ...], shifts: bool = False
) -> Split:
    """Return all sounds once for every encoding; late or early by some frames where they may be shifted."""
    rates = np.stack([mfcc_rates(samples) for samples in sounds.x])
    x = [
        encode_all(_shifted(rates, seed) if shifts else rates, seed, sounds.names, options.steps_per_frame)
        for seed in encodings
    ]
    times = len(encodings)
    heard = tuple(sounds.x) * times
    return Split(np.concatenate(x), np.tile(sounds.y, times), sounds.names * times, sounds.notes, heard)


def _shifted(rates: np.ndarray, seed: int) -> np.ndarray:
    """Move clips (n, frames, units) in time, at most `LATEST` frames either way."""
    by = np.random.default_rng([*b"shift", seed]).integers(-LATEST, LATEST + 1, len(rates))
    padded = np.pad(rates, ((0, 0), (LATEST, LATEST), (0, 0)))
    frames = LATEST - by[:, None] + np.arange(rates.shape[1])
    return np.take_along_axis(padded, frames[..., None], axis=1)


def network(options: AudioMnistOptions) -> nn.Module:
    """Return the network that spikes, or the published one."""
    sizes = (N_MFCC, *options.hidden, 10)
    if options.spike == "sigmoid":
        return soft_net(sizes)
    return SpikingNet(sizes, options.slope, options.gain)


def loss(output: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of the sums over time, in shares of the steps."""
    return functional.cross_entropy(LOGITS * output.mean(1), y)


def accuracy(output: np.ndarray, y: np.ndarray) -> float:
    """Return the share of right decisions, from the sum over time."""
    return float(np.mean(decide(output) == y))


PUBLISHED = {
    "spike": "sigmoid",
    "epochs": 2,
    "batch": 10,
    "learning_rate": 1e-3,
    "schedule": "constant",
    "keep": "last",
    "encodings": 1,
}
AUDIOMNIST = Recipe(
    name="audiomnist",
    summary="spoken digits as Bernoulli spikes of 20 cepstral coefficients, 32-32-32, summed spikes",
    metric="accuracy",
    options=AudioMnistOptions,
    splits=splits,
    network=network,
    loss=loss,
    score=accuracy,
    dt_s=lambda options: FRAME_S / options.steps_per_frame,
    decide=decide,
    ann=lambda options: RateAnn((N_MFCC, *options.hidden, 10), options.steps_per_frame, LOGITS),
    variants={
        "published": PUBLISHED,
        "sigmoid": {**PUBLISHED, "epochs": 6, "batch": 60},
        "fsdd": {"epochs": 30, "encodings": 4, "learning_rate": 5e-3},
    },
)
