"""The recipe dpsnn: speech in noise, enhanced in frames of 5 ms by a network in two parts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..enhancement_settings import FINE, Settings
from .recipe import Whole


class DpsnnOptions(BaseModel):
    """What may be changed.

    Attributes
    ----------
    n, recurrent, norm
        As in `models.dpsnn.Sizes`.
    speech : path or None
        A folder of clean speech, which mixtures are made of beside the recordings.
    steps, batch, seconds, learning_rate, clip
        As in `Settings`.
    bit_true_steps : int
        Of training on in the chip's integers; 0 for none. Networks with adaptive neurons have none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    n: int = Field(96, ge=1)
    recurrent: bool = False
    norm: Literal["layer", "batch", "none"] = "layer"
    speech: Path | None = None
    steps: int = Field(Settings.steps, ge=1)
    batch: int = Field(Settings.batch, ge=1)
    seconds: float = Field(Settings.seconds, gt=0)
    learning_rate: float = Field(Settings.learning_rate, gt=0)
    clip: float = Field(Settings.clip, gt=0)
    bit_true_steps: int = Field(FINE.steps, ge=0)


def train(
    out: Path,
    data: Path | None,
    seed: int,
    options: DpsnnOptions,
    lava: Callable[..., Any] | None,
    force: bool,
    resume: bool,
    say: Callable[[str], None],
) -> dict:
    """Train it, as `train.dpsnn.train_dpsnn`."""
    from dataclasses import replace

    from ...models.dpsnn import Sizes
    from ..dpsnn import train_dpsnn

    settings = Settings(
        options.steps, options.batch, options.seconds, options.learning_rate, options.clip, seed=seed
    )
    fine = replace(FINE, steps=options.bit_true_steps, seed=seed) if options.bit_true_steps else None
    sizes = Sizes(options.n, options.recurrent, options.norm)
    return train_dpsnn(out, data, options.speech, sizes, settings, fine, lava, force, resume, say)


DPSNN = Whole(
    name="dpsnn",
    summary="speech enhancement in frames of 5 ms, host and chip (Sun and Bohte 2024)",
    metric="SI-SNR gain",
    options=DpsnnOptions,
    train=train,
    variants={"published": {"n": 256, "recurrent": True, "batch": 8, "steps": 3000}, "small": {"n": 64}},
    unit="dB",
    scale=1.0,
)
