"""`shd` and `ssc`: spoken digits and words as spikes of an inner ear, recurrent LIF neurons.

Source: Abdallas, SNN-Auditory-Processing; equations, decay, loss and optimizer as published, sizes and
schedule with `--variant published`. The published validation set is a part of the test file; here it is a
part of the training file ("official"), and the other choice ("abdallas") is there for comparison.
"""

from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch import nn
from torch.nn import functional

from ...models.front_ends.bins import N_UNITS, STEP_S, spike_counts
from ...models.readout import decide
from ...models.shd import RecurrentAnn, RecurrentNet, SscNet, relu_layers
from ..data.labeled import Labeled
from ..data.shd import shd_splits
from ..generate.sets import generated
from .recipe import OnChip, Options, Recipe, Split, Splits, whole_network

HOST_BITS = 8  # of a graded event that the host sends


class HeardOptions(Options):
    """Of both.

    Attributes
    ----------
    hidden : int
        Recurrent neurons; 873 (shd) and 900 (ssc) as published.
    beta, dropout
        As in `RecurrentNet`.
    protocol : "official" or "abdallas"
        What the validation split is taken from.
    first_bin : 0 or 1
        1 is SpyTorch's reading of the bins.
    samples : int
        Of the generated training file.
    """

    epochs: int = Field(25, ge=1)
    learning_rate: float = Field(2e-3, gt=0)
    schedule: Literal["constant", "cosine", "plateau"] = "cosine"
    keep: Literal["best", "last", "average"] = "average"
    gain: float = Field(10.0, gt=0)
    hidden: int = Field(192, ge=1)
    beta: float = Field(0.98, ge=0, le=1)
    dropout: float = Field(0.2, ge=0, lt=1)
    protocol: Literal["official", "abdallas"] = "official"
    first_bin: Literal[0, 1] = 0
    samples: int = Field(800, ge=200)  # ten of each class, one of which validates


class ShdOptions(HeardOptions):
    """Of `shd`; `refractory` as in `RecurrentNet`."""

    refractory: int = Field(0, ge=0, le=63)


class SscOptions(HeardOptions):
    """Of `ssc`.

    Attributes
    ----------
    first : (int, int)
        Neurons of the two layers in front; (1056, 900) as published.
    front : "lif" or "relu"
        relu, as published: real numbers in every step, which the host has to compute.
    """

    beta: float = Field(0.96, ge=0, le=1)
    first: tuple[int, int] = (256, 192)
    front: Literal["lif", "relu"] = "lif"
    samples: int = Field(1400, ge=234)


def splits(name: str, data: Path | None, seed: int, options: HeardOptions) -> Splits:
    """Read the official files, or generate some in their layout, as counts in bins."""
    source = f"recordings: {Path(data).name}" if data is not None else ""
    if data is None:
        data = generated(name, options.samples, seed)
        source = f"generated in the layout of {name.upper()}, seed {seed}"
    encode = partial(spike_counts, first=options.first_bin)
    parts = shd_splits(data, name, options.protocol, encode=encode, skip_bad=options.skip_bad)
    train, valid, test = map(_split, parts)
    return Splits(train, valid, test, source)


def _split(part: Labeled) -> Split:
    assert isinstance(part.x, np.ndarray)
    return Split(part.x, part.y, part.names, part.notes)


def loss(output: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of the mean over time."""
    return functional.cross_entropy(output.mean(1), y)


def accuracy(output: np.ndarray, y: np.ndarray) -> float:
    """Return the share of right decisions, from the mean over time."""
    return float(np.mean(decide(output) == y))


def shd_network(options: ShdOptions) -> nn.Module:
    """Return the recurrent network."""
    return RecurrentNet(N_UNITS, options.hidden, 20, options.beta, options.dropout, options.refractory)


def ssc_network(options: SscOptions) -> nn.Module:
    """Return the network with two layers in front."""
    return SscNet(
        N_UNITS, options.first, options.hidden, 35, options.beta, options.dropout, options.front == "lif"
    )


def ssc_on_chip(net: nn.Module, x: np.ndarray) -> OnChip:
    """All of it where it spikes; else what comes after the ReLU layers, which the host computes."""
    assert isinstance(net, SscNet)
    if not any(isinstance(layer, nn.ReLU) for layer in net.first):
        return whole_network(net, x)
    macs = sum(layer.weight.numel() for layer in net.first if isinstance(layer, nn.Linear))
    steps = x.shape[1]
    return OnChip(
        net.chip, partial(relu_layers, net), HOST_BITS, {"multiply-adds of two ReLU layers": macs * steps}
    )


PUBLISHED = {
    "gain": 1.0,
    "dropout": 0.5,
    "learning_rate": 1e-3,
    "schedule": "plateau",
    "keep": "best",
    "protocol": "abdallas",
}
SHD = Recipe(
    name="shd",
    summary="spoken digits as spikes (SHD): 700 channels, recurrent LIF neurons, mean of logits",
    metric="accuracy",
    options=ShdOptions,
    splits=partial(splits, "shd"),
    network=shd_network,
    loss=loss,
    score=accuracy,
    dt_s=lambda options: STEP_S,
    decide=decide,
    ann=lambda options: RecurrentAnn(N_UNITS, (), options.hidden, 20, options.dropout),
    variants={
        "published": {**PUBLISHED, "hidden": 873},
        "refractory": {"refractory": 2},
        "fsdd": {"hidden": 873, "epochs": 20},
    },
)
SSC = Recipe(
    name="ssc",
    summary="spoken words as spikes (SSC): two layers, recurrent LIF neurons, mean of logits",
    metric="accuracy",
    options=SscOptions,
    splits=partial(splits, "ssc"),
    network=ssc_network,
    loss=loss,
    score=accuracy,
    dt_s=lambda options: STEP_S,
    decide=decide,
    ann=lambda options: RecurrentAnn(N_UNITS, options.first, options.hidden, 35, options.dropout),
    on_chip=ssc_on_chip,
    variants={
        "published": {
            **PUBLISHED,
            "first": (1056, 900),
            "hidden": 900,
            "front": "relu",
            "epochs": 30,
            "learning_rate": 5e-4,
            "patience": 5,
            "batch": 64,
        },
        "relu": {"front": "relu"},
    },
)
