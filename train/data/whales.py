"""The Marinexplore and Cornell challenge: is there the upcall of a right whale in these two seconds?

    train.csv             header `clip_name,label`, rows `train1.aiff,0`
    train/train<i>.aiff   16 bits, one channel, 2 kHz, 4,000 samples
    test/test<i>.aiff     without labels: nothing here reads them

Source: https://www.kaggle.com/c/whale-detection-challenge (its terms; log in to download `whale_data.zip`).
"""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ...simulate.errors import BadInput
from .labeled import Labeled, refuse_empty_classes, stratified_folds
from .skipping import Skipping
from .sound_file import read_exact

RATE_HZ, N_SAMPLES = 2000, 4000
CLASSES = ("other", "upcall")
HEADER = ["clip_name", "label"]


def load_whales(
    data: str | Path, skip_bad: bool = False, progress: Callable[[int, int], None] | None = None
) -> Labeled:
    """Read all labeled clips.

    Parameters
    ----------
    data : path
        Holds `train.csv` and the folder `train`, or a folder `data` that does.
    skip_bad : bool
        Leave bad rows and files out, and say so in the notes.
    progress : callable (done, total), optional
        Called after every file.

    Returns
    -------
    clips : Labeled
        x is float32 (n, 4000), in the order of the table; y is 1 for an upcall.

    Raises
    ------
    BadInput
        The table or a clip is missing or bad, or a class is empty.
    """
    root = Path(data) / "data" if (Path(data) / "data").is_dir() else Path(data)
    table, skipping = root / "train.csv", Skipping(skip_bad)
    rows = read_labels(table, skipping)
    sounds, labels, names = [], [], []
    for done, (name, label) in enumerate(rows, 1):
        with skipping.part():
            samples = read_exact(root / "train" / name, RATE_HZ, "aiff")
            if len(samples) != N_SAMPLES:
                raise BadInput(f"{root / 'train' / name}: {len(samples)} samples; a clip has {N_SAMPLES}")
            sounds.append(samples)
            labels.append(label)
            names.append(name)
        if progress:
            progress(done, len(rows))
    y = np.array(labels, dtype=np.int64)
    refuse_empty_classes(table, y, CLASSES)
    return Labeled(np.stack(sounds), y, CLASSES, tuple(names), rate_hz=RATE_HZ, notes=skipping.notes())


def whale_splits(clips: Labeled, seed: int = 0) -> tuple[Labeled, Labeled, Labeled]:
    """Deal clips into train (70 %), validation (10 %) and test (20 %), both classes alike in each.

    The official test has no labels.

    Parameters
    ----------
    clips : Labeled
        At least ten of each class.
    seed : int, 0 or more
        Decides who goes where.

    Raises
    ------
    BadInput
        A class has too few clips.
    """
    folds = stratified_folds(clips.y, 10, seed)
    train, test = np.sort(np.concatenate(folds[3:])), np.sort(np.concatenate(folds[:2]))
    return clips.take(train), clips.take(folds[2]), clips.take(test)


def read_labels(path: Path, skipping: Skipping) -> list[tuple[str, int]]:
    """Read the table of clips.

    Parameters
    ----------
    path : Path
        `train.csv`.
    skipping : Skipping
        What to do with bad rows.

    Returns
    -------
    rows : list of (file name, 0 or 1)

    Raises
    ------
    BadInput
        No such file, another header, or a bad row.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            lines = list(csv.reader(file))
    except FileNotFoundError as error:
        raise BadInput(
            f"{path}: no such file; give what is in whale_data.zip, or make one by `lavalier generate whales`"
        ) from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path}: not a readable table ({error}); get it again") from error
    if not lines or lines[0] != HEADER:
        raise BadInput(f"{path}: line 1 must be `{','.join(HEADER)}`; get the file again")
    rows, seen = [], set()
    for number, line in enumerate(lines[1:], 2):
        with skipping.part():
            where = f"{path}, line {number}"
            if len(line) != 2 or line[1] not in ("0", "1"):
                shown = ",".join(line)[:60].encode("unicode_escape").decode()
                raise BadInput(f"{where}: `{shown}` is not a file name and 0 or 1; correct it")
            name = line[0]
            if Path(name).name != name or not name.isprintable() or not name:
                raise BadInput(f"{where}: {name[:60]!r} is not the name of a file in the folder `train`")
            if name in seen:
                raise BadInput(f"{where}: {name} is in the table twice; leave one out")
            seen.add(name)
            rows.append((name, int(line[1])))
    return rows
