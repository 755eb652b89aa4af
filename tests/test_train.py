"""Training: the network, the loop, resuming, and the run folder."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import snntorch as snn
import torch

import lavalier.models
from lavalier import deploy, simulate
from lavalier.models.digits import MAX_BETA, DigitNet, load
from lavalier.models.neurons import Integrator
from lavalier.models.readout import decide
from lavalier.simulate import Program
from lavalier.simulate.errors import BadInput
from lavalier.train import digits as digits_run
from lavalier.train.augment import augment
from lavalier.train.digits import train_digits
from lavalier.train.fit import classify, fit
from lavalier.train.learner import Learner, Settings
from lavalier.train.recordings import load_recordings
from lavalier.train.speech import speech_clips

from .programs import assert_equal

FSDD = Path(__file__).parents[2] / "shared" / "data" / "fsdd"
SHIPPED = Path(lavalier.models.__path__[0])


@pytest.fixture(scope="module")
def clips():
    return speech_clips(64, 0, "train")


@pytest.fixture
def small(monkeypatch):
    """A run of seconds: few clips, few neurons."""
    monkeypatch.setattr(digits_run, "N_TRAIN", 40)
    monkeypatch.setattr(digits_run, "N_TEST", 20)
    monkeypatch.setattr(digits_run, "DigitNet", lambda: DigitNet(n_hidden=(12, 10)))


def equal(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.values(), b.values(), strict=True))


# the network


def test_forward_is_the_neuron_equations_step_by_step():
    torch.manual_seed(0)
    net = DigitNet(n_hidden=(9, 7))
    events = torch.randint(0, 256, (3, 20, 40)).float()
    with torch.no_grad():
        x, expected = events, []
        for linear, cell in ((net.fc1, net.hidden1), (net.fc2, net.hidden2)):
            v = torch.zeros(3, len(linear.weight))
            spikes = []
            for x_t in x.unbind(1):
                v = torch.where(v > 1, 0.0, v) * cell.beta + x_t @ linear.weight.T
                spikes.append((v > 1).float())
            x = torch.stack(spikes, 1)
        v = torch.zeros(3, 10)
        for x_t in x.unbind(1):
            v = net.readout.beta * v + x_t @ net.fc3.weight.T
            expected.append(v)
        output = net(events)
    assert x.any()
    assert torch.allclose(output, torch.stack(expected, 1), atol=1e-5)


def test_hooks_see_every_step_of_every_cell_in_order():
    net, seen = DigitNet(n_hidden=(9, 7)), []
    for name, cell in net.named_children():
        if isinstance(cell, snn.Leaky):
            cell.register_forward_hook(lambda *call, name=name: seen.append((name, call[2][0])))
    with torch.no_grad():
        net(torch.full((2, 15, 40), 200.0))
    assert [name for name, _ in seen] == ["hidden1"] * 15 + ["hidden2"] * 15
    assert all(spikes.shape == (2, 9) for _, spikes in seen[:15])
    assert any(spikes.any() for _, spikes in seen)


def test_children_stand_in_the_order_of_the_signal():
    kinds = [torch.nn.Linear, snn.Leaky, torch.nn.Linear, snn.Leaky, torch.nn.Linear, Integrator]
    assert [type(child) for child in DigitNet().children()] == kinds


def test_runs_do_not_remember_each_other():
    net, events = DigitNet(n_hidden=(9, 7)), torch.full((2, 15, 40), 200.0)
    with torch.no_grad():
        first = net(events)
        net(events * 0.5)
        assert torch.equal(net(events), first)


def test_load_finds_the_sizes(tmp_path):
    net = DigitNet(n_in=13, n_hidden=(5, 8))
    torch.save(net.state_dict(), tmp_path / "net.pt")
    loaded = load(tmp_path / "net.pt")
    assert equal(loaded.state_dict(), net.state_dict()) and not loaded.training


def changed(**entries):
    state = DigitNet(n_hidden=(5, 8)).state_dict()
    for key, value in entries.items():
        state[key.replace("__", ".")] = value
    return {key: value for key, value in state.items() if value is not None}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "not a state_dict: expected a dict of tensors"),
        ({"fc1.weight": 3}, "not a state_dict: expected a dict of tensors"),
        (changed(hidden1__beta=None), "key 'hidden1.beta' is missing or unknown"),
        (changed(extra=torch.zeros(1)), "key 'extra' is missing or unknown"),
        (changed(fc2__weight=torch.zeros(8, 3)), r"key 'fc2.weight' has shape \(8, 3\), expected \(8, 5\)"),
        (changed(fc1__weight=torch.tensor(1.0)), r"key 'fc1.weight' has shape \(\)"),
        (changed(fc3__weight=torch.full((10, 8), torch.nan)), "key 'fc3.weight' holds NaN"),
    ],
)
def test_load_refuses_other_content(tmp_path, content, message):
    torch.save(content, tmp_path / "net.pt")
    with pytest.raises(ValueError, match=rf"net\.pt: .*{message}"):
        load(tmp_path / "net.pt")


def test_load_refuses_code_and_damage(tmp_path):
    path = tmp_path / "net.pt"
    with pytest.raises(ValueError, match=r"net\.pt: no such file"):
        load(path)
    torch.save(DigitNet().state_dict(), path)
    whole = path.read_bytes()
    for content in (b"", b"text", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"net\.pt: not a state_dict, or damaged"):
            load(path)
    torch.save(torch.nn.Linear(2, 2), path)
    with pytest.raises(ValueError, match=r"net\.pt: not a state_dict, or damaged"):
        load(path)


# augmentation


def test_augmented_clips_are_events_and_differ():
    events = torch.from_numpy(speech_clips(20, 0, "train").events).float()
    drawn = augment(events, torch.Generator().manual_seed(0))
    assert torch.equal(drawn, drawn.round()) and 0 <= drawn.min() and drawn.max() <= 255
    changed = (drawn - events).abs().mean(dim=(1, 2))
    assert (changed > 1).all() and (changed < 40).all()
    assert torch.equal(drawn, augment(events, torch.Generator().manual_seed(0)))
    assert not torch.equal(drawn, augment(events, torch.Generator().manual_seed(1)))


def test_augmentation_keeps_the_word_at_its_place():
    events = torch.zeros(400, 100, 40)
    events[:, 30, 20] = 200.0
    drawn = augment(events, torch.Generator().manual_seed(0))
    where = drawn.amax(2).argmax(1)[drawn.sum((1, 2)) > 0].float()
    assert 30 <= where.mean() <= 35 and where.std() > 1
    assert (where - 30).abs().max() <= 14


# the loop


def test_training_learns(clips, tmp_path):
    torch.manual_seed(0)
    net = DigitNet(n_hidden=(32, 32))
    before = (classify(net, clips.events) == clips.labels).mean()
    settings = Settings(epochs=40, batch=32, average=0.8)
    trained = fit(net, clips.events, clips.labels, settings, tmp_path, progress=False)
    after = (classify(trained, clips.events) == clips.labels).mean()
    assert before < 0.3 and after > 0.6


def test_betas_stay_in_the_registers_range(clips, tmp_path):
    net = DigitNet(n_hidden=(12, 10))
    with torch.no_grad():
        net.hidden1.beta.copy_(torch.linspace(-0.5, 1.5, 12))
        net.readout.beta.fill_(1.0)
    trained = fit(net, clips.events, clips.labels, Settings(epochs=1, average=0.0), tmp_path, progress=False)
    for beta in (trained.hidden1.beta, trained.hidden2.beta, trained.readout.beta):
        assert 0 <= beta.min() and beta.max() <= MAX_BETA
    assert trained.hidden1.beta.min() == 0 and trained.hidden1.beta.max() == MAX_BETA


def test_progress_is_one_line_per_epoch_or_nothing(clips, tmp_path, capsys):
    net = DigitNet(n_hidden=(12, 10))
    fit(net, clips.events, clips.labels, Settings(epochs=2), tmp_path / "a", progress=True)
    lines = capsys.readouterr().err.splitlines()
    assert [line[:11] for line in lines] == ["epoch   1/2", "epoch   2/2"]
    fit(net, clips.events, clips.labels, Settings(epochs=2), tmp_path / "b", progress=False)
    printed = capsys.readouterr()
    assert printed.err == printed.out == ""


# the run folder


def test_a_run_writes_weights_card_and_metrics(small, tmp_path, monkeypatch):
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    metrics = train_digits(tmp_path / "run", seed=3, epochs=1, progress=False)
    files = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    names = {"digits.pt", "graph.nir", "program.nir", "card.json", "metrics.json"}
    names |= {"settings.json", "checkpoints/last.ckpt"}
    names |= {f"traces/{name}.npz" for name in ("input", "float", "fixed")}
    metrics_of = json.loads((tmp_path / "run/metrics.json").read_text())
    names |= {f"audio/{sample['audio']}" for sample in metrics_of["samples"]}
    assert files == {f"run/{name}" for name in names} and len(metrics_of["samples"]) == 8
    card = json.loads((tmp_path / "run/card.json").read_text())
    assert json.loads(json.dumps(metrics)) == metrics_of
    assert card["accuracy"] == metrics["accuracy"] and card["seed"] == 3 and card["epochs"] == 1
    assert card["licence"] == "BSD-3-Clause" and card["versions"]["snntorch"] == snn.__version__
    assert card["network"].startswith("40-12-10-10, ")
    assert card["command"] == "lavalier train digits --seed 3 --epochs 1"
    weights = (tmp_path / "run/digits.pt").read_bytes()
    assert card["sha256"] == hashlib.sha256(weights).hexdigest()
    test = speech_clips(20, 3, "test")
    right = (classify(load(tmp_path / "run/digits.pt"), test.events) == test.labels).mean()
    assert right == metrics["accuracy"]
    program = Program.load(tmp_path / "run/program.nir")
    fixed = (decide(simulate.run(program, test.events).output) == test.labels).mean()
    assert fixed == metrics["fixed_accuracy"]
    said = simulate.report(tmp_path / "run").to_json()
    assert said["accuracy"]["scores"]["fixed"]["accuracy"] == fixed and said["title"] == "digits"
    assert all(file["unchanged"] for file in said["provenance"]["files"])


def test_checkpoints_hold_no_code(small, tmp_path):
    train_digits(tmp_path, epochs=1, progress=False)
    checkpoint = torch.load(tmp_path / "checkpoints/last.ckpt", weights_only=True)
    assert checkpoint["epoch"] == 0


def test_the_same_seed_gives_the_same_weights(small, tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        torch.manual_seed(len(name))
        train_digits(tmp_path / name, seed=seed, epochs=1, progress=False)
    a, b, c = (load(tmp_path / name / "digits.pt").state_dict() for name in "abc")
    assert equal(a, b) and not equal(a, c)


class Killed(Exception):
    """Stands for the end of the process."""


def test_a_resumed_run_ends_like_one_that_was_not_stopped(small, tmp_path, monkeypatch):
    train_digits(tmp_path / "whole", epochs=4, progress=False)
    step = Learner.training_step

    def die(self, batch, batch_idx):
        if self.current_epoch == 2:
            raise Killed
        return step(self, batch, batch_idx)

    with monkeypatch.context() as patch:
        patch.setattr(Learner, "training_step", die)
        with pytest.raises(Killed):
            train_digits(tmp_path / "killed", epochs=4, progress=False)
    assert not (tmp_path / "killed/digits.pt").exists()
    train_digits(tmp_path / "killed", epochs=4, resume=True, progress=False)
    whole, resumed = (load(tmp_path / name / "digits.pt") for name in ("whole", "killed"))
    assert equal(whole.state_dict(), resumed.state_dict())


RUN = """
from pathlib import Path
from lavalier.models.digits import DigitNet
from lavalier.train import digits
digits.N_TRAIN, digits.N_TEST = 40, 20
digits.DigitNet = lambda: DigitNet(n_hidden=(12, 10))
digits.train_digits(Path({out!r}), epochs=400, resume={resume})
"""


@pytest.mark.slow
@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_process_leaves_a_run_that_can_be_resumed(tmp_path, kill):
    def start(name, resume=False):
        code = RUN.format(out=str(tmp_path / name), resume=resume)
        return subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)

    whole, killed = start("whole"), start("killed")
    assert killed.stderr is not None
    while not killed.stderr.readline().startswith("epoch  23/400"):
        assert killed.poll() is None
    os.kill(killed.pid, kill)
    killed.communicate(timeout=60)
    whole.communicate(timeout=300)
    assert whole.returncode == 0 and killed.returncode != 0
    assert not (tmp_path / "killed/digits.pt").exists()
    resumed = start("killed", resume=True)
    _, lines = resumed.communicate(timeout=300)
    assert resumed.returncode == 0 and not lines.startswith("epoch   1/400")
    weights = [(tmp_path / name / "digits.pt").read_bytes() for name in ("whole", "killed")]
    assert weights[0] == weights[1]


def test_a_finished_run_can_be_resumed_without_change(small, tmp_path):
    first = train_digits(tmp_path, epochs=1, progress=False)
    weights = (tmp_path / "digits.pt").read_bytes()
    assert train_digits(tmp_path, epochs=1, resume=True, progress=False) == first
    assert (tmp_path / "digits.pt").read_bytes() == weights


def test_resuming_with_other_settings_is_refused(small, tmp_path, monkeypatch):
    train_digits(tmp_path, epochs=1, progress=False)
    with pytest.raises(BadInput, match=r"settings\.json: epochs was 1, now 2; resume with the same"):
        train_digits(tmp_path, resume=True, epochs=2, progress=False)
    with pytest.raises(BadInput, match=r"settings\.json: seed was 0, now 1"):
        train_digits(tmp_path, resume=True, epochs=1, seed=1, progress=False)
    monkeypatch.setattr(digits_run, "N_TRAIN", 50)
    with pytest.raises(BadInput, match=r"settings\.json: data was"):
        train_digits(tmp_path, resume=True, epochs=1, progress=False)
    (tmp_path / "settings.json").write_text("{")
    with pytest.raises(BadInput, match=r"settings\.json: not the settings of a run"):
        train_digits(tmp_path, resume=True, epochs=1, progress=False)


def test_resuming_from_a_damaged_checkpoint_is_refused(small, tmp_path):
    train_digits(tmp_path, epochs=1, progress=False)
    path = tmp_path / "checkpoints/last.ckpt"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(BadInput, match=r"last\.ckpt: damaged; start again with --force"):
        train_digits(tmp_path, epochs=1, resume=True, progress=False)


def test_an_output_in_use_is_refused_unless_forced(small, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "digits.pt").write_text("old")
    with pytest.raises(BadInput, match="exists and is not empty; use --force .* or --resume"):
        train_digits(tmp_path, epochs=1, progress=False)
    assert (tmp_path / "digits.pt").read_text() == "old"
    train_digits(tmp_path, epochs=1, force=True, progress=False)
    assert load(tmp_path / "digits.pt") and (tmp_path / "mine.txt").read_text() == "mine"


def test_bad_arguments_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(BadInput, match="epochs = 0"):
        train_digits(tmp_path / "run", epochs=0)
    with pytest.raises(BadInput, match="seed = -1"):
        train_digits(tmp_path / "run", seed=-1)
    with pytest.raises(BadInput, match="exclude each other"):
        train_digits(tmp_path / "run", force=True, resume=True)
    with pytest.raises(BadInput, match="no run to resume"):
        train_digits(tmp_path / "run", resume=True)
    with pytest.raises(BadInput, match="nowhere: no such directory"):
        train_digits(tmp_path / "run", data=tmp_path / "nowhere")
    assert not (tmp_path / "run").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="file: not a directory"):
        train_digits(tmp_path / "file", force=True)


# the shipped copy


def test_the_shipped_network_scores_what_its_card_says():
    card = json.loads((SHIPPED / "digits.json").read_text())
    weights = (SHIPPED / "digits.pt").read_bytes()
    assert card["sha256"] == hashlib.sha256(weights).hexdigest()
    assert card["licence"] == "BSD-3-Clause" and "generator" in card["data"]
    test = speech_clips(card["n_test"], card["seed"], "test")
    right = (classify(load(SHIPPED / "digits.pt"), test.events) == test.labels).mean()
    assert right == pytest.approx(card["accuracy"], abs=0.005) and right >= 0.95


# real recordings


@pytest.mark.slow
@pytest.mark.skipif(not FSDD.is_dir(), reason="needs ../shared/data/fsdd beside the clone")
def test_real_recordings_reach_97_percent_and_run_on_lava(tmp_path):
    metrics = train_digits(tmp_path, data=FSDD, progress=False)
    assert metrics["n_test"] == 250 and metrics["accuracy"] >= 0.97
    assert metrics["fixed_accuracy"] >= metrics["accuracy"] - 0.01
    assert json.loads((tmp_path / "card.json").read_text())["licence"] != "BSD-3-Clause"
    program, test = Program.load(tmp_path / "program.nir"), load_recordings(FSDD, "test")
    x, names = test.events[::12], tuple(program.populations)
    assert len(x) >= 20
    law = simulate.reference.run(program, x, names)
    assert_equal(simulate.fast.run(program, x, names), law)
    if deploy.missing("cpu") is None:
        assert_equal(deploy.run(program, x, names), law)
