"""Labeled clips as the network sees them: what every data source hands over. No torch."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..models.log_mel import HOP, N_STEPS, SAMPLE_RATE, log_mel_events, n_frames
from ..simulate.errors import BadInput

EXPORT_CLIPS = 20  # clips that an export is verified with
CALIBRATION_CLIPS = 200  # clips that quantize looks at; more cost time and change little


def spread(values: np.ndarray, n: int) -> np.ndarray:
    """Return n of the values, evenly spaced over the first axis, or all if there are fewer.

    >>> spread(np.arange(10), 4)
    array([0, 3, 6, 9])
    """
    if n >= len(values):
        return values
    return values[np.linspace(0, len(values) - 1, n).astype(int)]


@dataclass(frozen=True)
class Clips:
    """Events with their labels.

    Parameters
    ----------
    events : uint8 (n, 100, 40)
        Result of `log_mel_events` for every clip.
    labels : int64 (n,), 0 to 9
        The digit spoken.
    names : tuple of n str
        Where each clip comes from.
    notes : tuple of str
        What was changed on the way, one line each: cut, padded, resampled, skipped.
    sounds : tuple of n float arrays
        What was heard: mono, 8 kHz; empty where the events were not made from sound.
    """

    events: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()
    sounds: tuple[np.ndarray, ...] = ()


def to_clips(sounds: Iterable[tuple[str, np.ndarray, int]], notes: Iterable[str] = ()) -> Clips:
    """Turn sounds into events, and say how many were cut or padded.

    Parameters
    ----------
    sounds : iterable of (name, samples, label)
        Samples float, mono, 8 kHz; at least one sound.
    notes : iterable of str
        What is to be said beside that.

    Raises
    ------
    BadInput
        A sound is empty, shorter than a frame, or not finite; the message names it.
    """
    sounds = list(sounds)
    return Clips(
        events=np.stack([_events(name, samples) for name, samples, _ in sounds]),
        labels=np.array([label for _, _, label in sounds], dtype=np.int64),
        names=tuple(name for name, _, _ in sounds),
        sounds=tuple(samples for _, samples, _ in sounds),
        notes=(*notes, *length_notes([len(samples) for _, samples, _ in sounds])),
    )


def length_notes(lengths: Iterable[int]) -> list[str]:
    """Say how many sounds of these lengths (samples at 8 kHz) the front end cuts or pads.

    >>> length_notes([8000, 9000, 9001])
    ['2 clips longer than 1.0 s: cut at 100 steps']
    """
    frames = np.array([n_frames(length) for length in lengths])
    second = f"{N_STEPS * HOP / SAMPLE_RATE:.1f} s"
    said = {
        f"longer than {second}: cut at {N_STEPS} steps": int((frames > N_STEPS).sum()),
        f"shorter than {second}: padded with silence": int((frames < N_STEPS).sum()),
    }
    return [f"{n} clip{'s' if n > 1 else ''} {what}" for what, n in said.items() if n]


def _events(name, samples):
    """Events of one sound; its name goes into the error."""
    try:
        return log_mel_events(samples)
    except ValueError as error:
        raise BadInput(f"{name}: {error}") from error
