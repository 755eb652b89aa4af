"""Recipes: one command from data to Lava, resumable, with options that are checked."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from lavalier import deploy
from lavalier.simulate import report
from lavalier.simulate.errors import BadInput, Mismatch
from lavalier.train.recipes import load, names, train_recipe
from lavalier.train.recipes import run as stage
from lavalier.train.recipes.recipe import Recipe, Whole

from .toy_recipe import TOY, UNLABELED, split


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run folder of the toy recipe, and its metrics."""
    out = tmp_path_factory.mktemp("toy") / "run"
    lava = None if deploy.missing("cpu") else deploy.run
    return out, train_recipe(TOY, out, seed=3, lava=lava, progress=False)


def test_one_call_trains_exports_and_scores(run):
    out, metrics = run
    assert metrics["float"] > 0.9 and metrics["ann"] > 0.9 and metrics["bit_true"] > 0.9
    assert abs(metrics["fixed"] - metrics["float"]) <= 0.05
    assert (metrics["n_train"], metrics["n_valid"], metrics["n_test"]) == (128, 32, 40)
    assert metrics["parameters"] == 6 * 5 + 5 + 5 * 2 + 2 + 2  # weights, biases, decays of the readout
    written = json.loads((out / "metrics.json").read_text())
    assert {key: written[key] for key in ("float", "fixed", "ann")} == {
        key: metrics[key] for key in ("float", "fixed", "ann")
    }
    assert metrics["energies"]["loihi1"]["conventional"]["macs_per_pass"] == 6 * 5 + 5 * 2


def in_integers(folder, epochs, loss=TOY.loss):
    """Train the toy, and on in integers with a loss; return it as rounded, and what was kept."""
    options = TOY.chosen(changes={"epochs": epochs, "bit_true_epochs": 10, "batch": 16, "gain": 3.0})
    parts = TOY.splits(None, 0, options)
    net = stage.train_network(TOY, options, parts, 0, folder / "floats", False)
    deployed = stage.to_chip(TOY, net, parts.train, options)
    recipe = replace(TOY, loss=loss)
    return deployed.rounded.program, stage.bit_true(recipe, deployed, parts, options, 0, folder, False)


def test_training_in_integers_keeps_what_is_better_on_validation(tmp_path):
    rounded, kept = in_integers(tmp_path / "hardly trained", epochs=1)
    assert kept is not rounded
    rounded, kept = in_integers(tmp_path / "backwards", 5, lambda output, y: TOY.loss(output, 1 - y))
    assert kept is rounded


@pytest.mark.skipif(deploy.missing("cpu") is not None, reason="needs Lava")
def test_lava_equals_fast_in_every_state(run):
    out, metrics = run
    assert (metrics["lava_mismatches"], metrics["lava_samples"]) == (0, 10)
    assert (out / "traces/lava.npz").is_file()


def test_a_run_can_be_reported(run):
    page = report(run[0]).to_json()
    assert page["title"] == "toy"
    assert page["accuracy"]["scores"]["float"]["samples"] == 40
    assert len(page["samples"]["samples"]) == 8


def test_a_recipe_without_classes_is_reported_without_decisions(tmp_path):
    metrics = train_recipe(UNLABELED, tmp_path, progress=False)
    assert metrics["scores"] == {} and len(metrics["samples"]) == 8
    assert "missing" in report(tmp_path).to_json()["accuracy"]


def test_lava_that_differs_is_named(tmp_path):
    from lavalier.simulate import fast

    def other(program, x, record):
        return fast.run(program, x + (x == 0), record)

    with pytest.raises(Mismatch, match="Lava differs from fast"):
        train_recipe(TOY, tmp_path, lava=other, progress=False)


def test_a_resumed_run_ends_like_one_that_was_not_stopped(run, tmp_path, monkeypatch):
    from lavalier.train.recipes.learning import RecipeLearner

    start = RecipeLearner.on_train_epoch_start

    def killed(self):
        if self.current_epoch == 2:
            raise KeyboardInterrupt
        start(self)

    with monkeypatch.context() as patch:
        patch.setattr(RecipeLearner, "on_train_epoch_start", killed)
        with pytest.raises(KeyboardInterrupt):
            train_recipe(TOY, tmp_path, seed=3, progress=False)
    train_recipe(TOY, tmp_path, seed=3, resume=True, progress=False)
    whole, resumed = (torch.load(out / "net.pt", weights_only=True) for out in (run[0], tmp_path))
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


def test_counts_above_those_of_the_calibration_are_events_too():
    from lavalier.train.recipes.run import encoded, to_chip

    seen = split(64, 0)
    unseen = np.where(seen.x == seen.x.max(), np.uint8(200), seen.x)
    program = to_chip(TOY, TOY.network(TOY.chosen()).eval(), seen, TOY.chosen()).rounded.program
    assert np.array_equal(encoded(program, unseen), unseen)


def test_options_come_from_variant_and_changes():
    options = TOY.chosen("published", {"epochs": 1})
    assert (options.hidden, options.epochs, options.batch) == (9, 1, 32)  # pyright: ignore
    for variant, changes, said in (
        ("other", {}, "toy has no variant 'other'; there are: published"),
        (None, {"size": 3}, "toy: option size = 3: .*; there are .*hidden"),
        (None, {"hidden": 0}, "toy: option hidden = 0"),
        (None, {"schedule": "odd"}, "toy: option schedule = 'odd'"),
    ):
        with pytest.raises(BadInput, match=said):
            TOY.chosen(variant, changes)


def test_what_cannot_be_exported_is_refused_before_it_is_trained(tmp_path):
    from dataclasses import replace

    from lavalier.models.audiomnist import soft_net
    from lavalier.simulate.errors import Unsupported

    soft = replace(TOY, network=lambda options: soft_net((6, 4, 2)))
    with pytest.raises(Unsupported, match="no spiking neuron|cannot be exported|audit"):
        train_recipe(soft, tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_bad_arguments_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(BadInput, match="seed = -1"):
        train_recipe(TOY, tmp_path / "run", seed=-1)
    assert not (tmp_path / "run").exists()
    with pytest.raises(BadInput, match="no recipe 'nothing'"):
        load("nothing")


def test_plateau_lowers_the_rate_when_the_score_stands_still(tmp_path):
    from dataclasses import replace

    from lavalier.train.fit import run_epochs
    from lavalier.train.recipes.learning import RecipeLearner

    flat = replace(TOY, score=lambda output, y: 0.5)
    options = TOY.chosen(changes={"epochs": 6, "schedule": "plateau", "patience": 1, "factor": 0.5})
    learner = RecipeLearner(flat, TOY.network(options), options, split(32, 0), split(8, 1), 0)
    run_epochs(learner, 1, 6, tmp_path, False, None)
    # the first epoch is the best; after every two others the rate is halved
    assert float(learner.share) == 0.25
    assert learner.scores.tolist() == [0.5] * 6


@pytest.mark.parametrize("name", names())
def test_every_recipe_states_itself(name):
    recipe = load(name)
    options = recipe.options()
    assert recipe.name == name and recipe.summary
    for variant in recipe.variants:
        recipe.chosen(variant)
    if isinstance(recipe, Whole):
        return
    assert isinstance(recipe, Recipe) and isinstance(recipe.network(options), torch.nn.Module)
    assert np.isfinite(recipe.dt_s(options)) and recipe.dt_s(options) > 0


@pytest.mark.parametrize(
    "words, said",
    [
        (["shd", "--variant", "huge"], "shd has no variant 'huge'; there are: published"),
        (["shd", "--set", "size=3"], "shd: option size = 3"),
        (["shd", "--set", "hidden"], "--set hidden: must be an option and its value"),
        (["shd", "--set", "hidden=[", "--epochs", "1"], "--set hidden=[: not a readable value"),
        (["shd", "--options", "nowhere.yaml"], "nowhere.yaml: not a readable YAML file"),
        (["shd", "--bit-true"], "shd: --bit-true, --from, --bits, --input and a policy are not for recipes"),
        (["whale-1d", "--data", "nowhere"], "nowhere/train.csv: no such file"),
        (
            ["digits", "--set", "hidden=3"],
            "digits: --variant, --options, --set and --skip-bad are for recipes",
        ),
    ],
    ids=str,
)
def test_wrong_use_is_one_line_and_leaves_nothing(words, said, tmp_path, monkeypatch, capsys):
    from lavalier.cli import main

    monkeypatch.chdir(tmp_path)
    assert main(["train", *words, "--out", "run"]) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert said in error and error.startswith("lavalier: ")
    assert not (tmp_path / "run").exists()


def test_options_come_from_a_file_too(tmp_path):
    from lavalier.recipes import options_of

    file = tmp_path / "options.yaml"
    file.write_text("hidden: 64\nbeta: 0.9\n")
    options = options_of(load("shd"), "published", file, ["hidden=32", "schedule=cosine"])
    assert options.model_dump() | {"hidden": 32, "beta": 0.9, "protocol": "abdallas"} == options.model_dump()
    assert options.schedule == "cosine"
