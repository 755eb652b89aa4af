"""FSDD, the Free Spoken Digit Dataset, as sounds: `{digit}_{speaker}_{index}.wav`, 8 kHz.

Source: https://github.com/Jakobovski/free-spoken-digit-dataset, CC BY-SA 4.0; index 0 to 4 is the test.
"""

from pathlib import Path

import numpy as np
import soxr

from ...models.log_mel import SAMPLE_RATE
from ..recordings import read_recordings
from .labeled import Labeled, refuse_empty_classes

CLASSES = tuple(str(digit) for digit in range(10))


def load_fsdd(data: str | Path, split: str, rate_hz: int = SAMPLE_RATE, skip_bad: bool = False) -> Labeled:
    """Read one split.

    Parameters
    ----------
    data : path
        Holds the wav files, or a folder `recordings` that does.
    split : "train" or "test"
        Test is index 0 to 4, train is the rest.
    rate_hz : int
        Resample to this.
    skip_bad : bool
        Leave bad files out, and say so in the notes.

    Returns
    -------
    sounds : Labeled
        x is a tuple of float32 (samples,), in the order of the file names.

    Raises
    ------
    BadInput
        As in `load_recordings`; or a digit is missing.
    """
    sounds, notes = read_recordings(data, split, skip_bad)
    names, samples, digits = zip(*sounds, strict=True)
    y = np.array(digits, dtype=np.int64)
    refuse_empty_classes(f"{data}, {split}", y, CLASSES)
    if rate_hz != SAMPLE_RATE:
        samples = tuple(soxr.resample(s, SAMPLE_RATE, rate_hz) for s in samples)
    speakers = tuple(speaker_of(name) for name in names)
    return Labeled(samples, y, CLASSES, names, speakers, rate_hz, tuple(notes))


def speaker_of(name: str) -> str:
    """Return who speaks in a file.

    >>> speaker_of("7_ann_b_32.wav")
    'ann_b'
    """
    return name.split("_", 1)[1].rsplit("_", 1)[0]
