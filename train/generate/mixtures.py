"""Speech in noise by the minute: clean speech from any folder, noises from a formula, SNR drawn.

`draw` returns arrays, `write_voicebank` and `write_ndns` write the layouts that `train/data` reads.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
import soxr

from ...simulate.errors import BadInput
from ..data.pairs import RATE, read_speech
from .noises import NOISES

SNR_DB = (-5.0, 20.0)  # as in N-DNS
LEVEL_DB = (-35.0, -15.0)  # of the mixture, below full scale; as in N-DNS
BABBLE = 6  # speakers
PAUSE_S = 0.3  # at most, between two recordings
SPEEDS = 2.0 ** (np.arange(-4, 5) / 16)  # 0.84 to 1.19: other voices, other tempo

Groups = Sequence[
    Sequence[np.ndarray]
]  # recordings at 16 kHz; each group is drawn from as often as the others


def speech_in(folder: str | Path) -> list[np.ndarray]:
    """Read every wav file in a folder, and below it, as speech at 16 kHz.

    Raises
    ------
    BadInput
        There is none, or one is bad.
    """
    paths = sorted(Path(folder).rglob("*.wav"))
    if not paths:
        raise BadInput(f"{folder}: no wav files in it")
    return [read_speech(path) for path in paths]


def mixed(clean: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    """Return speech with noise at a signal-to-noise ratio.

    >>> clean, noise = np.array([1.0, -1.0]), np.array([4.0, 4.0])
    >>> mixed(clean, noise, 0.0).tolist()
    [2.0, 0.0]
    """
    gain = np.sqrt(np.mean(clean**2) / max(np.mean(noise**2), 1e-20)) * 10 ** (-snr_db / 20)
    return clean + gain * noise


def at_speeds(recordings: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return recordings played at several speeds."""
    return [soxr.resample(x, RATE, RATE / speed) for x in recordings for speed in SPEEDS]


def noise_groups(
    speech: Groups, n: int, seconds: float, rng: np.random.Generator, recorded: Sequence[np.ndarray] = ()
) -> list[list[np.ndarray]]:
    """Make noises to draw from: each synthetic kind, babble, and what was recorded, if anything was.

    Parameters
    ----------
    speech : groups of recordings
        The babble is made of them.
    n, seconds : int, float
        How many of each synthetic kind and of babble, and how long.
    rng : np.random.Generator
        Decides everything.
    recorded : list of float (n,)
        As it is left of training pairs.
    """
    length = round(seconds * RATE)
    kinds = [[make(rng, length, RATE) for _ in range(n)] for make in NOISES.values()]
    babble = [sum(_talk(speech, length, rng) for _ in range(BABBLE)) for _ in range(n)]
    found = [[np.asarray(x, np.float32) for x in group] for group in (*kinds, babble)]
    return [*found, [*recorded], [*recorded]] if recorded else found


def draw(
    speech: Groups,
    noises: Groups,
    n: int,
    seconds: float,
    rng: np.random.Generator,
    snr_db: tuple[float, float] = SNR_DB,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw mixtures.

    Parameters
    ----------
    speech, noises : groups of recordings
        At 16 kHz.
    n, seconds : int, float
        How many, and how long each.
    rng : np.random.Generator
        Decides everything.
    snr_db : (low, high)
        Drawn evenly.

    Returns
    -------
    noisy, clean : float32 (n, samples)
    """
    length = round(seconds * RATE)
    noisy, clean = np.empty((2, n, length), np.float32)
    for i in range(n):
        noisy[i], clean[i] = _mixture(speech, noises, length, rng, snr_db)
    return noisy, clean


def write_voicebank(
    out: str | Path, speech: Groups, n_train: int, n_test: int, seconds: float, seed: int
) -> None:
    """Write mixtures as `{train,test}/{clean,noisy}/p<speaker>_<number>.wav`, 16-bit."""
    for split, n in (("train", n_train), ("test", n_test)):
        noisy, clean = _drawn(speech, n, seconds, np.random.default_rng([seed, *split.encode()]))
        for half, sounds in (("noisy", noisy), ("clean", clean)):
            names = [f"p000_{i + 1:03d}.wav" for i in range(n)]
            _write(Path(out) / split / half, names, sounds)


def write_ndns(
    out: str | Path, speech: Groups, n_train: int, n_valid: int, seconds: float, seed: int
) -> None:
    """Write mixtures as `{training,validation}_set/{noisy,clean,noise}/`, 16-bit."""
    for split, n in (("training", n_train), ("validation", n_valid)):
        noisy, clean = _drawn(speech, n, seconds, np.random.default_rng([seed, *split.encode()]))
        folder = Path(out) / f"{split}_set"
        names = [_ndns_name(*pair, i) for i, pair in enumerate(zip(noisy, clean, strict=True))]
        _write(folder / "noisy", names, noisy)
        _write(folder / "clean", [f"clean_fileid_{i}.wav" for i in range(n)], clean)
        _write(folder / "noise", [f"noise_fileid_{i}.wav" for i in range(n)], noisy - clean)


def _drawn(speech, n, seconds, rng):
    """Mixtures with noises of their own."""
    return draw(speech, noise_groups(speech, n, seconds, rng), n, seconds, rng)


def _ndns_name(noisy, clean, i):
    powers = (np.mean(noisy**2), np.mean(clean**2) / np.mean((noisy - clean) ** 2))
    level, snr = (10 * np.log10(power) for power in powers)
    return f"speech_noise_snr{snr:.0f}_tl{level:.0f}_fileid_{i}.wav"


def _mixture(speech, noises, length, rng, snr_db):
    clean = _talk(speech, length, rng)
    noisy = mixed(clean, _talk(noises, length, rng, pause_s=0), rng.uniform(*snr_db))
    gain = 10 ** (rng.uniform(*LEVEL_DB) / 20) / np.sqrt(np.mean(noisy**2) + 1e-20)
    loudest = max(np.abs(x).max() for x in (noisy, clean, noisy - clean))
    gain = min(gain, 0.99 / loudest)  # nothing is clipped
    return gain * noisy, gain * clean


def _talk(groups, length, rng, pause_s=PAUSE_S):
    """Recordings of one group one after another, from somewhere in the first, each as loud as the next."""
    group = groups[rng.integers(len(groups))]
    parts, filled = [], 0
    while filled < length:
        chosen = group[rng.integers(len(group))]
        if not parts:
            chosen = chosen[rng.integers(0, max(1, len(chosen) - length // 2)) :]
        chosen = chosen[:length]
        pause = np.zeros(rng.integers(0, max(1, round(pause_s * RATE))), np.float32)
        parts += [chosen / (np.sqrt(np.mean(chosen**2)) + 1e-6), pause]
        filled += len(chosen) + len(pause)
    return np.concatenate(parts)[:length]


def _write(folder: Path, names: Sequence[str], sounds: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, samples in zip(names, sounds, strict=True):
        soundfile.write(folder / name, samples, RATE, subtype="PCM_16")
