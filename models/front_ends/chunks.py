"""The front end of `flute`: power and shape of the spectrum of each tenth of a second, as they are.

551 mel powers and 137 cepstral coefficients of every chunk, never scaled: what a flute played at another
amplitude gives is something else. NumPy and SciPy only.
"""

import numpy as np
from scipy.fft import dct
from scipy.signal import get_window

from .mel import mel_filters

SAMPLE_RATE = 22_050
CHUNK = 2205  # samples: 100 ms, one step of the network
STEP_S = CHUNK / SAMPLE_RATE
N_MELS, N_MFCC = 551, 137
N_FEATURES = N_MELS + N_MFCC
LOW_HZ, HIGH_HZ = 20.0, 17_000.0  # 71 of the bands lie above half the rate and stay silent
LOG_FLOOR = 1e-6
EVENTS_PER_UNIT, EVENT_BITS = 256, 10
LARGEST_EVENT = 2**EVENT_BITS - 1  # nearly four thresholds: more in a step changes little


def chunk_features(samples: np.ndarray) -> np.ndarray:
    """Return power and shape of the spectrum of each chunk.

    Parameters
    ----------
    samples : float (n,), 22,050 Hz
        Mono; the last chunk is filled with silence.

    Returns
    -------
    features : float64 (steps, 688), 0 or more
        551 mel powers, then 137 MFCCs less the smallest of them.

    Raises
    ------
    ValueError
        The samples are not one axis of finite numbers, or there is none.

    Source: torchaudio 2.3.1, `MelSpectrogram` (n_fft 2205, hop 1102, power 2) and `MFCC` (log_mels), of whose
    three frames of a chunk the one in the middle, which is all of it.

    >>> chunk_features(np.zeros(3000)).shape
    (2, 688)
    """
    samples = np.asarray(samples, np.float64)
    if samples.ndim != 1 or not len(samples) or not np.isfinite(samples).all():
        raise ValueError(f"samples have shape {samples.shape}; one axis of finite numbers is needed")
    chunks = np.pad(samples, (0, -len(samples) % CHUNK)).reshape(-1, CHUNK)
    power = np.abs(np.fft.rfft(chunks * get_window("hann", CHUNK))) ** 2
    mel = power @ mel_filters(N_MELS, CHUNK // 2 + 1, SAMPLE_RATE, LOW_HZ, HIGH_HZ)
    mfcc = np.asarray(dct(np.log(mel + LOG_FLOOR), norm="ortho"))[:, :N_MFCC]
    return np.concatenate([mel, mfcc - mfcc.min(axis=1, keepdims=True)], axis=1)


def chunk_events(samples: np.ndarray) -> np.ndarray:
    """Return the features as graded events: uint16 (steps, 688), 0 to 1023; 256 is a threshold.

    >>> int(chunk_events(np.zeros(3000)).max())
    1023
    """
    return np.clip(np.rint(chunk_features(samples) * EVENTS_PER_UNIT), 0, LARGEST_EVENT).astype(np.uint16)
