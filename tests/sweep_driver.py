"""A sweep of the toy recipe in a process of its own, which tests can kill: OUT [--ray] [--slow]."""

import sys
import time
from dataclasses import replace
from pathlib import Path

from lavalier.train.sweep import sweep
from lavalier.train.sweep.grid import Axes
from lavalier.train.sweep.trial import Job

from .toy_recipe import TOY, split

AXES: Axes = {"hidden": [5, 7], "learning_rate": [0.03, 0.05]}
EPOCH_S = 0.3  # that an epoch takes at least, so that there is time to be killed in


def slow_score(output, y):
    """As the recipe's; validation sets are scored once an epoch."""
    time.sleep(EPOCH_S / 20 if len(y) > 40 else EPOCH_S)
    return TOY.score(output, y)


def job(slow: bool) -> Job:
    """What all trials have in common."""
    recipe = replace(TOY, score=slow_score) if slow else TOY
    return Job(recipe, 2, {"epochs": 8 if slow else 2})


def main() -> None:
    """Run it, or go on with it."""
    out, *flags = sys.argv[1:]
    runner = None
    if "--ray" in flags:
        from lavalier.train.sweep.on_ray import on_ray

        runner = on_ray()
    resume = (Path(out) / "settings.json").exists()
    found = sweep(job("--slow" in flags), AXES, Path(out), resume=resume, runner=runner, say=print)
    print("ran", found.ran, flush=True)


if __name__ == "__main__":
    assert split  # the recipe's data are drawn by it
    main()
