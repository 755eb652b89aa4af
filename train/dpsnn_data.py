"""What DPSNN learns from and is scored on: recordings in noise, mixtures of speech, digits from a formula."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

from ..models.dpsnn import RATE
from ..models.log_mel import SAMPLE_RATE
from .data.ndns import load_ndns
from .data.pairs import read_pair
from .data.voicebank import load_voicebank
from .enhancement import Material, material_of
from .generate.mixtures import draw, noise_groups
from .speech import generate

SPOKEN = 300  # embedded digits, where there is no speech
N_TEST, TEST_S = 8, 2.0

Pairs = list[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Data:
    """What is learned from, and what is scored once."""

    material: Material
    test: Pairs
    names: list[str]
    source: str


def data_of(data: Path | None, speech: Path | None, seed: int) -> Data:
    """Gather what there is; spoken digits from a formula where there is nothing.

    Parameters
    ----------
    data : path, optional
        In VoiceBank-DEMAND's or N-DNS's layout.
    speech : path, optional
        A folder of clean speech, to make mixtures of.
    seed : int
        Of what is generated.

    Raises
    ------
    BadInput
        A layout is incomplete, or a file is bad.
    """
    if data is not None:
        splits = load_ndns(data) if (data / "training_set").is_dir() else load_voicebank(data)
        found = material_of(splits, speech, seed)
        return Data(found, [read_pair(p) for p in splits.test], [p.name for p in splits.test], str(data))
    if speech is not None:
        found, source = material_of(None, speech, seed), f"mixtures of {speech}"
        test = _mixtures(found.speech, found.noises, seed)
        return Data(found, test, _numbered(test), source + ", tested on mixtures of the same")
    spoken, others = ([_at_rate(x) for x, _ in generate(SPOKEN, seed, split)] for split in ("train", "test"))
    rng = np.random.default_rng([seed, 4])
    noises = noise_groups([spoken], N_TEST, TEST_S, rng)
    found = Material(
        [spoken], noises, _mixtures([spoken], noises, seed + 1), ("no speech given: digits from a formula",)
    )
    test = _mixtures([others], noise_groups([others], N_TEST, TEST_S, rng), seed)
    return Data(
        found,
        test,
        _numbered(test),
        "embedded speech generator in synthetic noise, other voices for the test",
    )


def _mixtures(speech, noises, seed: int) -> Pairs:
    noisy, clean = draw(speech, noises, N_TEST, TEST_S, np.random.default_rng([seed, 6]))
    return list(zip(noisy, clean, strict=True))


def _numbered(pairs: Pairs) -> list[str]:
    return [f"mixture {i}" for i in range(len(pairs))]


def _at_rate(samples: np.ndarray) -> np.ndarray:
    return soxr.resample(samples, SAMPLE_RATE, RATE)
