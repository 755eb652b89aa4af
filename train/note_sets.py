"""Real or not: notes of one family as splits for a recipe, from the generator or from NSynth. No torch."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from ..simulate.errors import BadInput
from .clips import spread
from .data.nsynth import SAMPLE_RATE, SPLITS, find_notes, read_note
from .data.skipping import Skipping
from .generate.din import DIN, mixed
from .generate.nsynth import play_notes
from .recipes.recipe import Split, Splits

Sound = tuple[str, np.ndarray, int]  # name, samples at 16 kHz, 1 for a real instrument
Encode = Callable[[np.ndarray], np.ndarray]


def note_splits(
    data: Path | None,
    seed: int,
    sizes: Sequence[int],
    seconds: float,
    encode: Encode,
    noisy: float = 0.0,
    family: str = "flute",
    skip_bad: bool = False,
) -> Splits:
    """Return notes of a family, encoded; y is 1 for real instruments.

    Parameters
    ----------
    data : path, optional
        Holds NSynth; without it notes are generated.
    seed : int, 0 or more
        Of the generator and of noises.
    sizes : (int, int, int)
        Notes to learn from, to choose by and to score; of NSynth at most so many, evenly spaced.
    seconds : float
        Of each note that are kept; shorter ones are followed by silence.
    encode : callable
        Samples (n,) at 16 kHz to events (steps, channels).
    noisy : float, 0 to 1
        Share of the notes to learn from that are heard in noise of 0 to 20 dB.
    family : str
        Of the instruments.
    skip_bad : bool
        Leave out sounds that cannot be read, and say so.

    Raises
    ------
    BadInput
        `data` are missing or damaged.
    """
    parts = []
    for split, size in zip(SPLITS, sizes, strict=True):
        sounds, notes = sounds_of(data, seed, split, size, family, seconds, skip_bad)
        rng = np.random.default_rng([*f"noise of {split}".encode(), seed])
        heard = (_in_some_noise(sound, noisy * (split == "train"), rng) for sound in sounds)
        parts.append(to_split(heard, seconds, encode, notes))
    source = f"NSynth in {Path(data).name}" if data else f"generated notes in NSynth's layout, seed {seed}"
    train, valid, test = parts
    return Splits(train, valid, test, f"{family}, {source}")


def sounds_of(
    data: Path | None, seed: int, split: str, size: int, family: str, seconds: float, skip_bad: bool = False
) -> tuple[list[Sound], tuple[str, ...]]:
    """Return notes of one split as sounds, and what is to be said of them."""
    if data is None:
        played = play_notes(size, seed, split, (family,), seconds)
        return [(p.name, p.samples, int(p.instrument.source == "acoustic")) for p in played], ()
    found = find_notes(data, split, (family,))
    chosen = [found[i] for i in spread(np.arange(len(found)), size)]
    said = () if len(chosen) == len(found) else (f"{len(chosen)} of {len(found)} notes, evenly spaced",)
    skipping, sounds = Skipping(skip_bad), []
    for note in chosen:
        with skipping.part():
            sounds.append((note.name, read_note(note), int(note.source == "acoustic")))
    if not sounds:
        raise BadInput(f"{data}: none of the {len(chosen)} notes of {split} can be read")
    return sounds, (*said, *skipping.notes())


def to_split(sounds: Iterable[Sound], seconds: float, encode: Encode, notes: tuple[str, ...] = ()) -> Split:
    """Cut or fill sounds to one length, and encode them."""
    n, kept = round(seconds * SAMPLE_RATE), list(sounds)
    cut = [np.pad(samples[:n], (0, max(0, n - len(samples)))) for _, samples, _ in kept]
    short = sum(len(samples) < n for _, samples, _ in kept)
    said = (f"{short} notes shorter than {seconds:g} s: followed by silence",) if short else ()
    return Split(
        np.stack([_encoded(name, encode, samples) for (name, *_), samples in zip(kept, cut, strict=True)]),
        np.array([label for *_, label in kept], np.int64),
        tuple(name for name, *_ in kept),
        (*notes, *said),
        tuple(cut),
        SAMPLE_RATE,
    )


def in_noise(sounds: Iterable[Sound], snr_db: float, rng: np.random.Generator) -> list[Sound]:
    """Return the same sounds in noise of a drawn kind."""
    return [(name, mixed(samples, _din(rng, len(samples)), snr_db), y) for name, samples, y in sounds]


def _in_some_noise(sound: Sound, share: float, rng: np.random.Generator) -> Sound:
    if rng.random() >= share:
        return sound
    return in_noise([sound], rng.uniform(0, 20), rng)[0]


def _din(rng: np.random.Generator, n: int) -> np.ndarray:
    return DIN[str(rng.choice(sorted(DIN)))](rng, n, SAMPLE_RATE)


def _encoded(name: str, encode: Encode, samples: np.ndarray) -> np.ndarray:
    """Events of one sound, in a type that torch knows; its name goes into the error."""
    try:
        return encode(samples).astype(np.int16)
    except ValueError as error:
        raise BadInput(f"{name}: {error}") from error
