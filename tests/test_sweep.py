"""Sweeps: folds, cells, one table, and what went wrong."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lavalier.simulate.errors import BadInput
from lavalier.train.recipes import Split, Splits
from lavalier.train.sweep import sweep
from lavalier.train.sweep.failures import chance, why_not_learned
from lavalier.train.sweep.folds import Data, dealt_to, folded
from lavalier.train.sweep.grid import Trial, axes_of, trials_of
from lavalier.train.sweep.table import cells, land, landed
from lavalier.train.sweep.trial import Job

from .toy_recipe import TOY, splits

REASONS = ("silent network", "saturated network", "loss stuck", "no better than chance")


def pool(n, classes=2, copies=1):
    names = tuple(f"clip-{i // copies}" for i in range(n))
    return Split(np.arange(n)[:, None, None], np.arange(n) // copies % classes, names)


@given(n=st.integers(8, 60), folds=st.integers(2, 4), seed=st.integers(0, 9), copies=st.integers(1, 2))
def test_every_sample_is_scored_in_one_fold_and_seen_in_no_other_way_there(n, folds, seed, copies):
    given_ = Splits(pool(n, copies=copies), Split(*_parts(pool(4), n)), pool(3), "drawn")
    scored = []
    for fold in range(folds):
        found = folded(given_, fold, folds, seed)
        sets = [set(part.names) for part in found[:3]]
        assert not (sets[0] & sets[1] or sets[0] & sets[2] or sets[1] & sets[2])
        assert sum(map(len, found[:3])) == n + 4
        scored += found.test.x.ravel().tolist()
    assert sorted(scored) == sorted([*range(n), *range(n, n + 4)])


def _parts(split, offset):
    return split.x + offset, split.y, tuple(f"valid-{name}" for name in split.names)


def test_folds_are_as_large_as_can_be_and_hold_every_class():
    split = pool(50, classes=5)
    dealt = dealt_to(5, split, seed=3)
    assert np.bincount(dealt).tolist() == [10] * 5
    for fold in range(5):
        assert np.bincount(split.y[dealt == fold]).tolist() == [2] * 5
    with pytest.raises(BadInput, match="folds = 51: must be 2 to 50"):
        dealt_to(51, split, 0)


def test_trials_are_cells_times_folds():
    axes = axes_of(["beta=.7,learnable", "num_step=1,10,20"])
    trials = trials_of(axes, 5)
    assert len(trials) == len({trial.name for trial in trials}) == 2 * 3 * 5
    assert trials[0] == Trial((("beta", 0.7), ("num_step", 1)), 0)
    assert trials[-1].name == "beta=learnable,num_step=20,fold=4"


@pytest.mark.parametrize(
    "grids, said",
    [
        (["beta"], "must be an option and its values"),
        (["beta="], "must be an option and its values"),
        (["beta=1", "beta=2"], "beta stands there twice"),
        (["beta=1,1"], "a value stands there twice"),
        (["beta=[1"], "not readable values"),
    ],
)
def test_a_grid_that_is_none_is_refused_in_one_line(grids, said):
    with pytest.raises(BadInput, match=said) as error:
        axes_of(grids)
    assert "\n" not in str(error.value)


def test_a_row_lands_once(tmp_path):
    trial = Trial((("hidden", 5),), 0)
    assert landed(tmp_path, trial) is None
    assert land(tmp_path, trial, {"float": 0.5})
    assert not land(tmp_path, trial, {"float": 0.9})
    assert landed(tmp_path, trial) == {"float": 0.5}
    assert [p.name for p in (tmp_path / "trials" / trial.name).iterdir()] == ["row.json"]


def test_medians_are_over_the_folds_that_are_known():
    rows = [
        {"beta": beta, "fold": fold, "float": value, "fixed": value, "failure": "" if value else "silent"}
        for beta, values in ((0.7, (0.1, None, 0.3)), ("learnable", (0.9, 0.8, 0.2)))
        for fold, value in enumerate(values)
    ]
    first, second = cells({"beta": [0.7, "learnable"]}, rows)
    assert (first["float"], first["folds"], first["failures"]) == (0.2, 3, {"1": "silent"})
    assert (second["float"], second["failures"]) == (0.8, {})


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    out, said = tmp_path_factory.mktemp("sweep") / "toy", []
    job = Job(TOY, 2, {"epochs": 3})
    return sweep(job, {"hidden": [5, 6]}, out, say=said.append), out, said, job


def test_a_sweep_writes_one_table_with_bit_true_scores_and_energy(swept):
    found, out, said, _ = swept
    rows = list(csv.DictReader((out / "table.csv").read_text().splitlines()))
    assert [(row["hidden"], row["fold"]) for row in rows] == [(h, f) for h in "56" for f in "01"]
    for row in rows:
        assert 0 <= float(row["fixed"]) <= 1 and 0 < float(row["energy_low_j"]) <= float(row["energy_high_j"])
        assert float(row["last_loss"]) < float(row["first_loss"])
        assert int(row["n_train"]) + int(row["n_scored"]) < 128 + 32
    assert json.loads((out / "cells.json").read_text()) == found.cells
    assert [cell["folds"] for cell in found.cells] == [2, 2]
    assert (out / "heat_map.png").read_bytes()[:4] == b"\x89PNG"
    assert len(said) == 1 + 4


def test_a_finished_trial_never_runs_again_and_a_sweep_can_grow(swept):
    found, out, _, job = swept
    before = {p: p.read_text() for p in out.glob("trials/*/row.json")}
    again = sweep(job, {"hidden": [5, 6]}, out, resume=True)
    assert again.ran == 0 and again.cells == found.cells
    grown = sweep(job, {"hidden": [5, 6, 7]}, out, resume=True)
    assert grown.ran == 2 and len(grown.cells) == 3
    assert all(path.read_text() == text for path, text in before.items())


def test_a_sweep_of_something_else_is_refused(swept):
    _, out, _, job = swept
    with pytest.raises(BadInput, match="seed was 0, now 1"):
        sweep(replace(job, seed=1), {"hidden": [5, 6]}, out, resume=True)
    with pytest.raises(BadInput, match="option hidden = 0"):
        sweep(job, {"hidden": [0]}, out, force=True)
    with pytest.raises(BadInput, match="exists and is not empty"):
        sweep(job, {"hidden": [5]}, out)
    assert len(list(out.glob("trials/*/row.json"))) >= 4


def test_a_network_that_learned_nothing_says_why(tmp_path):
    deaf = replace(TOY, splits=lambda *_: deafened(splits(*_)))
    found = sweep(Job(deaf, 2, {"epochs": 2}), {"hidden": [5]}, tmp_path / "deaf")
    (cell,) = found.cells
    assert set(cell["failures"]) == {"0", "1"}
    assert all(why.startswith(REASONS) for why in cell["failures"].values())


def deafened(splits_):
    parts = (replace(part, x=np.zeros_like(part.x)) for part in splits_[:3])
    return Splits(*parts, splits_.source)


def test_reasons_in_order():
    assert why_not_learned([1.0, 0.5], {"a": 0.2, "b": 0.0}).startswith("silent network: b")
    assert why_not_learned([1.0, 0.5], {"a": 0.95}).startswith("saturated network: a")
    assert why_not_learned([1.0, 0.999], {"a": 0.2}).startswith("loss stuck")
    assert why_not_learned([1.0, 0.5], {"a": 0.2}).startswith("no better than chance")
    assert chance(lambda output, y: float(np.mean(output == y)), np.arange(6) % 2, np.arange(6) % 2) <= 1


def test_data_are_made_again_only_where_an_option_that_they_look_at_changes():
    made = []

    def seen(data, seed, options):
        made.append(options.batch)
        return splits(data, seed, options)

    data = Data(replace(TOY, splits=seen), None, 0)
    for batch, hidden in ((16, 5), (16, 6), (8, 6), (8, 5)):
        data(TOY.chosen(None, {"batch": batch, "hidden": hidden}))
    assert made == [16, 8]
