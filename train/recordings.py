"""Recordings of spoken digits: wav files to clips, nothing changed or left out in silence.

No torch: inference reads its files through here too.
"""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import soxr

from ..models.log_mel import SAMPLE_RATE, check_samples
from ..simulate.errors import BadInput
from .clips import Clips, to_clips
from .data.skipping import Skipping
from .data.sound_file import read_sound

SPLITS = ("train", "test")
LAYOUT = "{digit}_{speaker}_{index}.wav"
N_TEST = 5  # recordings per digit and speaker that are for the test: index 0 to 4
_NAME = re.compile(r"(\d)_(.+)_(\d+)\.wav")


def read_wav(path: str | Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """Read one mono recording, resampled to 8 kHz where its rate differs.

    Parameters
    ----------
    path : path
        A sound file that libsndfile reads.

    Returns
    -------
    samples : float32 (n,)
        Mono, 8 kHz.
    notes : tuple of str
        Says that it was resampled; else empty.

    Raises
    ------
    BadInput
        The file is missing, is no sound file, has several channels, is empty or shorter than a
        frame, or holds NaN or infinity.
    """
    samples, rate = read_sound(path)
    notes = ()
    if rate != SAMPLE_RATE and len(samples):
        samples = soxr.resample(samples, rate, SAMPLE_RATE)
        notes = (f"resampled from {rate} Hz to {SAMPLE_RATE} Hz",)
    try:
        check_samples(samples)
    except ValueError as error:
        raise BadInput(f"{path}: {error}") from error
    return samples, notes


def load_recordings(directory: str | Path, split: str, skip_bad: bool = False) -> Clips:
    """Read one split of a directory in FSDD's layout, `{digit}_{speaker}_{index}.wav`.

    Parameters
    ----------
    directory : path
        Holds the wav files, or a folder `recordings` that does.
    split : "train" or "test"
        Test is index 0 to 4, train is the rest.
    skip_bad : bool
        Leave bad files out, and say so in the notes.

    Returns
    -------
    clips : Clips
        In the order of the file names; wav files of other names are counted in its notes.

    Raises
    ------
    BadInput
        There is no such directory or split, no wav file in it has such a name, the split is empty,
        or a file is bad.

    Source: Free Spoken Digit Dataset, https://github.com/Jakobovski/free-spoken-digit-dataset
    """
    return to_clips(*read_recordings(directory, split, skip_bad))


def read_recordings(
    directory: str | Path, split: str, skip_bad: bool = False
) -> tuple[list[tuple[str, np.ndarray, int]], list[str]]:
    """Read what `load_recordings` does, before it becomes events: (name, samples, digit) of each, and notes.

    Parameters
    ----------
    directory, split, skip_bad
        As in `load_recordings`.

    Raises
    ------
    BadInput
        As in `load_recordings`.
    """
    if split not in SPLITS:
        raise BadInput(f"{directory}: split is {split!r}; it must be one of {', '.join(SPLITS)}")
    paths, n_skipped = _find(Path(directory), split)
    sounds, notes, skipping = [], Counter(), Skipping(skip_bad)
    for path in paths:
        with skipping.part():
            samples, said = read_wav(path)
            notes.update(said)
            sounds.append((path.name, samples, int(path.name[0])))
    if not sounds:
        raise BadInput(f"{directory}: every recording for {split} is bad; {'; '.join(skipping.notes())}")
    counted = [f"{n} of {len(paths)} clips {note}" for note, n in notes.items()]
    counted += skipping.notes()
    if n_skipped:
        counted.append(f"{n_skipped} wav files left out: not named {LAYOUT}")
    return sounds, counted


def _find(directory, split):
    """Sorted paths of a split, and how many wav files have other names."""
    inner = directory / "recordings"
    folder = inner if inner.is_dir() else directory
    if not folder.is_dir():
        raise BadInput(f"{directory}: no such directory; give one that holds {LAYOUT}")
    found = sorted(folder.glob("*.wav"))
    if not found:
        raise BadInput(f"{directory}: no wav files in it; give a directory that holds {LAYOUT}")
    index = {path: int(match[3]) for path in found if (match := _NAME.fullmatch(path.name))}
    if not index:
        raise BadInput(
            f"{directory}: none of its {len(found)} wav files is named {LAYOUT}; rename them,"
            " e.g. 7_theo_32.wav"
        )
    chosen = [path for path in index if (index[path] < N_TEST) == (split == "test")]
    if not chosen:
        raise BadInput(
            f"{directory}: no recordings for {split}; test is index 0 to {N_TEST - 1}, train the rest"
        )
    return chosen, len(found) - len(index)
