"""One sound file of one channel: wav, aiff, flac, whatever libsndfile reads."""

from pathlib import Path

import numpy as np
import soundfile

from ...simulate.errors import BadInput

LOWEST_RATE, HIGHEST_RATE = 1000, 384_000
MAX_SAMPLES = 2**28  # an hour and a half at 48 kHz


def read_sound(path: str | Path, kind: str = "wav") -> tuple[np.ndarray, int]:
    """Read a recording as it is.

    Parameters
    ----------
    path : path
        A sound file that libsndfile reads.
    kind : str
        What is expected, for the message.

    Returns
    -------
    samples : float32 (n,)
        May be empty.
    rate_hz : int

    Raises
    ------
    BadInput
        The file is missing, no sound file, too long, of several channels or an odd rate, or not finite.
    """
    try:
        with soundfile.SoundFile(path) as file:
            channels, rate, frames = file.channels, file.samplerate, file.frames
            if channels != 1:
                raise BadInput(f"{path}: {channels} channels; the limit is 1, mix it down first")
            if not LOWEST_RATE <= rate <= HIGHEST_RATE:
                limits = f"the limits are {LOWEST_RATE} and {HIGHEST_RATE} Hz"
                raise BadInput(f"{path}: {rate} Hz; {limits}, resample it first")
            if frames > MAX_SAMPLES:
                raise BadInput(f"{path}: {frames} samples; the limit is {MAX_SAMPLES}, cut it first")
            samples = file.read(dtype="float32")
    except (OSError, TypeError, ValueError, soundfile.SoundFileError) as error:  # TypeError: headerless .raw
        what = "not a sound file that can be read" if Path(path).exists() else "no such file"
        raise BadInput(f"{path}: {what}; give a mono {kind} file") from error
    if not np.isfinite(samples).all():
        first = int(np.flatnonzero(~np.isfinite(samples))[0])
        raise BadInput(f"{path}: sample {first} is {samples[first]}; all must be finite")
    return samples, rate


def read_exact(path: str | Path, rate_hz: int, kind: str = "wav") -> np.ndarray:
    """Read a recording that must have one rate, and not be silent or empty.

    Parameters
    ----------
    path : path
        As in `read_sound`.
    rate_hz : int
        The only rate allowed.
    kind : str
        What is expected, for the message.

    Returns
    -------
    samples : float32 (n,)

    Raises
    ------
    BadInput
        As in `read_sound`; or another rate, no samples, or all samples the same.
    """
    samples, rate = read_sound(path, kind)
    if rate != rate_hz:
        raise BadInput(f"{path}: {rate} Hz; this set has {rate_hz} Hz, get the file again or resample it")
    if not len(samples):
        raise BadInput(f"{path}: no samples; get the file again")
    if np.ptp(samples) == 0:
        raise BadInput(f"{path}: silent, all {len(samples)} samples are {samples[0]}; get the file again")
    return samples
