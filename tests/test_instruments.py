"""Flute, learned Fourier transform and the complete recogniser: in torch and on the chip."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lavalier import deploy
from lavalier.export import from_torch, quantize
from lavalier.models.flute import FluteNet, biased_loss
from lavalier.models.front_ends.chunks import (
    CHUNK,
    N_FEATURES,
    N_MELS,
    SAMPLE_RATE,
    chunk_events,
    chunk_features,
)
from lavalier.models.front_ends.mel import mel_filters
from lavalier.models.instrument import HOLD, InstrumentNet
from lavalier.models.learned_fft import LearnedFFT, OnOffTransform, dft_matrix, from_first_sample, magnitudes
from lavalier.models.readout import majority, seen_in_windows
from lavalier.simulate import LIF, Dense, Input, Program, fast, merge, report, run
from lavalier.simulate.errors import BadInput, Unsupported
from lavalier.train.recipes import load, train_recipe
from lavalier.train.recipes.flute import segments
from lavalier.train.recipes.instrument import heard, window_scores
from lavalier.train.recipes.learned_fft import label_accuracy, loudest, on_chip

# flute: the front end


def tone(hz: float, seconds: float = 0.1) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE)


def test_seventy_one_bands_lie_above_half_the_rate_and_hold_nothing():
    filters = mel_filters(N_MELS, CHUNK // 2 + 1, SAMPLE_RATE, 20.0, 17_000.0)
    assert (filters.max(0) == 0).sum() == 71


@pytest.mark.parametrize("hz", [440, 1000, 5000])
def test_a_tone_is_loudest_in_its_band_and_features_grow_with_its_power(hz):
    features = chunk_features(tone(hz))[0]
    mel = 2595 * np.log10(1 + np.array([20, hz, 17_000]) / 700)
    assert abs(features[:N_MELS].argmax() - ((mel[1] - mel[0]) / (mel[2] - mel[0]) * (N_MELS + 1) - 1)) <= 1
    assert np.allclose(chunk_features(2 * tone(hz))[0, :N_MELS], 4 * features[:N_MELS])
    assert features[N_MELS:].min() == 0


def test_a_note_of_four_seconds_is_forty_steps_and_a_rest_is_filled():
    assert chunk_events(np.zeros(4 * SAMPLE_RATE)).shape == (40, N_FEATURES)
    assert chunk_events(np.ones(CHUNK + 1)).shape == (2, N_FEATURES)
    for wrong in (np.zeros(0), np.zeros((2, 100)), np.array([np.inf])):
        with pytest.raises(ValueError, match="one axis of finite numbers"):
            chunk_features(wrong)


# flute: the network


def test_the_network_goes_to_the_chip_as_it_is():
    torch.manual_seed(0)
    net = FluteNet(n_in=10, beta=0.9)
    x = np.random.default_rng(0).integers(0, 500, (3, 20, 10))
    graph = from_torch(net, x, dt=0.1)
    with torch.no_grad():
        assert np.array_equal(run(graph, x).output, net(torch.tensor(x).float()).numpy())
    program = quantize(graph, x)
    assert [type(p).__name__ for p in program.populations.values()] == ["LIF", "LIFSubtract", "LIFSubtract"]
    listen = next(iter(program.populations.values()))
    assert set(listen.du) == {0} and set(listen.dv) == {410}


def test_decays_that_would_never_forget_are_cut():
    net = FluteNet(n_in=3)
    with torch.no_grad():
        net.listen.alpha.fill_(1.1)
        net.listen.beta.fill_(-0.1)
    net.constrain()
    assert net.listen.alpha.max() == 4095 / 4096 and net.listen.beta.min() == 0


@given(st.lists(st.integers(0, 1), min_size=1, max_size=9), st.integers(0, 1))
def test_the_biased_loss_is_its_formula(spikes, label):
    output = torch.tensor(spikes, dtype=torch.float64).reshape(1, -1, 1)
    error = max(0.0, (np.mean(spikes) - label) ** 2 - 0.45**2)
    found = biased_loss(output, torch.tensor([label]), 0.5).item()
    assert found == pytest.approx(error * (1 + (1 - label) * 0.5))


@given(st.lists(st.integers(0, 1), min_size=1, max_size=9))
def test_majority_is_the_mode_and_zero_among_equals(spikes):
    assert majority(np.array(spikes).reshape(1, -1, 1)).tolist() == [
        int(sum(spikes) > len(spikes) - sum(spikes))
    ]


@given(st.lists(st.integers(0, 1), min_size=3, max_size=20), st.integers(1, 3), st.integers(1, 4))
def test_windows_are_seen_one_by_one(spikes, width, stride):
    seen = seen_in_windows(np.array(spikes).reshape(1, -1, 1), width, stride)[0, :, 0].tolist()
    assert seen == [any(spikes[i : i + width]) for i in range(0, len(spikes) - width + 1, stride)]


def test_segments_are_three_chunks_of_a_note():
    x = np.arange(40 * 2).reshape(2, 40, 1) % 40 + 100 * np.arange(2)[:, None, None]
    drawn, y = segments(x, np.array([0, 1]), np.random.default_rng(0))
    assert drawn.shape == (175, 3, 1) and np.all(np.diff(drawn[..., 0], axis=1) == 1)
    assert np.array_equal(drawn[:, 0, 0] // 100, y)


# learned Fourier transform


def test_a_rotated_and_mirrored_transform_is_brought_back():
    rng, n = np.random.default_rng(0), 6
    true = dft_matrix(n)
    turned = torch.empty_like(true)
    for k in range(n):
        angle, mirror = rng.uniform(0, 7), rng.choice([-1, 1])
        c, s = np.cos(angle), np.sin(angle)
        turned[k] = c * true[k] - s * true[n + k]
        turned[n + k] = mirror * (s * true[k] + c * true[n + k])
    z = torch.tensor(rng.standard_normal((5, 2 * n)))
    assert torch.allclose(magnitudes(z @ turned.T), magnitudes(z @ true.T))
    assert torch.allclose(from_first_sample(turned), true)


def test_bins_are_labeled_below_half_the_rate():
    spectrum = np.zeros((1, 8))
    spectrum[0, [0, 3, 5]] = 9, 2, 5
    assert loudest(spectrum).tolist() == [3]
    output = np.zeros((1, 1, 16))
    output[0, 0, 8 + 3] = -4
    assert label_accuracy(output, spectrum) == 1.0 and label_accuracy(-3 * output, spectrum) == 1.0


def test_the_transform_on_the_chip_is_the_matrix_on_signed_numbers():
    net = LearnedFFT(4)
    with torch.no_grad():
        net.transform.weight.copy_(dft_matrix(4))
    x = np.random.default_rng(0).uniform(-1, 1, (6, 1, 8)).astype(np.float32)
    chip = on_chip(net, x)
    assert isinstance(chip.module, OnOffTransform)
    with torch.no_grad():
        expected = net(torch.tensor(x)).numpy()
        assert np.allclose(chip.module(torch.tensor(chip.encode(x))).numpy(), expected, atol=1e-6)
    graph = from_torch(chip.module, chip.encode(x), dt=1e-3)
    program = quantize(graph, chip.encode(x), input_bits=8)
    integers = fast.run(program, program.encode(chip.encode(x))).output
    scale = np.sum(integers * expected) / np.sum(expected**2)
    assert np.abs(integers / scale - expected).max() < 0.03


# the complete recogniser


@pytest.fixture(scope="module")
def small():
    torch.manual_seed(0)
    return InstrumentNet(hidden=6, readout=3).eval()


@pytest.fixture(scope="module")
def events():
    return np.random.default_rng(0).integers(0, 400, (2, 40, 1, 320)).astype(np.int16)


def test_a_piece_in_blocks_is_the_whole_piece(small, events):
    x, scores = torch.tensor(events).float(), []
    with torch.no_grad():
        memory = small.rest(x)
        for block in x.split(16, 1):
            for x_t in block.unbind(1):
                score, memory = small.step(x_t, memory)
                scores.append(score)
        assert torch.equal(torch.stack(scores, 1), small(x))


def test_the_published_size_has_the_published_layers():
    net = InstrumentNet(hidden=1024, readout=128)
    counts = {
        name: sum(p.numel() for p in getattr(net, name).parameters()) for name in ("conv", "fc1", "fc2")
    }
    assert counts == {"conv": 168, "fc1": 1_311_744, "fc2": 131_200}
    assert sum(p.numel() for p in net.periods.parameters()) == 3 * 1024
    assert float(net.hold.beta) == pytest.approx(HOLD) and HOLD**250 == pytest.approx(1 / 9)


def test_all_of_it_goes_to_the_chip(small, events):
    program = quantize(from_torch(small, events, dt=2e-3))
    kinds = {name: type(p).__name__ for name, p in program.populations.items()}
    assert kinds["trace"] == "LIFNoReset" and kinds["hold"] == "LI"
    assert program.populations["hold"].dv.tolist() == [36]
    assert set(program.populations["cochlea"].dv.ravel()) == {611}
    two = merge({"flute": program, "reed": program})
    alone, both = fast.run(program, events), fast.run(two, events)
    assert set(two.outputs) == {"flute_hold", "reed_hold"}
    for name in two.outputs:
        assert np.array_equal(both.output[name], alone.output)


def test_only_what_hears_the_same_is_merged():
    program = Program({"input": Input((2,))}, {"a": LIF((1,))}, [Dense("input", "a", [[4, 6]])], ["a"])
    other = replace(program, dt=1.0)
    with pytest.raises(BadInput, match="only those that hear the same"):
        merge({"flute": program, "reed": other})
    with pytest.raises(BadInput, match="no Programs"):
        merge({})


def test_half_seconds_are_decided_by_their_mean():
    score = np.random.default_rng(0).standard_normal((3, 700, 1))
    means = window_scores(torch.tensor(score)).numpy()
    assert np.array_equal(heard(score), means > 0) and means.shape == (3, 4)


@pytest.mark.parametrize("name", ["goldilocks", "learned-fft"])
def test_drawn_data_leave_no_place_for_recordings(name, tmp_path):
    recipe = load(name)
    with pytest.raises(BadInput, match="leave out --data"):
        recipe.splits(tmp_path, 0, recipe.chosen())


TINY = {
    "goldilocks": {"trains": 20, "batch": 10},
    "cochlea": {"notes": 8, "valid_notes": 2, "test_notes": 4, "seconds": 0.1, "batch": 4},
    "flute": {"notes": 8, "valid_notes": 2, "test_notes": 4, "batch": 4},
    "learned-fft": {"n": 16, "windows": 200},
    "instrument": {
        "pieces": 4,
        "valid_pieces": 2,
        "test_pieces": 2,
        "length_ms": 800,
        "hidden": 8,
        "batch": 2,
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TINY)
def test_one_command_reaches_lava(name, tmp_path):
    recipe = load(name)
    lava = None if deploy.missing("cpu") else deploy.run
    options = recipe.chosen(None, {"epochs": 1, **TINY[name]})
    metrics = train_recipe(recipe, tmp_path / "run", options=options, lava=lava, progress=False)
    assert 0 <= metrics["fixed"] <= 1 and metrics["lava_mismatches"] in (0, None)
    assert report(tmp_path / "run").to_json()["title"] == name
    assert (tmp_path / "run" / "model").is_dir() == (name in ("cochlea", "instrument"))


def test_the_layer_as_it_ran_is_refused_by_name():
    recipe = load("cochlea")
    net = recipe.network(recipe.chosen(None, {"layer": "as_run"}))
    with pytest.raises(Unsupported, match="layer 'as_run' has no form in NIR"):
        recipe.on_chip(net, np.zeros((1, 1, 320)))
