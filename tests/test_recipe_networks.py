"""The networks of the recipes: their equations by hand, and their way to the chip."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lavalier.models.audiomnist import Soft, harden, soft_net
from lavalier.models.shd import RecurrentNet, SscNet, relu_layers
from lavalier.models.whale import WhaleNet
from lavalier.simulate import fast
from lavalier.train.recipes import load
from lavalier.train.recipes.audiomnist import _shifted
from lavalier.train.recipes.learning import fused, outputs
from lavalier.train.recipes.recipe import Split
from lavalier.train.recipes.run import encoded, to_chip
from lavalier.train.recipes.whale import auc, decide


def test_the_recurrent_network_is_the_published_equation():
    """z = W x + b + W_rec s + b_rec; U = beta U + z - s; s = U > 1; the mean of W_out s + b_out decides."""
    torch.manual_seed(0)
    net = RecurrentNet(6, 5, 3, beta=0.98).eval()
    x = np.random.default_rng(0).poisson(1.0, (12, 6))
    p = {name: value.detach().numpy() for name, value in net.named_parameters()}
    u, s, logits, spikes = np.zeros(5), np.zeros(5), [], 0
    for x_t in x:
        z = p["fc.weight"] @ x_t + p["fc.bias"]
        z += p["hidden.recurrent.weight"] @ s + p["hidden.recurrent.bias"]
        u = 0.98 * u + z - s
        s = (u > 1).astype(float)
        spikes += s.sum()
        logits.append(p["out.weight"] @ s + p["out.bias"])
    assert spikes > 5
    found = net(torch.from_numpy(x)[None].float()).detach().numpy()[0]
    np.testing.assert_allclose(found, logits, atol=1e-5)


def test_a_refractory_neuron_rests():
    net = RecurrentNet(1, 1, 1, beta=1.0, dropout=0.0, refractory=3)
    with torch.no_grad():
        for p in (net.fc.weight, net.out.weight):
            p.fill_(1)
        for p in (net.fc.bias, net.out.bias, net.hidden.recurrent.weight, net.hidden.recurrent.bias):
            p.fill_(0)
    # 0.6 a step: over 1 in the second, then three steps of rest, in which nothing is taken in
    spikes = net(torch.full((1, 12, 1), 0.6)).flatten().tolist()
    assert spikes == [0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]


def test_the_published_layer_by_hand():
    layer = Soft(1)
    with torch.no_grad():
        layer.threshold.fill_(0.5)
        layer.decay.fill_(0.5)
    first = 1 / (1 + np.exp(-5 * 0.5))
    v = 1 - first  # the soft reset of a membrane of 1
    second = 1 / (1 + np.exp(-5 * (0.5 * v + 1 - 0.5)))
    np.testing.assert_allclose(layer(torch.ones(1, 2, 1)).flatten().tolist(), [first, second], rtol=1e-6)


def test_made_binary_it_sends_spikes_and_can_be_audited():
    from lavalier.export import audit

    torch.manual_seed(0)
    net, x = soft_net((20, 8, 10)), (torch.rand(3, 40, 20) < 0.3).float()
    assert {a.layer for a in audit(net, x)} == {"1", "3"}
    sent = harden(net)(x)
    assert sorted(sent.unique().tolist()) == [0, 1]


def test_relu_layers_on_the_host_are_those_of_torch():
    torch.manual_seed(0)
    net = SscNet(7, (6, 5), 4, 3).eval()
    x = np.random.default_rng(0).poisson(1.0, (2, 9, 7)).astype(np.uint8)
    expected = net.first(torch.from_numpy(x).float()).detach().numpy()
    np.testing.assert_allclose(relu_layers(net, x), expected, atol=1e-6)


def test_a_held_input_gives_the_same_current_in_every_step():
    net = WhaleNet((2, 1, 2), steps=6, beta=0.5)
    with torch.no_grad():
        net.host.weight.copy_(torch.tensor([[0.5, 0.5]]))
        net.host.bias.fill_(0.2)
        net.chip.linears[0].weight.copy_(torch.tensor([[2.0], [0.0]]))
        net.chip.linears[0].bias.zero_()
    # U: .7, 1.05 s, .525 + .7 - 1 = .225, .8125, 1.106 s, .253; the first output spikes with it
    assert net(torch.tensor([[[1.0, 0.0]]]))[0, :, 0].tolist() == [0, 1, 0, 0, 1, 0]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-4, 4), st.booleans()), min_size=2, max_size=12))
def test_auc_is_the_share_of_pairs_in_order(samples):
    difference, y = (np.array(column) for column in zip(*samples, strict=True))
    output = np.stack([np.maximum(-difference, 0), np.maximum(difference, 0)], 1)[:, None]
    pairs = [(p, n) for p in difference[y] for n in difference[~y]]
    expected = np.mean([(p > n) + 0.5 * (p == n) for p, n in pairs]) if pairs else 0.5
    assert auc(output, y.astype(int)) == pytest.approx(expected, abs=1e-12)
    assert decide(output).tolist() == (difference > 0).tolist()


def test_shifted_clips_keep_their_frames():
    rates = np.zeros((50, 80, 1), np.float32)
    rates[:, 20:30] = np.arange(1, 11)[:, None]
    moved = _shifted(rates, seed=0)
    starts = (moved[..., 0] > 0).argmax(1)
    assert starts.min() >= 12 and starts.max() <= 28 and len(set(starts.tolist())) > 5
    for clip, start in zip(moved, starts, strict=True):
        assert clip[start : start + 10, 0].tolist() == list(range(1, 11))


TINY = {
    "shd": {"hidden": 12},
    "ssc": {"hidden": 10, "first": (9, 8)},
    "audiomnist": {"hidden": (8, 8, 8)},
    "whale-1d": {"hidden": (9, 8, 6), "num_step": 6},
    "whale-2d": {"hidden": (9, 8, 6), "num_step": 6, "beta": "learnable"},
}
SHAPES = {"audiomnist": (30, 20), "whale-1d": (1, 4000), "whale-2d": (1, 103 * 135)}


@pytest.mark.parametrize(
    "name, changes", [*TINY.items(), ("ssc", {**TINY["ssc"], "front": "relu"})], ids=lambda v: str(v)[:12]
)
def test_every_network_goes_to_the_chip_and_decides_there(name, changes):
    recipe, rng = load(name), np.random.default_rng(0)
    options = recipe.chosen(changes=changes)
    torch.manual_seed(0)
    net = recipe.network(options).eval()
    with torch.no_grad():
        for weight in (p for p in net.parameters() if p.ndim == 2):
            weight.mul_(4)  # so that every layer spikes
    x = (
        rng.random((24, *SHAPES[name]))
        if "whale" in name
        else rng.poisson(0.4, (24, *SHAPES.get(name, (25, 700))))
    )
    x = np.minimum(x, 1).astype(np.float16) if name != "shd" else x.astype(np.uint8)
    split = Split(x, np.arange(24) % 2, tuple(map(str, range(24))))
    deployed = to_chip(recipe, net, split, options)  # raises where export differs in a spike
    program = deployed.rounded.program
    fixed = fast.run(program, encoded(program, deployed.on_chip.encode(x))).output
    floats = outputs(net, x)
    assert floats.shape == fixed.shape and np.any(fixed)
    assert recipe.decide is not None
    assert np.mean(recipe.decide(floats) == recipe.decide(fixed)) >= 0.8
    layerwise = outputs(fused(net), x)
    assert np.mean(layerwise != floats) < 0.01 or np.allclose(layerwise, floats, atol=1e-3)
