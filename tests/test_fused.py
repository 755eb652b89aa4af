"""Training layer by layer: the spikes and gradients of the module's own loop."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from time import sleep

import numpy as np
import pytest
import snntorch as snn
import torch
from snntorch import surrogate
from torch import nn
from torch.nn import functional

from lavalier.models.neurons import Integrator
from lavalier.train.fused import Fused
from lavalier.train.fused import events as fused_events
from lavalier.train.fused.events import add_turned_product, add_up, found, product, turned
from lavalier.train.fused.room import room
from lavalier.train.fused.threads import gathering, shared

BATCH, STEPS, N_IN, N = 3, 12, 7, 5
CLOSE = 1e-9  # relative, of norms, in float64


class FastSigmoid(surrogate.FastSigmoid):
    """snnTorch's, whose spikes keep the type of the membrane: its own are float32."""

    @staticmethod
    def forward(ctx, input_, slope):
        return surrogate.FastSigmoid.forward(ctx, input_, slope).to(input_.dtype)


class ATan(surrogate.ATan):
    """As FastSigmoid."""

    @staticmethod
    def forward(ctx, input_, alpha):
        return surrogate.ATan.forward(ctx, input_, alpha).to(input_.dtype)


class Sigmoid(surrogate.Sigmoid):
    """As FastSigmoid."""

    @staticmethod
    def forward(ctx, input_, slope):
        return surrogate.Sigmoid.forward(ctx, input_, slope).to(input_.dtype)


# what the loop uses, and what the fused run is given: two are known by name
SURROGATES = {
    "fast_sigmoid": (lambda x: FastSigmoid.apply(x, 5), surrogate.fast_sigmoid(5)),
    "atan": (lambda x: ATan.apply(x, 1.5), surrogate.atan(1.5)),
    "sigmoid": (lambda x: Sigmoid.apply(x, 4), surrogate.sigmoid(4)),
}


class Net(nn.Module):
    """Linear, a layer of neurons, Linear, integrators; the loop over steps as snnTorch's users write it."""

    def __init__(self, neuron):
        super().__init__()
        self.fc, self.neuron, self.out = nn.Linear(N_IN, N), neuron, nn.Linear(N, 2)
        self.readout = Integrator(2, 0.9)

    def forward(self, x):
        states = self.neuron.reset_mem()
        states = states if isinstance(states, tuple) else (states,)
        mem, outputs = torch.zeros(len(x), 2, dtype=x.dtype), []
        for now in x.unbind(1):
            spikes, *states = self.neuron(self.fc(now), *states)
            if isinstance(self.neuron, snn.RLeaky | snn.RSynaptic):
                states = [spikes, *states]
            mem = self.readout(self.out(spikes), mem)
            outputs.append(mem)
        return torch.stack(outputs, 1)


def learned(kind, **options):
    """A layer of neurons in which everything learns, each neuron on its own."""
    decays = {"beta": torch.linspace(0.3, 0.99, N), "threshold": torch.linspace(0.5, 1.2, N)}
    if kind in (snn.Synaptic, snn.RSynaptic):
        decays |= {"alpha": torch.linspace(0.9, 0.1, N), "learn_alpha": True}
    if kind in (snn.RLeaky, snn.RSynaptic):
        decays |= {"linear_features": N}
    return kind(**decays, learn_beta=True, learn_threshold=True, **options)


def gradients(run, module, x):
    """The output, and the gradients of a loss by all parameters and the input."""
    module.zero_grad()
    x = x.clone().requires_grad_()
    output = run(x)
    (output * torch.linspace(-1, 1, output.numel(), dtype=x.dtype).view(output.shape)).sum().backward()
    return output.detach(), {"x": x.grad} | {n: p.grad.clone() for n, p in module.named_parameters()}


def assert_close(a, b, within=CLOSE):
    assert a.keys() == b.keys()
    for name in a:
        scale = b[name].norm()
        assert (a[name] - b[name]).norm() <= within * max(scale, 1e-12), name


def events(seed=0, density=0.3, shape=(BATCH, STEPS, N_IN)):
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.rand(shape, generator=generator)
    return (drawn < density) * torch.randint(1, 4, shape, generator=generator).double()


CASES = [
    (kind, reset, delay, "fast_sigmoid")
    for kind, reset, delay in itertools.product(
        (snn.Leaky, snn.Synaptic, snn.RLeaky, snn.RSynaptic), ("subtract", "zero", "none"), (True, False)
    )
    if delay or kind is not snn.RSynaptic  # whose immediate reset fails in its first step
] + [(snn.Leaky, "subtract", True, "atan"), (snn.RLeaky, "subtract", True, "sigmoid")]


@pytest.mark.parametrize("kind, reset, delay, spike_grad", CASES)
def test_gradients_are_those_of_the_loop(kind, reset, delay, spike_grad):
    torch.manual_seed(0)
    loop, named = SURROGATES[spike_grad]
    neuron = learned(kind, reset_mechanism=reset, reset_delay=delay, spike_grad=loop)
    net, x = Net(neuron).double(), events()
    output, expected = gradients(net, net, x)
    run = Fused(net)
    run.prepare(x)
    neuron.spike_grad = named
    got_output, got = gradients(run, net, x)
    assert run.reason is None
    assert (output - got_output).abs().max() < CLOSE
    assert expected["neuron.threshold"].abs().sum() > 0
    assert_close(got, expected)


class Cell(nn.Module):
    """A recurrent layer by hand: W s + b from the second step on, dropout behind it, a skip one step late."""

    def __init__(self, neuron, p=0.0):
        super().__init__()
        self.fc, self.neuron, self.out = nn.Linear(N_IN, N), neuron, nn.Linear(N, 2)
        self.inward, self.recurrent, self.onward = nn.Dropout(p), nn.Linear(N, N), nn.Dropout(p)
        self.skip = nn.Linear(N_IN, 2)

    def forward(self, x):
        mem, spikes, outputs = self.neuron.reset_mem(), None, []
        for t in range(x.shape[1]):
            z = self.inward(self.fc(x[:, t]))
            if spikes is not None:
                z = z + self.onward(self.recurrent(spikes))
            spikes, mem = self.neuron(z, mem)
            late = 2 * self.skip(x[:, t - 1]) if t else 0
            outputs.append(self.out(spikes) + late)
        return torch.stack(outputs, 1)


def test_a_loop_by_hand_is_a_recurrent_layer():
    torch.manual_seed(0)
    loop, _ = SURROGATES["fast_sigmoid"]
    net, x = Cell(learned(snn.Leaky, spike_grad=loop)).double(), events()
    output, expected = gradients(net, net, x)
    run = Fused(net)
    got_output, got = gradients(run, net, x)
    assert run.reason is None
    assert (output - got_output).abs().max() < CLOSE
    assert expected["recurrent.bias"].abs().sum() > 0
    assert_close(got, expected)


class Kept(nn.Dropout):
    """Dropout that keeps what it drew, and can be given that back step by step."""

    given, calls = None, 0

    def forward(self, input):
        if self.given is None:
            self.drawn = (torch.rand_like(input) > self.p).to(input) / (1 - self.p) if self.training else 1.0
            return input * self.drawn
        self.calls += 1
        return input * self.given[:, self.calls - 1]


def test_dropout_is_drawn_for_every_step_and_has_its_gradient():
    torch.manual_seed(0)
    loop, _ = SURROGATES["fast_sigmoid"]
    net, x = Cell(learned(snn.Leaky, spike_grad=loop)).double(), events()
    net.inward, net.onward = Kept(0.5), Kept(0.5)
    run = Fused(net)
    got_output, got = gradients(run, net, x)
    assert run.reason is None
    for dropout, first in ((net.inward, 0), (net.onward, 1)):
        dropout.given = dropout.drawn.reshape(BATCH, STEPS, N)[:, first:]
        assert 0.3 < (dropout.given == 0).double().mean() < 0.7
    output, expected = gradients(net, net, x)
    assert (output - got_output).abs().max() < CLOSE
    assert_close(got, expected)


def test_a_convolution_and_a_dense_input():
    torch.manual_seed(0)
    loop, _ = SURROGATES["fast_sigmoid"]

    class Convolved(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.lif = nn.Conv1d(1, 2, 3), snn.Leaky(0.8, threshold=0.1, spike_grad=loop)
            self.relu, self.fc, self.last = nn.ReLU(), nn.Linear(10, 3), snn.Leaky(0.5, spike_grad=loop)

        def forward(self, x):
            a, b, sent = self.lif.reset_mem(), self.last.reset_mem(), []
            for now in x.unbind(1):
                s, a = self.lif(self.conv(now[:, None]), a)
                s, b = self.last(self.relu(self.fc(s.flatten(1))), b)
                sent.append(s + b)
            return torch.stack(sent, 1)

    net, x = Convolved().double(), torch.randn(BATCH, STEPS, N_IN, dtype=torch.float64)
    output, expected = gradients(net, net, x)
    run = Fused(net)
    got_output, got = gradients(run, net, x)
    assert run.reason is None
    assert (output - got_output).abs().max() < CLOSE
    assert_close(got, expected)


class Refused(nn.Module):
    """A layer of neurons, and something that is not run layer by layer."""

    def __init__(self, more=None, last=lambda x: x):
        super().__init__()
        self.fc, self.lif, self.more, self.last = nn.Linear(N_IN, N), snn.Leaky(0.9), more, last

    def forward(self, x):
        mem, sent = self.lif.reset_mem(), []
        for now in x.unbind(1):
            z = self.fc(now)
            spikes, mem = self.lif(z if self.more is None else self.more(z), mem)
            sent.append(spikes)
        return self.last(torch.stack(sent, 1))


@pytest.mark.parametrize(
    "module, reason",
    [
        (Refused(nn.BatchNorm1d(N)), "layer 'more' (BatchNorm1d) has no fused form"),
        (Refused(nn.Softmax(1)), "layer 'more' (Softmax) cannot be exported"),
        (Refused(last=lambda x: x.mean(1)), "forward does not return (batch, steps, ...)"),
        (Refused(last=lambda x: x.transpose(0, 1)), "forward does not return (batch, steps, ...)"),
        (Refused(last=lambda x: functional.dropout(x, 0.5)), "forward does not return (batch, steps, ...)"),
        (Refused(last=torch.sigmoid), "forward does not return (batch, steps, ...)"),
    ],
)
def test_what_is_not_run_layer_by_layer_is_run_as_it_is(module, reason):
    run, x = Fused(module), events().float()
    run.prepare(x)
    assert run.reason.startswith(reason)
    torch.manual_seed(1)
    got = run(x)
    torch.manual_seed(1)
    assert torch.equal(got, module(x))


def test_a_module_with_hooks_is_run_as_it_is():
    module, called = Refused(), []
    module.fc.register_forward_hook(lambda *_: called.append(1))
    run = Fused(module)
    run(events().float())
    assert run.reason == "a layer has hooks, which would not be called" and len(called) == STEPS


@pytest.mark.parametrize("rows, columns, n", [(1, 1, 1), (40, 33, 17), (300, 700, 20)])
@pytest.mark.parametrize("density", [0.0, 0.05, 1.0])
@pytest.mark.parametrize("cache", [fused_events.CACHE, 2000])
def test_products_of_events_are_those_of_matrices(monkeypatch, rows, columns, n, density, cache):
    monkeypatch.setattr(fused_events, "CACHE", cache)  # blocks of a few rows and columns
    drawn = np.random.default_rng(0)
    x = (drawn.random((rows, columns)) < density) * drawn.integers(1, 9, (rows, columns)).astype(float)
    dense, back = drawn.integers(-9, 9, (columns, n)) + 0.0, drawn.integers(-9, 9, (rows, n)) + 0.0
    out, gradient = np.ones((rows, n)), np.zeros((columns, n))
    events = found(x)
    assert events is not None
    product(events, dense, out)
    product(turned(events), back, gradient)
    assert np.array_equal(out, 1 + x @ dense)
    assert np.array_equal(gradient, x.T @ back)
    add_turned_product(events, back, gradient)
    assert np.array_equal(gradient, 2 * (x.T @ back))
    total = np.ones(n)
    add_up(back, total)
    assert np.array_equal(total, 1 + back.sum(0))
    start = np.arange(n) + 0.5
    product(events, dense, out, start)
    assert np.array_equal(out, start + x @ dense)


def test_results_do_not_depend_on_the_number_of_threads():
    net, x = Net(learned(snn.RLeaky)), events(shape=(9, STEPS, N_IN)).float()
    threads, results = torch.get_num_threads(), []
    try:
        for n in (1, 3):
            torch.set_num_threads(n)
            results.append(gradients(Fused(net), net, x))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(results[0][0], results[1][0])
    assert all(torch.equal(a, b) for a, b in zip(*(g.values() for _, g in results), strict=True))


def test_memory_that_nobody_holds_is_given_again_and_held_memory_never():
    like, size = torch.zeros(1), (3, 65537)
    first, second = room(size, like), room(size, like)
    held, free = first.data_ptr(), second.data_ptr()
    first[:] = 7
    kept = first.view(-1)[5:]  # a view holds it too
    del first, second
    third, fourth = room((2, 65537), like), room(size, like)
    assert (third.data_ptr(), third.shape) == (free, (2, 65537))
    assert fourth.data_ptr() not in (held, free)
    assert torch.equal(kept, torch.full_like(kept, 7))
    assert room((4, 4), like).data_ptr() not in (held, free)  # far too large a block


def test_threads_that_are_busy_with_another_s_work_are_not_waited_for():
    threads, started, done = torch.get_num_threads(), Barrier(4), []

    def outer(_: int) -> None:
        started.wait(timeout=60)  # all four hold a worker each, so that none is left to help
        shared(8, lambda low, high: done.append((low, high)), each=1)

    def call(i: int) -> None:
        torch.set_num_threads(4)
        gathering(outer)(i)

    try:
        with ThreadPoolExecutor(4) as callers:
            list(callers.map(call, range(4)))
    finally:
        torch.set_num_threads(threads)
    assert sorted(done) == sorted([(i, i + 1) for i in range(8)] * 4)


def test_an_error_in_a_helper_is_not_lost():
    threads = torch.get_num_threads()

    def work(low: int, high: int) -> None:
        sleep(0.05)
        if low == 1:
            raise KeyError(low)

    try:
        torch.set_num_threads(2)
        with pytest.raises(KeyError):
            gathering(shared)(2, work)
    finally:
        torch.set_num_threads(threads)


def test_what_only_training_does_is_found_when_training_begins():
    module, x = Refused(last=lambda x: x), events().float()
    module.last = lambda y: functional.dropout(y, 0.5, module.training)
    module.eval()
    run = Fused(module)
    assert torch.equal(run(x), module(x)) and run.reason is None
    module.train()
    run(x)
    assert run.reason is not None
