"""One trial: train on a fold, take the network to integers, score both, and say what went wrong."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ...simulate import energy, fast
from ...simulate.errors import LavalierError
from ..fit import CHECKPOINT
from ..recipes.learning import learn, outputs
from ..recipes.recipe import Options, Recipe, Splits
from ..recipes.run import encoded, to_chip
from .failures import activity, chance, why_not_learned
from .folds import Data, folded
from .grid import Trial

Told = Callable[[int, float, float], None]  # of an epoch, its loss, and its validation score

# what a row holds beside the trial's own options and its fold
COLUMNS = (
    "float", "fixed", "chance", "energy_low_j", "energy_high_j", "failure", "first_loss", "last_loss",
    "epochs", "seconds", "n_train", "n_scored",
)  # fmt: skip


@dataclass(frozen=True)
class Job:
    """What all trials of a sweep have in common.

    Attributes
    ----------
    recipe : Recipe
    changes : {option: value}
        Of its defaults; a cell's come on top.
    variant : str or None
        Of its options.
    data : Path or None
        Generated data where there is none.
    seed, folds : int
    device : str
        Whose energy is a column.
    """

    recipe: Recipe
    folds: int
    changes: Mapping[str, Any] = field(default_factory=dict)
    variant: str | None = None
    data: Path | None = None
    seed: int = 0
    device: str = "loihi1"

    def options(self, trial: Trial) -> Options:
        """Return the options of a trial.

        Raises
        ------
        BadInput
            One does not exist, or is out of range.
        """
        return self.recipe.chosen(self.variant, {**self.changes, **dict(trial.changes)})


def run_trial(job: Job, trial: Trial, data: Data, folder: Path, told: Told | None = None) -> dict[str, Any]:
    """Run a trial, from its last checkpoint if there is one.

    Parameters
    ----------
    job : Job
        What it has in common with others.
    trial : Trial
        Cell and fold.
    data : Data
        The recipe's splits.
    folder : path
        Of its checkpoint.
    told : callable, optional
        Called after every epoch.

    Returns
    -------
    row : {column: value}
        The cell's options, `fold`, and `COLUMNS`; None for what could not be found out.
    """
    begun, options = time.perf_counter(), job.options(trial)
    row = empty_row(trial)
    splits = folded(data(options), trial.fold, job.folds, job.seed)
    row |= {"n_train": len(splits.train), "n_scored": len(splits.test), "epochs": options.epochs}
    try:
        torch.manual_seed(job.seed)
        net = job.recipe.network(options)
        net = learn(job.recipe, net, options, splits.train, splits.valid, job.seed, folder, False, told)
        row |= _learned(job, net, splits)
        row |= _in_integers(job, net, splits, options)
    except LavalierError as error:
        row["failure"] = row["failure"] or str(error)
    row["seconds"] = time.perf_counter() - begun
    return row


def empty_row(trial: Trial, failure: str = "") -> dict[str, Any]:
    """Return the row of a trial of which nothing is known but why."""
    return {**dict(trial.changes), "fold": trial.fold, **dict.fromkeys(COLUMNS), "failure": failure}


def _learned(job: Job, net: torch.nn.Module, splits: Splits) -> dict[str, Any]:
    """Return what is known of the float network."""
    score, test, losses = job.recipe.score, splits.test, net.losses
    output = outputs(net, test.x)
    found, best = score(output, test.y), chance(score, output, test.y)
    failure = "" if found > best else why_not_learned(losses, activity(net, splits.train.x))
    return {
        "float": found,
        "chance": best,
        "failure": failure,
        "first_loss": losses[0],
        "last_loss": losses[-1],
    }


def _in_integers(job: Job, net: torch.nn.Module, splits: Splits, options: Options) -> dict[str, Any]:
    """Return the score of the Program, and what an inference costs."""
    deployed = to_chip(job.recipe, net, splits.train, options)
    program = deployed.rounded.program
    trace = fast.run(program, encoded(program, deployed.on_chip.encode(splits.test.x)))
    low, high = energy(program, trace, job.device).per_inference or (None, None)
    return {
        "fixed": job.recipe.score(trace.output, splits.test.y),
        "energy_low_j": low,
        "energy_high_j": high,
    }


def has_begun(folder: Path) -> bool:
    """Whether there is a checkpoint from which a trial would go on."""
    return (folder / CHECKPOINT).exists()
