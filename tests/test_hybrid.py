"""A model cut in two: the same integers on every back end and in every piece of a stream."""

import json
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lavalier import deploy
from lavalier.export.dpsnn import chip_graph, features_of, hybrid, quantized
from lavalier.models.dpsnn import Sizes
from lavalier.simulate import Hybrid, Stream, compare, reference, run
from lavalier.simulate.errors import BadInput, Mismatch
from lavalier.simulate.hybrid.account import account, latency, to_text
from lavalier.simulate.hybrid.durations import Durations
from lavalier.simulate.hybrid.stages import Dequantize, Filters, Mask, OverlapAdd, UnitVariance
from lavalier.simulate.neurons import ALIF, PLIF, GradedLI
from lavalier.train.sound_metrics import si_snr

from .hybrids import network, small_hybrid, sound

KINDS = [Sizes(8, recurrent, norm) for recurrent in (False, True) for norm in ("layer", "batch", "none")]


@pytest.fixture(scope="module", params=KINDS, ids=str)
def sizes(request) -> Sizes:
    return request.param


@pytest.fixture(scope="module")
def model() -> Hybrid:
    return small_hybrid(Sizes(8, recurrent=True))


def test_integers_do_what_the_torch_network_does(sizes):
    net, x = network(sizes), sound(2)
    made, features = quantized(net, x)
    with torch.no_grad():
        floats, layers = net(torch.from_numpy(x))
    assert all(0.01 < float(values.abs().mean()) for values in layers.values())
    fixed = run(hybrid(net, made.program, made.choices["readout"].scale), x).output
    assert features.min() >= 0 and np.all(si_snr(fixed, floats.numpy()) > 20)


def test_every_layer_is_of_the_chip_s_types():
    populations = small_hybrid(Sizes(8, recurrent=True)).program.populations
    kinds = {name: type(p) for name, p in populations.items()}
    assert (kinds["scnn"], kinds["srnn"], kinds["readout"]) == (PLIF, ALIF, GradedLI)


def test_a_graph_that_does_something_else_is_refused(monkeypatch):
    net = network()
    features = features_of(net, sound())
    graph = chip_graph(net, features)
    graph.nodes["readout"].r *= 1.001
    monkeypatch.setattr("lavalier.export.dpsnn._graph", lambda net: graph)
    with pytest.raises(Mismatch, match="'readout' of the graph differs from torch by up to"):
        chip_graph(net, features)


def test_reference_and_lava_equal_fast(model):
    x, names = sound(1, 0.03), tuple(model.program.populations)
    fast = run(model, x, names)
    assert fast.spikes["srnn"].any() and fast.spikes["readout"].any()
    law = model.run(x, lambda events, record: reference.run(model.program, events, record), names)
    assert compare(fast, law).equal
    if deploy.missing("cpu") is None:
        assert compare(deploy.run(model, x, names), fast).equal


@given(st.lists(st.integers(0, 900), max_size=6))
@settings(max_examples=15)
def test_any_pieces_of_a_stream_are_the_batch_run(pieces):
    made = small_hybrid()
    x = sound(1, 0.05)
    whole = run(made, x).output[0]
    stream, ends = Stream(made), [*sorted(min(p, x.shape[1]) for p in pieces), x.shape[1]]
    starts = [0, *ends[:-1]]
    parts = [stream.run(x[0, i:j]) for i, j in zip(starts, ends, strict=True)]
    joined = np.concatenate([*parts, stream.finish()])
    assert np.array_equal(joined, whole) and stream.taken.count == -(-x.shape[1] // 40) + 1


def test_samples_after_one_another_never_meet(model):
    x = sound(2)
    both = run(model, x).output
    assert np.array_equal(both[1:], run(model, x[1:]).output)


def test_a_folder_holds_it(model, tmp_path):
    model.save(tmp_path / "m")
    again = Hybrid.load(tmp_path / "m")
    assert again.program.to_text() == model.program.to_text()
    assert np.array_equal(run(again, sound()).output, run(model, sound()).output)


@pytest.mark.parametrize("file", ["host.json", "host.npz", "chip.nir"])
def test_a_damaged_folder_is_named(model, tmp_path, file):
    model.save(tmp_path)
    (tmp_path / file).write_bytes(b"{}")
    with pytest.raises(BadInput, match=str(tmp_path)):
        Hybrid.load(tmp_path)
    (tmp_path / file).unlink()
    with pytest.raises(BadInput, match=f"{file} is missing|{file}: no such file"):
        Hybrid.load(tmp_path)


def test_a_stage_that_no_lavalier_knows_is_refused(model, tmp_path):
    model.save(tmp_path)
    said = json.loads((tmp_path / "host.json").read_text())
    said["before"][0]["stage"] = "Wavelets"
    (tmp_path / "host.json").write_text(json.dumps(said))
    with pytest.raises(BadInput, match="damaged"):
        Hybrid.load(tmp_path)


@pytest.mark.parametrize("window", [-5, 0, 3, 2.5, "x", None])
def test_a_window_that_is_none_is_refused(model, tmp_path, window):
    model.save(tmp_path)
    said = json.loads((tmp_path / "host.json").read_text())
    said["before"][0]["window"] = window
    (tmp_path / "host.json").write_text(json.dumps(said))
    with pytest.raises(BadInput, match=f"{tmp_path}: Frames: window {window} and hop"):
        Hybrid.load(tmp_path)


def test_arrays_of_other_sizes_are_refused(model, tmp_path):
    model.save(tmp_path)
    with np.load(tmp_path / "host.npz") as held:
        whole = dict(held)
    assert len(whole) == 6
    for name, values in whole.items():
        np.savez(tmp_path / "host.npz", **(whole | {name: values[:-1]}))
        with pytest.raises(BadInput, match=f"{tmp_path}: the stages of a hybrid do not fit"):
            Hybrid.load(tmp_path)


def test_stages_that_do_not_fit_are_refused(model):
    with pytest.raises(BadInput, match="begins with Frames"):
        Hybrid(model.before[1:], model.program, model.after, 16000)
    with pytest.raises(BadInput, match="Mask reads 'readout'"):
        Hybrid(model.before, model.program, model.after[1:], 16000)
    with pytest.raises(BadInput, match="ends with OverlapAdd"):
        Hybrid(model.before, model.program, model.after[:-1], 16000)
    with pytest.raises(BadInput, match="no step of 0.0025 s"):
        Hybrid(model.before, model.program, model.after, 8000)


@pytest.mark.parametrize("x", [np.zeros(400), np.zeros((1, 400), int), np.full((1, 400), np.nan)])
def test_what_is_no_sound_is_refused(model, x):
    with pytest.raises(BadInput, match="x is|x holds"):
        run(model, x)


def floats(values) -> np.ndarray:
    return np.array(values, np.float32)


def test_stages_by_hand():
    assert Filters([[1, -1], [-1, 1]], [0.5, 0]).step(None, floats([2, 1])).tolist() == [1.5, 0]
    assert UnitVariance(2, 0.0).step(None, floats([1, 3])).tolist() == [1, 3]  # deviation 1
    assert Dequantize([2, 4]).step(None, np.array([0, 3])).tolist() == [0, 0.875]
    masked = Mask([[0.0]], [0.0]).step(None, floats([5]), floats([3]))
    assert masked.tolist() == [1.5]
    add = OverlapAdd([[1], [2], [3], [4]], 0.5, 2)
    kept = add.start()
    assert [add.step(kept, floats([x])).tolist() for x in (1, 10)] == [[1.5, 2.5], [13.5, 24.5]]


def test_the_account_of_the_published_size():
    made = small_hybrid(Sizes(8, recurrent=True))
    x = sound()
    found = account(made, run(made, x))
    # 8 filters of 80, 8 biases; 3 * 8; 8; 8 * 8 weights and 2 * 8; 80 windows of 8, 80 sums
    assert [stage["operations"] for stage in found["host"]] == [0, 648, 24, 8, 80, 720]
    assert found["latency"] == latency(made)
    assert found["latency"]["algorithmic_s"] == 0.005 and found["latency"]["pipeline_steps"] == 4
    frames = x.shape[1] / 40
    proxy = found["measured"]["n_dns"]
    assert proxy["NeuronOPS_per_s"] == 4 * 8 * 400
    assert found["measured"]["host_operations_per_s"] == 400 * 1480
    assert found["measured"]["events_to_chip_per_frame"] <= 8 * (frames + 1) / frames
    assert "latency of the algorithm: 5 ms" in to_text(found) and "10 ms at a step a frame" in to_text(found)


def test_durations_keep_their_quantiles():
    taken = Durations()
    assert taken.quantile(0.5) == 0
    for us in (100, 200, 300, 50_000):
        taken.add(us * 1e-6)
    assert taken.quantile(0.5) == pytest.approx(201e-6, abs=2e-6)
    assert taken.quantile(1.0) == taken.longest_s == pytest.approx(0.05)


@pytest.mark.slow
def test_a_minute_leaves_nothing_behind():
    stream, x = Stream(small_hybrid()), sound(1, 1.0)[0]
    tracemalloc.start()
    held = []
    for _ in range(60):
        stream.run(x)
        held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert held[-1] - held[10] < 4096
