"""Where a stream of sound comes from: files, a pipe, a microphone. Each hands out pieces as they come."""

import os
import queue
import select
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from lavalier.simulate.errors import BadInput, NotAvailable

Piece = tuple[np.ndarray, int]  # float32 (n,), samples a second
PIECE_S = 0.02
WAITING_PIECES = 500  # of a microphone: 10 s; what comes on top is lost, and counted


def opened_source(names: list[str], rate: int, stall_s: float) -> Iterator[Piece]:
    """Return what the command line names: files, '-' for standard input, or device[:NAME].

    Raises
    ------
    BadInput
        A pipe or a device beside other sources.
    """
    live = [name for name in names if name == "-" or is_device(name)]
    if live and len(names) > 1:
        raise BadInput(f"--in {live[0]}: never ends, give it alone")
    if names == ["-"]:
        return from_pipe(rate, stall_s)
    return from_device(device_name(names[0]), stall_s) if live else from_files([Path(name) for name in names])


def device_name(given: str) -> str | None:
    """Return NAME of device[:NAME].

    >>> device_name("device"), device_name("device:USB")
    (None, 'USB')
    """
    return given.partition(":")[2] or None


def is_device(name: str) -> bool:
    """Whether a name on the command line is a device, no file."""
    return name == "device" or name.startswith("device:")


def from_files(paths: list[Path]) -> Iterator[Piece]:
    """Hand out recordings one after another, each at its own rate.

    Raises
    ------
    BadInput
        A file is missing, no sound, of several channels, or ends in the middle.
    """
    for path in paths:
        try:
            with soundfile.SoundFile(path) as file:
                if file.channels != 1:
                    raise BadInput(f"{path}: {file.channels} channels; the limit is 1, mix it down first")
                size, left = max(1, round(PIECE_S * file.samplerate)), file.frames
                while left > 0:
                    samples = file.read(size, dtype="float32")
                    if not len(samples):
                        raise BadInput(f"{path}: ends {left} samples before the length that it states")
                    left -= len(samples)
                    yield samples, file.samplerate
        except (OSError, soundfile.SoundFileError) as error:
            what = "not a sound file that can be read" if path.exists() else "no such file"
            raise BadInput(f"{path}: {what}; give a mono wav file") from error


def from_pipe(rate: int, stall_s: float, source: Any = None) -> Iterator[Piece]:
    """Hand out what arrives on standard input: raw 16-bit mono, little endian.

    Raises
    ------
    BadInput
        Nothing arrives for `stall_s` seconds.
    """
    handle = (sys.stdin if source is None else source).fileno()
    size, rest = 2 * max(1, round(PIECE_S * rate)), b""
    while True:
        if not select.select([handle], [], [], stall_s)[0]:
            raise BadInput(f"standard input: stalled, nothing for {stall_s:g} s")
        got = os.read(handle, size)
        if not got:
            return
        got = rest + got
        whole = len(got) // 2 * 2
        rest = got[whole:]
        yield np.frombuffer(got[:whole], "<i2").astype(np.float32) / 32768, rate


def from_device(name: str | None, stall_s: float) -> Iterator[Piece]:
    """Hand out what a microphone hears, until it goes away or Ctrl-C.

    Parameters
    ----------
    name : str, optional
        Part of a device's name, or its number; default: the system's.
    stall_s : float
        Seconds without a sample after which it is given up.

    Raises
    ------
    NotAvailable
        No sounddevice, no such device, or it went away.
    BadInput
        It is there and silent for `stall_s` seconds: no samples at all.
    """
    sounddevice = sound_devices()
    waiting: queue.Queue[np.ndarray] = queue.Queue(WAITING_PIECES)
    lost = 0

    def heard(samples, frames, time, status) -> None:
        nonlocal lost
        try:
            waiting.put_nowait(samples[:, 0].copy())
        except queue.Full:
            lost += frames

    device = int(name) if name is not None and name.isdecimal() else name
    try:
        rate = round(sounddevice.query_devices(device, "input")["default_samplerate"])
        blocks = max(1, round(PIECE_S * rate))
        opened = sounddevice.InputStream(rate, blocks, device, 1, "float32", callback=heard)
        with opened as stream:
            while True:
                try:
                    yield waiting.get(timeout=stall_s), rate
                except queue.Empty:
                    if not stream.active:
                        raise NotAvailable(f"input device {name or 'default'}: went away") from None
                    raise BadInput(f"input device: stalled, nothing for {stall_s:g} s") from None
                if lost:
                    raise BadInput(f"input device: {lost} samples came faster than they could be processed")
    except (sounddevice.PortAudioError, ValueError) as error:
        raise NotAvailable(f"input device {name or 'default'}: {error}") from error


def sound_devices() -> Any:
    """Return sounddevice, or say what is missing."""
    try:
        import sounddevice  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise NotAvailable("live sound needs sounddevice: pip install 'lavalier[sound]'") from error
    except OSError as error:  # it is there, the library below it is not
        raise NotAvailable(f"live sound needs the PortAudio library ({error})") from error
    return sounddevice
