"""Files in the layout of SHD and SSC: words that the embedded speech says, or recordings, heard by `ear`."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from ...models.log_mel import SAMPLE_RATE
from ...simulate.files import atomic
from ...simulate.together import processors
from ..clips import spread
from ..data.fsdd import load_fsdd
from ..speech import draw_voice, speak
from .ear import hear
from .progress import Progress, shifted
from .words import SHD_WORDS, SSC_WORDS

MAX_S = 1.37  # SHD's longest; what is longer is cut
WORDS = {"shd": SHD_WORDS, "ssc": SSC_WORDS}
_SPEAKERS = 12  # of SHD
_TEST_SPEAKERS = (4, 5)  # heard in SHD's test file alone, where four of five samples are theirs
_CLIPS_PER_SPEAKER = 4  # of SSC, whose speakers are each in one file alone
SPLITS = {"shd": {"train": 1.0, "test": 0.25}, "ssc": {"train": 1.0, "valid": 0.15, "test": 0.25}}


@dataclass(frozen=True)
class Utterance:
    """One sound, mono, 8 kHz, before it is heard."""

    samples: np.ndarray
    label: int
    speaker: int


def write_shd(
    out: Path,
    n: int | None = None,
    seed: int = 0,
    source: Path | None = None,
    progress: Progress | None = None,
) -> list[Path]:
    """Write a synthetic SHD: `shd_train.h5` and `shd_test.h5`.

    Twenty digits, English and German, by twelve speakers of whom two are in the test file alone, and say four
    fifths of it. With a source: its recordings of the ten English digits instead.

    Parameters
    ----------
    out : Path
        Folder, made if it is not there.
    n : int, 80 or more
        Training samples; a quarter as many are for the test. Of a source: at most so many, evenly spaced, and
        its whole test. Default: 1,600, or all of the source.
    seed : int, 0 or more
        Decides everything but the voices.
    source : Path, optional
        Recordings {digit}_{speaker}_{index}.wav; index 0 to 4 are for the test.
    progress : callable (done, total), optional
        Called after every sample.

    Returns
    -------
    paths : list of Path

    Raises
    ------
    ValueError
        n is too small for every class to be in every file.
    BadInput
        The recordings are missing or bad.
    """
    if source is None:
        return _write("shd", out, 1600 if n is None else n, seed, progress)
    train, test = (load_fsdd(source, split) for split in ("train", "test"))
    train = train if n is None else train.take(spread(np.arange(len(train)), n))
    speakers = sorted({*train.speakers, *test.speakers})
    total, done, paths = len(train) + len(test), 0, []
    for split, clips in (("train", train), ("test", test)):
        paths.append(out / f"shd_{split}.h5")
        spoken = [
            Utterance(samples, int(label), speakers.index(speaker))
            for samples, label, speaker in zip(clips.x, clips.y, clips.speakers, strict=True)
        ]
        write_heard(paths[-1], SHD_WORDS[0][:10], spoken, len(clips), seed, shifted(progress, done, total))
        done += len(clips)
    return paths


def write_ssc(out: Path, n: int = 2100, seed: int = 0, progress: Progress | None = None) -> list[Path]:
    """Write a synthetic SSC, `ssc_{train,valid,test}.h5`: thirty-five words, no speaker in two files.

    Parameters
    ----------
    out, seed, progress
        As in `write_shd`.
    n : int, 234 or more
        Training samples; a quarter as many are for the test, and 15 % for the validation.

    Returns
    -------
    paths : list of Path

    Raises
    ------
    ValueError
        n is too small for every class to be in every file.
    """
    return _write("ssc", out, n, seed, progress)


def _write(name, out, n, seed, progress):
    classes, words = WORDS[name]
    sizes = {split: int(n * share) for split, share in SPLITS[name].items()}
    if min(sizes.values()) < len(classes):
        least = int(np.ceil(len(classes) / min(SPLITS[name].values())))
        raise ValueError(f"n = {n}; {len(classes)} classes need at least {least} training samples")
    total, done, paths = sum(sizes.values()), 0, []
    for split, size in sizes.items():
        order = np.random.default_rng([*name.encode(), *split.encode(), seed]).permutation(size)
        spoken = (_utterance(name, words, split, seed, i, int(order[i]) % len(classes)) for i in range(size))
        paths.append(out / f"{name}_{split}.h5")
        write_heard(paths[-1], classes, spoken, size, seed, shifted(progress, done, total))
        done += size
    return paths


def write_heard(
    path: Path,
    classes: tuple[str, ...],
    spoken: Iterable[Utterance],
    n: int,
    seed: int,
    progress: Progress | None = None,
) -> None:
    """Let the ear hear utterances, on all cores, and write its spikes as one file in SHD's layout.

    Parameters
    ----------
    path : Path
        File; its folder is made.
    classes : tuple of str
        In the order of the labels.
    spoken : iterable of n utterances
        In the order of the file.
    n : int
        How many there are.
    seed : int
        Of the ear; sample i of the file hears with (seed, i).
    progress : callable (done, total), optional
        Called after every sample.

    Raises
    ------
    BadInput
        The file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        atomic(path) as temporary,
        h5py.File(temporary, "w") as file,
        ThreadPoolExecutor(processors()) as pool,
    ):
        times = file.create_dataset("spikes/times", (n,), h5py.vlen_dtype(np.float16))
        units = file.create_dataset("spikes/units", (n,), h5py.vlen_dtype(np.uint16))
        labels, speakers = np.zeros(n, np.uint16), np.zeros(n, np.uint16)
        heard = pool.map(lambda job: (job[1], _heard(job[1], seed, job[0])), enumerate(spoken))
        for i, (utterance, (at, of)) in enumerate(heard):
            times[i], units[i] = at.astype(np.float16), of.astype(np.uint16)
            labels[i], speakers[i] = utterance.label, utterance.speaker
            if progress:
                progress(i + 1, n)
        file["labels"] = labels
        file["extra/speaker"] = speakers
        file["extra/keys"] = np.array([word.encode() for word in classes])


def _heard(utterance, seed, i):
    return hear(utterance.samples[: int(MAX_S * SAMPLE_RATE)], seed * 2**32 + i)


def _utterance(name, words, split, seed, i, label):
    rng = np.random.default_rng([*name.encode(), *split.encode(), seed, i])
    if name == "ssc":
        speaker = i // _CLIPS_PER_SPEAKER
        group = f"ssc {split}"
    else:
        others = [s for s in range(_SPEAKERS) if s not in _TEST_SPEAKERS]
        group = "shd"
        speaker = int(rng.choice(_TEST_SPEAKERS if split == "test" and rng.random() < 0.8 else others))
    return Utterance(speak(rng, label, draw_voice(group, speaker, words), words), label, speaker)
