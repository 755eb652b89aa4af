"""The whale challenge as a formula: upcalls of right whales in noise of the sea, and what is none.

An upcall rises from below 120 Hz to above 140 Hz in about a second. Other clips hold noise alone, or calls
that fall, stay, waver or lie elsewhere; knocks and the tones of ships are in both. Nothing but the shape in
time and frequency tells them apart.

Source: the upcall, Clark 1982, Anim. Behav. 30, p. 1060-1071 (50 to 200 Hz, about 1 s).
"""

from pathlib import Path

import numpy as np
import soundfile

from ...simulate.files import atomic
from ..data.whales import HEADER, N_SAMPLES, RATE_HZ
from .progress import Progress

SHARE = 7027 / 30_000  # of upcalls among the labeled clips of the challenge
N_TEST_SHARE = 4  # one unlabeled clip for so many labeled ones
SNR_DB = (-4.0, 12.0)  # of a call while it sounds, against the noise from 50 to 250 Hz
_T = np.arange(N_SAMPLES) / RATE_HZ
_HZ = np.fft.rfftfreq(N_SAMPLES, 1 / RATE_HZ)
_BAND = (_HZ >= 50) & (_HZ <= 250)


def write_whales(out: Path, n: int = 2000, seed: int = 0, progress: Progress | None = None) -> list[Path]:
    """Write `data/train.csv`, `data/train/train{i}.aiff` and, without labels, `data/test/test{i}.aiff`.

    Parameters
    ----------
    out : Path
        Folder, made if it is not there.
    n : int, 10 or more
        Labeled clips, of which 23.4 % are upcalls; a quarter as many have no label.
    seed : int, 0 or more
        Decides everything.
    progress : callable (done, total), optional
        Called after every file.

    Returns
    -------
    paths : list of Path
        Of the folder `data`.

    Raises
    ------
    ValueError
        n is out of range.
    """
    if n < 10:
        raise ValueError(f"n = {n}; at least 10 clips are needed for both classes")
    sizes, done = {"train": n, "test": n // N_TEST_SHARE}, 0
    rows = [",".join(HEADER)]
    for split, size in sizes.items():
        folder = out / "data" / split
        folder.mkdir(parents=True, exist_ok=True)
        labels = np.random.default_rng([*b"whales", *split.encode(), seed]).permutation(size) < SHARE * size
        for i, label in enumerate(labels):
            rng = np.random.default_rng([*b"whale", *split.encode(), seed, i])
            name = f"{split}{i + 1}.aiff"
            soundfile.write(folder / name, clip(rng, bool(label)), RATE_HZ, subtype="PCM_16", format="AIFF")
            if split == "train":
                rows.append(f"{name},{int(label)}")
            done += 1
            if progress:
                progress(done, sum(sizes.values()))
    with atomic(out / "data" / "train.csv") as temporary:
        temporary.write_text("\n".join(rows) + "\n")
    return [out / "data"]


def clip(rng: np.random.Generator, upcall: bool) -> np.ndarray:
    """Draw one clip.

    Parameters
    ----------
    rng : Generator
        Decides everything but the class.
    upcall : bool
        Whether a right whale calls.

    Returns
    -------
    samples : float64 (4000,), -1 to 1
        2 kHz.
    """
    sound = _sea(rng)
    call = _upcall(rng) if upcall else _other(rng)
    in_band = np.sqrt((np.abs(np.fft.rfft(sound))[_BAND] ** 2).sum() * 2) / N_SAMPLES
    if call is not None:
        loud = np.sqrt(np.mean(call[call != 0] ** 2)) if call.any() else 1.0
        sound = sound + call / loud * in_band * 10 ** (rng.uniform(*SNR_DB) / 20)
    if rng.random() < 0.3:
        sound = sound + _knocks(rng) * in_band
    level = 10 ** (rng.uniform(-30, -6) / 20)
    return np.clip(level * sound / np.abs(sound).max(), -1, 1)


def _sea(rng):
    """Noise that falls with frequency, with a hump somewhere and now and then the lines of a ship."""
    slope, center, width = rng.uniform(0.3, 1.2), rng.uniform(40, 600), rng.uniform(30, 200)
    gain = np.maximum(_HZ, 10) ** -slope * (1 + rng.uniform(0, 3) * np.exp(-(((_HZ - center) / width) ** 2)))
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(N_SAMPLES)) * gain, N_SAMPLES)
    noise /= noise.std()
    for _ in range(rng.integers(0, 4)):
        drift = rng.uniform(-6, 6) * _T
        phase = 2 * np.pi * (rng.uniform(30, 400) * _T + drift * _T / 2)
        noise += rng.uniform(0.05, 0.5) * np.sin(phase + rng.uniform(0, 2 * np.pi))
    return noise * (1 + rng.uniform(0, 0.6) * np.sin(2 * np.pi * (rng.uniform(0.2, 3) * _T + rng.random())))


def _upcall(rng):
    """A tone that rises, faster at its end."""
    low, high = rng.uniform(55, 115), rng.uniform(145, 245)
    return _sweep(rng, low, high, rng.uniform(0.5, 1.2), rng.uniform(1.0, 2.5))


def _other(rng):
    """What a detector must not take for an upcall; often nothing."""
    kind = rng.integers(0, 8)
    if kind < 4:
        return None
    if kind == 4:  # falls
        return _sweep(
            rng, rng.uniform(145, 245), rng.uniform(55, 115), rng.uniform(0.5, 1.2), rng.uniform(0.6, 1.5)
        )
    if kind == 5:  # stays, or nearly
        hz = rng.uniform(60, 230)
        return _sweep(rng, hz, hz * rng.uniform(0.93, 1.07), rng.uniform(0.4, 1.5), 1.0)
    if kind == 6:  # wavers: a moan
        hz, depth, rate = rng.uniform(90, 220), rng.uniform(10, 40), rng.uniform(1.0, 4.0)
        return _tone(rng, hz + depth * np.sin(2 * np.pi * (rate * _T + rng.random())), rng.uniform(0.6, 1.5))
    return _sweep(
        rng, rng.uniform(280, 420), rng.uniform(450, 700), rng.uniform(0.3, 1.0), 1.0
    )  # another whale


def _sweep(rng, low, high, seconds, bend):
    """A tone from one frequency to another within its own time."""
    start = _start(rng, seconds)
    place = np.clip((_T - start) / seconds, 0, 1)
    return _tone(rng, low + (high - low) * place**bend, seconds, start)


def _tone(rng, hz, seconds, start=None):
    """A tone of changing pitch with a fainter octave, which swells and fades, 0 outside its time."""
    start = _start(rng, seconds) if start is None else start
    phase = 2 * np.pi * np.cumsum(hz) / RATE_HZ
    place = (_T - start) / seconds
    envelope = np.where((place > 0) & (place < 1), np.sin(np.pi * np.clip(place, 0, 1)) ** 0.5, 0.0)
    return envelope * (np.sin(phase) + rng.uniform(0.0, 0.3) * np.sin(2 * phase + rng.uniform(0, 2 * np.pi)))


def _start(rng, seconds):
    """When a call begins: its middle lies near the middle of the clip, as a detector's clips do."""
    latest = _T[-1] - seconds
    return np.clip(latest / 2 + rng.normal(0, 0.2), 0, latest)


def _knocks(rng):
    """Short ringing blows."""
    sound = np.zeros(N_SAMPLES)
    for _ in range(rng.integers(1, 5)):
        late = _T - rng.uniform(0, 1.9)
        ring = np.exp(-np.maximum(late, 0) * rng.uniform(40, 150)) * np.sin(
            2 * np.pi * rng.uniform(50, 500) * late
        )
        sound += np.where(late >= 0, rng.uniform(1, 6) * ring, 0.0)
    return sound
