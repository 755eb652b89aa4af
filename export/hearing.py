"""Recognizers behind the cochlea as a Hybrid: its front end as host stages, and labels."""

import numpy as np
from scipy.fft import dct
from scipy.signal import get_window

from ..models.front_ends.cochlea import (
    EVENTS_PER_UNIT,
    HOP_S,
    HOPS_PER_WINDOW,
    LARGEST_EVENT,
    N_CHANNELS,
    N_COSINES,
    N_MELS,
    SCALE,
    SMALLEST_RANGE,
    lateral_inhibition,
    mel_bands,
)
from ..simulate.hybrid.decide import Decide
from ..simulate.hybrid.hearing import Bands, Counts, Rectified, Spectrum, UnitRange
from ..simulate.hybrid.hybrid import Hybrid
from ..simulate.hybrid.stages import Frames, Stage
from ..simulate.program import Program

RATE = 16_000


def hearing(program: Program, decide: Decide, lateral: bool = True) -> Hybrid:
    """Return a Program behind the cochlea as a model from sound to labels.

    A stream begins with 10 ms of silence before the sound, as its first frames are not full.

    Parameters
    ----------
    program : Program
        Takes 320 channels every 2 ms, and sends one or several.
    decide : Decide
        What makes a label of them.
    lateral : bool
        As in `cochlea_events`.

    Raises
    ------
    BadInput
        The Program takes or sends something else.
    """
    return Hybrid(cochlea_stages(lateral), program, (decide,), RATE)


def cochlea_stages(lateral: bool = True) -> tuple[Stage, ...]:
    """Return stages that give the events of `cochlea_events` at 16 kHz, frame by frame.

    All arrays are float32, and inhibition and cosines one matrix, so that an event may differ by 1 where its
    float lies between two: about one in a hundred thousand does.

    >>> [type(stage).__name__ for stage in cochlea_stages()]
    ['Frames', 'Spectrum', 'Bands', 'UnitRange', 'Rectified', 'Counts']
    """
    hop = round(RATE * HOP_S)
    window = HOPS_PER_WINDOW * hop
    cosines = np.asarray(dct(np.eye(N_MELS), norm="ortho", axis=0))[:N_COSINES]
    near = lateral_inhibition() if lateral else np.eye(N_MELS)
    return (
        Frames(window, hop),
        Spectrum(get_window("blackman", window), RATE // 2),  # a bin every 2 Hz
        Bands(SCALE * mel_bands(RATE).toarray()),
        UnitRange(N_MELS, SMALLEST_RANGE),
        Rectified(np.concatenate([near, cosines])),
        Counts(N_CHANNELS, EVENTS_PER_UNIT, LARGEST_EVENT),
    )
