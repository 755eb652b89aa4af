"""Noisy speech and its clean half: pairs of files, and how they are read."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from ...simulate.errors import BadInput

RATE = 16000


@dataclass(frozen=True)
class Pair:
    """A noisy recording and the clean speech in it, on disk."""

    name: str
    noisy: Path
    clean: Path


@dataclass(frozen=True)
class PairSplits:
    """What to train on, to choose by, and to score on.

    Attributes
    ----------
    train, valid, test : list of Pair
        `valid` is empty where generated mixtures have to do it.
    notes : tuple of str
        What was decided, and why.
    """

    train: list[Pair]
    valid: list[Pair]
    test: list[Pair]
    notes: tuple[str, ...] = ()


def read_pair(pair: Pair) -> tuple[np.ndarray, np.ndarray]:
    """Return noisy and clean, float32 (n,) at 16 kHz, as long as the shorter.

    Raises
    ------
    BadInput
        A file is missing, no sound, of several channels, empty, not finite, or the two differ by more than a
        frame of 10 ms.
    """
    noisy, clean = read_speech(pair.noisy), read_speech(pair.clean)
    if abs(len(noisy) - len(clean)) > RATE // 100:
        raise BadInput(f"{pair.noisy}: {len(noisy)} samples, its clean half has {len(clean)}")
    n = min(len(noisy), len(clean))
    return noisy[:n], clean[:n]


def read_speech(path: Path) -> np.ndarray:
    """Return a mono recording, int16 or float32, as float32 (n,) at 16 kHz.

    Raises
    ------
    BadInput
        The file is missing, no sound, of several channels, empty or not finite.
    """
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, TypeError, ValueError, soundfile.SoundFileError) as error:
        what = "not a sound file that can be read" if Path(path).exists() else "no such file"
        raise BadInput(f"{path}: {what}; give a mono wav file") from error
    if samples.shape[1] != 1:
        raise BadInput(f"{path}: {samples.shape[1]} channels; the limit is 1, mix it down first")
    if not len(samples) or not np.isfinite(samples).all():
        raise BadInput(f"{path}: {'holds NaN or infinity' if len(samples) else 'no samples'}")
    return samples[:, 0] if rate == RATE else soxr.resample(samples[:, 0], rate, RATE)


def matched(noisy: Iterable[Path], clean: Iterable[Path], key_of, where: str) -> list[Pair]:
    """Join noisy and clean files by a key of their names.

    Raises
    ------
    BadInput
        A file has no other half, or two have the same key.
    """
    halves = []
    for paths in (noisy, clean):
        found: dict[str, Path] = {}
        for path in sorted(paths):
            if found.setdefault(key_of(path), path) != path:
                raise BadInput(f"{path}: its key '{key_of(path)}' is that of {found[key_of(path)]} too")
        halves.append(found)
    alone = sorted(halves[0].keys() ^ halves[1].keys())
    if alone:
        raise BadInput(
            f"{where}: '{alone[0]}' has no other half, as {len(alone) - 1} others; complete the set"
        )
    if not halves[0]:
        raise BadInput(f"{where}: no wav files in it")
    return [Pair(key, halves[0][key], halves[1][key]) for key in halves[0]]
