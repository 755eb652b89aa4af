"""The verb: run a Program on Lava, and hand back what a simulator would."""

import sys
from collections.abc import Iterable, Mapping

import numpy as np

from ..simulate.errors import BadInput, NotAvailable, Unsupported
from ..simulate.events import check_events, check_record
from ..simulate.program import Program
from ..simulate.trace import Trace, collect
from .counting import count
from .guarded import Progress, guarded
from .neurons import check_neurons
from .pipeline import check_paths
from .recording import PROGRAM, SHAPE, Recording
from .targets import missing


def run(
    program: Program,
    x: np.ndarray | Mapping[str, np.ndarray],
    record: Iterable[str] = (),
    target: str = "cpu",
    stall_s: float = 60.0,
    progress: Progress | None = None,
) -> Trace:
    """Run a Program on Lava's fixed-point simulator; all samples in one run, each from rest.

    Parameters
    ----------
    program : Program
        Feed-forward, all sources of a population equally deep.
    x : int (batch, steps, *shape), or {input name: array}
        Events from 0 to the input's largest.
    record : str, or several
        Names of populations whose spikes, u and v are kept.
    target : str, "cpu" or "loihi2"
        Where it runs; `missing(target)` says whether it can.
    stall_s : float
        A run that makes no step for so long is ended.
    progress : callable (steps done, steps in total), optional
        Called about ten times a second; what it raises ends the run.

    Returns
    -------
    Trace
        Aligned as from `simulate.reference`, which it must equal.

    Raises
    ------
    NotAvailable
        Lava, or the target's extension, is not installed.
    BadInput
        x does not fit the inputs, or a name does not exist.
    Unsupported
        Lava has no exact form for the Program.
    LavaFailed
        Lava raised, died or stood still; nothing of it is left.
    """
    why = missing(target)
    if why:
        raise NotAvailable(why)
    if target == "loihi2":
        raise Unsupported(
            "deploy: lava-loihi is installed, but the adapters to a board have never run on "
            "hardware and are not part of this version; use target='cpu'"
        )
    events = check_events(program, x)
    record = check_record(record, program.populations)
    batch, steps = next(iter(events.values())).shape[:2]
    if not batch * steps:
        raise BadInput(f"x holds nothing to run: {batch} samples of {steps} steps")
    check_neurons(program)
    check_paths(program)
    with guarded() as lava:
        recording = Recording(lava.folder, program, batch, steps)
        _write_job(recording, events)
        command = [sys.executable, "-m", f"{__package__}.worker"]
        lava.run(command, recording.rows, stall_s, progress)
        return _trace(recording, events, record)


def _write_job(recording: Recording, events: dict[str, np.ndarray]) -> None:
    for name, values in events.items():
        np.save(recording.events(name), values.reshape(-1, values.shape[-1]))
    recording.program.save(recording.folder / PROGRAM)
    (recording.folder / SHAPE).write_text(f"{recording.batch} {recording.steps}")


def _trace(recording: Recording, events: dict[str, np.ndarray], record: tuple[str, ...]) -> Trace:
    program = recording.program

    def kept(name: str, kind: str) -> np.ndarray:
        shape = (recording.batch, recording.steps, *program.populations[name].shape)
        return np.array(recording.read(name, kind)).reshape(shape)

    outputs = {n: kept(n, "s" if program.sends(n) else "v") for n in program.outputs}
    return Trace(
        output=collect(program.outputs, outputs),
        spikes={n: kept(n, "s") for n in record if program.sends(n)},
        u={n: kept(n, "u") for n in record},
        v={n: kept(n, "v") for n in record},
        counts=count(recording, events),
    )
