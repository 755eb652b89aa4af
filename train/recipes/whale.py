"""`whale-1d` and `whale-2d`: does a right whale call in these two seconds; raw samples or a spectrogram.

Source: IRENav, slides at CAID 2025. Optimizer, batch, epochs and slope were not published: Adam 1e-3, batch
64 and slope 25 are this project's.
"""

from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch import nn
from torch.nn import functional

from ...models.front_ends.constant import held, input_current
from ...models.front_ends.samples import raw_samples
from ...models.front_ends.spectrogram import spectrogram
from ...models.whale import WhaleAnn, WhaleNet
from ..data.labeled import Labeled
from ..data.whales import RATE_HZ, load_whales, whale_splits
from ..generate.sets import generated
from .recipe import OnChip, Options, Recipe, Split, Splits

CURRENT_BITS = 10  # of a current: more would need weights below the smallest exponent
CLIP_S = 2.0


class WhaleOptions(Options):
    """Of both.

    Attributes
    ----------
    hidden : tuple of int
        (2048, 512, 64) and (4096, 512, 64) as published.
    beta : float or "learnable"
        One for all neurons; or one for each layer, learned from .9.
    num_step : int
        Steps for which the input is held.
    samples : int
        Clips that are generated.
    """

    epochs: int = Field(10, ge=1)
    batch: int = Field(64, ge=1)
    hidden: tuple[int, ...] = (256, 128, 64)
    beta: float | Literal["learnable"] = 0.9
    num_step: int = Field(20, ge=1)
    samples: int = Field(6000, ge=100)


class Whale1dOptions(WhaleOptions):
    """Of `whale-1d`: samples of a clip; 8,000 is the slides' other figure."""

    inputs: Literal[4000, 8000] = 4000


class Whale2dOptions(WhaleOptions):
    """Of `whale-2d`.

    Attributes
    ----------
    bins : 103 or 105
        Of the spectrogram; the slides give both.
    decibels : bool
        Levels in place of magnitudes; the slides do not say.
    """

    bins: Literal[103, 105] = 103
    decibels: bool = False


FRAMES = 135


def splits(encode, data: Path | None, seed: int, options: WhaleOptions) -> Splits:
    """Read the challenge's labeled clips, or generate some in its layout; 70, 10 and 20 %."""
    source = f"recordings: {Path(data).name}" if data is not None else ""
    if data is None:
        data = generated("whales", options.samples, seed)
        source = f"generated in the layout of the Marinexplore challenge, seed {seed}"
    parts = whale_splits(load_whales(data, options.skip_bad), seed)
    train, valid, test = (_split(part, partial(encode, options)) for part in parts)
    return Splits(train, valid, test, source)


def _split(part: Labeled, encode) -> Split:
    x = np.stack([encode(samples).astype(np.float16).ravel() for samples in part.x])
    return Split(x[:, None], part.y, part.names, part.notes, tuple(part.x), RATE_HZ)


def loss(output: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy of how much more often the neuron of upcalls spikes."""
    counts = output.sum(1)
    return functional.binary_cross_entropy_with_logits(counts[:, 1] - counts[:, 0], y.float())


def difference(output: np.ndarray) -> np.ndarray:
    """Return how much more often the neuron of upcalls spikes: a count (batch,); of an ANN, of its logits."""
    counts = output.sum(1, dtype=np.float64)  # exact for counts
    return counts[:, 1] - counts[:, 0]


def decide(output: np.ndarray) -> np.ndarray:
    """Return 1 where the neuron of upcalls spikes more often."""
    return (difference(output) > 0).astype(np.int64)


def auc(output: np.ndarray, y: np.ndarray) -> float:
    """Return the area under the ROC curve of the difference of counts; ties count half.

    >>> auc(np.array([[[0, 1]], [[0, 1]], [[1, 0]]]), np.array([1, 0, 0]))
    0.75
    """
    score = difference(output)
    positive, negative = score[y == 1], score[y == 0]
    if not len(positive) or not len(negative):
        return 0.5
    order = np.sort(negative)
    below = np.searchsorted(order, positive, "left") + np.searchsorted(order, positive, "right")
    return float(below.sum() / (2 * len(positive) * len(negative)))


def network(n_in, options: WhaleOptions) -> nn.Module:
    """Return the network, with a decay that learns where the options say so."""
    learns = options.beta == "learnable"
    beta = 0.9 if options.beta == "learnable" else options.beta
    return WhaleNet((n_in(options), *options.hidden, 2), options.num_step, beta, learns)


class _Injected(nn.Module):
    """The part on the chip, from currents (batch, steps, n, 1) that were shifted to begin at 0."""

    def __init__(self, net: WhaleNet, low: np.ndarray) -> None:
        super().__init__()
        # one weight and one bias a neuron: what was taken from a current comes back as a bias
        self.shift = nn.Conv1d(len(low), len(low), 1, groups=len(low))
        self.shift.weight.data.fill_(1)
        self.shift.bias.data = torch.from_numpy(low)  # type: ignore[union-attr]
        self.flat = nn.Flatten()
        self.chip = net.chip

    def forward(self, current: torch.Tensor) -> torch.Tensor:
        return self.chip(torch.stack([self.flat(self.shift(i)) for i in current.unbind(1)], 1))


def on_chip(net: nn.Module, x: np.ndarray) -> OnChip:
    """The host multiplies once; the chip gets the current, which no event can be below 0, from its lowest."""
    assert isinstance(net, WhaleNet)
    weight, bias = (p.detach().numpy() for p in (net.host.weight, net.host.bias))

    def current(x: np.ndarray) -> np.ndarray:
        return input_current(weight, x[:, 0], bias)

    seen = current(x)
    low = seen.min(0) - 0.25 * np.ptp(seen, axis=0)  # room for what calibration did not see

    def encode(x: np.ndarray) -> np.ndarray:
        return held(np.maximum(current(x) - low, 0), net.steps)[..., None]

    return OnChip(_Injected(net, low), encode, CURRENT_BITS, {"multiply-adds": float(weight.size)})


def _recipe(name: str, summary: str, options: type[WhaleOptions], encode, n_in, published: int) -> Recipe:
    return Recipe(
        name=name,
        summary=summary,
        metric="auc",
        options=options,
        splits=partial(splits, encode),
        network=partial(network, n_in),
        loss=loss,
        score=auc,
        dt_s=lambda options: CLIP_S / options.num_step,
        decide=decide,
        ann=lambda options: WhaleAnn((n_in(options), *options.hidden, 2)),
        on_chip=on_chip,
        variants={"published": {"hidden": (published, 512, 64), "samples": 30_000}},
        unit="",
        scale=1.0,
    )


WHALE_1D = _recipe(
    "whale-1d",
    "upcalls of right whales from 4,000 raw samples, held as a constant input",
    Whale1dOptions,
    lambda options, samples: raw_samples(samples, options.inputs),
    lambda options: options.inputs,
    2048,
)
WHALE_2D = _recipe(
    "whale-2d",
    "upcalls of right whales from a spectrogram of 103 x 135, held as a constant input",
    Whale2dOptions,
    lambda options, samples: spectrogram(samples, options.bins, decibels=options.decibels),
    lambda options: options.bins * FRAMES,
    4096,
)
