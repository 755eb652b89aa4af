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
        learned = {"learn_beta": True, "learn_threshold": True, "threshold": torch.rand(8)}
        self.hidden = leaky(8, **(learned | options))
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
    with pytest.raises(BadInput, match=r"node 'fc1' \(Affine\): weight holds nan"):
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
    assert np.isfinite(graph.nodes["hidden"].tau_mem).all()
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


def steps(one):
    """A module whose steps are one(self, x, mem) -> spikes, mem; the loop is around them."""

    class Steps(Loop):
        def forward(self, x):
            mem, sent = torch.zeros(len(x), 8), []
            for x_t in x.unbind(1):
                spikes, mem = one(self, x_t, mem)
                sent.append(spikes)
            return torch.stack(sent, 1)

    return Steps()


ON_FC1 = {
    "relu": (torch.relu, "'hidden' is given what torch's 'relu' makes of layer 'fc1'"),
    "sigmoid": (torch.sigmoid, "'sigmoid' makes of layer 'fc1'"),
    "constant": (lambda x: x + 1.0, "'hidden' is given a constant of 1.0 beside other terms"),
    "tensor": (lambda x: x + torch.arange(8.0), "'hidden' is given a constant"),
    "product": (lambda x: x * x, "'mul' makes of layer 'fc1'"),
    "vector": (lambda x: x * torch.arange(8.0), "'mul' makes of layer 'fc1'"),
    "in place": (lambda x: x.clamp_(0), "'clamp' makes of layer 'fc1'"),
    "view in place": (lambda x: (x[:, :4].mul_(2), x)[1], "computed in place on layer 'fc1'"),
    "mixed up": (lambda x: x.flip(1), "'flip' makes of layer 'fc1'"),
    "permuted": (lambda x: x.view(-1, 2, 4).transpose(1, 2).flatten(1), "'transpose' makes of layer 'fc1'"),
    "cat": (lambda x: torch.cat([x[:, :4], x[:, 4:]], 1), "'getitem' makes of layer 'fc1'"),
    "spread": (lambda x: x + x[:, :1], "makes of layer 'fc1'"),
    "rounded": (lambda x: x.to(torch.int64) + 0.0, "'to' makes of layer 'fc1'"),
    "dropout": (lambda x: nn.functional.dropout(x, 0.5), "'dropout' makes of layer 'fc1'"),
    "numpy": (lambda x: torch.as_tensor(x.numpy()), r"reads layer 'fc1' in step 0 as a number \('numpy'"),
    "item": (lambda x: x * x.max().item(), "reads .*'max'.* as a number .'item'"),
    "decision": (lambda x: -x if x.sum() > 0 else x, "as a number .'bool'"),
}


@pytest.mark.parametrize("case", ON_FC1)
def test_what_forward_computes_by_itself_is_refused(case):
    function, message = ON_FC1[case]
    module = steps(lambda self, x, mem: self.hidden(function(self.fc1(x)), mem))
    with pytest.raises(Unsupported, match=message):
        export.from_torch(module, example())


def swapped(self, x, mem):
    spikes, _ = self.hidden(self.fc1(x), mem)
    return spikes, self.fc1(x)


def every_other(self, x, mem):
    self.count = getattr(self, "count", 0) + 1
    return self.hidden(self.fc1(x) * (1 + self.count % 2), mem)


def twice(self, x, mem):
    _, mem = self.hidden(self.fc1(x), mem)
    return self.hidden(self.fc1(x), mem)


STATES = {
    "new in every step": (
        lambda self, x, mem: self.hidden(self.fc1(x), torch.zeros_like(mem)),
        "'hidden' gets zeros as its mem in step 1, not mem of layer 'hidden' in step 0",
    ),
    "reset in every step": (
        lambda self, x, mem: self.hidden(self.fc1(x), self.hidden.reset_mem()),
        "'hidden' gets zeros as its mem in step 1",
    ),
    "halved": (
        lambda self, x, mem: self.hidden(self.fc1(x), mem / 2),
        "gets 0.5 times mem of layer 'hidden' in step 0 as its mem",
    ),
    "not zero": (
        lambda self, x, mem: self.hidden(self.fc1(x), mem + (not mem.shape[0] == 0)),
        "'hidden' starts from a constant.* as its mem",
    ),
    "swapped": (swapped, "gets layer 'fc1' in step 1 as its mem"),
    "every other step": (
        every_other,
        "'hidden' is given layer 'fc1' in step 1 at step 1, but 2 times layer 'fc1' in step 0 at step 0",
    ),
    "twice": (twice, "layer 'fc1' ran 80 times in 40 steps; if it stands in several"),
}


@pytest.mark.parametrize("case", STATES)
def test_states_that_are_not_kept_are_refused(case):
    one, message = STATES[case]
    with pytest.raises(Unsupported, match=message):
        export.from_torch(steps(one), example())


class Integrates(Loop):
    """An integrator in plain torch: a sum over all steps, which no fixed number of delays makes."""

    def forward(self, x):
        mem, total, out, sent = torch.zeros(len(x), 8), 0, torch.zeros(len(x), 3), []
        for x_t in x.unbind(1):
            spikes, mem = self.hidden(self.fc1(x_t), mem)
            total = 0.9 * total + self.fc2(spikes)
            out = self.last(total, out)
            sent.append(out)
        return torch.stack(sent, 1)


class Needs(Loop):
    def forward(self, x, mem):  # type: ignore[override]
        return self.hidden(self.fc1(x), mem)


class OwnLinear(nn.Linear):
    def forward(self, input):
        return super().forward(input) + 1


def returning(change):
    """The module with something done to what it returns."""

    class Changed(Loop):
        def forward(self, x):
            return change(super().forward(x))

    return Changed()


def hidden(n, **options):
    return snn.Leaky(0.9, init_hidden=True, **options)


def before(*layers, n=3):
    return nn.Sequential(*layers, hidden(n))


def on_images(layer):
    return before(nn.Unflatten(1, (1, 5, 1)), layer, nn.Flatten())


MODULES = {
    "state_quant": (lambda: Loop(state_quant=lambda m: m), "state_quant"),
    "no spikes": (lambda: Loop(graded_spikes_factor=0.0), "graded_spikes_factor = 0"),
    "surrogate": (lambda: Loop(spike_grad=torch.sigmoid), "'hidden': its spike_grad is not 1 above"),
    "threshold": (lambda: Loop(threshold=-0.5), "'hidden' .Leaky.: threshold = -0.5 is negative"),
    "shape": (
        lambda: Loop(threshold=torch.ones(4, 8)),
        r"threshold \(4, 8\) does not fit its neurons \(8,\)",
    ),
    "ReLU": (lambda: before(nn.Linear(5, 3), nn.ReLU()), "'1' .ReLU. cannot be exported; supported: Linear"),
    "MaxPool": (lambda: on_images(nn.MaxPool2d((2, 1))), "'1' .MaxPool2d. cannot"),
    "SumPool": (lambda: on_images(nn.LPPool2d(1, (2, 1))), "'1' .LPPool2d. cannot"),
    "Alpha": (lambda: nn.Sequential(snn.Alpha(0.9, 0.8, init_hidden=True)), ".Alpha. cannot"),
    "own forward": (lambda: before(OwnLinear(5, 3)), "'0' .OwnLinear. has a forward of its own"),
    "no neurons": (lambda: nn.Sequential(nn.Linear(5, 3)), "no spiking neuron"),
    "batch": (lambda: before(nn.BatchNorm1d(5, track_running_stats=False)), "no running statistics"),
    "reflect": (
        lambda: on_images(nn.Conv2d(1, 1, (3, 1), padding=(1, 0), padding_mode="reflect")),
        "padding_mode='reflect' has no form",
    ),
    "ceil": (lambda: on_images(nn.AvgPool2d((2, 1), ceil_mode=True)), "ceil_mode"),
    "Linear on two axes": (
        lambda: before(nn.Unflatten(1, (5, 1)), nn.Linear(1, 3), nn.Flatten()),
        "flatten it",
    ),
    "Unflatten": (
        lambda: on_images(nn.Conv2d(1, 1, 1)),
        r"\(5,\), is reshaped to \(1, 5, 1\).*NIR can only flatten",
    ),
    "Lapicque": (
        lambda: nn.Sequential(
            snn.Lapicque(torch.tensor(0.2), init_hidden=True)  # type: ignore[arg-type]
        ),
        "R C. = -0.6.* is no decay",
    ),
    "name": (
        lambda: nn.Sequential(OrderedDict(output=nn.Linear(5, 3), lif=hidden(3))),
        "its node 'output' has that name already; rename",
    ),
    "tuple": (lambda: before(nn.Linear(5, 3), hidden(3, output=True)), "layer '2' is given a tuple"),
    "membrane": (
        lambda: steps(lambda self, x, mem: [self.hidden(self.fc1(x), mem)[1]] * 2),
        "mem of layer 'hidden' is used, but with its reset no node holds it",
    ),
    "integrator": (Integrates, "layer 'last' is given what is 39 steps old in an example of 40 steps"),
    "argument": (Needs, "forward needs mem beside its input"),
    "sum": (lambda: returning(lambda y: y.sum(1)), "'sum' makes of layer 'last', .* leave that to the host"),
    "list": (lambda: returning(lambda y: [y]), "forward returns a list of 1"),
    "dict": (lambda: returning(lambda y: {"y": y}), "forward returns a dict"),
    "last": (
        lambda: returning(lambda y: y[:, -1]),
        "returns mem of layer 'last' in step 39, not one value a step",
    ),
    "some": (lambda: returning(lambda y: torch.stack(y.unbind(1)[10:], 1)), "forward returns 30 steps of 40"),
    "zeros": (lambda: returning(torch.zeros_like), "forward returns zeros"),
}


@pytest.mark.parametrize("case", MODULES)
def test_what_has_no_exact_form_is_refused(case):
    make, message = MODULES[case]
    with pytest.raises(Unsupported, match=message) as refusal:
        export.from_torch(make(), example())
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "module",
    [
        before(nn.Linear(6, 3)),
        before(nn.Linear(5, 4), nn.Linear(5, 3)),
        nn.Sequential(snn.RSynaptic(0.5, 0.5, linear_features=5, reset_delay=False, init_hidden=True)),
    ],
)
def test_what_does_not_run_is_refused(module):
    with pytest.raises(BadInput, match="the module does not run on the example"):
        export.from_torch(module, example())


def test_inhibition_is_refused():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = Loop(inhibition=True)
    with pytest.raises(Unsupported, match="inhibition"):
        export.from_torch(module, example())


def test_a_reset_changed_after_construction_is_refused():
    module = Loop()
    module.hidden.reset_mechanism = "subtract"
    with pytest.raises(Unsupported, match="built with reset_mechanism='zero' and changed to 'subtract'"):
        export.from_torch(module, example())


def test_a_reset_swapped_after_the_walk_is_noticed(monkeypatch):
    """The verification is what makes the walk safe: spoil the walk, and the first spike is named."""
    from lavalier.export import tracing

    honest = tracing.fragment

    def spoiled(layer, place):
        fragment = honest(layer, place)
        if place.name == "hidden":
            node = fragment.nodes["hidden"]
            node.v_reset = node.v_reset - 0.5
        return fragment

    monkeypatch.setattr(tracing, "fragment", spoiled)
    with pytest.raises(Mismatch, match=r"layer 'hidden': .* spikes, first at sample \d, step \d+, neuron \d"):
        export.from_torch(Loop(), example())


@pytest.mark.parametrize("bad", [np.zeros((2, 5)), np.zeros((0, 4, 5)), np.full((1, 4, 5), np.nan)])
def test_a_bad_example_is_refused(bad):
    with pytest.raises(BadInput, match="example"):
        export.from_torch(Loop(), bad)
