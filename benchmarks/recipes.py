"""Every recipe on generated data, and those that have one, on recordings."""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from lavalier import deploy
from lavalier.models.audiomnist import harden
from lavalier.simulate import fast
from lavalier.simulate.errors import BadInput
from lavalier.train.digits import train_digits
from lavalier.train.generate.sets import generated as generated_set
from lavalier.train.recipes import load, names
from lavalier.train.recipes.audiomnist import AudioMnistOptions
from lavalier.train.recipes.learning import fused, outputs
from lavalier.train.recipes.recipe import Recipe
from lavalier.train.recipes.run import encoded, to_chip, train_network, train_recipe

from .measure import Figure, point

SEED = 0
SEEDS, ENCODINGS = (0, 1, 2), (0, 1, 2, 3, 4)
BIT_TRUE = {"shd": 2, "ssc": 2}  # epochs, where they are cheap
WHALES = ("whale-1d", "whale-2d")
# measured in files of their own
OWN = ("dpsnn", "cochlea", "goldilocks", "flute", "learned-fft", "instrument")


def generated(name: str) -> Callable[[Path | None], Iterator[Figure]]:
    """Return the benchmark of a recipe: the one command, on generated data."""

    def measure(data: Path | None) -> Iterator[Figure]:
        recipe = load(name)
        yield from figures_of(recipe, _run(recipe))

    return measure


def figures_of(recipe: Recipe, metrics: dict) -> Iterator[Figure]:
    """Return the figures that every recipe has, from the metrics of its run."""
    name = recipe.name
    unit = f"{recipe.metric}{', %' if recipe.unit == '%' else ''}, {metrics['n_test']} generated samples"
    for figure in ("float", "fixed", "bit_true", "ann"):
        if metrics[figure] is not None:
            scaled = recipe.scale * metrics[figure]
            yield point(f"{name}.{figure}", scaled, f"{unit}, seed {SEED}", None, "higher")
    if metrics["lava_mismatches"] is not None:
        said = f"values of u, v, s that differ, {metrics['lava_samples']} samples, Lava and fast"
        yield point(f"{name}.lava_mismatches", metrics["lava_mismatches"], said, 0, "lower")


def _run(recipe: Recipe) -> dict:
    lava = None if deploy.missing("cpu") else deploy.run
    with tempfile.TemporaryDirectory() as folder:
        options = recipe.chosen(changes={"bit_true_epochs": BIT_TRUE.get(recipe.name, 0)})
        return train_recipe(recipe, Path(folder) / "run", None, SEED, options, lava, say=print)


def audiomnist_fsdd(data: Path | None) -> Iterator[Figure]:
    """The published network with true spikes on recordings, three seeds by five encodings; the collapse."""
    data = _recordings(data)
    recipe = load("audiomnist")
    options = recipe.chosen("fsdd")
    scores: dict[str, list[float]] = {"float": [], "fixed": []}
    minutes, n_test = [], 0
    for seed in SEEDS:
        splits = recipe.splits(data, seed, options)
        begun = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            net = train_network(recipe, options, splits, seed, Path(folder))
        minutes.append((time.perf_counter() - begun) / 60)
        program = to_chip(recipe, net, splits.train, options).rounded.program
        for encoding in ENCODINGS:
            test = recipe.splits(data, seed, options.model_copy(update={"encoding": encoding})).test
            n_test = len(test)
            scores["float"].append(100 * recipe.score(outputs(fused(net), test.x), test.y))
            fixed = fast.run(program, encoded(program, test.x)).output
            scores["fixed"].append(100 * recipe.score(fixed, test.y))
    times = f"{len(SEEDS)} seeds x {len(ENCODINGS)} encodings"
    unit = f"% of {n_test} recordings, mean of {times}, 20-32-32-32-10"
    for name, goal in (("float", 92), ("fixed", None)):
        found = scores[name]
        spread = (min(found), max(found))
        yield Figure(f"audiomnist.fsdd.{name}", float(np.mean(found)), unit, goal, "higher", spread)
    spread = (min(minutes), max(minutes))
    yield Figure("audiomnist.fsdd.train_minutes", max(minutes), "minutes of a seed", 10, "lower", spread)
    yield from _collapse(recipe, data)
    with tempfile.TemporaryDirectory() as folder:
        best = train_digits(Path(folder) / "run", data, SEED)
    unit = f"% of {best['n_test']} recordings, log-mel events, 40-128-128-10, the digits network, seed {SEED}"
    yield point("audiomnist.fsdd.best", 100 * best["accuracy"], unit, 97, "higher")
    yield point("audiomnist.fsdd.best_fixed", 100 * best["fixed_accuracy"], unit, 97, "higher")


def _collapse(recipe: Recipe, data: Path) -> Iterator[Figure]:
    """The published network, trained with its sigmoids, and the same made binary."""
    options = recipe.chosen("sigmoid")
    assert isinstance(options, AudioMnistOptions)
    splits = recipe.splits(data, SEED, options)
    with tempfile.TemporaryDirectory() as folder:
        net = train_network(recipe, options, splits, SEED, Path(folder))
    soft = recipe.score(outputs(net, splits.test.x), splits.test.y)
    hard = recipe.score(outputs(harden(net), splits.test.x), splits.test.y)  # type: ignore[arg-type]
    unit = f"% of {len(splits.test)} recordings, trained with sigmoids, {options.epochs} epochs, seed {SEED}"
    yield point("audiomnist.fsdd.sigmoid", 100 * soft, unit, None, "higher")
    yield point("audiomnist.fsdd.sigmoid_made_binary", 100 * hard, unit, None, "higher")


def shd_fsdd(data: Path | None) -> Iterator[Figure]:
    """SHD-format files made from recordings; the published size, on unseen recordings."""
    files = generated_set("shd", source=_recordings(data))
    recipe = load("shd")
    options = recipe.chosen("fsdd")
    splits = recipe.splits(files, SEED, options)
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        net = train_network(recipe, options, splits, SEED, Path(folder))
    seconds = time.perf_counter() - begun
    unit = f"% of {len(splits.test)} recordings of the test indices as SHD spikes, 700-873-20, seed {SEED}"
    right = recipe.score(outputs(fused(net), splits.test.x), splits.test.y)
    yield point("shd.fsdd.float", 100 * right, unit, 85, "higher")
    program = to_chip(recipe, net, splits.train, options).rounded.program
    fixed = recipe.score(fast.run(program, encoded(program, splits.test.x)).output, splits.test.y)
    yield point("shd.fsdd.fixed", 100 * fixed, unit, None, "higher")
    said = f"seconds to train 700-873-20 on {len(splits.train)} samples, {options.threads} threads"
    yield point("shd.fsdd.train_s", seconds, said, 1800, "lower")


def whales(data: Path | None) -> Iterator[Figure]:
    """Raw samples and the spectrogram, on the generated challenge, and what the second gains."""
    found = {name: _run(load(name)) for name in WHALES}
    for name, metrics in found.items():
        yield from figures_of(load(name), metrics)
    gain = found["whale-2d"]["float"] - found["whale-1d"]["float"]
    unit = (
        f"AUC of whale-2d minus that of whale-1d, {found['whale-2d']['n_test']} generated clips, seed {SEED}"
    )
    yield point("whale.auc_gain", gain, unit, 0.1, "higher")


def _recordings(data: Path | None) -> Path:
    if data is None:
        raise BadInput("needs --data, recordings in FSDD's layout")
    return data


BENCHMARKS: dict[str, Callable[[Path | None], Iterator[Figure]]] = {
    "audiomnist.fsdd": audiomnist_fsdd,
    "shd.fsdd": shd_fsdd,
    "whale": whales,
    **{name: generated(name) for name in names() if name not in (*OWN, *WHALES)},
}
