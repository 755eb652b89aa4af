"""Pieces of a few voices: who plays which note when, and the sound of it. NumPy only.

A score is a list of notes {pitch, start, end}, in milliseconds; the generator plays them, or NSynth does.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soxr

from ...simulate.errors import BadInput
from ..data.nsynth import NoteFile, find_notes, read_note
from ..data.skipping import Skipping
from .notes import FAMILIES, RATE, SOURCES, Instrument, play
from .nsynth import NUMBERS, VELOCITIES

Rng = np.random.Generator
RELEASE_S = 0.08  # a note ends softly
LEAP = 5  # semitones, at most, from note to note


class Voice(NamedTuple):
    """Who plays: a family of instruments and a source."""

    family: str
    source: str

    @property
    def column(self) -> int:
        """Of the label: 3 sources times 11 families, source first.

        >>> Voice("flute", "acoustic").column
        2
        """
        from ..data.nsynth import FAMILIES as COLUMNS

        return SOURCES.index(self.source) * len(COLUMNS) + COLUMNS.index(self.family)


class ScoreNote(NamedTuple):
    """One note of a score."""

    pitch: int
    start: int
    end: int


Sounding = Callable[[Voice, int, float, Rng], np.ndarray]  # voice, pitch, seconds -> samples at 16 kHz


def compose(voice: Voice, length_ms: int, rng: Rng) -> list[ScoreNote]:
    """Write a melody: notes of 150 to 700 ms with rests between some, in the middle of the family's range.

    >>> melody = compose(Voice("flute", "acoustic"), 3000, np.random.default_rng(0))
    >>> all(note.start < note.end <= 3000 for note in melody), len(melody) > 2
    (True, True)
    """
    low, high = FAMILIES[voice.family].pitches
    pitch, at, melody = int(rng.integers(low + 5, high - 4)), int(rng.integers(0, 300)), []
    while at + 150 <= length_ms:
        end = min(length_ms, at + int(rng.integers(150, 701)))
        melody.append(ScoreNote(pitch, at, end))
        pitch = int(np.clip(pitch + rng.integers(-LEAP, LEAP + 1), low, high))
        at = end + (int(rng.integers(200, 900)) if rng.random() < 0.3 else 0)
    return melody


def perform(voice: Voice, melody: Sequence[ScoreNote], length_ms: int, sounding: Sounding, rng: Rng):
    """Return a melody as sound: float64 (16 length_ms,), its loudest sample at 1."""
    sound = np.zeros(round(length_ms * RATE / 1000))
    for note in melody:
        start, n = round(note.start * RATE / 1000), round((note.end - note.start) * RATE / 1000)
        samples = sounding(voice, note.pitch, n / RATE + RELEASE_S, rng)[: len(sound) - start]
        fade = np.clip((n + RELEASE_S * RATE - np.arange(len(samples))) / (RELEASE_S * RATE), 0, 1)
        sound[start : start + len(samples)] += samples * fade
    return sound / max(np.abs(sound).max(), 1e-12)


def presence(melody: Sequence[ScoreNote], length_ms: int, window_ms: int, stride_ms: int) -> np.ndarray:
    """Return in which windows a voice sounds for a quarter of the time or more.

    >>> presence([ScoreNote(60, 0, 200)], 1000, window_ms=500, stride_ms=250).tolist()
    [1, 0, 0]
    """
    sounds = np.zeros(length_ms, bool)
    for note in melody:
        sounds[note.start : note.end] = True
    starts = range(0, length_ms - window_ms + 1, stride_ms)
    return np.array([4 * sounds[s : s + window_ms].sum() >= window_ms for s in starts], np.int64)


def generated(split: str, rng: Rng) -> Sounding:
    """Return players of the generator: each voice has one instrument of the split for the whole piece."""
    number = int(rng.integers(*NUMBERS[split]))

    def sounding(voice: Voice, pitch: int, seconds: float, rng: Rng) -> np.ndarray:
        instrument = Instrument(voice.family, voice.source, number)
        return play(instrument, pitch, int(rng.choice(VELOCITIES[2:])), rng, seconds, seconds - RELEASE_S)

    return sounding


class Recorded:
    """Players from NSynth: of each note the recording nearest in pitch, brought to that pitch and length.

    Parameters
    ----------
    directory : path
        Holds NSynth.
    split : "train", "valid" or "test"
        Whose notes are played.
    skip_bad : bool
        Play another note where one cannot be read, and say so.

    Raises
    ------
    BadInput
        The folder is missing or damaged.
    """

    def __init__(self, directory: Path, split: str, skip_bad: bool = False) -> None:
        self.skipping = Skipping(skip_bad)
        self.notes: dict[Voice, list[NoteFile]] = {}
        self._where = f"{directory}, split {split}"
        for note in find_notes(directory, split):
            self.notes.setdefault(Voice(note.family, note.source), []).append(note)

    def __call__(self, voice: Voice, pitch: int, seconds: float, rng: Rng) -> np.ndarray:
        """Return one note."""
        if voice not in self.notes:
            raise BadInput(f"{self._where}: no note of {voice.family}, {voice.source}")
        near = sorted(self.notes[voice], key=lambda note: abs(note.pitch - pitch))[:8]
        for note in (near[i] for i in rng.permutation(len(near))):
            with self.skipping.part():
                samples, ratio = read_note(note), 2 ** ((pitch - note.pitch) / 12)
                return (samples if ratio == 1 else soxr.resample(samples, RATE * ratio, RATE))[
                    : round(seconds * RATE)
                ]
        raise BadInput(
            f"{self._where}: none of the {len(near)} notes of {voice.family} near {pitch} can be read"
        )
