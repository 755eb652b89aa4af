"""What an instrument is heard through: babble, white noise, vibration, an engine. NumPy only."""

from collections.abc import Callable

import numpy as np
import soxr

from ...models.log_mel import SAMPLE_RATE as SPEECH_RATE
from ..speech import generate
from .noises import engine

TALKERS = 5

Rng = np.random.Generator


def babble(rng: Rng, n: int, rate: int) -> np.ndarray:
    """Several people who speak at once."""
    sound = np.zeros(n)
    for _ in range(TALKERS):
        digits = generate(2 + 3 * n // rate, int(rng.integers(2**31)), "train")
        said = np.concatenate([samples for samples, _ in digits])
        said = soxr.resample(said / (said.std() + 1e-12), SPEECH_RATE, rate)
        start = rng.integers(0, max(1, len(said) - n))
        sound += np.resize(said[start : start + n], n)
    return _unit(sound)


def white(rng: Rng, n: int, rate: int) -> np.ndarray:
    """Noise with the same power in every hertz."""
    return rng.standard_normal(n)


def vibration(rng: Rng, n: int, rate: int) -> np.ndarray:
    """A floor that shakes: a low hum with overtones that swells and fades, and rumbling."""
    t = np.arange(n) / rate
    hz = rng.uniform(20, 90)
    hum = sum(np.sin(2 * np.pi * k * hz * t + rng.uniform(0, 7)) / k for k in range(1, 6))
    swell = 1 + 0.7 * np.sin(2 * np.pi * rng.uniform(0.5, 6) * t + rng.uniform(0, 7))
    f = np.fft.rfftfreq(n, 1 / rate)
    rumble = np.fft.irfft(np.fft.rfft(rng.standard_normal(n)) * (20 / np.maximum(f, 20)) ** 1.5, n)
    return _unit(_unit(hum * swell) + 0.7 * _unit(rumble))


DIN: dict[str, Callable[[Rng, int, int], np.ndarray]] = {
    "babble": babble,
    "white": white,
    "vibration": vibration,
    "engine": engine,
}


def mixed(sound: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    """Add noise at a signal-to-noise ratio, and scale both down where the sum would clip.

    Parameters
    ----------
    sound, noise : float (n,)
        Mono, equally long.
    snr_db : float
        Of mean powers.

    Returns
    -------
    samples : float32 (n,), within -1 to 1

    >>> sound, noise = np.ones(100) / 8, np.resize([1.0, -1.0], 100)
    >>> both = mixed(sound, noise, 6.0)
    >>> round(10 * np.log10(np.mean(sound**2) / np.mean((both - sound) ** 2)), 3)
    6.0
    """
    power, noise_power = np.mean(np.square(sound)), np.mean(np.square(noise))
    gain = np.sqrt(power / max(noise_power, 1e-20)) * 10 ** (-snr_db / 20)
    both = sound + gain * noise
    return (both / max(1.0, np.abs(both).max())).astype(np.float32)


def _unit(x: np.ndarray) -> np.ndarray:
    x = x - x.mean()
    return x / (x.std() + 1e-12)
