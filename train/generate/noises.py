"""Synthetic noises, to mix speech with: each kind from a random generator alone.

They stand in for the places of DEMAND (kitchen, office, traffic, cafe, metro): what matters to an enhancer is
the color of a noise and how it moves.
"""

from collections.abc import Callable

import numpy as np

Generator = np.random.Generator


def colored(rng: Generator, n: int, rate: int) -> np.ndarray:
    """Noise whose power falls by 0 to 6 dB an octave."""
    return _shaped(rng, n, rate, lambda hz: np.maximum(hz, 20.0) ** -rng.uniform(0, 1.0))


def band(rng: Generator, n: int, rate: int) -> np.ndarray:
    """Noise of one to three broad bands over a quiet floor: a fan, a car, a crowd far away."""
    peaks = [(rng.uniform(60, 0.4 * rate), rng.uniform(0.3, 1.2), rng.uniform(0.2, 1)) for _ in range(3)]

    def gain(hz):
        octaves = np.log2(np.maximum(hz, 20.0))
        hills = sum(a * np.exp(-(((octaves - np.log2(at)) / width) ** 2)) for at, width, a in peaks)
        return (0.03 + hills) * np.maximum(hz, 50.0) ** -rng.uniform(0, 0.5)

    return _shaped(rng, n, rate, gain)


def moving(rng: Generator, n: int, rate: int) -> np.ndarray:
    """Colored noise that swells and fades within tenths of seconds to seconds: traffic, waves."""
    slow = _shaped(rng, n, rate, lambda hz: 1 / (1 + (hz / rng.uniform(0.3, 6)) ** 2))
    return band(rng, n, rate) * np.exp(rng.uniform(0.3, 1.2) * slow)


def engine(rng: Generator, n: int, rate: int) -> np.ndarray:
    """Harmonics of a slowly drifting pitch, and noise: a motor, a hum."""
    drift = 1 + 0.05 * np.cumsum(rng.standard_normal(n // 256 + 2)) / np.sqrt(n // 256 + 2)
    pitch = rng.uniform(25, 160) * np.interp(np.arange(n) / 256, np.arange(len(drift)), drift)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    orders = range(1, int(min(30, 0.45 * rate / pitch.max())) + 1)
    tones = sum(k ** -rng.uniform(0.5, 1.5) * np.sin(k * phase + rng.uniform(0, 7)) for k in orders)
    return _unit(np.asarray(tones)) + rng.uniform(0.1, 1) * colored(rng, n, rate)


def clatter(rng: Generator, n: int, rate: int) -> np.ndarray:
    """Short ringing knocks over a quiet floor: dishes, keys, steps."""
    sound = 0.1 * colored(rng, n, rate)
    for start in rng.integers(0, n, max(1, round(n / rate * rng.uniform(2, 12)))):
        t = np.arange(min(n - start, round(0.15 * rate))) / rate
        ring = np.sin(2 * np.pi * rng.uniform(300, 0.4 * rate) * t) + rng.standard_normal(len(t))
        sound[start : start + len(t)] += rng.uniform(0.2, 1) * ring * np.exp(-t * rng.uniform(20, 120))
    return _unit(sound)


NOISES: dict[str, Callable[[Generator, int, int], np.ndarray]] = {
    "colored": colored,
    "band": band,
    "moving": moving,
    "engine": engine,
    "clatter": clatter,
}


def _shaped(rng: Generator, n: int, rate: int, gain: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    spectrum = np.fft.rfft(rng.standard_normal(n))
    return _unit(np.fft.irfft(spectrum * gain(np.fft.rfftfreq(n, 1 / rate)), n))


def _unit(x: np.ndarray) -> np.ndarray:
    x = x - x.mean()
    return x / (np.sqrt(np.mean(x**2)) + 1e-12)
