"""SHD and SSC, spiking recordings of spoken words: HDF5 spike files to spike counts.

Own reading, not tonic's: that opens the file again for every sample, rounds times to whole microseconds,
checks nothing, and is licensed under the GPL. A test compares the two, event by event.

Source: Cramer et al. 2020, IEEE TNNLS, doi 10.1109/TNNLS.2020.3044364; https://zenkelab.org/datasets
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ...models.front_ends.bins import check_spikes, spike_counts
from ...simulate.errors import BadInput
from .labeled import Labeled, refuse_empty_classes, stratified_folds
from .skipping import Skipping
from .spike_file import SpikeFile

SPLITS = {"shd": ("train", "test"), "ssc": ("train", "valid", "test")}
PROTOCOLS = ("official", "abdallas")
HELD_OUT = 10  # SHD has no validation file: every tenth training sample of each class
ABDALLAS_SEED = 42

Encode = Callable[[np.ndarray, np.ndarray], np.ndarray]  # times [s], units -> array of one size


def load_shd(
    data: str | Path, split: str, name: str = "shd", encode: Encode = spike_counts, skip_bad: bool = False
) -> Labeled:
    """Read one file of SHD or SSC, encoded sample by sample.

    Parameters
    ----------
    data : path
        The folder that holds `{name}_{split}.h5`, or the file itself.
    split : "train", "valid" or "test"
        "valid" is SSC's alone.
    name : "shd" or "ssc"
        Which set.
    encode : callable (times float64 in s, units int64) -> array
        Default: counts uint8 (100, 700) in bins of 14.14 ms. Spikes themselves are not kept: all of SSC's
        would take 4 GB.
    skip_bad : bool
        Leave out bad samples, and say so in the notes.

    Returns
    -------
    samples : Labeled
        x is (n, 100, 700) uint8 by default; classes are the file's keys.

    Raises
    ------
    BadInput
        No such file, damaged, not of this layout, a bad sample, or a class without one.
    """
    path = _file(Path(data), split, name)
    skipping = Skipping(skip_bad)
    x, y, names, speakers = None, [], [], []
    with SpikeFile(path) as file:
        for i in range(len(file)):
            with skipping.part():
                times, units = file.spikes(i)
                try:
                    check_spikes(times, units)
                    encoded = encode(times.astype(np.float64), units.astype(np.int64))
                except ValueError as error:
                    raise BadInput(f"{path}: sample {i}: {error}") from error
                label = file.label(i)
                if x is None:  # at once: a list of SSC's samples would be there twice when it is stacked
                    x = np.empty((len(file), *encoded.shape), encoded.dtype)
                x[len(y)] = encoded
                y.append(label)
                names.append(f"{path.name}[{i}]")
                speakers.append(file.speakers[i])
        classes = file.classes
    labels = np.array(y, dtype=np.int64)
    if x is None:
        raise BadInput(f"{path}: no sample that can be read; {'; '.join(skipping.notes()) or 'it is empty'}")
    refuse_empty_classes(path, labels, classes)
    return Labeled(x[: len(labels)], labels, classes, tuple(names), tuple(speakers), notes=skipping.notes())


def shd_splits(
    data: str | Path, name: str = "shd", protocol: str = "official", **settings
) -> tuple[Labeled, Labeled, Labeled]:
    """Return train, validation and test set.

    Parameters
    ----------
    data, name
        As in `load_shd`.
    protocol : "official" or "abdallas"
        official: the files as they are; SHD, which has no validation file, keeps a tenth of its training
        samples for it, class by class. abdallas: a fifth of the *test* file is the validation set and the
        rest the test set, as published; so a choice made on it is made on the test speakers.
    settings
        `encode` and `skip_bad` of `load_shd`.

    Raises
    ------
    BadInput
        As in `load_shd`; or there is no such protocol.
    """
    if protocol not in PROTOCOLS:
        raise BadInput(f"protocol {protocol!r}; it must be one of {', '.join(PROTOCOLS)}")
    train, test = (load_shd(data, split, name, **settings) for split in ("train", "test"))
    if protocol == "abdallas":
        order = torch_permutation(len(test), ABDALLAS_SEED)
        n_valid = len(test) // 5
        return train, test.take(order[:n_valid]), test.take(order[n_valid:])
    if "valid" in SPLITS[name]:
        return train, load_shd(data, "valid", name, **settings), test
    return *hold_out(train, HELD_OUT), test


def hold_out(samples: Labeled, folds: int, seed: int = 0) -> tuple[Labeled, Labeled]:
    """Return all but one fold, and that fold."""
    fold = stratified_folds(samples.y, folds, seed)[0]
    return samples.take(np.setdiff1d(np.arange(len(samples)), fold)), samples.take(fold)


def torch_permutation(n: int, seed: int) -> np.ndarray:
    """Return what `torch.randperm` gives after `manual_seed(seed)`, on the CPU: what `random_split` deals by.

    Source: torch 2.3, aten/src/ATen/native/TensorFactories.cpp, `randperm_cpu` (Mersenne twister, 32 bits).

    >>> torch_permutation(5, 42).tolist()
    [2, 4, 3, 0, 1]
    """
    drawn = np.random.RandomState(seed).randint(0, 2**32, max(n - 1, 0), dtype=np.uint32)
    order = np.arange(n)
    for i, number in enumerate(drawn):
        j = i + int(number) % (n - i)
        order[i], order[j] = order[j], order[i]
    return order


def _file(data: Path, split: str, name: str) -> Path:
    if name not in SPLITS:
        raise BadInput(f"set {name!r}; it must be one of {', '.join(SPLITS)}")
    if split not in SPLITS[name]:
        raise BadInput(f"{data}: split {split!r}; {name} has {', '.join(SPLITS[name])}")
    if data.is_file():
        return data
    path = data / f"{name}_{split}.h5"
    if not path.is_file():
        raise BadInput(
            f"{path}: no such file; unpack {path.name}.zip there, get it by `lavalier download {name}`, "
            f"or make one in its layout by `lavalier generate {name}`"
        )
    return path
