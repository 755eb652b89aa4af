"""Spoken digits in the layouts of AudioMNIST and FSDD: the embedded speech as wav files."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr

from ...models.log_mel import SAMPLE_RATE
from ...simulate.files import atomic
from ..data.audiomnist import META, RATE_HZ
from ..speech import draw_voice, speak
from .progress import Progress

N_SPEAKERS = {"audiomnist": 60, "fsdd": 6}
N_DIGITS = 10
MOST = 50  # recordings per digit and speaker of the real sets
MOST_TEST = 5  # of FSDD's, the first ones


def write_audiomnist(out: Path, n: int = 2, seed: int = 0, progress: Progress | None = None) -> list[Path]:
    """Write `data/{01..60}/{digit}_{speaker}_{index}.wav`, 48 kHz, and what is known of the speakers.

    Parameters
    ----------
    out : Path
        Folder, made if it is not there.
    n : int, 1 to 50
        Recordings per digit and speaker.
    seed : int, 0 or more
        Decides everything but the voices.
    progress : callable (done, total), optional
        Called after every file.

    Returns
    -------
    paths : list of Path
        Of the folder `data`.

    Raises
    ------
    ValueError
        n is out of range.
    """
    _check(n, MOST)
    meta = {}
    for speaker, digit, index, done, total in _takes("audiomnist", n):
        folder = out / "data" / f"{speaker + 1:02}"
        folder.mkdir(parents=True, exist_ok=True)
        samples, rng = _spoken("audiomnist", speaker, digit, index, seed)
        wide = soxr.resample(samples, SAMPLE_RATE, RATE_HZ)
        wide += 10 ** (rng.uniform(-75, -60) / 20) * rng.standard_normal(len(wide))  # of the microphone
        _write(folder / f"{digit}_{speaker + 1:02}_{index}.wav", wide, RATE_HZ)
        meta[f"{speaker + 1:02}"] = _known(speaker)
        if progress:
            progress(done, total)
    with atomic(out / "data" / META) as temporary:
        temporary.write_text(json.dumps(meta, indent=4) + "\n")
    return [out / "data"]


def write_fsdd(out: Path, n: int = 50, seed: int = 0, progress: Progress | None = None) -> list[Path]:
    """Write `recordings/{digit}_{speaker}_{index}.wav`, 8 kHz, of six speakers.

    Parameters
    ----------
    out, seed, progress
        As in `write_audiomnist`.
    n : int, 6 to 50
        Recordings per digit and speaker; index 0 to 4 are for the test.

    Returns
    -------
    paths : list of Path
        Of the folder `recordings`.

    Raises
    ------
    ValueError
        n is out of range.
    """
    _check(n, MOST, MOST_TEST + 1)
    folder = out / "recordings"
    folder.mkdir(parents=True, exist_ok=True)
    for speaker, digit, index, done, total in _takes("fsdd", n):
        samples, _ = _spoken("fsdd", speaker, digit, index, seed)
        _write(folder / f"{digit}_voice{speaker}_{index}.wav", samples, SAMPLE_RATE)
        if progress:
            progress(done, total)
    return [folder]


def _check(n: int, most: int, least: int = 1) -> None:
    if not least <= n <= most:
        raise ValueError(f"n = {n}; {least} to {most} recordings per digit and speaker are possible")


def _takes(name: str, n: int) -> Iterator[tuple[int, int, int, int, int]]:
    """Speaker, digit and index of every file, how many there were with it, and will be."""
    total = N_SPEAKERS[name] * N_DIGITS * n
    for i in range(total):
        yield i // (N_DIGITS * n), i // n % N_DIGITS, i % n, i + 1, total


def _spoken(name, speaker, digit, index, seed):
    rng = np.random.default_rng([*name.encode(), seed, speaker, digit, index])
    return speak(rng, digit, draw_voice(name, speaker)), rng


def _known(speaker: int) -> dict[str, str]:
    voice = draw_voice("audiomnist", speaker)
    return {
        "accent": "none: a formula spoke",
        "age": "0",
        "gender": "female" if voice.pitch_hz > 160 else "male",
        "native speaker": "no",
        "origin": "synthetic",
        "recordingdate": "",
        "recordingroom": "",
    }


def _write(path: Path, samples: np.ndarray, rate_hz: int) -> None:
    soundfile.write(path, np.clip(samples, -1, 1), rate_hz, subtype="PCM_16", format="WAV")
