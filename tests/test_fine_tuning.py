"""lavalier train --bit-true: any graph into a run folder, with the accuracy of the Program that it writes."""

import json

import numpy as np
import pytest
import torch

from lavalier import export, simulate
from lavalier.cli import main
from lavalier.models.digits import DigitNet, load
from lavalier.models.readout import decide
from lavalier.simulate import Program
from lavalier.simulate.errors import BadInput
from lavalier.train import digits as digits_run
from lavalier.train.digits import train_digits
from lavalier.train.fine_tuning import train_bit_true
from lavalier.train.labeled import load_labeled
from lavalier.train.learner import Learner

from .test_quantize import network


def samples(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return events of 12 channels in which one third spikes more, and which."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    rate = np.where(np.arange(12) // 4 == y[:, None], 0.4, 0.15)
    return (rng.random((n, 30, 12)) < rate[:, None]).astype(np.uint8), y


@pytest.fixture
def task(tmp_path):
    """A graph and a file of samples."""
    export.write(network(0), tmp_path / "graph.nir")
    (x, y), (x_test, y_test) = samples(512, 0), samples(64, 1)
    np.savez(tmp_path / "task.npz", x=x, y=y, x_test=x_test, y_test=y_test)
    return tmp_path


def command(task, *more: object) -> list[str]:
    given = ["train", task / "graph.nir", "--bit-true", "--input", task / "task.npz", *more]
    return [str(word) for word in given]


def test_a_graph_learns_and_its_program_is_as_accurate_as_reported(task, capsys):
    out = task / "run"
    assert main(command(task, "--bits", 4, "--epochs", 40, "--out", out, "--json")) == 0
    metrics = json.loads(capsys.readouterr().out)
    assert metrics == json.loads((out / "metrics.json").read_text())
    program, (x, y) = Program.load(out / "program.nir"), samples(64, 1)
    right = decide(simulate.run(program, x).output) == y
    assert metrics["bit_true_accuracy"] == right.mean() > 0.9 > metrics["fixed_accuracy"]
    assert {c.num_weight_bits for c in program.connections} == {4}
    floats = decide(simulate.run(network(0), x).output) == y
    assert metrics["accuracy"] == floats.mean()
    assert metrics["lost"] == [f"x_test[{i}]" for i in np.flatnonzero(floats & ~right)]
    assert metrics["won"] == [f"x_test[{i}]" for i in np.flatnonzero(right & ~floats)]
    assert (metrics["n_test"], metrics["n_train"], metrics["weight_bits"]) == (64, 512, 4)
    files = {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}
    of_the_run = {"bit_true/settings.json", "bit_true/checkpoints/last.ckpt"}
    assert files == {"program.nir", "metrics.json"} | of_the_run


def test_without_test_samples_the_score_says_so(task, capsys):
    x, y = samples(64, 0)
    np.savez(task / "task.npz", x=x, y=y)
    assert main(command(task, "--epochs", 1, "--out", task / "run")) == 0
    assert "trained on 64 samples, scored on them: there are no others" in capsys.readouterr().out
    metrics = json.loads((task / "run" / "metrics.json").read_text())
    assert (metrics["scored_on"], metrics["n_test"]) == ("train", 0)


class Killed(Exception):
    """Stands for the end of the process."""


def test_a_resumed_run_ends_like_one_that_was_not_stopped(task, monkeypatch):
    def start(name, resume=False):
        given = {"samples": task / "task.npz", "epochs": 4, "resume": resume, "progress": False}
        return train_bit_true(str(task / "graph.nir"), task / name, **given)

    whole, step = start("whole"), Learner.training_step

    def die(self, batch, batch_idx):
        if self.current_epoch == 2:
            raise Killed
        return step(self, batch, batch_idx)

    with monkeypatch.context() as patch:
        patch.setattr(Learner, "training_step", die)
        with pytest.raises(Killed):
            start("killed")
    assert not (task / "killed" / "program.nir").exists()
    assert start("killed", resume=True) == whole
    assert Program.load(task / "killed" / "program.nir") == Program.load(task / "whole" / "program.nir")
    with pytest.raises(BadInput, match="exists and is not empty; use --force"):
        start("whole")
    with pytest.raises(BadInput, match="weight_bits was 8, now 3"):
        train_bit_true(
            str(task / "graph.nir"), task / "whole", samples=task / "task.npz", bits=3, epochs=4, resume=True
        )


@pytest.fixture
def small(monkeypatch):
    """Digits of seconds: few clips, few neurons."""
    monkeypatch.setattr(digits_run, "N_TRAIN", 40)
    monkeypatch.setattr(digits_run, "N_TEST", 20)
    monkeypatch.setattr(digits_run, "DigitNet", lambda: DigitNet(n_hidden=(12, 10)))


def test_digits_go_on_from_the_run_in_the_folder_or_from_a_file(small, tmp_path, capsys):
    run, other = tmp_path / "run", tmp_path / "other"
    train_digits(run, epochs=1, progress=False)
    weights = (run / "digits.pt").read_bytes()
    command = ["train", "digits", "--bit-true", "--epochs", "1"]
    assert main([*command, "--out", str(run)]) == 0
    assert "bit-true accuracy" in capsys.readouterr().out
    assert (run / "digits.pt").read_bytes() == weights and load(run / "digits.pt")
    for source in ("digits.pt", "graph.nir"):
        assert main([*command, "--out", str(other), "--from", str(run / source), "--force"]) == 0
        assert (other / "metrics.json").read_text() == (run / "metrics.json").read_text()
        assert Program.load(other / "program.nir") == Program.load(run / "program.nir")
    assert main([*command, "--out", str(run)]) == 1
    assert "exists and is not empty" in capsys.readouterr().err
    assert main([*command, "--out", str(run), "--bits", "3", "--force"]) == 0
    assert (run / "digits.pt").read_bytes() == weights


@pytest.mark.slow
def test_digits_without_a_run_are_trained_in_floats_first(small, tmp_path):
    metrics = train_bit_true("digits", tmp_path / "run", epochs=1, progress=False)
    card = json.loads((tmp_path / "run" / "card.json").read_text())
    assert card["epochs"] == digits_run.EPOCHS and card["accuracy"] == metrics["accuracy"]
    assert load(tmp_path / "run" / "digits.pt")


def spoiled(task, **arrays) -> None:
    with np.load(task / "task.npz") as held:
        content = {**held, **arrays}
    np.savez(task / "task.npz", **{name: a for name, a in content.items() if a is not None})


@pytest.mark.parametrize(
    "arrays, message",
    [
        ({"y": None}, "no array 'y' in it; there are x, x_test, y_test"),
        ({"y_test": None}, "no array 'y_test' in it"),
        ({"x": np.zeros((3, 4))}, r"x is float64 \(3, 4\), not numbers \(n, steps, \*shape\)"),
        ({"x": np.full((512, 3, 12), 0.5)}, "x must hold whole numbers, 0 or more"),
        ({"y": np.zeros(512)}, r"y is float64 \(512,\), not integers \(512,\)"),
        ({"x_test": np.zeros((64, 3, 11))}, "shapes must agree"),
    ],
)
def test_samples_that_are_none_are_refused(task, arrays, message):
    spoiled(task, **arrays)
    with pytest.raises(BadInput, match=rf"task\.npz: .*{message}"):
        load_labeled(task / "task.npz")


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 cut short"])
def test_a_damaged_file_of_samples_is_refused(task, content):
    (task / "task.npz").write_bytes(content)
    with pytest.raises(BadInput, match=r"task\.npz: not a readable \.npz file"):
        load_labeled(task / "task.npz")
    with pytest.raises(BadInput, match=r"nowhere\.npz: no such file"):
        load_labeled(task / "nowhere.npz")


@pytest.mark.parametrize(
    "words, code, message",
    [
        (["train", "nothing", "--bit-true"], 2, "nothing is neither a recipe (digits"),
        (["train", "GRAPH"], 1, "are for fine-tuning: add --bit-true"),
        (["train", "digits", "--bits", "4"], 1, "are for fine-tuning: add --bit-true"),
        (["train", "GRAPH", "--bit-true", "--from", "GRAPH"], 1, "--from is for digits"),
        (["train", "GRAPH", "--bit-true", "--data", ".", "--input", "TASK"], 1, "--data or --input, not"),
        (["train", "GRAPH", "--bit-true", "--input", "TASK", "--epochs", "0"], 1, "epochs = 0"),
        (["train", "TASK", "--bit-true", "--input", "TASK"], 1, "task.npz"),
    ],
)
def test_wrong_use_is_one_line_and_writes_nothing(task, capsys, words, code, message):
    files = {"GRAPH": str(task / "graph.nir"), "TASK": str(task / "task.npz")}
    assert main([*(files.get(word) or word for word in words), "--out", str(task / "run")]) == code
    said = capsys.readouterr().err
    assert message in said and (code == 2 or said.count("\n") == 1)
    assert not (task / "run").exists()


def test_labels_without_a_class_are_refused(task):
    x, y = samples(512, 0)
    spoiled(task, y=y + 1)
    with pytest.raises(BadInput, match=r"labels are 1 to 3; the output is \(3,\)"):
        train_bit_true(str(task / "graph.nir"), task / "run", samples=task / "task.npz", progress=False)


def test_training_leaves_the_number_of_threads(task):
    before = torch.get_num_threads()
    train_bit_true(str(task / "graph.nir"), task / "run", samples=task / "task.npz", epochs=1, progress=False)
    assert torch.get_num_threads() == before
