"""`lavalier sweep`, and a Program over many samples: here or on Ray."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from lavalier.simulate.errors import BadInput
from lavalier.simulate.program import Program
from lavalier.simulate.trace import Trace
from lavalier.train.sweep.shards import run_in_shards

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
) -> tuple[dict, str]:
    """Run a sweep; return what it found, as data and for people."""
    from lavalier.train.recipes import load
    from lavalier.train.recipes.recipe import Recipe
    from lavalier.train.sweep.grid import axes_of
    from lavalier.train.sweep.run import sweep
    from lavalier.train.sweep.table import to_text
    from lavalier.train.sweep.trial import Job

    recipe, axes = load(name), axes_of(grids)
    if not isinstance(recipe, Recipe):
        raise BadInput(f"{name} is trained in a way of its own, without folds: lavalier train {name}")
    job = Job(recipe, folds, settings, variant, data, seed, device)
    runner = None
    if ray is not None:
        from lavalier.train.sweep.on_ray import on_ray

        runner = on_ray(None if ray == LOCAL else ray, stop_early)
    found = sweep(job, axes, out, force, resume, runner, say)
    text = to_text(axes, found.cells, recipe.metric, recipe.scale, recipe.unit)
    said = {"out": str(out), "ran": found.ran, "cells": found.cells}
    return said, f"{name}: medians over {folds} folds\n{text}{out}: table.csv, cells.json, heat_map.png\n"


def run_parts(
    program: object,
    x: object,
    folder: Path,
    ray: str | None,
    check: bool,
    engine: str | None,
    say: Callable[[str], None],
) -> tuple[str, Trace]:
    """Run a Program in parts; return what ran it, and its outputs and counts."""
    if not isinstance(program, Program) or not isinstance(x, np.ndarray) or engine not in (None, "fast"):
        raise BadInput("--shards are for fast, and a Program with one input")
    if check:
        raise BadInput("--shards keep outputs and counts only: leave out --check")
    address = None if ray in (None, LOCAL) else ray
    return "fast", run_in_shards(program, x, folder, ray is not None, address, say=say)
