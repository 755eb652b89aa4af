"""A model of the inner ear: sound to the spikes of 700 bushy cells, as the recordings of SHD were made.

    basilar membrane  700 places, each a resonance of fourth order (gammatone), bandwidths of human hearing
    hair cell         transmitter that is released by the membrane's motion, lost and taken up again (Meddis)
    bushy cell        leaky neuron that takes 40 fibers of its hair cell: it fires at onsets and in phase

Sources: places, Greenwood 1990, J. Acoust. Soc. Am. 87(6), p. 2592-2605; bandwidths, Glasberg and Moore
1990, Hear. Res. 47, p. 103-138; hair cell, Meddis 1986, J. Acoust. Soc. Am. 79(3), p. 702-711, with the
values that Cramer et al. 2020 give, as for time constants and fibers of the bushy cells. The membrane is
this project's own choice, theirs is a model of transmission lines; so is the weight of a fiber, which sets
how many spikes there are.
"""

import numpy as np

from ...models.front_ends.bins import N_UNITS
from ...models.log_mel import SAMPLE_RATE
from ...simulate.compiled import kernel

LOW_HZ, HIGH_HZ = 80.0, 3750.0  # of the places; sound here has 8 kHz
RMS = 45.0  # of the sound, in the units of Meddis' hair cell: about 63 dB SPL
RAMP_S = 0.01
_DT = 1 / SAMPLE_RATE
_FIBERS = 40
_TABLE = 1 << 16  # normal random numbers of one sound; each step takes a stretch of them
_ORDER = 4


def places_hz() -> np.ndarray:
    """Return the frequency to which each place of the membrane answers best.

    Returns
    -------
    hz : float (700,), low to high, evenly spaced along the membrane

    >>> hz = places_hz()
    >>> len(hz), round(float(hz[0])), round(float(hz[350])), round(float(hz[-1]))
    (700, 80, 794, 3750)
    """
    low, high = (np.log10(hz / 165.4 + 0.88) for hz in (LOW_HZ, HIGH_HZ))
    return 165.4 * (10 ** np.linspace(low, high, N_UNITS) - 0.88)


def hear(samples: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the spikes that a sound causes.

    Parameters
    ----------
    samples : float (n,), n at least 1
        Mono, 8 kHz, finite, not all the same. Its level does not matter.
    seed : int, 0 or more
        Decides what the fibers add by chance.

    Returns
    -------
    times : float64 (spikes,), s, ascending, multiples of 0.125 ms
    units : int64 (spikes,), 0 (low) to 699

    Raises
    ------
    ValueError
        The samples are not that.
    """
    sound = np.asarray(samples, dtype=np.float64)
    if sound.ndim != 1 or not len(sound) or not np.isfinite(sound).all() or np.ptp(sound) == 0:
        raise ValueError(
            f"samples {sound.shape} must be one channel of finite values that are not all the same"
        )
    sound = sound - sound.mean()
    sound *= RMS / np.sqrt(np.mean(sound**2))
    ramp = np.hanning(2 * int(RAMP_S * SAMPLE_RATE) + 1)[: min(int(RAMP_S * SAMPLE_RATE), len(sound))]
    sound[: len(ramp)] *= ramp
    sound[len(sound) - len(ramp) :] *= ramp[::-1]
    rng = np.random.default_rng([*b"ear", seed])
    table = rng.standard_normal(_TABLE + N_UNITS)
    starts = rng.integers(0, _TABLE, len(sound))
    fired = np.zeros((len(sound), N_UNITS), dtype=np.uint8)
    _hear(sound, table, starts, _membrane(), np.zeros((2 * _ORDER, N_UNITS)), _rest(), fired)
    steps, units = np.nonzero(fired)
    return steps * _DT, units


def _membrane():
    """Real and imaginary part of each place's pole, and its gain, (3, places)."""
    hz = places_hz()
    width = 1.019 * 24.7 * (4.37e-3 * hz + 1)
    decay = np.exp(-2 * np.pi * width * _DT)
    angle = 2 * np.pi * hz * _DT
    return np.stack([decay * np.cos(angle), decay * np.sin(angle), 2 * (1 - decay) ** _ORDER])


# of the hair cell, per second; what is free, in the cleft and taken up is a share of all transmitter
_A, _B, _G = 5.0, 300.0, 2000.0
_MADE, _LOST, _TAKEN, _READIED, _PER_CLEFT = 5.05, 2500.0, 6580.0, 66.31, 50_000.0
_CLEFT_KEPT = np.exp(-(_LOST + _TAKEN) * _DT)
_CLEFT_GAIN = (1 - _CLEFT_KEPT) / (_LOST + _TAKEN)
# of the bushy cell
_MEMBRANE_KEPT, _SYNAPSE_KEPT = np.exp(-_DT / 1e-3), np.exp(-_DT / 0.5e-3)
_REFRACTORY = 8.0  # steps: 1 ms
_WEIGHT = 0.036  # of one fiber's spike; the threshold is 1
_FIBER_SPIKES = _FIBERS * _PER_CLEFT * _DT  # per step and transmitter in the cleft


def _rest():
    """State of hair and bushy cells in silence, (free, cleft, taken up, synapse, membrane, resting)."""
    release = _G * _A / (_A + _B)
    free = _MADE / (_MADE + release * _LOST / (_LOST + _TAKEN))
    cleft = release * free / (_LOST + _TAKEN)
    state = np.zeros((6, N_UNITS))
    state[:3] = [[free], [cleft], [_TAKEN * cleft / _READIED]]
    return state


@kernel
def _hear(sound, table, starts, membrane, waves, cells, fired):
    """Step all places through a sound; `waves` and `cells` are state, `fired` (steps, places) the result."""
    for t in range(sound.shape[0]):
        chance = table[starts[t] : starts[t] + fired.shape[1]]
        row = fired[t]
        for i in range(fired.shape[1]):
            real, imaginary = membrane[0, i], membrane[1, i]
            x, y = sound[t] * membrane[2, i], 0.0
            for stage in range(0, 8, 2):
                before = waves[stage, i]
                x, y = (
                    real * before - imaginary * waves[stage + 1, i] + x,
                    real * waves[stage + 1, i] + imaginary * before + y,
                )
                waves[stage, i], waves[stage + 1, i] = x, y

            moved = max(x + _A, 0.0)
            free, cleft, taken = cells[0, i], cells[1, i], cells[2, i]
            released = _G * moved / (moved + _B) * free
            cells[0, i] = free + (_MADE * (1.0 - free) + _READIED * taken - released) * _DT
            cells[1, i] = _CLEFT_KEPT * cleft + _CLEFT_GAIN * released
            cells[2, i] = taken + (_TAKEN * cleft - _READIED * taken) * _DT

            # forty fibers that spike at random, as their sum: mean and variance are the expected number
            expected = _FIBER_SPIKES * cells[1, i]
            arrived = max(expected + np.sqrt(expected) * chance[i], 0.0)
            current = _SYNAPSE_KEPT * cells[3, i] + _WEIGHT * arrived
            resting = cells[5, i] - 1.0
            voltage = (_MEMBRANE_KEPT * cells[4, i] + current) if resting < 0.0 else 0.0
            fires = voltage > 1.0
            cells[3, i] = current
            cells[4, i] = 0.0 if fires else voltage
            cells[5, i] = _REFRACTORY if fires else max(resting, 0.0)
            row[i] = 1 if fires else 0
