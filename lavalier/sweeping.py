"""`lavalier sweep`: the grid from the command line, here or on Ray, and the table."""

from collections.abc import Callable, Sequence
from pathlib import Path

from lavalier.train.recipes import load
from lavalier.train.sweep.grid import axes_of
from lavalier.train.sweep.run import Sweep, sweep
from lavalier.train.sweep.table import to_text
from lavalier.train.sweep.trial import Job

LOCAL = "local"


def run_sweep(
    name: str,
    grids: Sequence[str],
    folds: int,
    out: Path,
    data: Path | None,
    seed: int,
    variant: str | None,
    settings: dict,
    device: str,
    ray: str | None,
    stop_early: bool,
    force: bool,
    resume: bool,
    say: Callable[[str], None],
) -> tuple[Sweep, str]:
    """Run a sweep; return it, and its table for people."""
    recipe, axes = load(name), axes_of(grids)
    job = Job(recipe, folds, settings, variant, data, seed, device)
    runner = None
    if ray is not None:
        from lavalier.train.sweep.on_ray import on_ray

        runner = on_ray(None if ray == LOCAL else ray, stop_early)
    found = sweep(job, axes, out, force, resume, runner, say)
    text = to_text(axes, found.cells, recipe.metric, recipe.scale, recipe.unit)
    return found, f"{name}: medians over {folds} folds\n{text}{out}: table.csv, cells.json, heat_map.png\n"
