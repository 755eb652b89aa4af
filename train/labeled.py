"""Events and labels of any task, from one file; no torch."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from ..simulate.errors import BadInput
from .clips import Clips

SPLITS = (("x", "y"), ("x_test", "y_test"))


def load_labeled(path: str | Path) -> tuple[Clips, Clips | None]:
    """Read an .npz of events and labels.

    Parameters
    ----------
    path : path
        Holds `x`, whole numbers (n, steps, *shape), 0 or more, and `y`, the class of each; `x_test` and
        `y_test` likewise, if there are samples to score on. Nothing in it is unpickled.

    Returns
    -------
    train : Clips
    test : Clips, or None

    Raises
    ------
    BadInput
        The file is missing or damaged, or its arrays are not that.
    """
    path = Path(path)
    try:
        with open(path, "rb") as file:
            held = np.load(file, allow_pickle=False)
            arrays = {} if isinstance(held, np.ndarray) else {name: held[name] for name in held.files}
    except FileNotFoundError as error:
        raise BadInput(f"{path}: no such file") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise BadInput(f"{path}: not a readable .npz file ({error})") from error
    (x, y), more = SPLITS[0], set(SPLITS[1]) & arrays.keys()
    for name in {x, y} | (set(SPLITS[1]) if more else set()):
        if name not in arrays:
            raise BadInput(f"{path}: no array '{name}' in it; there are {', '.join(arrays) or 'none'}")
    train = _clips(path, arrays, *SPLITS[0])
    test = _clips(path, arrays, *SPLITS[1]) if more else None
    if test is not None and test.events.shape[2:] != train.events.shape[2:]:
        raise BadInput(f"{path}: x is {train.events.shape}, x_test {test.events.shape}; shapes must agree")
    return train, test


def _clips(path: Path, arrays: dict[str, np.ndarray], x: str, y: str) -> Clips:
    events, labels = arrays[x], arrays[y]
    if events.dtype.kind not in "biuf" or events.ndim < 3 or not events.size:
        raise BadInput(f"{path}: {x} is {events.dtype} {events.shape}, not numbers (n, steps, *shape)")
    if events.min() < 0 or not np.array_equal(events, np.floor(events)):
        raise BadInput(f"{path}: {x} must hold whole numbers, 0 or more")
    if labels.dtype.kind not in "iu" or labels.shape != (len(events),):
        raise BadInput(f"{path}: {y} is {labels.dtype} {labels.shape}, not integers ({len(events)},)")
    events = events.astype(np.min_scalar_type(int(events.max())))
    return Clips(events, labels.astype(np.int64), tuple(f"{x}[{i}]" for i in range(len(events))))
