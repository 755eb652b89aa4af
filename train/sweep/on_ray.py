"""Trials on the processors of a Ray cluster: Tune schedules them, and starts those again that were killed.

A trial's state is in its own checkpoint, so one that starts again goes on from its last epoch, whatever
became of the worker; all machines must see the sweep's folder.
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ...simulate.errors import BadInput
from ..run_folder import SETTINGS
from .cluster import RETRIES, connect
from .folds import Data
from .grid import Trial
from .table import folder_of, land, landed
from .trial import Job, empty_row, run_trial

PATIENCE = 4  # a trial may be stopped early after one epoch in so many

Finished = Callable[[Trial], None]


def on_ray(address: str | None = None, stop_early: bool = False) -> Callable:
    """Return what runs trials on Ray.

    Parameters
    ----------
    address : str, optional
        Of a running cluster; default: one of this machine's processors, for this run.
    stop_early : bool
        Whether successive halving (ASHA) stops trials whose validation score is behind.

    Raises
    ------
    NotAvailable
        Ray is not installed.

    Source: Li et al. 2020, A System for Massively Parallel Hyperparameter Tuning, MLSys.
    """
    connect(address)

    def run(job: Job, todo: Sequence[Trial], out: Path, finished: Finished) -> None:
        from ray import tune
        from ray.tune import schedulers

        by_name, out = {trial.name: trial for trial in todo}, out.resolve()

        def train(config: dict[str, Any]) -> None:
            _train(job, by_name[config["trial"]], out, lambda score: tune.report({"score": score}))

        class Landing(tune.Callback):
            def on_trial_complete(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
                _finish(job, by_name[trial.config["trial"]], out, trial.last_result, finished)

        epochs = max(job.options(trial).epochs for trial in todo)
        halving = schedulers.ASHAScheduler(max_t=epochs, grace_period=max(1, epochs // PATIENCE))
        tuner = tune.Tuner(
            tune.with_resources(train, {"cpu": 1}),
            param_space={"trial": tune.grid_search(list(by_name))},
            tune_config=tune.TuneConfig(
                metric="score",
                mode="max",
                scheduler=halving if stop_early else schedulers.FIFOScheduler(),
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                storage_path=str(out / "ray"),
                failure_config=tune.FailureConfig(max_failures=RETRIES),
                callbacks=[Landing()],
                verbose=0,
            ),
        )
        results = tuner.fit()
        shutil.rmtree(out / "ray", ignore_errors=True)
        for error in results.errors:
            raise BadInput(f"a trial on Ray failed {RETRIES + 1} times: {str(error).splitlines()[-1]}")

    return run


_kept: dict[tuple, Data] = {}  # of this worker, which runs one trial after another


def _data(job: Job) -> Data:
    key = job.recipe.name, job.data, job.seed
    if key not in _kept:
        _kept.clear()
        _kept[key] = Data(job.recipe, job.data, job.seed)
    return _kept[key]


def _train(job: Job, trial: Trial, out: Path, told: Callable[[float], None]) -> None:
    """Run a trial in a worker."""
    if not (out / SETTINGS).is_file():
        raise BadInput(f"{out} is not there on this machine; a sweep on several needs a shared folder")
    if landed(out, trial) is None:
        row = run_trial(job, trial, _data(job), folder_of(out, trial), lambda epoch, loss, score: told(score))
        land(out, trial, row)


def _finish(job: Job, trial: Trial, out: Path, last: dict[str, Any], finished: Finished) -> None:
    """Give a trial that was stopped early its row, too."""
    if landed(out, trial) is None:
        land(out, trial, empty_row(trial, f"stopped early after epoch {last.get('training_iteration')}"))
    finished(trial)
