"""Notes of instruments from a formula, real-like and synthetic: for the layout of NSynth. NumPy only.

A real player is never exact: breath or bow, a pressure that wavers, pitch and partials that drift, vibrato
that is not a sine. A synthetic instrument repeats itself; some imitate breath by steady noise. Both have the
spectrum and the envelope of their family, so that only those traits tell them apart. An instrument is drawn
from its name alone, a note of it from a generator.
"""

from dataclasses import dataclass, field

import numpy as np

RATE = 16_000
SECONDS, HELD_S = 4.0, 3.0  # of a note of NSynth: held, then let go
SOURCES = ("acoustic", "electronic", "synthetic")
MOST_PARTIALS = 32

Rng = np.random.Generator
Range = tuple[float, float]


@dataclass(frozen=True)
class Family:
    """What the instruments of a family have in common; an instrument lies somewhere in each range.

    Parameters
    ----------
    rolloff : range
        Partial k has the amplitude k^-rolloff.
    attack_s : range
        Seconds until it sounds in full.
    pitches : (int, int)
        Lowest and highest MIDI note.
    even : range
        Amplitude of even partials, compared with odd ones.
    fade_s : range
        Time constant of a sound that nobody sustains; infinite where somebody does.
    stretch : float
        How far partials are above the multiples: partial k by 1 + stretch k^2 under the root.
    breath_db : range
        Noise of a real player under the tone.
    """

    rolloff: Range
    attack_s: Range
    pitches: tuple[int, int]
    even: Range = (0.8, 1.2)
    fade_s: Range = (np.inf, np.inf)
    stretch: float = 0.0
    breath_db: Range = (-30, -12)


FAMILIES: dict[str, Family] = {
    "flute": Family((1.6, 3.0), (0.03, 0.15), (60, 96), breath_db=(-22, -8)),
    "brass": Family((0.7, 1.4), (0.02, 0.08), (46, 77), breath_db=(-40, -26)),
    "guitar": Family((0.9, 1.6), (0.002, 0.008), (40, 80), fade_s=(0.4, 1.2), breath_db=(-50, -34)),
    "keyboard": Family((0.9, 1.8), (0.002, 0.01), (36, 96), fade_s=(0.5, 2.0), stretch=4e-4),
    "mallet": Family((1.0, 2.0), (0.001, 0.004), (55, 96), fade_s=(0.15, 0.6), stretch=0.3),
    "organ": Family((0.5, 1.2), (0.01, 0.04), (36, 96), breath_db=(-46, -34)),
    "reed": Family((0.6, 1.2), (0.02, 0.08), (50, 86), even=(0.05, 0.3), breath_db=(-40, -26)),
    "string": Family((0.8, 1.3), (0.05, 0.2), (48, 96), breath_db=(-36, -22)),
}


@dataclass(frozen=True)
class Instrument:
    """One instrument.

    Parameters
    ----------
    family, source : str
        A key of FAMILIES; one of SOURCES.
    number : int, 0 to 999
        Decides, with those, how it sounds.
    """

    family: str
    source: str
    number: int
    partials: np.ndarray = field(init=False, compare=False)
    traits: dict[str, float] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        kind = FAMILIES[self.family]
        rng = np.random.default_rng([*self.name.encode()])
        k = np.arange(1, MOST_PARTIALS + 1)
        rolloff = rng.uniform(*kind.rolloff) * (1.0 if self.source == "acoustic" else rng.uniform(0.4, 0.9))
        partials = k**-rolloff * np.where(k % 2, 1, rng.uniform(*kind.even))
        partials *= 10 ** (rng.normal(0, 3, len(k)) / 20)
        fade = kind.fade_s if np.isinf(kind.fade_s[0]) else (rng.uniform(*kind.fade_s),) * 2
        traits = {
            "attack_s": rng.uniform(*kind.attack_s),
            "fade_s": fade[0],
            "vibrato_hz": rng.uniform(4.5, 6.5),
            "vibrato_cents": rng.uniform(0, 18) if np.isinf(fade[0]) else 0.0,
            "breath": 0.0,
            "hiss": 0.0,
            "waver": 0.0,
        }
        if self.source == "acoustic":
            traits |= {"breath": 10 ** (rng.uniform(*kind.breath_db) / 20), "waver": rng.uniform(0.4, 1.0)}
        elif self.source == "electronic":  # an amplifier hisses a little
            traits |= {"hiss": 10 ** (rng.uniform(-60, -40) / 20)}
        elif rng.random() < 0.3:  # some imitate breath, and never draw any
            traits |= {"hiss": 10 ** (rng.uniform(kind.breath_db[0] - 12, kind.breath_db[1] - 12) / 20)}
        object.__setattr__(self, "partials", partials)
        object.__setattr__(self, "traits", traits)

    @property
    def name(self) -> str:
        """As NSynth calls it.

        >>> Instrument("flute", "acoustic", 2).name
        'flute_acoustic_002'
        """
        return f"{self.family}_{self.source}_{self.number:03d}"


def play(
    instrument: Instrument,
    pitch: int,
    velocity: int,
    rng: Rng,
    seconds: float = SECONDS,
    held_s: float = HELD_S,
) -> np.ndarray:
    """Return a note.

    Parameters
    ----------
    instrument : Instrument
        Who plays.
    pitch, velocity : int, 0 to 127
        As in MIDI; a higher velocity is brighter and louder.
    rng : numpy Generator
        What differs from note to note.
    seconds, held_s : float
        Length, and when it is let go.

    Returns
    -------
    samples : float32 (16,000 seconds,), within -1 to 1

    >>> flute = Instrument("flute", "acoustic", 2)
    >>> a, b = (play(flute, 77, 100, np.random.default_rng(0), seconds=0.5) for _ in range(2))
    >>> a.dtype, len(a), bool(np.array_equal(a, b)), bool(0.1 < np.abs(a).max() <= 1)
    (dtype('float32'), 8000, True, True)
    """
    n = round(seconds * RATE)
    t = np.arange(n) / RATE
    traits = instrument.traits
    waver = traits["waver"]
    hz = 440 * 2 ** ((pitch - 69) / 12) * 2 ** (_cents(rng, t, traits) / 1200)
    brightness = (velocity - 100) / 127
    tone = _partials(rng, hz, instrument, brightness, waver)
    pressure = np.exp(0.25 * waver * _slow(rng, n, 8))
    blown = traits["breath"] * np.abs(_slow(rng, n, 20)) + traits["hiss"]
    floor = 10 ** (rng.uniform(-75, -50) / 20) * rng.standard_normal(n)  # of the room
    tone = tone / (np.abs(tone).max() + 1e-12) * pressure + blown * _breath(rng, n, hz[0])
    sound = tone * _envelope(t, traits, held_s) + floor
    level = 0.25 + 0.65 * velocity / 127
    return (level * sound / (np.abs(sound).max() + 1e-12)).astype(np.float32)


def _cents(rng: Rng, t: np.ndarray, traits: dict[str, float]) -> np.ndarray:
    """Pitch over time: a vibrato that sets in, and what a player adds to it."""
    waver = traits["waver"]
    onset = np.clip((t - rng.uniform(0.1, 0.5)) / 0.4, 0, 1)
    phase = 2 * np.pi * (traits["vibrato_hz"] * t + 0.15 * waver * _slow(rng, len(t), 2))
    glide = -20 * waver * rng.random() * np.exp(-t / 0.04)
    return traits["vibrato_cents"] * onset * np.sin(phase) + 4 * waver * _slow(rng, len(t), 3) + glide


def _partials(rng: Rng, hz: np.ndarray, instrument: Instrument, brightness: float, waver: float):
    """Sum of the partials below half the rate, each wavering on its own."""
    stretch = FAMILIES[instrument.family].stretch
    turn = np.exp(2j * np.pi * np.cumsum(hz) / RATE)
    sound, power = np.zeros(len(hz)), np.ones(len(hz), complex)
    for k, amplitude in enumerate(instrument.partials, 1):
        power = power * turn
        ratio = np.sqrt((1 + stretch * k**2) / (1 + stretch))
        if k * ratio * hz.max() > 0.45 * RATE:
            break
        wave = power if stretch == 0 else np.exp(2j * np.pi * k * ratio * np.cumsum(hz) / RATE)
        shimmer = np.exp(0.3 * waver * _slow(rng, len(hz), 6)) if waver else 1.0
        sound += amplitude * k**brightness * shimmer * (wave * np.exp(2j * np.pi * rng.random())).imag
    return sound


def _breath(rng: Rng, n: int, hz: float) -> np.ndarray:
    """Noise through the tube: all frequencies, more around the note and its octave."""
    f = np.fft.rfftfreq(n, 1 / RATE)
    octaves = np.log2(np.maximum(f, 20) / hz)
    gain = 0.3 + np.exp(-(octaves**2)) + 0.7 * np.exp(-((octaves - 1.5) ** 2))
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(n)) * gain, n)
    return noise / (noise.std() + 1e-12)


def _envelope(t: np.ndarray, traits: dict[str, float], held_s: float) -> np.ndarray:
    """Attack, fading where nobody sustains, and a release of a tenth of a second."""
    rise = 1 - np.exp(-t / traits["attack_s"] * 3)
    return rise * np.exp(-t / traits["fade_s"]) * np.exp(-np.maximum(t - held_s, 0) / 0.1)


def _slow(rng: Rng, n: int, hz: float) -> np.ndarray:
    """A random curve of unit size that changes about `hz` times a second."""
    knots = rng.standard_normal(int(n / RATE * 2 * hz) + 4)
    at = np.arange(n) * (2 * hz / RATE)
    left = at.astype(int)
    share = 0.5 - 0.5 * np.cos(np.pi * (at - left))
    return knots[left] * (1 - share) + knots[left + 1] * share
