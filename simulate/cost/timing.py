"""latency: how late a result is, and how long a step takes on a chip, bounded below and above.

A step takes what its events take, and the barrier that closes it. Below: the events spread evenly over every
core of a chip, and the shortest barrier. Above: one core does all of them one after another, and the longest
barrier. Where a bound has no published constant there is none.
"""

from dataclasses import asdict, dataclass

from ..errors import BadInput
from ..program import Program
from ..trace import Trace
from .amounts import Part, key_of, parts_of, steps_of
from .intervals import Interval
from .tables import DeviceTable, device_tables
from .text import ends


@dataclass(frozen=True)
class Latency:
    """How late, and how long.

    Attributes
    ----------
    device : str
    pipeline_steps : int
        By which the output is late on hardware: one for each synapse passed.
    dt_s : float
        A step of the input's time, seconds.
    window_s, hop_s : float
        Of the front end: a frame covers one, and a frame comes every other.
    step_s : (low or None, high or None), seconds
        Mean over steps and samples; None where nothing published bounds it.
    bounds : list of str
        The table behind each end.
    published : list of str
        Step times that were measured on other networks, to look at beside these.
    """

    device: str
    pipeline_steps: int
    dt_s: float
    window_s: float
    hop_s: float
    step_s: tuple[float | None, float | None]
    bounds: list[str]
    published: list[str]

    @property
    def real_time_factor(self) -> tuple[float | None, float | None]:
        """Time that a step takes over the time of the input that it covers; below 1 keeps pace."""
        low, high = self.step_s
        return low and low / self.dt_s, high and high / self.dt_s

    @property
    def algorithmic_s(self) -> Interval:
        """From a sound to the first output that knows all of it, if computing took no time.

        The window that holds it, at most a hop until one begins there, and the pipeline, in step with the
        input.
        """
        pipeline = self.pipeline_steps * self.dt_s
        return Interval(self.window_s + pipeline, self.window_s + self.hop_s + pipeline)

    @property
    def end_to_end_s(self) -> tuple[float | None, float | None]:
        """`algorithmic_s`, and a step to compute; None where the step is not bounded."""
        low, high = self.step_s
        first, last = self.algorithmic_s
        return (
            None if low is None or first is None else first + low,
            None if high is None else last + high,
        )

    def to_json(self) -> dict:
        """Return every figure as plain data."""
        more = {
            "real_time_factor": list(self.real_time_factor),
            "algorithmic_s": list(self.algorithmic_s),
            "end_to_end_s": list(self.end_to_end_s),
        }
        return {**asdict(self), "step_s": list(self.step_s), **more}

    def to_text(self) -> str:
        """Return one line for each figure, and where its bounds come from."""
        lines = [
            f"pipeline: {self.pipeline_steps} steps of {self.dt_s * 1e3:g} ms",
            f"time of a step: {_bounded(self.step_s, 1e6, ' us')}",
            f"real-time factor: {_bounded(self.real_time_factor, 1, '')} (below 1 keeps pace)",
            f"algorithmic latency {ends(self.algorithmic_s.times(1e3), '{:.3g}', 'ms')}: window "
            f"{self.window_s * 1e3:g} ms, up to a hop of {self.hop_s * 1e3:g} ms, pipeline",
            f"end to end: {_bounded(self.end_to_end_s, 1e3, ' ms')}",
        ]
        return "\n".join([*lines, *self.bounds, *self.published]) + "\n"


def latency(
    program: Program, trace: Trace, device: str = "loihi1", window_s: float = 0.0, hop_s: float = 0.0
) -> Latency:
    """Bound the latency of a run.

    Parameters
    ----------
    program : Program
        That made the trace.
    trace : Trace
        With counts.
    device : str
        As in `energy`.
    window_s, hop_s : float, at least 0, seconds
        Of the frames that the front end makes of a sound.

    Returns
    -------
    Latency

    Raises
    ------
    BadInput
        No such device, or one without step times; a trace of another program; a negative time.

    Source: the tables' times, and latency as N-DNS adds it up: buffer, encoding, network.
    """
    if window_s < 0 or hop_s < 0:
        raise BadInput(f"window {window_s} s and hop {hop_s} s must be at least 0")
    tables = [t for t in device_tables(device) if t.time]
    if not tables:
        raise BadInput(f"no times of '{device}' are published: its steps are not bounded")
    parts = parts_of(program, trace.counts)
    steps = steps_of(program, parts)
    found = [(t, *_step(t, parts, steps)) for t in tables if any(e.known for e in t.time.values())]
    lows = [(low, t.name) for t, low, _ in found if low is not None]
    highs = [(high, t.name) for t, _, high in found if high is not None]
    low, high = min(lows, default=(None, "")), max(highs, default=(None, ""))
    bounds = [
        f"at least: {low[1]}, work shared by all cores" if lows else "at least: nothing published",
        f"at most: {high[1]}, one core does all the work"
        if highs
        else "at most: no published barrier, so no upper bound",
    ]
    published = [
        f"published step of {t.name}: {t.time['step'].to_text()}" for t in tables if "step" in t.time
    ]
    return Latency(device, program.latency, program.dt, window_s, hop_s, (low[0], high[0]), bounds, published)


def _step(table: DeviceTable, parts: list[Part], steps: int) -> tuple[float | None, float | None]:
    """Return the bounds of a mean step by one table; None where it lacks a constant."""
    times = {name: entry for name, entry in table.time.items() if entry.known}
    work_low = work_high = 0.0
    priced = False
    for part in parts:
        for counter, amount in part.amounts.items():
            if key := key_of(times, counter):
                each = float(amount.mean()) / steps
                work_low, work_high = work_low + each * times[key].low, work_high + each * times[key].high
                priced = True
    if not priced:
        return None, None
    cores = table.cores.high if table.cores else None
    barrier = times.get("barrier")
    shared = work_low / cores if cores else None
    low = None if shared is None else shared + (barrier.low if barrier else 0.0)
    return low, work_high + barrier.high if barrier else None


def _bounded(bounds: tuple[float | None, float | None], factor: float, unit: str) -> str:
    """Print what is known of two bounds.

    >>> _bounded((None, 2.0), 1, " s"), _bounded((0.001, None), 1e3, " ms")
    ('at most 2 s', 'at least 1 ms; not bounded above')
    """
    low, high = (None if bound is None else f"{bound * factor:.3g}" for bound in bounds)
    if low is None and high is None:
        return "not bounded"
    if high is None:
        return f"at least {low}{unit}; not bounded above"
    return f"at most {high}{unit}" if low is None else f"{low} to {high}{unit}"
