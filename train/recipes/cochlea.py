"""`cochlea`: is a note a real flute's, at any loudness? The spiking cochlea and the head of `flute`."""

from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field
from torch import nn

from ...export.hearing import hearing
from ...models.cochlea import CochleaNet
from ...models.flute import FrameMLP
from ...models.front_ends.cochlea import EVENTS_PER_UNIT, HOP_S, N_CHANNELS, cochlea_events
from ...simulate.errors import Unsupported
from ...simulate.hybrid.decide import Decide
from ...simulate.hybrid.hybrid import Hybrid
from ...simulate.program import Program
from ..data.nsynth import SAMPLE_RATE
from ..note_sets import note_splits
from .flute import accuracy, decide_score, loss
from .recipe import OnChip, Options, Recipe, Splits

SKIPPED_S = 0.2  # of the attack
LABELS = ("no real flute", "real flute")


class CochleaOptions(Options):
    """As `Options`, with the layer and sizes of the data.

    Attributes
    ----------
    layer : "lif", "synaptic" or "as_run"
        As designed, as snnTorch documents it, as it ran; the last one in floats only.
    lateral : bool
        Whether neighboring channels inhibit each other.
    seconds : float
        Of a note that are heard.
    notes, valid_notes, test_notes : int
        Generated, or at most so many of NSynth.
    noisy : float, 0 to 1
        Share of the training notes that are heard in noise of 0 to 20 dB.
    """

    epochs: int = Field(10, ge=1)
    batch: int = Field(20, ge=1)
    learning_rate: float = Field(3e-3, gt=0)
    schedule: Literal["constant", "cosine", "plateau"] = "cosine"
    clip: float | None = Field(1.0, gt=0)
    layer: Literal["lif", "synaptic", "as_run"] = "lif"
    lateral: bool = True
    seconds: float = Field(0.5, ge=0.02, le=3.8)
    notes: int = Field(1500, ge=2)
    valid_notes: int = Field(100, ge=1)
    test_notes: int = Field(200, ge=1)
    noisy: float = Field(0.0, ge=0, le=1)


def encoder(options: CochleaOptions):
    """Return what turns a note at 16 kHz into events."""
    skipped = round(SKIPPED_S * SAMPLE_RATE)
    return lambda samples: cochlea_events(samples[skipped:], SAMPLE_RATE, options.lateral)


def splits(data: Path | None, seed: int, options: CochleaOptions) -> Splits:
    """Return notes of flutes, NSynth's or generated."""
    sizes = (options.notes, options.valid_notes, options.test_notes)
    seconds = SKIPPED_S + options.seconds
    return note_splits(data, seed, sizes, seconds, encoder(options), options.noisy, skip_bad=options.skip_bad)


def on_chip(net: nn.Module, x: np.ndarray) -> OnChip:
    """Return the network, unless it is one that only floats have.

    Raises
    ------
    Unsupported
        The layer is `as_run`.
    """
    if isinstance(net, CochleaNet) and net.variant == "as_run":
        raise Unsupported(
            "cochlea: layer 'as_run' has no form in NIR or on a chip, as its current is never cleared; "
            "take 'lif' or 'synaptic'"
        )
    return OnChip(net, lambda x: x)


def network(options: CochleaOptions) -> nn.Module:
    """Return the network before training."""
    return CochleaNet(options.layer)


def hybrid(program: Program, options: CochleaOptions) -> Hybrid:
    """Return the model that says what it hears: the mode over a note's length, twice in that time."""
    window = round(options.seconds / HOP_S)
    return hearing(program, Decide(1, LABELS, window, window // 2, 0.5), options.lateral)


RECIPE = Recipe(
    name="cochlea",
    summary="a real flute at any loudness: 2 ms mel, lateral inhibition, beta 0.850854, 320-32-1",
    metric="accuracy",
    options=CochleaOptions,
    splits=splits,
    network=network,
    loss=loss,
    score=accuracy,
    decide=decide_score,
    ann=lambda options: FrameMLP(N_CHANNELS, 1 / EVENTS_PER_UNIT),
    on_chip=on_chip,
    dt_s=lambda options: HOP_S,
    hybrid=hybrid,
    variants={"synaptic": {"layer": "synaptic"}, "in-noise": {"noisy": 0.7}},
)
