"""Bit-true training: its forward pass is the Program's, its gradients are the surrogate's."""

import copy
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import snntorch as snn
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from torch import nn
from torch.nn import functional

from lavalier import export
from lavalier.export.linear_maps import Convolution, Few, Full
from lavalier.export.populations import Population
from lavalier.export.quantization import Quantization, quantization
from lavalier.export.rounding import Choice, Rounded
from lavalier.models.digits import load
from lavalier.simulate import Conv, Program, Sparse, reference
from lavalier.simulate.errors import BadInput, Unsupported
from lavalier.simulate.network import network_of
from lavalier.simulate.neurons import ALIF, LI, LIF, PLIF, LIFNoReset, LIFSubtract
from lavalier.simulate.synapses import weight_step
from lavalier.train.bit_true import BitTrue
from lavalier.train.speech import speech_clips
from lavalier.train.straight_through import through
from lavalier.train.unrolling import run_all

from .programs import events, programs
from .test_quantize import network, spikes

SHIPPED = Path(str(files("lavalier.models") / "digits.pt"))
TRAINED = ("weights", "biases", "thresholds", "decays")
SENDING = (LIF, PLIF, LIFSubtract, LIFNoReset)


def as_quantization(program: Program, rng: np.random.Generator) -> Quantization:
    """Return floats that a Program may have come from: what a drawn one needs to be trained."""
    floats, choices, connections = [], {}, []
    neurons = {name: simple(neuron) for name, neuron in program.populations.items()}
    for name, neuron in neurons.items():
        bits = int(rng.integers(1, 9))
        incoming = [on_bits(c, bits) for c in program.incoming(name)]
        connections += incoming
        alike = any(isinstance(c, Conv) for c in incoming)
        scale = np.exp(rng.uniform(-3, 3, 1 if alike else neuron.size)) * np.ones(neuron.size)
        keys = [(c.source, c.delay) for c in incoming]
        maps = {k: linear(c).scaled(1 / scale) for k, c in zip(keys, incoming, strict=True)}
        integers = {k: Rounded(c.values, c.weight_exp) for k, c in zip(keys, incoming, strict=True)}
        kept = {"alpha": (4095 - neuron.du.ravel()) / 4096, "beta": 1 - neuron.dv.ravel() / 4096}
        threshold = None if isinstance(neuron, LI) else neuron.vth.ravel() / scale
        p = Population(
            name,
            neuron.shape,
            **kept,
            threshold=threshold,
            bias=neuron.bias.ravel() / 64 / scale,
            weights=maps,
        )
        floats.append(p)
        choices[name] = Choice(scale, integers, bits)
    made = Program(program.inputs, neurons, tuple(connections), program.outputs, program.dt)
    return Quantization(network_of(network(0)), floats, choices, made, [])


def simple(neuron):
    """Return a neuron whose v starts at rest."""
    return replace(neuron, v0=0)


def on_bits(c, bits: int):
    """Return a connection with mixed signs and some bits."""
    step = weight_step(bits)
    weights = c.weights
    values = np.clip(np.rint(c.values / step) * step, -256, 256 - step).astype(int)
    weights = (
        csr_array((values, weights.indices, weights.indptr), shape=weights.shape)
        if isinstance(c, Sparse)
        else values
    )
    return replace(c, weights=weights, num_weight_bits=bits, sign_mode="mixed")


def linear(c):
    """Return a connection as a map in units of a_in."""
    values = np.ldexp(c.values.astype(float), c.weight_exp)
    if isinstance(c, Sparse):
        return Few(csr_array((values, c.weights.indices, c.weights.indptr), shape=c.shape))
    if isinstance(c, Conv):
        return Convolution(values, c.input_shape, c._windows(), c.groups)
    return Full(values)


def assert_runs(module: BitTrue, program: Program, x: dict[str, np.ndarray]) -> None:
    """Every u, v and s of the module is what the law says of a Program."""
    names = tuple(program.populations)
    law = reference.run(program, x, names)
    states = module.states({name: torch.from_numpy(values) for name, values in x.items()})
    for name in names:
        assert np.array_equal(states[name].u.numpy(), law.u[name]), name
        assert np.array_equal(states[name].v.numpy(), law.v[name]), name
        if program.sends(name):
            assert np.array_equal(states[name].s.numpy(), law.spikes[name]), name


def shaken(module: BitTrue, rng: np.random.Generator, size: float) -> None:
    """Move every float, as an optimizer might."""
    with torch.no_grad():
        for values in module.parameters():
            step = torch.from_numpy(rng.normal(0, size, values.shape))
            values += step * (values.abs().mean() + 1e-3)
    module.constrain()


@given(st.data(), programs(kinds=SENDING), st.sampled_from([1e-4, 0.03, 1.0, 1e3]), st.integers(0, 99))
@settings(max_examples=40)
def test_the_forward_pass_is_the_program_whatever_the_parameters(data, program, size, seed):
    rng = np.random.default_rng(seed)
    made = as_quantization(program, rng)
    module = BitTrue(made, train=TRAINED)
    x = data.draw(events(made.program))
    assert_runs(module, made.program, x)
    shaken(module, rng, size)
    assert_runs(module, module.program(), x)


def slow_outputs(module: BitTrue, x: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the outputs in float64, step by step: integers from the module, gradients from autograd."""
    cells = list(module._cells())
    with torch.no_grad():
        known = run_all(cells, module._events(x))
    batch, steps = next(iter(x.values())).shape[:2]
    sent = {name: [e.double().flatten(1) for e in values.unbind(1)] for name, values in x.items()}
    sent |= {c.name: [] for c in cells}
    zero = {c.name: torch.zeros(batch, len(c.scale), dtype=torch.float64) for c in cells}
    us = {c.name: [c.u0.double().expand(batch, -1)] for c in cells}
    vs = {c.name: [zero[c.name]] for c in cells}
    registers = {c.name: {n: r.double() for n, r in c.registers().items()} for c in cells}
    matrices = {
        c.name: [dense(s, places_of(module, c.name, k)) for k, s in zip(c.keys, c.synapses, strict=True)]
        for c in cells
    }
    for t in range(steps):
        for c in cells:
            r, form, ran = registers[c.name], c.form, known[c.name]
            a_in = zero[c.name]
            for (source, delay), matrix, s in zip(c.keys, matrices[c.name], c.synapses, strict=True):
                if delay <= t:
                    a_in = a_in + sent[source][t - delay] @ matrix.T * 2.0**s.exp
            fired = sent[c.name][-1].detach() if t else zero[c.name]
            before = vs[c.name][-1] * (1 - fired) if form.clears else vs[c.name][-1]
            u = through(us[c.name][-1] * r["left_u"] / 4096 + 64 * a_in, ran.u[:, t].double())
            v = before * r["left_v"] / 4096 + u + r["bias"] - form.drops * fired * 64 * r["vth"]
            v = torch.where(ran.v[:, t].abs() < 2**23 - 1, v, v.detach())
            v = through(v, ran.v[:, t].double())
            x_s = (v - 64 * r["vth"]) / torch.from_numpy(form.width).double()
            spike = through(x_s / (1 + form.slope * x_s.abs()), ran.s[:, t].double())
            us[c.name].append(u)
            vs[c.name].append(v)
            sent[c.name].append(spike)
    found = {c.name: (sent if c.form.sends else vs)[c.name][-steps:] for c in cells}
    outputs = module.program().outputs
    units = {c.name: 1 if c.form.sends else 64 * c.scale for c in cells}
    return {name: torch.stack(found[name], 1) / units[name] for name in outputs}


def places_of(module: BitTrue, name: str, key) -> np.ndarray:
    """Return which stored weight each entry of a dense matrix is, from 1; 0 is none."""
    made = module._quantization
    (p,) = (p for p in made.floats if p.name == name)
    stored = p.weights[key].scaled(made.choices[name].scale)
    matrix = stored.replaced(1.0 + np.arange(stored.stored.size).reshape(stored.stored.shape)).matrix
    return (matrix if isinstance(matrix, np.ndarray) else matrix.toarray()).astype(int)


def dense(synapses, places: np.ndarray) -> torch.Tensor:
    stored = torch.cat([torch.zeros(1), synapses.integers().flatten()]).double()
    return stored[torch.from_numpy(places)]


@given(st.data(), programs(kinds=SENDING), st.integers(0, 99))
@settings(max_examples=40)
def test_gradients_are_those_of_the_surrogate_step_by_step(data, program, seed):
    rng = np.random.default_rng(seed)
    module = BitTrue(as_quantization(program, rng), train=TRAINED, slope=float(rng.uniform(0.5, 10)))
    shaken(module, rng, 0.1)
    x = {name: torch.from_numpy(v).float() for name, v in data.draw(events(module.program())).items()}
    quick = module(x)
    quick = quick if isinstance(quick, dict) else {module.program().outputs[0]: quick}
    slow = slow_outputs(module, x)
    aims = {name: torch.from_numpy(rng.normal(size=o.shape)) for name, o in quick.items()}
    assert quick.keys() == slow.keys()
    gradients = []
    for outputs in (quick, slow):
        module.zero_grad()
        sum((outputs[n].double().flatten() * aims[n].flatten()).sum() for n in aims).backward()
        learning = ((n, p) for n, p in module.named_parameters() if p.requires_grad)
        gradients.append({n: torch.zeros_like(p) if p.grad is None else p.grad for n, p in learning})
    for name, values in gradients[0].items():
        other = gradients[1][name]
        assert torch.allclose(values, other, rtol=1e-3, atol=1e-4 * float(torch.linalg.vector_norm(other))), (
            name
        )


@pytest.mark.parametrize("bits", range(1, 9))
def test_it_begins_as_the_quantized_program(bits):
    made = quantization(network(bits), spikes(), bits)
    assert BitTrue(made).program() == made.program


def snntorch_modules() -> dict[str, nn.Module]:
    torch.manual_seed(0)
    zero: dict = {"reset_mechanism": "zero", "reset_delay": False, "init_hidden": True}
    subtract: dict = {"init_hidden": True}
    recurrent: dict = {**zero, "all_to_all": True, "linear_features": 9}
    return {
        "zero": nn.Sequential(nn.Linear(12, 9), snn.Leaky(0.9, **zero)),
        "subtract": nn.Sequential(nn.Linear(12, 9), snn.Leaky(0.9, **subtract)),
        "cuba": nn.Sequential(nn.Linear(12, 9, bias=False), snn.Synaptic(0.7, 0.9, **zero)),
        "recurrent": nn.Sequential(nn.Linear(12, 9), snn.RLeaky(0.9, **recurrent)),
        "slow": nn.Sequential(nn.Linear(12, 9), snn.Leaky(0.999, **zero)),
    }


@pytest.mark.parametrize("name", snntorch_modules())
def test_networks_of_snntorch_run_and_learn_as_their_programs(name):
    x = spikes()
    graph = export.from_torch(snntorch_modules()[name], torch.from_numpy(x).float())
    module = BitTrue(quantization(graph, x), train=TRAINED)
    rng = np.random.default_rng(0)
    rate = (torch.arange(9) % 3 + 1) / 8
    optimizer = torch.optim.Adam([{"params": p, "lr": 0.03 * size} for p, size in module.step_sizes()])
    losses = []
    for _ in range(40):
        loss = (module(torch.from_numpy(x)).mean((0, 1)) - rate).square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        module.constrain()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    assert_runs(module, module.program(), {"input": x})
    shaken(module, rng, 0.3)
    assert_runs(module, module.program(), {"input": x})


def test_the_output_and_the_gradients_are_in_the_units_of_the_float_network():
    clips = speech_clips(64, 0, "train")
    net = load(SHIPPED)
    graph = export.from_torch(net, clips.events[:20], dt=0.01)
    module = BitTrue(quantization(graph, clips.events))
    x, y = torch.from_numpy(clips.events).float(), torch.from_numpy(clips.labels)
    losses = []
    for trained in (net, module):
        losses.append(functional.cross_entropy(trained(x).mean(1), y, label_smoothing=0.1))
        losses[-1].backward()
    assert losses[1].item() == pytest.approx(losses[0].item(), rel=0.02)
    for linear, cells in zip((net.fc1, net.fc2, net.fc3), module.cells, strict=True):
        for theirs, ours in ((linear.weight, cells.synapses[0].weights), (linear.bias, cells.bias)):
            a, b = theirs.grad.flatten(), ours.grad.flatten()
            assert functional.cosine_similarity(a, b, dim=0) > 0.8
            assert 0.7 < b.norm() / a.norm() < 1.4


def test_whatever_a_step_does_the_program_is_legal():
    module = BitTrue(quantization(network(0), spikes()), train=TRAINED)
    for sign in (1, -1):
        with torch.no_grad():
            for values in module.parameters():
                values += sign * 1e9
        module.constrain()
        program = module.program()
        assert_runs(module, program, {"in": spikes()[:2, :10]})
    assert (program.populations["a"].dv == 4096).all() and (program.populations["a"].vth == 0).all()
    assert (program.incoming("a")[0].weights == -256).all()


def test_only_what_is_to_be_trained_learns():
    made = quantization(network(0), spikes())
    for name, kinds in (("weights", {"weights"}), ("thresholds", {"threshold"}), ("decays", {"beta"})):
        module = BitTrue(made, train=[name])
        learning = {n.rsplit(".", 1)[1] for n, p in module.named_parameters() if p.requires_grad}
        assert learning == kinds
        assert {id(p) for group, _ in module.step_sizes() for p in group} == {
            id(p) for p in module.parameters() if p.requires_grad
        }


def test_a_copy_is_a_network_of_its_own():
    module = BitTrue(quantization(network(0), spikes()))
    other = copy.deepcopy(module)
    shaken(other, np.random.default_rng(0), 0.5)
    assert other.program() != module.program() == BitTrue(quantization(network(0), spikes())).program()
    other.load_state_dict(module.state_dict())
    assert other.program() == module.program()


@pytest.mark.parametrize(
    "x, message",
    [
        (torch.zeros(2, 5, 11), r"x for 'in' is \(2, 5, 11\), not \(batch, steps, \*\(12,\)\)"),
        (torch.full((2, 5, 12), 0.5), "x for 'in' must hold whole numbers, 0 to 1"),
        (torch.full((2, 5, 12), 2.0), "x for 'in' must hold whole numbers, 0 to 1"),
        (torch.full((2, 5, 12), -1.0), "x for 'in' must hold whole numbers, 0 to 1"),
        (torch.full((2, 5, 12), torch.nan), "x for 'in' must hold whole numbers, 0 to 1"),
        ({"other": torch.zeros(2, 5, 12)}, "x is for other; the inputs are in"),
    ],
)
def test_what_is_no_input_is_refused(x, message):
    module = BitTrue(quantization(network(0), spikes()))
    with pytest.raises(BadInput, match=message):
        module(x)


def test_what_cannot_be_trained_is_refused():
    made = quantization(network(0), spikes())
    with pytest.raises(BadInput, match="train = .'delays'.: must be of weights, biases, thresholds, decays"):
        BitTrue(made, train=["delays"])
    with pytest.raises(BadInput, match="slope = 0: must be a positive number"):
        BitTrue(made, slope=0)
    neurons = dict(made.program.populations) | {"a": ALIF((10,), vth=5)}
    program = replace(made.program, populations=neurons)
    with pytest.raises(Unsupported, match="'a': no bit-true training of ALIF yet"):
        BitTrue(replace(made, program=program))
