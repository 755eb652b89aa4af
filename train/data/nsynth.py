"""NSynth: notes of instruments, one file each, and a file that describes them all. No torch.

    nsynth-{train,valid,test}/examples.json
    nsynth-{train,valid,test}/audio/<family>_<source>_<instrument:03d>-<pitch:03d>-<velocity:03d>.wav

Get the json/wav form at https://magenta.tensorflow.org/datasets/nsynth (CC BY 4.0).
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from ...simulate.errors import BadInput

SPLITS = ("train", "valid", "test")
SAMPLE_RATE = 16_000
SOURCES = ("acoustic", "electronic", "synthetic")
FAMILIES = (
    "bass",
    "brass",
    "flute",
    "guitar",
    "keyboard",
    "mallet",
    "organ",
    "reed",
    "string",
    "synth_lead",
    "vocal",
)


@dataclass(frozen=True)
class NoteFile:
    """A note on disk, as examples.json describes it.

    Parameters
    ----------
    name : str
        Of the file, without ending.
    family, source : str
        One of FAMILIES, of SOURCES.
    pitch, velocity : int, 0 to 127
    path : Path
        Of the sound.
    """

    name: str
    family: str
    source: str
    pitch: int
    velocity: int
    path: Path


def find_notes(directory: str | Path, split: str, families: Collection[str] = FAMILIES) -> list[NoteFile]:
    """List the notes of a split.

    Parameters
    ----------
    directory : path
        Holds `nsynth-train`, `nsynth-valid` and `nsynth-test`.
    split : "train", "valid" or "test"
        Which of them.
    families : collection of str
        The others are left out.

    Returns
    -------
    notes : list of NoteFile
        In the order of their names.

    Raises
    ------
    BadInput
        The folder or its examples.json is missing or damaged, an entry is not a note's, its sound is missing,
        or no note is of these families.
    """
    if split not in SPLITS:
        raise BadInput(f"{directory}: split is {split!r}; it must be one of {', '.join(SPLITS)}")
    folder = Path(directory) / f"nsynth-{split}"
    described = _described(folder)
    notes = []
    for name in sorted(described):
        note = _note(folder, name, described[name])
        if note.family in families:
            if not note.path.is_file():
                raise BadInput(f"{note.path}: no such file, though examples.json describes it")
            notes.append(note)
    if not notes:
        raise BadInput(f"{folder}: no note of {', '.join(families)} among its {len(described)}")
    return notes


def read_note(note: NoteFile) -> np.ndarray:
    """Return the sound of a note, float32 (n,), mono, 16 kHz.

    Raises
    ------
    BadInput
        It is no sound file, of several channels, of another rate, empty, or not finite.
    """
    try:
        samples, rate = soundfile.read(note.path, dtype="float32", always_2d=True)
    except (OSError, TypeError, ValueError, soundfile.SoundFileError) as error:
        raise BadInput(f"{note.path}: not a sound file that can be read; get it again") from error
    if samples.shape[1] != 1 or rate != SAMPLE_RATE:
        raise BadInput(f"{note.path}: {samples.shape[1]} channels, {rate} Hz; NSynth has 1, {SAMPLE_RATE} Hz")
    if not len(samples):
        raise BadInput(f"{note.path}: no samples")
    if not np.isfinite(samples).all():
        raise BadInput(f"{note.path}: sample {int((~np.isfinite(samples)).any(1).argmax())} is not finite")
    return samples[:, 0]


def _described(folder: Path) -> dict[str, dict]:
    path = folder / "examples.json"
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise BadInput(f"{path}: no such file; give the folder that holds nsynth-train and so on") from error
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: not a readable JSON file ({error})") from error
    if not isinstance(found, dict) or not found:
        raise BadInput(f"{path}: must hold notes by name, and at least one")
    return found


def _note(folder: Path, name: str, entry: object) -> NoteFile:
    """Check one entry: what is missing or impossible is named."""
    where = f"{folder / 'examples.json'}: note '{name}'"
    if not isinstance(entry, dict):
        raise BadInput(f"{where} is not described by names and values")
    allowed = {"instrument_family_str": FAMILIES, "instrument_source_str": SOURCES}
    for key, values in allowed.items():
        if entry.get(key) not in values:
            raise BadInput(f"{where}: {key} = {entry.get(key)!r}; it must be one of {', '.join(values)}")
    for key in ("pitch", "velocity"):
        value = entry.get(key)
        if type(value) is not int or not 0 <= value <= 127:
            raise BadInput(f"{where}: {key} = {value!r}; it must be a whole number, 0 to 127")
    family, source = (entry[key] for key in allowed)
    if Path(name).name != name:
        raise BadInput(f"{where}: a name must not lead out of the folder")
    path = folder / "audio" / f"{name}.wav"
    return NoteFile(name, family, source, entry["pitch"], entry["velocity"], path)
