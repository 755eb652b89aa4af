"""Digit-like speech from a formula: the embedded data of the demo, the tests and the shipped network.

A source (glottal pulses, breath, friction) passes through the resonances of a vocal tract that move
from sound to sound of the English digit. Voices, tempo, pronunciation, level and noise vary. The same
arguments always give the same clips. It knows nothing of networks.

Source: formants of vowels, Peterson and Barney 1952, J. Acoust. Soc. Am. 24(2), p. 175-184. Consonants
are set by ear. The physics is in `tract`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..models.log_mel import SAMPLE_RATE
from .clips import Clips, to_clips
from .tract import FRAME_STEP, background, friction, glottal_pulses, resonances, shaped

VOICES = {"train": 60, "test": 20}  # none is in both


@dataclass(frozen=True)
class Sound:
    """A steady target that the tract moves through.

    Parameters
    ----------
    formants : (float, float, float), Hz
        Resonances of a male adult voice.
    duration_s : float
        Length at normal tempo.
    voice, breath : float, 0 to 1
        Strength of the glottal pulses and of the friction noise.
    noise_hz : float
        Center of the friction noise; its width is a third of that.
    """

    formants: tuple[float, float, float]
    duration_s: float
    voice: float = 1.0
    breath: float = 0.0
    noise_hz: float = 2500.0


Words = Sequence[tuple[Sound, ...]]

_STOP = Sound((300, 1700, 2500), 0.05, voice=0.0)
_S = Sound((300, 1700, 2600), 0.10, voice=0.0, breath=0.35, noise_hz=3700)
_F = Sound((320, 1200, 2400), 0.09, voice=0.0, breath=0.14, noise_hz=2600)
_V = Sound((280, 1200, 2300), 0.06, voice=0.4, breath=0.06, noise_hz=2600)
_N = Sound((280, 1300, 2300), 0.08, voice=0.4)
_R = Sound((350, 1100, 1500), 0.06, voice=0.7)
_T = Sound((350, 1800, 2600), 0.03, voice=0.0, breath=0.35, noise_hz=3300)
_K = Sound((300, 1900, 2500), 0.03, voice=0.0, breath=0.3, noise_hz=2000)
_IY = Sound((270, 2290, 3010), 0.12)
_AH = Sound((640, 1190, 2390), 0.12)
_AY = (Sound((730, 1100, 2440), 0.12), Sound((370, 2000, 2600), 0.09))

DIGITS = (
    (
        Sound((280, 1700, 2500), 0.07, voice=0.4, breath=0.2, noise_hz=3600),
        _IY,
        _R,
        Sound((540, 950, 2400), 0.10),
        Sound((350, 850, 2250), 0.08),
    ),
    (Sound((300, 650, 2200), 0.07, voice=0.7), _AH, _N),
    (_T, Sound((330, 1400, 2300), 0.06), Sound((300, 870, 2240), 0.15)),
    (Sound((320, 1400, 2500), 0.08, voice=0.0, breath=0.12, noise_hz=3200), _R, _IY),
    (_F, Sound((570, 840, 2410), 0.15), _R),
    (_F, *_AY, _V),
    (_S, Sound((390, 1990, 2550), 0.08), _STOP, _K, _S),
    (_S, Sound((530, 1840, 2480), 0.09), _V, Sound((500, 1400, 2400), 0.05), _N),
    (Sound((480, 1950, 2550), 0.09), Sound((330, 2200, 2800), 0.08), _STOP, _T),
    (_N, *_AY, _N),
)


@dataclass(frozen=True)
class Voice:
    """What stays the same whenever one speaker speaks."""

    pitch_hz: float
    tract: float  # all formants times this: 1 / length of the vocal tract
    breathiness: float
    tilt_db: float  # per octave, above the glottal source's own
    accent: np.ndarray  # (words, sounds, 3): formants times this


def draw_voice(group: str, index: int, words: Words = DIGITS) -> Voice:
    """Draw speaker `index` of a group of speakers; independent of the seed of the clips."""
    rng = np.random.default_rng([*group.encode(), index])
    high = rng.random() < 0.5
    return Voice(
        pitch_hz=rng.uniform(165, 260) if high else rng.uniform(85, 150),
        tract=rng.uniform(1.02, 1.18) if high else rng.uniform(0.92, 1.06),
        breathiness=rng.uniform(0.01, 0.12),
        tilt_db=rng.uniform(-7.0, -1.0),
        accent=np.exp(rng.normal(0.0, 0.05, (len(words), max(6, *map(len, words)), 3))),
    )


def generate(n: int, seed: int, split: str) -> list[tuple[np.ndarray, int]]:
    """Speak `n` digits, each class as often as the others.

    Parameters
    ----------
    n : int, 1 or more
        Clips.
    seed : int, 0 or more
        Decides everything but the voices.
    split : "train" or "test"
        Whose voices speak; the two have none in common.

    Returns
    -------
    clips : list of (samples, label)
        Samples float32, mono, 8 kHz, within -1 to 1, 0.2 to 1.2 s long; label 0 to 9.

    Raises
    ------
    ValueError
        `n`, `seed` or `split` is outside what is said above.

    >>> samples, label = generate(1, seed=0, split="test")[0]
    >>> samples.dtype, samples.ndim
    (dtype('float32'), 1)
    """
    if split not in VOICES:
        raise ValueError(f"split is {split!r}; it must be one of {', '.join(VOICES)}")
    if n < 1 or seed < 0:
        raise ValueError(f"n = {n}, seed = {seed}; n must be at least 1, seed at least 0")
    voices = [draw_voice(split, index) for index in range(VOICES[split])]
    rng = np.random.default_rng([*b"clips of", *split.encode(), seed])
    labels = rng.permutation(np.arange(n) % len(DIGITS))
    return [(speak(rng, label, voices[rng.integers(len(voices))]), int(label)) for label in labels]


def speech_clips(n: int, seed: int, split: str) -> Clips:
    """Speak `n` digits as `generate` does, and hand them over as events.

    Parameters
    ----------
    n, seed, split
        As in `generate`.

    Raises
    ------
    ValueError
        As in `generate`.
    """
    sounds = generate(n, seed, split)
    return to_clips((f"{split} {i}", samples, label) for i, (samples, label) in enumerate(sounds))


def speak(rng: np.random.Generator, label: int, voice: Voice, words: Words = DIGITS) -> np.ndarray:
    """Say one word: tract, level, background.

    Parameters
    ----------
    rng : Generator
        Decides tempo, pronunciation, pitch, level and noise.
    label : int
        Which of the words.
    voice : Voice
        Drawn for these words.
    words : sequence of tuples of Sound
        How each is said.

    Returns
    -------
    samples : float32 (n,), mono, 8 kHz, -1 to 1
    """
    formants, voicing, breath, noise_hz = _tracks(rng, label, voice, words)
    n_samples = len(voicing) * FRAME_STEP
    pulses = glottal_pulses(rng, voice.pitch_hz, n_samples)
    hiss = rng.standard_normal(n_samples)
    tract = resonances(formants, voice.tilt_db + rng.uniform(-2, 2)) * voicing[:, None]
    speech = shaped(pulses + voice.breathiness * hiss, tract)
    speech += shaped(hiss, friction(noise_hz) * breath[:, None])
    speech /= np.abs(speech).max()
    pause = np.zeros(rng.integers(1, int(0.12 * SAMPLE_RATE)))
    speech = np.concatenate([pause, speech, pause[: len(pause) // 2]])
    level = 10 ** (rng.uniform(-30, -1) / 20)
    noise = 10 ** (rng.uniform(-45, -24) / 20) * background(rng, len(speech))
    return np.clip(level * (speech + noise), -1, 1).astype(np.float32)


def _tracks(rng, label, voice, words):
    """Formants (frames, 4), voicing, breath, friction center (frames,): targets, smoothed."""
    sounds = words[label]
    accent = voice.accent[label, : len(sounds)] * np.exp(rng.normal(0, 0.03, (len(sounds), 3)))
    seconds = np.array([sound.duration_s for sound in sounds]) * rng.uniform(0.7, 1.35)
    seconds *= rng.uniform(0.75, 1.3, len(sounds))
    frames = np.maximum(3, np.rint(seconds * SAMPLE_RATE / FRAME_STEP)).astype(int)
    formants = np.array([sound.formants for sound in sounds]) * accent * voice.tract
    formants = np.column_stack([formants, np.full(len(sounds), 3500.0 * voice.tract)])
    others = np.array([(sound.voice, sound.breath, sound.noise_hz) for sound in sounds])
    formants = _smooth(np.repeat(formants, frames, axis=0), 11)
    voicing, breath, noise_hz = _smooth(np.repeat(others, frames, axis=0), 5).T
    envelope = np.minimum(1, np.minimum(np.arange(len(voicing)), np.arange(len(voicing))[::-1]) / 6)
    loudness = 10 ** (rng.uniform(-6, 4) / 20)
    return formants, voicing * envelope, breath * envelope * loudness, noise_hz * voice.tract**0.5


def _smooth(tracks, width):
    """Average over `width` frames, the ends held."""
    window = np.hanning(width + 2)[1:-1]
    held = np.pad(tracks, ((width // 2, width // 2), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(held, width, axis=0)
    return windows @ (window / window.sum())
