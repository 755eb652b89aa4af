"""Refractory neurons from torch to the chip: the rule by hand, the same spikes on every station."""

from dataclasses import replace

import nir
import numpy as np
import pytest
import snntorch as snn
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lavalier import deploy, export
from lavalier.models.layers import Spiking
from lavalier.models.neurons import Refractory
from lavalier.models.shd import RecurrentNet
from lavalier.simulate import Program, compare, fast, reference, run
from lavalier.simulate.errors import Unsupported
from lavalier.simulate.neurons import LIFRefractory
from lavalier.train import Fused
from lavalier.train.recipes import load, train_recipe
from lavalier.train.recipes.recipe import Split, Splits


def by_hand(x, beta: float, rest: int, loop: float = 0.0, threshold: float = 1.0) -> list[int]:
    """One neuron, and its own spike of the step before times `loop`, in plain numbers."""
    v, left, s, spikes = 0.0, 0, 0, []
    for x_t in x:
        arriving = x_t + loop * s
        if left:
            v, s, left = 0.0, 0, left - 1
        else:
            v = beta * v + arriving
            s = int(v > threshold)
            v, left = (0.0, rest) if s else (v, 0)
        spikes.append(s)
    return spikes


def on_grid(n_in: int, n: int, rest: int, seed: int) -> nn.Module:
    """Neurons with a loop, in 32nds that the chip holds as they are."""
    rng = np.random.default_rng(seed)
    layer = Spiking(Refractory(1.0, rest, threshold=5.0), nn.Linear(n, n, bias=False))
    net = nn.Sequential(nn.Linear(n_in, n, bias=False), layer)
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(torch.from_numpy(rng.integers(-60, 120, p.shape)) / 32)
    return net


def spikes_of(net: nn.Module, x: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return net(torch.from_numpy(x)).numpy()


def test_the_rule_by_hand():
    """beta 1/2: 0.75, 1.125 fires; rest, also with what is large; the sum begins anew at 0.75."""
    x = np.array([0.75, 0.75, 9.0, 9.0, 0.75, 0.75, 0.75])
    expected = [0, 1, 0, 0, 0, 1, 0]
    net = Spiking(Refractory(0.5, 2))
    given = x[None, :, None].astype(np.float32)
    graph = export.from_torch(net, given)
    assert by_hand(x, 0.5, 2) == expected
    assert spikes_of(net, given)[0, :, 0].tolist() == expected
    assert run(graph, given).output[0, :, 0].tolist() == expected


@pytest.mark.parametrize("rest, expected", [(1, [1, 0, 0, 1, 0, 0, 1, 0]), (2, [1, 0, 0, 0, 1, 0, 0, 0])])
def test_what_the_loop_brings_during_rest_is_lost(rest, expected):
    """A spike sends itself 2, above the threshold, in the step after: always in its rest."""
    recurrent = nn.Linear(1, 1, bias=False)
    net = nn.Sequential(nn.Linear(1, 1, bias=False), Spiking(Refractory(1.0, rest), recurrent))
    with torch.no_grad():
        recurrent.weight.fill_(2.0)
        net[0].weight.fill_(0.25)
    # 3/4 each step fires in the second after a rest; the first step alone is above
    x = np.full((1, 8, 1), 3, np.float32)
    x[0, 0] = 5
    graph = export.from_torch(net, x)
    program = export.quantize(graph, x, weight_scale=64.0)
    assert by_hand(x[0, :, 0] / 4, 1.0, rest, loop=2.0) == expected
    assert spikes_of(net, x)[0, :, 0].tolist() == expected
    assert run(graph, x).output[0, :, 0].tolist() == expected
    assert run(program, program.encode(x)).output[0, :, 0].tolist() == expected


@settings(max_examples=6, deadline=None)
@given(st.integers(1, 6), st.sampled_from([0.0, 0.5, 0.9, 1.0]), st.integers(0, 2**16))
def test_drawn_networks_are_exported_exactly(rest, beta, seed):
    torch.manual_seed(seed)
    net = RecurrentNet(6, 5, 3, beta=beta, refractory=rest).double().eval()
    with torch.no_grad():
        net.hidden.recurrent.weight.mul_(6)
    net.hidden.cell.spike_grad = lambda margin: (margin > 0).to(margin.dtype)  # snnTorch's give float32
    x = np.random.default_rng(seed).poisson(1.0, (3, 25, 6)).astype(float)
    graph = export.from_torch(net, x)
    sent = []
    net.hidden.register_forward_hook(lambda module, given, spikes: sent.append(spikes.detach().numpy()))
    output = spikes_of(net, x)
    trace = run(graph, x, ("hidden_cell",))
    assert np.array_equal(trace.spikes["hidden_cell"], sent[0])
    np.testing.assert_allclose(trace.output, output, atol=1e-9)
    module = export.to_torch(graph)
    assert type(module.hidden_cell) is (Refractory if rest > 1 else snn.Synaptic)
    np.testing.assert_allclose(spikes_of(module.double(), x), output, atol=1e-9)


@settings(max_examples=5, deadline=None)
@given(st.integers(1, 5), st.integers(0, 2**16))
def test_on_the_grid_the_chip_spikes_as_torch_does(rest, seed):
    net, x = on_grid(4, 6, rest, seed), np.random.default_rng(seed).integers(0, 2, (3, 30, 4))
    graph = export.from_torch(net, x.astype(np.float32))
    program = export.quantize(graph, x, weight_scale=32.0)
    (neuron,) = program.populations.values()
    assert type(neuron) is LIFRefractory and np.all(neuron.refractory == rest)
    names = tuple(program.populations)
    law = reference.run(program, x, names)
    assert compare(fast.run(program, x, names), law).equal
    assert np.array_equal(law.output, spikes_of(net, x.astype(np.float32)))


@pytest.mark.skipif(deploy.missing("cpu") is not None, reason="needs Lava")
def test_a_recurrent_network_equals_lava_in_every_state():
    torch.manual_seed(1)
    net = RecurrentNet(6, 5, 3, refractory=2).eval()
    with torch.no_grad():
        net.hidden.recurrent.weight.mul_(6)
    x = np.random.default_rng(1).poisson(1.0, (3, 25, 6)).astype(np.uint8)
    program = export.quantize(export.from_torch(net, x), x)
    names = tuple(program.populations)
    law = reference.run(program, x, names)
    assert law.spikes["hidden_cell"].sum() > 20
    assert compare(fast.run(program, x, names), law).equal
    assert compare(deploy.run(program, x, names), law).equal


@pytest.mark.parametrize("kind, option", [("Synaptic", {"alpha": 1.0}), ("RLeaky", {"linear_features": 3})])
def test_a_reset_of_snntorch_that_wipes_a_step_rests_for_one(kind, option):
    """u goes on in the step that is wiped; whole numbers, so that nothing is rounded."""
    options = {**option, "beta": 1.0, "reset_mechanism": "zero", "threshold": 5.0, "init_hidden": True}
    cell = getattr(snn, kind)(**options)
    net = nn.Sequential(nn.Linear(2, 3, bias=False), cell)
    with torch.no_grad():
        if kind == "RLeaky":
            cell.recurrent.weight.copy_(torch.tensor([[7.0, 1.0, 0.0], [2.0, 0.0, 3.0], [0.0, -1.0, 1.0]]))
            cell.recurrent.bias.zero_()
        net[0].weight.copy_(torch.tensor([[2.0, 1.0], [3.0, -1.0], [6.0, 4.0]]))
    x = np.random.default_rng(0).integers(0, 2, (4, 12, 2))
    graph = export.from_torch(net, x.astype(np.float32))
    program = export.quantize(graph, x, weight_scale=16.0)
    (neuron,) = program.populations.values()
    assert type(neuron) is LIFRefractory and np.all(neuron.refractory == 1)
    spikes = run(graph, x.astype(float)).output
    assert spikes.sum() > 10 and np.array_equal(run(program, x).output, spikes)


def test_neurons_that_rest_differently_long():
    """Other rests in the file are others in the register; torch has no module for them."""
    x = np.ones((1, 9, 2), np.float32)
    net = nn.Sequential(nn.Linear(2, 2, bias=False), Refractory(1.0, 2, init_hidden=True))
    with torch.no_grad():
        net[0].weight.copy_(2 * torch.eye(2))
    graph = export.from_torch(net, x)
    graph.nodes["1_rested"] = nir.Delay(np.array([1, 3]) * graph.metadata["dt"])
    expected = [by_hand(2 * x[0, :, 0], 1.0, rest) for rest in (1, 3)]
    assert run(graph, x).output[0].T.tolist() == expected
    program = export.quantize(graph, x)
    assert program.populations["1"].refractory.tolist() == [1, 3]
    assert run(program, program.encode(x)).output[0].T.tolist() == expected
    with pytest.raises(Unsupported, match="one rest for all"):
        export.to_torch(graph)


def test_what_cannot_be_is_refused_in_a_line():
    x = np.ones((1, 5, 1), np.float32)
    graph = export.from_torch(Spiking(Refractory(0.5, 64)), x)
    with pytest.raises(Unsupported, match="node 'cell': 64 steps of rest have no hardware form; 63 have"):
        export.quantize(graph, x)
    with pytest.raises(ValueError, match="refractory = 0: from 1"):
        Refractory(0.5, 0)


def test_layer_by_layer_it_is_not_run_and_says_so():
    net, x = RecurrentNet(6, 5, 3, refractory=2).eval(), torch.ones(2, 10, 6)
    run_fused = Fused(net)
    assert torch.equal(run_fused(x), net(x)) and run_fused.reason == "Refractory has no fused form"


def test_the_diagnosis_knows_the_rest():
    net, x = on_grid(4, 6, 2, seed=3), np.random.default_rng(3).integers(0, 2, (3, 30, 4))
    graph = export.from_torch(net, x.astype(np.float32))
    program = export.quantize(graph, x, weight_scale=32.0)
    assert export.diagnose(graph, program, x).defects == []
    ((name, neuron),) = program.populations.items()
    longer = {name: replace(neuron, refractory=[2, 2, 5, 2, 2, 2])}
    other = Program(program.inputs, longer, program.connections, program.outputs, program.dt)
    (defect,) = export.diagnose(graph, other, x).defects
    assert (defect.reason, defect.text) == ("reset", "rest of 1 of 6 neurons; neuron 2: 2 steps in a, 5 in b")


def heard(n: int, seed: int) -> Split:
    """Spike counts of two classes: each has channels of its own."""
    rng, y = np.random.default_rng(seed), np.arange(n) % 2
    rates = np.where(np.arange(700)[None] % 2 == y[:, None], 0.2, 0.02)
    x = rng.poisson(rates[:, None], (n, 20, 700)).astype(np.uint8)
    return Split(x, y, tuple(f"{seed}-{i}" for i in range(n)))


def test_the_recipe_goes_through_to_the_chip(tmp_path):
    splits = Splits(heard(32, 0), heard(8, 1), heard(12, 2), "drawn")
    recipe = replace(load("shd"), splits=lambda data, seed, options: splits, ann=None)
    options = recipe.chosen("refractory", changes={"hidden": 12, "epochs": 2, "batch": 8})
    lava = None if deploy.missing("cpu") else deploy.run
    metrics = train_recipe(recipe, tmp_path / "run", options=options, lava=lava, progress=False)
    assert metrics["export_differences"] == 0
    assert metrics["lava_mismatches"] == (None if lava is None else 0)
    hidden = Program.load(tmp_path / "run" / "program.nir").populations["hidden_cell"]
    assert type(hidden) is LIFRefractory and np.all(hidden.refractory == 2)
    assert run(export.read(tmp_path / "run" / "graph.nir"), splits.test.x.astype(float)).output.any()
