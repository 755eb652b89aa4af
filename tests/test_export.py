"""from_torch: the written graph does what the module does, or there is a reason why not."""

import warnings
from collections import OrderedDict

import numpy as np
import pytest
import snntorch as snn
import torch
from torch import nn

from lavalier import export
from lavalier.models.neurons import Integrator
from lavalier.simulate import run
from lavalier.simulate.errors import BadInput, Mismatch, Unsupported
from lavalier.simulate.nir_file import first_difference


def leaky(n: int, **options) -> snn.Leaky:
    beta = torch.linspace(0.3, 0.98, n)
    return snn.Leaky(**({"beta": beta, "reset_mechanism": "zero"} | options))


class Loop(nn.Module):
    """Time loop inside forward, states explicit, per-neuron betas, thresholds learned."""

    def __init__(self, n_in: int = 5, readout: bool = True, **options):
        super().__init__()
        self.fc1 = nn.Linear(n_in, 8)
        self.hidden = leaky(8, learn_beta=True, learn_threshold=True, threshold=torch.rand(8), **options)
        self.fc2 = nn.Linear(8, 3, bias=False)
        self.last = Integrator(3) if readout else leaky(3)
        self.readout = readout

    def forward(self, x):
        mem, out = self.hidden.reset_mem(), torch.zeros(len(x), 3, dtype=x.dtype)
        states = []
        for t in range(x.shape[1]):
            spikes, mem = self.hidden(self.fc1(x[:, t]), mem)
            result = self.last(self.fc2(spikes), out)
            out = result if self.readout else result[1]
            states.append(result if self.readout else result[0])
        return torch.stack(states, 1)


def example(n: int = 5, steps: int = 40, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.5, 2, (4, steps, n))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("readout", [True, False])
def test_loop_inside(seed, readout):
    torch.manual_seed(seed)
    module = Loop(readout=readout)
    graph = export.from_torch(module, example(seed=seed), dt=1e-3)
    assert graph.metadata == {"dt": 1e-3}
    # on input that it was not verified with
    x = example(seed=seed + 100)
    hidden = []
    module.hidden.register_forward_hook(lambda layer, args, out: hidden.append(out[0]))
    with torch.no_grad():
        module(torch.tensor(x, dtype=torch.float32))
    trace = run(graph, x, record=["hidden"])
    ours, theirs = trace.spikes["hidden"], torch.stack(hidden, 1).numpy()
    assert 0.05 < theirs.mean() < 0.95
    assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("delay", [True, False])
def test_loop_outside_with_hidden_states(delay):
    torch.manual_seed(1)
    layers = [nn.Linear(5, 8), leaky(8, init_hidden=True, reset_delay=delay), nn.Dropout(0.5)]
    layers += [nn.Linear(8, 3), leaky(3, init_hidden=True, reset_delay=delay)]
    graph = export.from_torch(nn.Sequential(*layers), example())
    assert sorted(graph.nodes) == ["0", "1", "3", "4", "input", "output"]
    assert run(graph, example()).output.mean() > 0.01


def test_a_module_that_was_just_used():
    module = nn.Sequential(nn.Linear(5, 8), leaky(8, init_hidden=True))
    x = torch.tensor(example(), dtype=torch.float32)
    module(x[:, 0])  # its state has a history of gradients now
    fresh = export.from_torch(nn.Sequential(*module), x)
    assert run(fresh, example()).output.mean() > 0.01


def test_weights_that_are_no_numbers_are_refused():
    module = Loop()
    with torch.no_grad():
        module.fc1.weight[0, 0] = float("nan")
    with pytest.raises(BadInput, match="node 'fc1': weight holds nan"):
        export.from_torch(module, example())


def test_the_module_itself_is_left_alone():
    module = Loop()
    before = {k: v.clone() for k, v in module.state_dict().items()}
    export.from_torch(module, example())
    assert module.training and next(module.parameters()).dtype == torch.float32
    assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items())


def test_betas_at_and_beyond_their_ends():
    module = Loop()
    with torch.no_grad():
        module.hidden.beta.copy_(torch.tensor([0, 1, 1.5, -0.5, 0.9, 1, 0, 0.5]))
    graph = export.from_torch(module, example())
    assert np.isfinite(graph.nodes["hidden"].tau).all()
    with torch.no_grad():
        module.hidden.beta.fill_(1.0)
    assert type(export.from_torch(module, example()).nodes["hidden"]).__name__ == "IF"


def test_whole_numbers_note_their_range():
    events = np.random.default_rng(0).integers(0, 200, (2, 30, 5))
    assert export.from_torch(Loop(), events).nodes["input"].metadata == {"message_bits": 8}
    assert export.from_torch(Loop(), events > 100).nodes["input"].metadata == {"message_bits": 0}
    assert export.from_torch(Loop(), example()).nodes["input"].metadata == {}


def test_the_written_file_is_the_graph(tmp_path):
    graph = export.from_torch(Loop(), example(), dt=0.01)
    export.write(graph, tmp_path / "g.nir")
    assert first_difference(graph, export.read(tmp_path / "g.nir")) is None
    other = export.read(tmp_path / "g.nir")
    other.nodes["fc1"].weight[0, 0] += 1e-12
    assert first_difference(graph, other) == "node 'fc1': weight differs"
    assert first_difference(graph, export.read(tmp_path / "g.nir", dt=0.005)) == "dt is 0.01 and 0.005"


class Skip(Loop):
    def forward(self, x):
        mem, out, states = self.hidden.reset_mem(), torch.zeros(len(x), 3, dtype=x.dtype), []
        for t in range(x.shape[1]):
            current = self.fc1(x[:, t])
            spikes, mem = self.hidden(current, mem)
            out = self.last(self.fc2(spikes + current), out)
            states.append(out)
        return torch.stack(states, 1)


class Shared(Loop):
    def forward(self, x):
        return super().forward(x) + super().forward(x)


class Relu(Loop):
    """The membranes are those of the chain as long as nothing negative arrives."""

    def forward(self, x):
        mem, out, states = self.hidden.reset_mem(), torch.zeros(len(x), 3, dtype=x.dtype), []
        for t in range(x.shape[1]):
            spikes, mem = self.hidden(torch.relu(self.fc1(x[:, t])), mem)
            out = self.last(self.fc2(spikes), out)
            states.append(out)
        return torch.stack(states, 1)


class Summed(Loop):
    def forward(self, x):
        return super().forward(x).sum(1)


class Listed(Loop):
    def forward(self, x):  # type: ignore
        return [super().forward(x)]


class Extra(Loop):
    def forward(self, x):
        return super().forward(x) * 1.001


@pytest.mark.parametrize(
    "module, error, message",
    [
        (Loop(reset_mechanism="subtract"), Unsupported, "'hidden' .*reset_mechanism='subtract'"),
        (Loop(reset_mechanism="none"), Unsupported, "reset_mechanism='none'"),
        (Loop(graded_spikes_factor=3.0), Unsupported, "graded_spikes_factor"),
        (Loop(state_quant=lambda m: m), Unsupported, "state_quant"),
        (nn.Sequential(nn.Linear(5, 3), nn.ReLU(), leaky(3, init_hidden=True)), Unsupported, "'1' .ReLU."),
        (nn.Sequential(nn.Linear(5, 3)), Unsupported, "no spiking neuron"),
        (nn.Sequential(nn.Linear(6, 3), leaky(3, init_hidden=True)), BadInput, "does not run on the example"),
        (Skip(), Unsupported, "layer 'fc2' is not given what layer 'hidden' returned"),
        (Relu(), Unsupported, "layer 'hidden' is not given what layer 'fc1' returned"),
        (Summed(), Unsupported, r"forward returns a tensor \(4, 3\), not what its last layer 'last'"),
        (Listed(), Unsupported, "forward returns no tensor"),
        (Shared(), Unsupported, "ran 80 times in 40 steps"),
        (Extra(), Mismatch, "computes something after it"),
        (
            nn.Sequential(OrderedDict(output=nn.Linear(5, 3), n=leaky(3, init_hidden=True))),
            Unsupported,
            "rename",
        ),
    ],
    ids=lambda v: type(v).__name__ if isinstance(v, nn.Module) else None,
)
def test_what_has_no_exact_form_is_refused(module, error, message):
    with pytest.raises(error, match=message):
        export.from_torch(module, example())


def test_inhibition_is_refused():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = Loop(inhibition=True)
    with pytest.raises(Unsupported, match="inhibition"):
        export.from_torch(module, example())


def test_a_reset_swapped_after_the_walk_is_noticed(monkeypatch):
    """The verification is what makes the walk safe: spoil the walk, and the first spike is named."""
    from lavalier.export import tracing

    honest = tracing.nir_node

    def spoiled(layer, name, shape, dt):
        node = honest(layer, name, shape, dt)
        if name == "hidden":
            node.v_reset = node.v_reset - 0.5
        return node

    monkeypatch.setattr(tracing, "nir_node", spoiled)
    with pytest.raises(Mismatch, match=r"layer 'hidden': .* spikes, first at sample \d, step \d+, neuron \d"):
        export.from_torch(Loop(), example())


@pytest.mark.parametrize("bad", [np.zeros((2, 5)), np.zeros((0, 4, 5)), np.full((1, 4, 5), np.nan)])
def test_a_bad_example_is_refused(bad):
    with pytest.raises(BadInput, match="example"):
        export.from_torch(Loop(), bad)
