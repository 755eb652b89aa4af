"""The verb: run a Program on Lava, and hand back what a simulator would."""

from collections.abc import Iterable, Mapping

import numpy as np

from ..simulate.errors import NotAvailable, Unsupported
from ..simulate.hybrid.hybrid import Hybrid
from ..simulate.program import Program
from ..simulate.trace import Trace
from .guarded import Progress, guarded
from .job import Job
from .targets import missing


def run(
    program: Program | Hybrid,
    x: np.ndarray | Mapping[str, np.ndarray],
    record: Iterable[str] = (),
    target: str = "cpu",
    stall_s: float = 60.0,
    progress: Progress | None = None,
) -> Trace:
    """Run a Program on Lava's fixed-point simulator; all samples in one run, each from rest.

    `processes_of(program)` says which of Lava's processes run it.

    Parameters
    ----------
    program : Program or Hybrid
        The network; of a Hybrid the chip part runs on Lava, the host part here.
    x : int (batch, steps, *shape), or {input name: array}
        Events from 0 to the input's largest; samples (batch, n) for a Hybrid.
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
        A loop passes more synapses than it has steps.
    LavaFailed
        Lava raised, died or stood still; nothing of it is left.
    """
    if isinstance(program, Hybrid):
        chip = program.program
        return program.run(
            x, lambda events, names: run(chip, events, names, target, stall_s, progress), record
        )  # type: ignore[arg-type]
    why = missing(target)
    if why:
        raise NotAvailable(why)
    if target == "loihi2":
        raise Unsupported(
            "deploy: lava-loihi is installed, but the adapters to a board have never run on "
            "hardware and are not part of this version; use target='cpu'"
        )
    job = Job.of(program, x, record)
    with guarded() as lava:
        recording = job.write(lava.folder)
        lava.run("network", recording.rows, stall_s, progress)
        return job.trace(recording)
