"""Where a stream of sound goes: a file that is whole whenever the stream ends, or a loudspeaker."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import numpy as np
import soundfile

from lavalier.simulate.errors import NotAvailable
from lavalier.simulate.files import atomic
from lavalier.sound_in import device_name, is_device, sound_devices

Sink = Callable[[np.ndarray], object]


def opened_sink(name: str | None, rate: int) -> AbstractContextManager[Sink]:
    """Return what the command line names: a wav file, device[:NAME], or nothing."""
    if name is None:
        return nullcontext(lambda samples: None)
    return to_device(device_name(name), rate) if is_device(name) else to_file(Path(name), rate)


@contextmanager
def to_file(path: Path, rate: int) -> Iterator[Sink]:
    """Hand out a function that appends samples to a wav file of 32-bit floats, so that nothing is rounded."""
    with (
        atomic(path) as temporary,
        soundfile.SoundFile(temporary, "w", rate, 1, "FLOAT", format="WAV") as file,
    ):
        yield file.write


@contextmanager
def to_device(name: str | None, rate: int) -> Iterator[Sink]:
    """Hand out a function that plays samples.

    Raises
    ------
    NotAvailable
        No sounddevice, no such device, or it went away.
    """
    sounddevice = sound_devices()
    device = int(name) if name is not None and name.isdecimal() else name
    try:
        with sounddevice.OutputStream(rate, 0, device, 1, "float32") as stream:
            yield lambda samples: stream.write(np.ascontiguousarray(samples))
    except (sounddevice.PortAudioError, ValueError) as error:
        raise NotAvailable(f"output device {name or 'default'}: {error}") from error
