"""Notes from the generator, in memory or as files in exactly NSynth's layout; no instrument in two splits."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from ...simulate.errors import BadInput
from ...simulate.files import atomic, write_json
from ..data.nsynth import FAMILIES as NSYNTH_FAMILIES
from ..data.nsynth import SOURCES, SPLITS
from .notes import FAMILIES, RATE, SECONDS, Instrument, play
from .progress import Progress

NUMBERS = {"train": (0, 200), "valid": (200, 250), "test": (250, 300)}  # of the instruments of a split
MOST = 4000  # notes of a split: names are to be had for more
VELOCITIES = (25, 50, 75, 100, 127)


@dataclass(frozen=True)
class Played:
    """A note and who played it.

    Parameters
    ----------
    instrument : Instrument
    pitch, velocity : int, 0 to 127
    samples : float32 (n,), 16 kHz
    """

    instrument: Instrument
    pitch: int
    velocity: int
    samples: np.ndarray

    @property
    def name(self) -> str:
        """Of its file, without ending."""
        return f"{self.instrument.name}-{self.pitch:03d}-{self.velocity:03d}"


def play_notes(
    n: int, seed: int, split: str, families: Sequence[str] = ("flute",), seconds: float = SECONDS
) -> list[Played]:
    """Play notes, half of them by real instruments, each family as often as the others.

    Parameters
    ----------
    n : int, 1 to 4000
        Notes; no two have the same name.
    seed : int, 0 or more
        Decides who plays what; how an instrument sounds is decided by its name.
    split : "train", "valid" or "test"
        Whose instruments play.
    families : sequence of str
        Keys of `notes.FAMILIES`.
    seconds : float
        Of a note that are made; it is held for three.

    Raises
    ------
    BadInput
        An argument is not what it must be.

    >>> a, b = play_notes(2, seed=0, split="test", seconds=0.1)
    >>> a.instrument.source, b.instrument.source == "acoustic", a.name[:16]
    ('acoustic', False, 'flute_acoustic_2')
    """
    unknown = [family for family in families if family not in FAMILIES]
    if split not in SPLITS or unknown or not 1 <= n <= MOST or seed < 0:
        raise BadInput(
            f"n = {n}, seed = {seed}, split = {split!r}, families = {list(families)}; n must be 1 to {MOST}, "
            f"seed at least 0, the split one of {', '.join(SPLITS)}, families of {', '.join(FAMILIES)}"
        )
    rng = np.random.default_rng([*f"notes of {split}".encode(), seed])
    played: dict[str, Played] = {}
    while len(played) < n:
        i = len(played)
        family = families[i // 2 % len(families)]
        source = "acoustic" if i % 2 == 0 else SOURCES[1 + int(rng.integers(2))]
        instrument = Instrument(family, source, int(rng.integers(*NUMBERS[split])))
        low, high = FAMILIES[family].pitches
        pitch, velocity = int(rng.integers(low, high + 1)), int(rng.choice(VELOCITIES))
        name = f"{instrument.name}-{pitch:03d}-{velocity:03d}"
        if name not in played:
            samples = play(instrument, pitch, velocity, rng, seconds)
            played[name] = Played(instrument, pitch, velocity, samples)
    return list(played.values())


def write_nsynth(out: Path, n: int = 300, seed: int = 0, progress: Progress | None = None) -> list[Path]:
    """Write all three splits: notes of every family, half of them of real instruments.

    Parameters
    ----------
    out : Path
        Folder, made if it is not there.
    n : int, 6 to 4000
        Notes to learn from; a sixth as many to choose by, a third to score.
    seed : int, 0 or more
        Decides everything.
    progress : callable (done, total), optional
        Called after every split.

    Returns
    -------
    paths : list of Path
        Of the splits.

    Raises
    ------
    BadInput
        n is out of range.
    """
    if n < 6:
        raise BadInput(f"nsynth: n = {n}; at least 6 notes are needed for all splits")
    sizes = {"train": n, "valid": n // 6, "test": n // 3}
    done = 0
    for split, size in sizes.items():
        write_notes(out, split, play_notes(size, seed, split, tuple(FAMILIES)))
        done += size
        if progress:
            progress(done, sum(sizes.values()))
    return [out / f"nsynth-{split}" for split in sizes]


def write_notes(directory: str | Path, split: str, notes: Sequence[Played]) -> None:
    """Write notes as a split of NSynth: 16-bit wav files, and examples.json.

    Raises
    ------
    BadInput
        The folder cannot be written.
    """
    folder = Path(directory) / f"nsynth-{split}"
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    described = {}
    for number, note in enumerate(notes):
        with atomic(folder / "audio" / f"{note.name}.wav") as temporary:
            soundfile.write(temporary, note.samples, RATE, format="WAV", subtype="PCM_16")
        described[note.name] = _entry(number, note)
    write_json(folder / "examples.json", described)


def _entry(number: int, note: Played) -> dict:
    who = note.instrument
    return {
        "note": number,
        "note_str": note.name,
        "instrument": who.number,
        "instrument_str": who.name,
        "pitch": note.pitch,
        "velocity": note.velocity,
        "sample_rate": RATE,
        "qualities": [0] * 10,
        "qualities_str": [],
        "instrument_family": NSYNTH_FAMILIES.index(who.family),
        "instrument_family_str": who.family,
        "instrument_source": SOURCES.index(who.source),
        "instrument_source_str": who.source,
    }
