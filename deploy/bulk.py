"""Lava's own models without its runtime: the same arithmetic, many times as fast, for large comparisons.

What is not tested this way is the runtime: its processes, channels and phases. `run` has them.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..simulate.errors import NotAvailable
from ..simulate.program import Program
from ..simulate.trace import Trace
from .guarded import Progress, guarded
from .job import Job
from .targets import missing


def run_models(
    program: Program,
    x: np.ndarray | Mapping[str, np.ndarray],
    record: Iterable[str] = (),
    stall_s: float = 60.0,
    progress: Progress | None = None,
) -> Trace:
    """Run a Program on Lava's own process models in one process; as `run` otherwise."""
    return run_models_many([(program, x, record)], stall_s, progress)[0]


def run_models_many(
    jobs: Iterable[tuple[Program, Any, Iterable[str]]],
    stall_s: float = 60.0,
    progress: Progress | None = None,
) -> list[Trace]:
    """Run many Programs on Lava's own process models, one after the other in one process.

    Parameters
    ----------
    jobs : iterable of (program, x, record)
        As `run` takes them.
    stall_s, progress
        As in `run`; steps of all jobs.

    Returns
    -------
    list of Trace
        In the order of the jobs.

    Raises
    ------
    NotAvailable, BadInput, Unsupported, LavaFailed
        As `run`.
    """
    why = missing()
    if why:
        raise NotAvailable(why)
    checked = [Job.of(*job) for job in jobs]
    with guarded() as lava:
        recordings = []
        for number, job in enumerate(checked):
            folder = lava.folder / f"job{number}"
            folder.mkdir()
            recordings.append(job.write(folder))
        lava.run("models", sum(r.rows for r in recordings), stall_s, progress)
        return [job.trace(recording) for job, recording in zip(checked, recordings, strict=True)]
