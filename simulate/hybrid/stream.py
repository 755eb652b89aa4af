"""A Hybrid on a stream: samples in pieces of any size, and state that never stops or grows."""

import time

import numpy as np

from ..session import Session
from .durations import Durations
from .host import Host, check_samples
from .hybrid import Hybrid


class Stream:
    """A run of a Hybrid that goes on where it stopped.

    Parameters
    ----------
    hybrid : Hybrid

    Attributes
    ----------
    taken : Durations
        Of each hop, host and chip part together.
    """

    def __init__(self, hybrid: Hybrid) -> None:
        self._hybrid = hybrid
        self.taken = Durations()
        self._session = Session(hybrid.program, batch=1)
        self._host = Host(hybrid)
        self._waiting = np.zeros(0, np.float32)
        self._late = hybrid.end.late  # values before the first that belongs to the sound
        self._heard = self._given = 0

    def run(self, samples: np.ndarray) -> np.ndarray:
        """Take the next samples; return those that are finished, or a label for each frame that is.

        Parameters
        ----------
        samples : float (n,)
            Any number; what does not fill a hop waits for the next call.

        Returns
        -------
        float32 (m,), or int32
            In all calls and `finish` together, `Hybrid.given` of the samples. A label is -1 where none is
            due.
        """
        samples = check_samples(samples[None])[0] if len(samples) else samples
        self._heard += len(samples)
        waiting = np.concatenate([self._waiting, samples]).astype(np.float32)
        hop = self._hybrid.hop
        whole = len(waiting) // hop * hop
        done = [self.step(waiting[i : i + hop]) for i in range(0, whole, hop)]
        self._waiting = waiting[whole:]
        return self._in_time(np.concatenate([np.zeros(0, self._hybrid.end.dtype), *done]))

    def step(self, samples: np.ndarray) -> np.ndarray:
        """Take one hop; return what comes of it, at first what was before the stream."""
        begun = time.perf_counter()
        events, values = self._host.before(samples)
        sent = self._session.run(events[None, None]).output
        done = self._host.after(sent[0, 0], values)
        self.taken.add(time.perf_counter() - begun)
        return done

    def finish(self) -> np.ndarray:
        """Return the rest, as if silence followed; (m,)."""
        owed = self._hybrid.given(self._heard) - self._given
        late = self._hybrid.end.late
        silence = np.zeros(late + -(len(self._waiting) + late) % self._hybrid.hop, np.float32)
        return self.run(silence)[:owed]

    def _in_time(self, done: np.ndarray) -> np.ndarray:
        dropped = min(self._late, len(done))
        self._late -= dropped
        self._given += len(done) - dropped
        return done[dropped:]
