"""`learned-fft`: a linear layer learns the Fourier transform, and labels frequencies, also in integers."""

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch import nn

from ...models.learned_fft import LearnedFFT, OnOffTransform, from_first_sample, magnitudes
from ...simulate.errors import BadInput
from .recipe import OnChip, Options, Recipe, Split, Splits

RATE = 48_000
LABELED_HZ = (220, 392, 880, 1760, 2093, 3520, 7040, 22_000)  # as in the report's code
INPUT_BITS = 8
TONES = 400  # windows to label


class LearnedFFTOptions(Options):
    """As `Options`, with the length of a window; SGD as published, at five times the rate.

    Attributes
    ----------
    n : int
        Samples in a window; 200 at 48 kHz.
    windows : int
        To learn from.
    """

    epochs: int = Field(10, ge=1)
    batch: int = Field(100, ge=1)
    learning_rate: float = Field(5e-3, gt=0)
    momentum: float | None = Field(0.85, ge=0, lt=1)
    keep: Literal["best", "last", "average"] = "last"  # labels are right long before the weights are
    n: int = Field(200, ge=16)
    windows: int = Field(50_000, ge=1)


def splits(data: Path | None, seed: int, options: LearnedFFTOptions) -> Splits:
    """Return windows of random phases to learn from, and tones of the labeled frequencies in noise.

    Raises
    ------
    BadInput
        There is `data`: windows have no recordings.
    """
    if data is not None:
        raise BadInput("learned-fft: windows are drawn; leave out --data")
    rng = np.random.default_rng([*b"windows", seed])
    train = np.exp(2j * np.pi * rng.random((options.windows, options.n)))
    names = tuple(f"phases {i}" for i in range(options.windows))
    source = f"windows of {options.n} random phases, tones in noise to label, seed {seed}"
    return Splits(_split(train, names), _tones(rng, options.n), _tones(rng, options.n), source)


def loss(output: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the published loss: the sum of squared differences of log(1 + magnitude) over a batch."""
    return ((torch.log1p(magnitudes(output[:, 0])) - torch.log1p(y)) ** 2).sum()


def loudest(magnitude: np.ndarray) -> np.ndarray:
    """Return the frequency bin with the largest magnitude, of those below half the rate.

    Parameters
    ----------
    magnitude : array (..., n)
        Of all frequencies.

    Returns
    -------
    bins : int64 (...)

    >>> loudest(np.array([9, 1, 5, 2, 5, 1]))
    2
    """
    return 1 + np.argmax(magnitude[..., 1 : magnitude.shape[-1] // 2], axis=-1)


def label_accuracy(output: np.ndarray, y: np.ndarray) -> float:
    """Return in which share of windows the loudest frequency is the FFT's."""
    real, imaginary = np.split(np.asarray(output, np.float64)[:, 0], 2, axis=-1)
    return float(np.mean(loudest(np.hypot(real, imaginary)) == loudest(y)))


def on_chip(net: nn.Module, x: np.ndarray) -> OnChip:
    """Return the matrix with ON and OFF channels; the host takes the magnitude."""
    assert isinstance(net, LearnedFFT)
    weight = from_first_sample(net.transform.weight.detach())
    n = len(weight) // 2
    return OnChip(OnOffTransform(weight), on_off, INPUT_BITS, {"multiply-adds for magnitudes": 2 * n})


def on_off(x: np.ndarray) -> np.ndarray:
    """Return the positive parts of numbers, then the negative ones.

    >>> on_off(np.array([[0.5, -3.0]])).tolist()
    [[0.5, 0.0, 0.0, 3.0]]
    """
    return np.concatenate([np.maximum(x, 0), np.maximum(-x, 0)], axis=-1)


def _tones(rng: np.random.Generator, n: int) -> Split:
    """Tones of the labeled frequencies, amplitude and phase drawn, in white noise."""
    hz = np.resize(LABELED_HZ, TONES)
    phase = 2 * np.pi * (hz[:, None] / RATE * np.arange(n) + rng.random((TONES, 1)))
    tones = 0.6 * rng.uniform(0.3, 1, (TONES, 1)) * np.cos(phase) + 0.05 * rng.standard_normal((TONES, n))
    return _split(np.clip(tones, -1, 1).astype(complex), tuple(f"{f} Hz" for f in hz))


def _split(windows: np.ndarray, names: tuple[str, ...]) -> Split:
    x = np.concatenate([windows.real, windows.imag], axis=1)[:, None]
    return Split(x.astype(np.float32), np.abs(np.fft.fft(windows)).astype(np.float32), names)


def network(options: LearnedFFTOptions) -> nn.Module:
    """Return the layer before training."""
    return LearnedFFT(options.n)


RECIPE = Recipe(
    name="learned-fft",
    summary="a linear layer that learns the Fourier transform from magnitudes; labels frequencies",
    metric="label accuracy",
    options=LearnedFFTOptions,
    splits=splits,
    network=network,
    loss=loss,
    score=label_accuracy,
    on_chip=on_chip,
    dt_s=lambda options: options.n / RATE,
    variants={"small": {"n": 48, "windows": 4000, "epochs": 40}},
)
