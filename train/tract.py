"""The source-filter model of speech: sources, and gains that change over time. NumPy only.

Tracks have one value per frame of `FRAME_STEP` samples; gains are (frames, bins).

Sources: Klatt 1980, J. Acoust. Soc. Am. 67(3), p. 971-995; glottal pulse, Rosenberg 1971, J. Acoust. Soc.
Am. 49(2B), p. 583-590.
"""

import numpy as np

from ..models.log_mel import SAMPLE_RATE

FRAME_STEP = 40  # samples
_WINDOW = 160
_N_FFT = 256
_HZ = np.fft.rfftfreq(_N_FFT, 1 / SAMPLE_RATE)
_BANDWIDTHS_HZ = np.array([80.0, 110.0, 170.0, 250.0])


def glottal_pulses(rng: np.random.Generator, pitch_hz: float, n_samples: int) -> np.ndarray:
    """Draw the sound of the vocal folds: pulses that fall in pitch over the word, with jitter.

    Parameters
    ----------
    rng : Generator
        Decides onset, fall and jitter.
    pitch_hz : float
        The speaker's usual pitch.
    n_samples : int
        Length, at 8 kHz.

    Returns
    -------
    source : float (n_samples,)
    """
    t = np.linspace(0, 1, n_samples)
    pitch = pitch_hz * rng.uniform(0.88, 1.14) * (1.06 - rng.uniform(0.0, 0.25) * t)
    pitch *= 1 + 0.01 * np.cumsum(rng.standard_normal(n_samples)) / 90
    phase = np.cumsum(pitch / SAMPLE_RATE) % 1
    # opens slowly and closes fast over 60 % of the period, as in Rosenberg 1971
    flow = np.where(phase < 0.6, 0.5 - 0.5 * np.cos(2 * np.pi * (phase / 0.6) ** 1.6), 0)
    return np.diff(flow, prepend=0.0) * 8


def resonances(formants_hz: np.ndarray, tilt_db: float) -> np.ndarray:
    """Return the gains of four resonators in cascade, each 1 at 0 Hz (Klatt 1980, equation 2).

    Parameters
    ----------
    formants_hz : float (frames, 4)
        Center of each resonator.
    tilt_db : float
        Change per octave, 0 at 1 kHz.

    Returns
    -------
    gains : complex (frames, bins)

    >>> neutral = resonances(np.array([[500.0, 1500.0, 2500.0, 3500.0]]), tilt_db=0.0)
    >>> float(abs(neutral[0]).argmax() * SAMPLE_RATE / 256)
    500.0
    """
    z = np.exp(-2j * np.pi * _HZ / SAMPLE_RATE)
    radius = np.exp(-np.pi * _BANDWIDTHS_HZ / SAMPLE_RATE)
    b = 2 * radius * np.cos(2 * np.pi * np.minimum(formants_hz, 3900) / SAMPLE_RATE)
    c = -(radius**2)
    gain = (1 - b - c)[..., None] / (1 - b[..., None] * z - np.multiply.outer(c, z**2))
    octaves = np.log2(np.maximum(_HZ, 125) / 1000)
    return gain.prod(axis=1) * 10 ** (tilt_db * octaves / 20)


def friction(noise_hz: np.ndarray) -> np.ndarray:
    """Return the gains of a constriction, one broad hump.

    Parameters
    ----------
    noise_hz : float (frames,)
        Center of the hump.

    Returns
    -------
    gains : float (frames, bins)
    """
    width = noise_hz[:, None] / 3
    return np.exp(-0.5 * ((_HZ - noise_hz[:, None]) / width) ** 2)


def shaped(source: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """Filter a source by gains that change from frame to frame, by windowed overlap-add.

    Parameters
    ----------
    source : float (n_samples,)
        Pulses or noise.
    gains : (frames, bins)
        One row per `FRAME_STEP` samples.

    Returns
    -------
    sound : float (n_samples,)
    """
    padded = np.pad(source, (0, _WINDOW))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[: len(source) : FRAME_STEP]
    pieces = np.fft.irfft(np.fft.rfft(frames * np.hanning(_WINDOW), _N_FFT) * gains, _N_FFT)
    out = np.zeros(len(source) + _N_FFT)
    for index, piece in enumerate(pieces):
        out[index * FRAME_STEP : index * FRAME_STEP + _N_FFT] += piece
    return out[: len(source)]


def background(rng: np.random.Generator, n_samples: int) -> np.ndarray:
    """Draw noise between white and brown, of root mean square 1.

    Parameters
    ----------
    rng : Generator
        Decides color and values.
    n_samples : int
        Length.
    """
    spectrum = np.fft.rfft(rng.standard_normal(n_samples))
    spectrum /= np.maximum(1, np.arange(len(spectrum))) ** rng.uniform(0, 1)
    noise = np.fft.irfft(spectrum, n_samples)
    return noise / noise.std()
