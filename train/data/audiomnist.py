"""AudioMNIST: 60 people say each digit 50 times, 48 kHz; `data/{01..60}/{digit}_{speaker}_{0..49}.wav`.

Source: https://github.com/soerenab/AudioMNIST (MIT), its folds from `preprocess_data.py` and
`audiomnist/train/splits.py`; Becker et al. 2018, arXiv 1807.03418.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from ...simulate.errors import BadInput
from .labeled import Labeled, refuse_empty_classes
from .skipping import Skipping
from .sound_file import read_exact

RATE_HZ = 48_000
CLASSES = tuple(str(digit) for digit in range(10))
META = "audioMNIST_meta.txt"
LAYOUT = "{digit}_{speaker}_{index}.wav"
# fold i tests group i, validates the group before it, and trains on the other three
GROUPS = (
    (26, 52, 60, 18, 32, 42, 5, 13, 22, 33, 45, 51),
    (28, 56, 7, 19, 35, 1, 6, 16, 23, 34, 46, 53),
    (36, 57, 9, 24, 37, 2, 8, 17, 29, 39, 48, 54),
    (43, 58, 14, 25, 38, 3, 10, 20, 30, 40, 49, 55),
    (12, 47, 59, 15, 27, 41, 4, 11, 21, 31, 44, 50),
)
_NAME = re.compile(r"(\d)_(\d\d)_(\d+)\.wav")


def fold_speakers(fold: int, split: str) -> tuple[str, ...]:
    """Return who speaks in one split of an official fold, in ascending order.

    Parameters
    ----------
    fold : int, 0 to 4
        Which group is the test.
    split : "train", "valid" or "test"
        36, 12 or 12 speakers.

    Raises
    ------
    BadInput
        There is no such fold or split.

    >>> fold_speakers(0, "test")[:3], len(fold_speakers(0, "train"))
    (('05', '13', '18'), 36)
    """
    if fold not in range(len(GROUPS)) or split not in ("train", "valid", "test"):
        raise BadInput(f"fold {fold}, split {split!r}; folds are 0 to 4, splits train, valid and test")
    valid = (fold - 1) % len(GROUPS)
    chosen = {
        "test": [fold],
        "valid": [valid],
        "train": [group for group in range(len(GROUPS)) if group not in (fold, valid)],
    }[split]
    return tuple(f"{speaker:02}" for speaker in sorted(s for group in chosen for s in GROUPS[group]))


def load_audiomnist(
    data: str | Path,
    split: str,
    fold: int = 0,
    rate_hz: int = 16_000,
    skip_bad: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Labeled:
    """Read one split of an official fold, resampled file by file.

    Parameters
    ----------
    data : path
        Holds the speakers' folders, or a folder `data` that does.
    split : "train", "valid" or "test"
        No speaker is in two.
    fold : int, 0 to 4
        Which group is the test.
    rate_hz : int
        Resample to this; at 48 kHz the whole set would take 4 GB.
    skip_bad : bool
        Leave bad files and missing speakers out, and say so in the notes.
    progress : callable (done, total), optional
        Called after every file.

    Returns
    -------
    sounds : Labeled
        x is a tuple of float32 (samples,), by speaker, digit and index.

    Raises
    ------
    BadInput
        No such folder, a speaker's folder is missing, a file is bad, of another rate or of another speaker,
        or a digit is missing.
    """
    root = Path(data) / "data" if (Path(data) / "data").is_dir() else Path(data)
    if not root.is_dir():
        raise BadInput(f"{data}: no such directory; give the one that holds AudioMNIST's folder `data`")
    skipping, found, n_other = Skipping(skip_bad), [], 0
    for speaker in fold_speakers(fold, split):
        with skipping.part():
            files, n_more = _files(root, speaker)
            found += files
            n_other += n_more
    sounds, labels, names = [], [], []
    for done, (path, digit) in enumerate(sorted(found, key=_order), 1):
        with skipping.part():
            samples = read_exact(path, RATE_HZ)
            sounds.append(soxr.resample(samples, RATE_HZ, rate_hz) if rate_hz != RATE_HZ else samples)
            labels.append(digit)
            names.append(path.name)
        if progress:
            progress(done, len(found))
    y = np.array(labels, dtype=np.int64)
    refuse_empty_classes(f"{root}, fold {fold}, {split}", y, CLASSES)
    notes = skipping.notes()
    if n_other:
        notes = (*notes, f"{n_other} wav files left out: not named {LAYOUT}")
    return Labeled(tuple(sounds), y, CLASSES, tuple(names), tuple(n[2:4] for n in names), rate_hz, notes)


def read_meta(data: str | Path) -> dict[str, dict[str, Any]]:
    """Read what is known of the speakers: `audioMNIST_meta.txt`, by number, e.g. gender and accent.

    Parameters
    ----------
    data : path
        As in `load_audiomnist`.

    Raises
    ------
    BadInput
        The file is missing, or is no JSON of that kind.
    """
    folder = Path(data) / "data" if (Path(data) / "data").is_dir() else Path(data)
    path = folder / META
    try:
        meta = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadInput(f"{path}: no such file; get it with the recordings") from error
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"{path}: not readable JSON ({' '.join(str(error).split())}); get it again") from error
    if not isinstance(meta, dict) or not all(isinstance(of_one, dict) for of_one in meta.values()):
        raise BadInput(f"{path}: must map each speaker to what is known of them; get it again")
    return meta


def _files(root: Path, speaker: str) -> tuple[list[tuple[Path, int]], int]:
    """Recordings of one speaker with their digits, and how many wav files have other names."""
    folder = root / speaker
    if not folder.is_dir():
        raise BadInput(f"{folder}: no such directory; the fold needs speaker {speaker}: is the set complete?")
    files, n_other = [], 0
    for path in folder.glob("*.wav"):
        match = _NAME.fullmatch(path.name)
        if match is None:
            n_other += 1
        elif match[2] != speaker:
            raise BadInput(f"{path}: of speaker {match[2]}, in the folder of {speaker}; move it")
        else:
            files.append((path, int(match[1])))
    return files, n_other


def _order(item: tuple[Path, int]) -> tuple[str, int, int]:
    path, digit = item
    return path.name[2:4], digit, int(path.stem.rsplit("_", 1)[1])
