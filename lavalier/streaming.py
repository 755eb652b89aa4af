"""stream: sound through a Hybrid as it comes, with what it took, and what was wrong with the sound."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import soxr

from lavalier.simulate import Hybrid, Stream
from lavalier.simulate.errors import LavalierError
from lavalier.simulate.hybrid.account import latency
from lavalier.sound_in import Piece
from lavalier.sound_out import Sink

FULL_SCALE = 1 - 2**-15
SILENCE = 10 ** (-80 / 20)  # of full scale
SILENT_S = 1.0


@dataclass
class Heard:
    """What was wrong with the sound so far, in a constant amount of memory."""

    rate: int
    samples: int = 0
    clipped: int = 0
    broken: int = 0
    silent: int = 0
    _quiet: int = field(default=0, repr=False)

    def take(self, samples: np.ndarray) -> np.ndarray:
        """Look at samples; return them, with 0 in place of what is no number."""
        good = np.isfinite(samples)
        if not good.all():
            self.broken += int((~good).sum())
            samples = np.where(good, samples, np.float32(0))
        self.samples += len(samples)
        self.clipped += int((np.abs(samples) >= FULL_SCALE).sum())
        loud = np.flatnonzero(np.abs(samples) > SILENCE)
        if not len(loud):
            self._quiet += len(samples)
            return samples
        between = np.diff(loud) - 1
        for quiet in (self._quiet + int(loud[0]), *between[between > 0].tolist()):
            self._end_of_quiet(quiet)
        self._quiet = len(samples) - 1 - int(loud[-1])
        return samples

    def finish(self) -> None:
        """Count the silence that the stream ends with."""
        self._end_of_quiet(self._quiet)
        self._quiet = 0

    def _end_of_quiet(self, quiet: int) -> None:
        self.silent += quiet if quiet >= SILENT_S * self.rate else 0

    def notes(self) -> list[str]:
        """Say what there was."""
        said = []
        if self.clipped:
            said.append(f"clipped: {self.clipped} samples at full scale; what is above is lost in the input")
        if self.silent:
            said.append(f"silent: {self.silent / self.rate:.1f} s below -80 dB")
        if self.broken:
            said.append(f"not finite: {self.broken} samples, taken as 0")
        return said


@dataclass
class Streamed:
    """What a stream did."""

    hybrid: Hybrid
    stream: Stream
    heard: Heard
    notes: list[str]
    stopped: LavalierError | None = None

    def to_json(self) -> dict[str, Any]:
        """Return every figure as plain data."""
        taken, seconds = self.stream.taken, self.heard.samples / self.hybrid.rate
        return {
            "seconds": seconds,
            "frames": taken.count,
            "real_time_factor": taken.total_s / seconds if seconds else None,
            "hop_s": self.hybrid.hop / self.hybrid.rate,
            "frame_median_s": taken.quantile(0.5),
            "frame_p99_s": taken.quantile(0.99),
            "frame_longest_s": taken.longest_s,
            "latency": latency(self.hybrid),
            "notes": self.notes,
            "stopped": None if self.stopped is None else str(self.stopped),
        }

    def to_text(self) -> str:
        """Return the same for people."""
        said = self.to_json()
        lines = [f"note: {note}" for note in said["notes"]]
        factor = said["real_time_factor"]
        lines.append(
            f"{said['seconds']:.1f} s in {said['frames']:,} frames, real-time factor "
            + ("none" if factor is None else f"{factor:.3f} (below 1 keeps pace)")
        )
        times = (1e3 * said[f"frame_{which}_s"] for which in ("median", "p99", "longest"))
        median, p99, longest = times
        lines.append(
            f"a frame every {1e3 * said['hop_s']:g} ms takes {median:.3f} ms, 99 % at most {p99:.3f} ms, "
            f"the longest {longest:.3f} ms"
        )
        late = said["latency"]
        lines.append(
            f"latency {1e3 * (late['algorithmic_s'] + said['frame_p99_s']):.2f} ms here: window "
            f"{1e3 * late['algorithmic_s']:g} ms, and 99 % of the frames; on a chip "
            f"{late['pipeline_steps']} pipeline steps, {1e3 * late['pipeline_s']:g} ms at one a frame, more"
        )
        return "\n".join(lines) + "\n"


class Ticker:
    """Says every few seconds of sound how a stream fares."""

    EVERY_S = 10.0

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say, self._next = say, self.EVERY_S

    def __call__(self, streamed: Streamed) -> None:
        """Look at a stream after a piece."""
        seconds, taken = streamed.heard.samples / streamed.hybrid.rate, streamed.stream.taken
        if seconds >= self._next:
            self._next = seconds + self.EVERY_S
            factor, p99 = taken.total_s / seconds, 1e3 * taken.quantile(0.99)
            self._say(f"{seconds:.0f} s, real-time factor {factor:.3f}, 99 % of frames within {p99:.2f} ms")


def stream_sound(
    hybrid: Hybrid,
    pieces: Iterable[Piece],
    sink: Sink,
    progress: Callable[[Streamed], None] = lambda streamed: None,
) -> Streamed:
    """Send sound through a model as it comes.

    Whatever ends the input, what came before is processed and handed to the sink; `stopped` says what it was.

    Parameters
    ----------
    hybrid : Hybrid
        The model.
    pieces : of (samples, rate)
        Another rate than the model's is resampled on the way; it may change.
    sink : callable (samples)
        Gets samples at the model's rate, or the labels of frames.
    progress : callable (Streamed)
        Called after every piece.
    """
    Stream(hybrid).step(np.zeros(hybrid.hop, np.float32))  # loads what is compiled before there is sound
    stream = Stream(hybrid)
    done = Streamed(hybrid, stream, Heard(hybrid.rate), [])
    to_rate = _Resampling(hybrid.rate, done.notes)

    def send(samples: np.ndarray) -> None:
        sink(stream.run(done.heard.take(samples)))
        progress(done)

    try:
        for samples, rate in pieces:
            for ready in to_rate.take(samples, rate):
                send(ready)
    except LavalierError as error:
        done.stopped = error
    except KeyboardInterrupt:
        done.notes.append("interrupted: what came before is finished")
    for ready in to_rate.finish():
        send(ready)
    sink(stream.finish())
    done.heard.finish()
    done.notes += done.heard.notes()
    return done


class _Resampling:
    """Samples of any rate to one rate; a change is noted."""

    def __init__(self, rate: int, notes: list[str]) -> None:
        self._rate, self._notes = rate, notes
        self._from: int | None = None
        self._resampler: soxr.ResampleStream | None = None

    def take(self, samples: np.ndarray, rate: int) -> list[np.ndarray]:
        """Return what is ready."""
        rest = []
        if rate != self._from:
            rest = self.finish()
            if self._from is not None:
                self._notes.append(f"the sample rate changed from {self._from} to {rate} Hz")
            elif rate != self._rate:
                self._notes.append(f"resampled from {rate} to {self._rate} Hz")
            self._from = rate
            self._resampler = (
                None if rate == self._rate else soxr.ResampleStream(rate, self._rate, 1, "float32")
            )
        if self._resampler is None:
            return [*rest, samples]
        return [*rest, self._resampler.resample_chunk(samples)]

    def finish(self) -> list[np.ndarray]:
        """Return what the resampler still holds."""
        if self._resampler is None:
            return []
        held, self._resampler = self._resampler, None
        return [held.resample_chunk(np.zeros(0, np.float32), last=True)]
