"""What a command runs on: an array, a recording, a folder of recordings, or the embedded speech."""

import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lavalier.models.log_mel import N_BANDS
from lavalier.simulate.errors import BadInput
from lavalier.train.clips import Clips, spread

EMBEDDED_CLIPS = 500
EMBEDDED_SEED = 0  # the split that the shipped network's card was scored on


@dataclass(frozen=True)
class Source:
    """Input of a network, with labels where they are known.

    Attributes
    ----------
    title : str
    x : array (batch, steps, *shape), or {input name: array}
    labels : int (batch,) or None
    notes : list of str
        What was changed on the way.
    """

    title: str
    x: np.ndarray | dict[str, np.ndarray]
    labels: np.ndarray | None
    notes: list[str]

    @property
    def sizes(self) -> tuple[int, int]:
        """Samples and steps."""
        first = next(iter(self.x.values())) if isinstance(self.x, dict) else self.x
        return first.shape[0], first.shape[1]

    def take(self, samples: int | None) -> "Source":
        """Keep `samples` of them, evenly spaced, and say so."""
        n = self.sizes[0]
        if samples is None or samples >= n:
            return self
        if samples < 1:
            raise BadInput(f"--samples {samples}: must be at least 1")
        labels = None if self.labels is None else spread(self.labels, samples)
        notes = [*self.notes, f"{samples} of {n} samples, evenly spaced"]
        x = self.x
        x = {k: spread(a, samples) for k, a in x.items()} if isinstance(x, dict) else spread(x, samples)
        return replace(self, x=x, labels=labels, notes=notes)


def load_source(
    shape: tuple[int, ...] | None, path: Path | None, data: Path | None, split: str = "test"
) -> Source:
    """Load what `--input` or `--data` name; the embedded test speech if neither does.

    Parameters
    ----------
    shape : tuple of int, or None
        What the network takes in one step; None for a network of several inputs.
    path : Path, optional
        A .npy array (batch, steps, *shape), an .npz of one for each input by its name, or a wav file for
        the digits front end.
    data : Path, optional
        Recordings named {digit}_{speaker}_{index}.wav.
    split : "train" or "test"
        Of `data` or of the embedded speech.

    Raises
    ------
    BadInput
        Both are given, a file is not what it must be, or the network does not take what the digits front
        end gives.
    """
    if path and data:
        raise BadInput("give --input or --data, not both")
    if path and path.suffix in (".npy", ".npz"):
        return Source(str(path), _arrays(path), None, [])
    if shape != (N_BANDS,):
        takes = "several inputs" if shape is None else f"events of shape {shape}"
        raise BadInput(
            f"the network takes {takes}, sound is turned into ({N_BANDS},): give a .npy array, or an .npz "
            "with one for each input"
        )
    if path:
        return _recording(path)
    if data:
        from lavalier.train.recordings import load_recordings

        clips, title = load_recordings(data, split), f"recordings in {data}, {split} split"
    else:
        clips, title = embedded_speech(split)
    return Source(title, clips.events, clips.labels, list(clips.notes))


def embedded_speech(split: str) -> tuple[Clips, str]:
    """Return the clips that stand in for recordings, and their title."""
    from lavalier.train.speech import speech_clips

    return speech_clips(EMBEDDED_CLIPS, EMBEDDED_SEED, split), f"embedded speech generator, {split} split"


def _arrays(path: Path) -> np.ndarray | dict[str, np.ndarray]:
    """Read a .npy array, or an .npz of several; nothing in them is unpickled."""
    try:
        with open(path, "rb") as file:
            held = np.load(file, allow_pickle=False)
            x = held if isinstance(held, np.ndarray) else {name: held[name] for name in held.files}
    except FileNotFoundError as error:
        raise BadInput(f"{path}: no such file") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise BadInput(f"{path}: not a readable {path.suffix} file ({error})") from error
    arrays = list(x.values()) if isinstance(x, dict) else [x]
    if not arrays or any(a.ndim < 2 for a in arrays):
        raise BadInput(f"{path}: must hold an array (batch, steps, *shape)")
    if len({a.shape[:2] for a in arrays}) > 1:
        raise BadInput(f"{path}: all inputs must have the same batch and steps")
    return x


def _recording(path: Path) -> Source:
    from lavalier.train.clips import to_clips
    from lavalier.train.recordings import read_wav

    samples, notes = read_wav(path)
    clips = to_clips([(str(path), samples, 0)], notes)
    return Source(str(path), clips.events, None, list(clips.notes))
