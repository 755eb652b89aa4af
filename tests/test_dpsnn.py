"""dpsnn from one command to a run folder; trained on in integers; the published size to Lava."""

import json

import numpy as np
import pytest
import torch

from lavalier import deploy
from lavalier.export.dpsnn import READOUT, hybrid, quantized
from lavalier.models.dpsnn import DPSNN, PUBLISHED, Sizes
from lavalier.simulate import Hybrid, Stream, compare, run
from lavalier.simulate.errors import BadInput, Unsupported
from lavalier.train.dpsnn import train_dpsnn
from lavalier.train.enhancement import Material, loss_of, train
from lavalier.train.enhancement_bit_true import Tuning, fine_tune
from lavalier.train.enhancement_settings import Settings
from lavalier.train.generate.mixtures import draw, write_voicebank
from lavalier.train.generate.noises import NOISES

from .hybrids import TINY, network, sound

FEW = Settings(steps=4, batch=2, seconds=0.25, checks=2)


def tones() -> list[np.ndarray]:
    t = np.arange(8000) / 16000
    return [np.sin(2 * np.pi * hz * t).astype(np.float32) for hz in (200, 350)]


def material() -> Material:
    rng = np.random.default_rng(0)
    noises = [[NOISES["band"](rng, 16000, 16000).astype(np.float32)]]
    valid = list(zip(*draw([tones()], noises, 2, 0.25, rng), strict=True))
    return Material([tones()], noises, valid)


def test_the_tuned_network_hears_what_the_model_does():
    net, x = network(), sound(2)
    made, _ = quantized(net, x)
    tuning = Tuning(net, made)
    ours = tuning(torch.from_numpy(x)).detach().numpy()
    assert np.abs(ours - run(tuning.hybrid(), x).output).max() < 1e-6


def test_tuning_on_in_integers_never_loses_on_validation():
    net = network()
    made, _ = quantized(net, sound(2))
    found, said = material(), []
    before = fine_tune(net, made, found, Settings(steps=0))
    after = fine_tune(
        net, made, found, Settings(steps=6, batch=2, seconds=0.25, checks=2), lambda *s: said.append(s)
    )
    assert [step for step, _ in said] == [3, 6]
    assert before.program.to_text() != after.program.to_text() or max(gain for _, gain in said) <= 0


def test_adaptive_neurons_are_not_tuned_in_integers():
    net = network(Sizes(8))
    made, _ = quantized(net, sound(2))
    with pytest.raises(Unsupported, match="no bit-true training of ALIF"):
        fine_tune(net, made, material(), FEW)


def test_a_stopped_run_goes_on_to_the_same_weights(tmp_path):
    ends = []
    for stops in (False, True):
        torch.manual_seed(0)
        net, found, path = DPSNN(TINY), material(), tmp_path / str(stops)

        def stop(step, gain, stops=stops):
            if stops and step == 2:
                raise KeyboardInterrupt

        try:
            train(net, found, FEW, stop, path)
        except KeyboardInterrupt:
            net = DPSNN(TINY)
            train(net, found, FEW, checkpoint=path)
        ends.append(torch.cat([p.detach().flatten() for p in net.parameters()]))
    assert torch.equal(*ends)
    (tmp_path / "False").write_bytes(b"nothing")
    with pytest.raises(BadInput, match="no checkpoint of this run"):
        train(DPSNN(TINY), material(), FEW, checkpoint=tmp_path / "False")


@pytest.mark.slow
def test_one_command_leaves_a_model_that_runs(tmp_path):
    write_voicebank(tmp_path / "data", [tones()], 2, 1, 0.4, seed=0)
    out, said = tmp_path / "run", []
    lava = None if deploy.missing("cpu") else deploy.run
    metrics = train_dpsnn(out, tmp_path / "data", None, TINY, FEW, FEW, lava, say=said.append)
    assert json.loads((out / "metrics.json").read_text())["gains"] == metrics["gains"]
    assert metrics["names"] == ["p000_001"] and len(metrics["gains"]["fixed"]) == 1
    assert metrics["lava_mismatches"] == (None if lava is None else 0)
    assert "1 of 28 speakers" in said[0]
    model = Hybrid.load(out / "model")
    assert model.program.to_text() and (out / "audio" / "p000_001_enhanced.wav").is_file()
    assert json.loads((out / "account.json").read_text())["measured"]["host_share"] > 0
    with pytest.raises(BadInput, match="not empty"):
        train_dpsnn(out, tmp_path / "data", None, TINY, FEW)


@pytest.mark.slow
def test_the_published_size_trains_deploys_and_streams():
    torch.manual_seed(0)
    net, rng, found = DPSNN(PUBLISHED), np.random.default_rng(0), material()
    noisy, clean = (torch.from_numpy(half) for half in draw(found.speech, found.noises, 2, 0.25, rng))
    optimizer, losses = torch.optim.Adam(net.parameters(), 1e-2), []
    layers = {}
    for _ in range(8):
        optimizer.zero_grad()
        heard, layers = net(noisy)
        loss = loss_of(heard, layers, clean)
        loss.backward()
        optimizer.step()
        net.constrain()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] and layers["srnn"].any()
    x = noisy[:1, :1600].numpy()
    made, _ = quantized(net.eval(), x)
    model = hybrid(net, made.program, made.choices[READOUT].scale)
    names = tuple(model.program.populations)
    whole = run(model, x, names)
    stream = Stream(model)
    assert np.array_equal(np.concatenate([stream.run(x[0]), stream.finish()]), whole.output[0])
    if deploy.missing("cpu") is None:
        assert compare(deploy.run(model, x, names), whole).equal
