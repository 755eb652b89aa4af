"""The audit names what is no spike, and nothing else; binarize makes it one, and fine-tuning repairs it."""

import pytest
import snntorch as snn
import torch
from snntorch import surrogate
from torch import nn
from torch.nn import functional

from lavalier.export import audit, from_torch, quantize, to_torch
from lavalier.models.digits import DigitNet
from lavalier.models.neurons import Binary, Integrator
from lavalier.simulate import LI, run
from lavalier.simulate.errors import BadInput, Unsupported
from lavalier.train.binarize import binarize

from .test_quantize import network


def spikes(*shape: int, seed: int = 0) -> torch.Tensor:
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) < 0.4).float()


def found(module: nn.Module, n: int = 6) -> list[tuple[str, str]]:
    torch.manual_seed(0)
    return [(a.layer, a.kind) for a in audit(module, spikes(3, 8, n))]


class Soft(nn.Module):
    """A neuron as in `audiomnist`: every spike is a sigmoid, and so is its reset."""

    def __init__(self, n: int, hard: bool = False):
        super().__init__()
        self.beta = nn.Parameter(torch.zeros(n))
        self.hard = hard

    def forward(self, x, v):
        v = torch.sigmoid(self.beta) * v + x  # a nonlinear function of a parameter is no activation
        s = torch.sigmoid(5 * (v - 1))
        if self.hard:
            s = (v > 1).float() + s - s.detach()
        return s, v * (1 - s)


class SoftNet(nn.Module):
    def __init__(self, hard: bool = False):
        super().__init__()
        self.fc = nn.ModuleList([nn.Linear(6, 5), nn.Linear(5, 4)])
        self.neurons = nn.ModuleList([Soft(5, hard), Soft(4, hard)])

    def forward(self, x):
        v, out = [torch.zeros(()) for _ in self.fc], []
        for s in x.unbind(1):
            for i, (fc, neuron) in enumerate(zip(self.fc, self.neurons, strict=True)):
                s, v[i] = neuron(fc(s), v[i])
            out.append(s)
        return torch.stack(out, 1).sum(1)


def test_sigmoid_spikes_are_found_in_every_layer():
    assert found(SoftNet()) == [("neurons.0", "Soft, sigmoid"), ("neurons.1", "Soft, sigmoid")]
    (first, _) = audit(SoftNet(), spikes(3, 8, 6))
    assert (first.share, first.values) == (1.0, 3 * 8 * 5) and 0 < first.low < first.high < 1
    assert "layer 'neurons.0' (Soft, sigmoid): 100.0 % of its values are neither 0 nor 1" in str(first)


class Front(nn.Module):
    """As in `ssc`: layers of ReLU a step, then the only spiking layer; steps come first or second."""

    def __init__(self, axis: int, functional: bool):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(6, 5), nn.Linear(5, 5), nn.Linear(5, 4)
        self.relu = functional_relu if functional else nn.ReLU()
        self.leaky, self.axis = snn.Leaky(0.9), axis

    def forward(self, x):
        if not self.axis:
            x = x.transpose(0, 1)
        mem, out, dense = torch.zeros(()), [], self.relu(self.fc1(x))
        for t in range(x.shape[self.axis]):
            h = self.relu(self.fc2(dense[:, t] if self.axis else dense[t]))
            spk, mem = self.leaky(self.fc3(h), mem)
            out.append(spk)
        return torch.softmax(torch.stack(out, 1).mean(1), -1)  # the readout is the host's


def functional_relu(x: torch.Tensor) -> torch.Tensor:
    return functional.relu(x)


@pytest.mark.parametrize("axis", [0, 1])
def test_relu_layers_in_front_are_found(axis):
    assert found(Front(axis, functional=False)) == [("relu", "ReLU")]
    assert found(Front(axis, functional=True)) == [("", "relu")]


def test_a_sigmoid_between_spiking_layers_is_found():
    layers = [nn.Linear(6, 5), snn.Leaky(0.5, init_hidden=True), nn.Linear(5, 4), nn.Sigmoid(), nn.Dropout()]
    net = nn.Sequential(*layers, nn.Linear(4, 4), snn.Leaky(0.5, init_hidden=True), nn.Sigmoid())
    assert found(net) == [("3", "Sigmoid")]  # the last one is a readout


def test_a_surrogate_in_forward_is_found():
    loose = snn.Leaky(0.9, spike_grad=lambda margin: torch.sigmoid(5 * margin), init_hidden=True)
    assert found(nn.Sequential(nn.Linear(6, 4), loose)) == [("1", "Leaky")]


class OwnSpike(torch.autograd.Function):
    @staticmethod
    def forward(ctx, v: torch.Tensor) -> torch.Tensor:
        return (v > 0).float()


class Parametric(nn.Module):
    """PLIF: the decay is a sigmoid of a parameter, the spikes are spikes."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(6))

    def forward(self, x, v=None):
        v = torch.sigmoid(self.w) * (torch.zeros_like(x) if v is None else v) + x
        s: torch.Tensor = OwnSpike.apply(v - 0.5)  # type: ignore[assignment]
        return s, v * (1 - s)


@pytest.mark.parametrize(
    "net, n",
    [
        (DigitNet(n_hidden=(8, 6)), 40),
        (SoftNet(hard=True), 6),
        (to_torch(network(0)), 12),
        (Parametric(), 6),
        (nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), snn.Leaky(0.9, init_hidden=True)), 6),
        (nn.Sequential(nn.Linear(6, 4), snn.Leaky(0.9, graded_spikes_factor=2.5, init_hidden=True)), 6),
        (nn.Sequential(nn.Linear(6, 6), Binary(torch.relu, 0.5), nn.Linear(6, 2)), 6),
    ],
)
def test_spiking_networks_have_none(net, n):
    torch.manual_seed(0)
    assert audit(net.train(), 3 * spikes(4, 8, n)) == []
    assert net.training  # a copy ran


def test_what_does_not_run_is_one_clear_line():
    with pytest.raises(BadInput, match=r"example is \(2, 3\), not"):
        audit(SoftNet(), spikes(2, 3))
    with pytest.raises(BadInput, match="does not run on the example"):
        audit(SoftNet(), spikes(2, 3, 7))


def test_from_torch_points_to_the_audit():
    for net in (Front(1, functional=True), Front(1, functional=False)):
        with pytest.raises(Unsupported, match=r"export.audit\(module, example\)"):
            from_torch(net, spikes(2, 4, 6))
    loose = snn.Leaky(0.9, spike_grad=lambda margin: torch.sigmoid(5 * margin), init_hidden=True)
    with pytest.raises(Unsupported, match=r"spike_grad is not 1.*export.audit\(module, example\)"):
        from_torch(nn.Sequential(nn.Linear(6, 4), loose), spikes(2, 4, 6))


class Toy(nn.Module):
    """Sigmoid "spikes" and ReLU before a spiking layer and an integrator."""

    def __init__(self):
        super().__init__()
        self.before = nn.Sequential(nn.Linear(8, 16), nn.Sigmoid(), nn.Linear(16, 16), nn.ReLU())
        self.fc = nn.Linear(16, 16)
        self.leaky = snn.Leaky(0.8, reset_mechanism="zero", spike_grad=surrogate.fast_sigmoid(5))
        self.out, self.readout = nn.Linear(16, 4), Integrator(4).requires_grad_(False)

    def forward(self, x):
        mem, v, out = torch.zeros(len(x), 16), torch.zeros(len(x), 4), []
        for t in range(x.shape[1]):
            spk, mem = self.leaky(self.fc(self.before(x[:, t])), mem)
            v = self.readout(self.out(spk), v)
            out.append(v)
        self.leaky.reset_mem()
        return torch.stack(out, 1)


def task() -> tuple[torch.Tensor, torch.Tensor]:
    """Which of four drawn patterns is it, in noise."""
    labels = torch.arange(120) % 4
    patterns = spikes(4, 8, seed=3)
    flips = spikes(120, 10, 8, seed=4) * spikes(120, 10, 8, seed=5)
    return (patterns[labels][:, None] - flips).abs(), labels


def fit(net: nn.Module, epochs: int) -> None:
    (x, labels), optimizer = task(), torch.optim.Adam(net.parameters(), 1e-2)
    for _ in range(epochs):
        optimizer.zero_grad()
        functional.cross_entropy(net(x).mean(1), labels).backward()
        optimizer.step()


def accuracy(net: nn.Module) -> float:
    x, labels = task()
    with torch.no_grad():
        return float((net(x).mean(1).argmax(1) == labels).float().mean())


def test_fine_tuning_restores_what_binarize_costs():
    torch.manual_seed(1)
    net, (x, _) = Toy(), task()
    fit(net, 60)
    assert [(a.layer, a.kind) for a in audit(net, x)] == [("before.1", "Sigmoid"), ("before.3", "ReLU")]
    made = binarize(net, x)
    dropped = accuracy(made)
    assert accuracy(net) > 0.95 and dropped < 0.8
    fit(made, 60)
    assert accuracy(made) > 0.95 and audit(made, x) == []
    graph = from_torch(made, x.numpy())
    program = quantize(graph, x.numpy())
    fixed = torch.from_numpy(run(program, x.numpy().astype(int)).output.sum(1)).argmax(1)
    assert isinstance(program.populations["readout"], LI)
    assert float((fixed == task()[1]).float().mean()) > 0.95


def test_binarize_puts_a_threshold_before_a_loose_surrogate():
    loose = snn.Leaky(0.9, spike_grad=lambda margin: torch.sigmoid(5 * margin), init_hidden=True)
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 4), loose)
    made, x = binarize(net, 3 * spikes(2, 8, 6)), torch.linspace(-1, 1, 9, requires_grad=True)
    spike_grad = made.get_submodule("1").spike_grad
    assert torch.equal(spike_grad(x), (x > 0).float()) and audit(made, 3 * spikes(2, 8, 6)) == []
    (gradient,) = torch.autograd.grad(spike_grad(x).sum(), x)
    soft = torch.sigmoid(5 * x)
    assert torch.allclose(gradient, 5 * soft * (1 - soft))
    assert not isinstance(loose.spike_grad, Binary)  # the given one stays as it is


def test_binarize_refuses_what_only_its_author_can_change():
    with pytest.raises(Unsupported, match=r"'neurons.0' \(Soft, sigmoid\).*binarize replaces"):
        binarize(SoftNet(), spikes(2, 8, 6))
    with pytest.raises(Unsupported, match=r"the module itself \(relu\)"):
        binarize(Front(1, functional=True), spikes(2, 8, 6))
