"""Train DPSNN on mixtures: its loss without the published defects, gradients clipped, the best one kept.

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
from ..simulate.files import atomic
from .data.pairs import Pair, PairSplits, read_pair
from .enhancement_settings import Settings
from .generate.mixtures import Groups, at_speeds, draw, noise_groups, speech_in
from .sound_metrics import EPS, si_snr

SMALL_TERM = 1e-3  # of the squared error, and of the activity of proj and readout
VALID_S, N_VALID = 2.0, 32
NOISE_S, N_NOISES = 6.0, 24  # of each kind
RESUMED = ("net", "averaged", "optimizer", "rate")


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
        Of recordings.
    speech : path, optional
        A folder of clean speech.
    seed : int
        Of what is generated.

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
    checkpoint: Path | None = None,
) -> DPSNN:
    """Train a network in place; return the average over the last steps that gains most on validation.

    Parameters
    ----------
    net : DPSNN
        As it begins.
    material : Material
        What it learns from.
    settings : Settings
        How.
    progress : callable (step, gain)
        Hears the gain in dB after each validation.
    checkpoint : path, optional
        Is written at each validation; a run that finds it goes on from there, to the same weights.

    Raises
    ------
    BadInput
        The checkpoint is damaged, or of another network.
    """
    run = _Run(net, settings)
    if checkpoint is not None and checkpoint.is_file():
        run.load(checkpoint)
    every = max(1, settings.steps // settings.checks)
    while run.step < settings.steps:
        run.advance(material)
        if run.step % every == 0 or run.step == settings.steps:
            gain = float(np.mean(gains(enhancer(run.averaged), material.valid)))
            run.offer(gain)
            if checkpoint is not None:
                run.save(checkpoint)
            progress(run.step, gain)
    net.load_state_dict(run.best)
    return net.eval()


class _Run:
    """A training run: all that decides how it goes on."""

    def __init__(self, net: DPSNN, settings: Settings) -> None:
        self.net, self.settings, self.step = net, settings, 0
        self.optimizer = torch.optim.Adam(net.parameters(), settings.learning_rate)
        self.rate = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, lambda step: _rate(step, settings.steps)
        )
        self.rng = np.random.default_rng([settings.seed, 2])
        self.averaged = copy.deepcopy(net)
        self.best, self.most = copy.deepcopy(net.state_dict()), -math.inf

    def advance(self, material: Material) -> None:
        """Take one step of the optimizer."""
        settings = self.settings
        pair = draw(material.speech, material.noises, settings.batch, settings.seconds, self.rng)
        noisy, clean = (torch.from_numpy(half) for half in pair)
        self.net.train()
        self.optimizer.zero_grad()
        sound, layers = self.net(noisy)
        loss_of(sound, layers, clean).backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), settings.clip)
        self.optimizer.step()
        self.rate.step()
        self.net.constrain()
        self.step += 1
        self._average()

    @torch.no_grad()
    def _average(self) -> None:
        old = min(
            self.settings.average, self.step / (self.step + 10)
        )  # what it begins with is soon forgotten
        for kept, new in zip(self.averaged.parameters(), self.net.parameters(), strict=True):
            kept.lerp_(new, 1 - old)
        for kept, new in zip(self.averaged.buffers(), self.net.buffers(), strict=True):
            kept.copy_(new)

    def offer(self, gain: float) -> None:
        """Keep the average as it is, if it gains most so far."""
        if gain > self.most:
            self.best, self.most = copy.deepcopy(self.averaged.state_dict()), gain

    def save(self, path: Path) -> None:
        """Write everything, atomically."""
        held = {name: getattr(self, name).state_dict() for name in RESUMED}
        held |= {"step": self.step, "best": self.best, "most": self.most, "rng": self.rng.bit_generator.state}
        with atomic(path) as temporary:
            torch.save(held, temporary)

    def load(self, path: Path) -> None:
        """Read what `save` wrote."""
        try:
            held = torch.load(path, map_location="cpu", weights_only=True)
            for name in RESUMED:
                getattr(self, name).load_state_dict(held[name])
            self.step, self.best, self.most = held["step"], held["best"], held["most"]
            self.rng.bit_generator.state = held["rng"]
        except Exception as error:  # torch.load lets through whatever a damaged file does to pickle
            raise BadInput(
                f"{path}: no checkpoint of this run ({type(error).__name__}); use --force"
            ) from error


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
