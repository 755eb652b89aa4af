"""A sweep from start to end: what is left to do, in this process or on Ray, and its table."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..run_folder import check_folder, check_resumed, start_run
from .folds import Data
from .grid import Axes, Trial, trials_of
from .picture import heat_map
from .table import CELLS, ROWS, TABLE, folder_of, land, landed, write_table
from .trial import Job, has_begun, run_trial

PICTURE = "heat_map.png"
WRITES = (ROWS, TABLE, CELLS, PICTURE, "ray")

Say = Callable[[str], None]
Runner = Callable[[Job, Sequence[Trial], Path, Callable[[Trial], None]], None]


@dataclass(frozen=True)
class Sweep:
    """What a sweep found.

    Attributes
    ----------
    out : Path
    axes : Axes
    cells : list of rows
        Each cell once, see `table.cells`.
    ran : int
        Trials that ran now; the others had landed before.
    """

    out: Path
    axes: Axes
    cells: list[dict[str, Any]]
    ran: int


def sweep(
    job: Job,
    axes: Axes,
    out: Path,
    force: bool = False,
    resume: bool = False,
    runner: Runner | None = None,
    say: Say = lambda line: None,
) -> Sweep:
    """Run every trial that has not landed, and write the table.

    Parameters
    ----------
    job : Job
        What all trials have in common.
    axes : Axes
        Options and their values.
    out : path
        Gets `table.csv` (a row for each trial), `cells.json`, `heat_map.png`, `settings.json`, and `trials/`
        with checkpoints. A finished trial never runs again; a killed one goes on from its checkpoint.
    force, resume : bool
        As in `train_digits`. A resumed sweep may have more cells than before.
    runner : callable, optional
        Runs trials, and calls back as each has landed; default: one after another, in this process.
    say : callable
        Told of each trial that has finished.

    Raises
    ------
    BadInput
        An option or a value is not allowed; `out` is in use, or of another sweep.
    """
    trials = trials_of(axes, job.folds)
    for trial in trials:
        job.options(trial)  # refused before anything runs
    check_folder(out, force, resume)
    decisive = {
        "recipe": job.recipe.name,
        "options": job.recipe.chosen(job.variant, job.changes).model_dump(mode="json"),
        "data": None if job.data is None else str(Path(job.data).resolve()),
        "seed": job.seed,
        "folds": job.folds,
        "device": job.device,
    }
    check_resumed(out, decisive) if resume else start_run(out, decisive, WRITES)
    todo = [trial for trial in trials if landed(out, trial) is None]
    begun = sum(has_begun(folder_of(out, trial)) for trial in todo)
    say(f"{len(trials)} trials, {len(trials) - len(todo)} finished before, {begun} go on from a checkpoint")
    count = itertools.count(1)

    def finished(trial: Trial) -> None:
        say(f"{next(count)}/{len(todo)} {_said(job, trial, landed(out, trial) or {})}")
        write_table(out, axes, trials)

    if todo:
        (runner or in_this_process)(job, todo, out, finished)
    found = write_table(out, axes, trials)
    if axes:
        recipe = job.recipe
        heat_map(out / PICTURE, axes, found, f"{recipe.name}: {recipe.metric}", recipe.scale, recipe.unit)
    return Sweep(out, axes, found, len(todo))


def in_this_process(job: Job, todo: Sequence[Trial], out: Path, finished: Callable[[Trial], None]) -> None:
    """Run trials one after another."""
    data = Data(job.recipe, job.data, job.seed)
    for trial in todo:
        land(out, trial, run_trial(job, trial, data, folder_of(out, trial)))
        finished(trial)


def _said(job: Job, trial: Trial, row: Any) -> str:
    scored = ", ".join(
        f"{kind} {job.recipe.scale * row[kind]:.4g} {job.recipe.unit}".rstrip()
        for kind in ("float", "fixed")
        if row.get(kind) is not None
    )
    return "  ".join(part for part in (trial.name, scored, row.get("failure", "")) if part)
