"""Train DPSNN on mixtures: its loss with the published defects corrected, gradients clipped, the best one kept.

It knows files of sound and generated mixtures, and nothing of chips.
"""

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..models.dpsnn import DPSNN
from ..simulate.errors import BadInput
from .data.pairs import Pair, PairSplits, read_pair
from .generate.mixtures import Groups, at_speeds, draw, noise_groups, speech_in
from .sound_metrics import EPS, si_snr

SMALL_TERM = 1e-3  # of the squared error, and of the activity of proj and readout
VALID_S, N_VALID = 2.0, 32
NOISE_S, N_NOISES = 6.0, 24  # of each kind


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
    checks : int
        How often validation decides.
    seed : int
    """

    steps: int = 6000
    batch: int = 16
    seconds: float = 1.0
    learning_rate: float = 5e-3
    clip: float = 5.0
    checks: int = 20
    seed: int = 0


@dataclass(frozen=True)
class Material:
    """What mixtures are drawn from, and what decides which network is kept.

    Attributes
    ----------
    speech, noises : groups of recordings
    valid : list of (noisy, clean)
    notes : tuple of str
    """

    speech: Groups
    noises: Groups
    valid: list[tuple[np.ndarray, np.ndarray]]
    notes: tuple[str, ...] = ()


def material_of(splits: PairSplits | None, speech: Path | None, seed: int) -> Material:
    """Gather what there is: the clean half and the noise of training pairs, and speech of any folder.

    Parameters
    ----------
    splits : PairSplits, optional
    speech : path, optional
        A folder of clean speech.

    Raises
    ------
    BadInput
        There is neither, or a file is bad.
    """
    pairs = [read_pair(pair) for pair in splits.train] if splits else []
    groups = [at_speeds([clean for _, clean in pairs])] if pairs else []
    groups += [speech_in(speech)] if speech else []
    if not groups:
        raise BadInput("nothing to train on: give training pairs, or a folder of clean speech")
    rng = np.random.default_rng([seed, 1])
    recorded = at_speeds([noisy - clean for noisy, clean in pairs])
    noises = noise_groups(groups, N_NOISES, NOISE_S, rng, recorded)
    valid = [read_pair(pair) for pair in splits.valid] if splits else []
    notes = splits.notes if splits else ("no pairs: trains and validates on generated mixtures",)
    if not valid:
        valid = list(zip(*draw(groups, noises, N_VALID, VALID_S, rng), strict=True))
    return Material(groups, noises, valid, notes)


def train(
    net: DPSNN,
    material: Material,
    settings: Settings,
    progress: Callable[[int, float], None] = lambda step, gain: None,
) -> DPSNN:
    """Train a network in place; return the one of those validated that gains most.

    `progress` hears the step and the gain in dB after each validation.
    """
    rng = np.random.default_rng([settings.seed, 2])
    optimizer = torch.optim.Adam(net.parameters(), settings.learning_rate)
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, settings.steps))
    best, most = copy.deepcopy(net), -math.inf
    every = max(1, settings.steps // settings.checks)
    for step in range(1, settings.steps + 1):
        pair = draw(material.speech, material.noises, settings.batch, settings.seconds, rng)
        noisy, clean = (torch.from_numpy(half) for half in pair)
        net.train()
        optimizer.zero_grad()
        loss_of(*net(noisy), clean).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), settings.clip)
        optimizer.step()
        rate.step()
        net.constrain()
        if step % every == 0 or step == settings.steps:
            gain = float(np.mean(gains(enhancer(net), material.valid)))
            progress(step, gain)
            if gain > most:
                best, most = copy.deepcopy(net), gain
    return best.eval()


def loss_of(sound: torch.Tensor, layers: Mapping[str, torch.Tensor], clean: torch.Tensor) -> torch.Tensor:
    """Return the loss: -SI-SNR + 100, and small terms of the squared error and of activity.

    Activity is the mean over all frames; the original saw the last one alone. That of proj, which is 0 or 1,
    acts through the surrogate.

    Source: Sun and Bohte 2024.
    """
    activity = sum(layers[name].abs().mean() for name in ("proj", "readout"))
    error = torch.mean((sound - clean) ** 2)
    return 100 - torch_si_snr(sound, clean).mean() + SMALL_TERM * (error + activity)


def torch_si_snr(estimate: torch.Tensor, clean: torch.Tensor) -> torch.Tensor:
    """Return `sound_metrics.si_snr` with a gradient."""
    estimate, clean = (a - a.mean(-1, keepdim=True) for a in (estimate, clean))
    share = (estimate * clean).sum(-1, keepdim=True) / (clean.square().sum(-1, keepdim=True) + EPS)
    target = share * clean
    wrong = (estimate - target).square().sum(-1)
    return 10 * torch.log10(target.square().sum(-1) / (wrong + EPS) + EPS)


def enhancer(net: DPSNN) -> Callable[[np.ndarray], np.ndarray]:
    """Return a network as a function of one recording."""

    @torch.no_grad()
    def enhance(noisy: np.ndarray) -> np.ndarray:
        net.eval()
        return net(torch.from_numpy(np.asarray(noisy, np.float32))[None])[0][0].numpy()

    return enhance


def gains(enhance: Callable[[np.ndarray], Any], pairs) -> list[float]:
    """Return by how much each recording gets better, dB of SI-SNR."""
    return [float(si_snr(enhance(noisy), clean) - si_snr(noisy, clean)) for noisy, clean in pairs]


def read_all(pairs: list[Pair]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the sounds of pairs."""
    return [read_pair(pair) for pair in pairs]


def _rate(step: int, steps: int) -> float:
    rise = min(1.0, (step + 1) / max(1, steps // 20))
    return rise * (0.02 + 0.98 * (0.5 + 0.5 * math.cos(math.pi * min(1.0, step / steps))))
