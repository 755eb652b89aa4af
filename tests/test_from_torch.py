"""from_torch on modules of every form: the file that is written gives every spike of the module.

Modules run in float64 here by themselves, layer by layer; nothing of from_torch's own verification is used.
"""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import snntorch as snn
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lavalier import export
from lavalier.models.neurons import Integrator
from lavalier.simulate import run

KINDS = ("Leaky", "Synaptic", "RLeaky", "RSynaptic", "Lapicque")
STYLES = ("sequential", "hidden", "explicit", "time first", "states outside")
STEPS = 14


@pytest.fixture(autouse=True)
def float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def heaviside(margin: torch.Tensor) -> torch.Tensor:
    return (margin > 0).to(margin.dtype)


@dataclass(frozen=True)
class Spec:
    """A layer of neurons, drawn."""

    kind: str = "Leaky"
    reset: str = "subtract"
    delay: bool = True
    per_neuron: bool = False
    decays: tuple = (0.7, 0.8)
    threshold: float = 0.8
    graded: float = 1.0
    one_to_one: bool = False

    def build(self, shape: tuple, hidden: bool) -> snn.SpikingNeuron:
        options = {"threshold": self._spread(self.threshold, shape, 0.3), "reset_mechanism": self.reset}
        options |= {"spike_grad": heaviside, "init_hidden": hidden}
        if self.kind == "Lapicque":
            return snn.Lapicque(**options | {"R": 1.5, "C": 3.0})  # type: ignore[arg-type]
        options |= {"reset_delay": self.delay, "beta": self._spread(self.decays[1], shape, 0.2)}
        if self.kind in ("Synaptic", "RSynaptic"):
            options["alpha"] = self._spread(self.decays[0], shape, 0.2)
        if self.kind == "Leaky":
            return snn.Leaky(graded_spikes_factor=self.graded, **options)
        if self.kind in ("RLeaky", "RSynaptic"):
            if self.one_to_one:
                options |= {"all_to_all": False, "V": torch.randn(shape) if self.per_neuron else -0.4}
            elif len(shape) == 3:
                options |= {"conv2d_channels": shape[0], "kernel_size": 3}
            else:
                options["linear_features"] = shape[0]
        return getattr(snn, self.kind)(**options)

    def _spread(self, value: float, shape: tuple, width: float) -> float | torch.Tensor:
        return value + width * torch.rand(shape) if self.per_neuron else value


def start(neuron: nn.Module, shape: tuple) -> tuple:
    """Explicit states at rest."""
    n_states = {"Leaky": 1, "Lapicque": 1, "Synaptic": 2, "RLeaky": 2, "RSynaptic": 3}
    return tuple(torch.zeros(shape) for _ in range(n_states[type(neuron).__name__]))


def advance(neuron: nn.Module, x: torch.Tensor, states: tuple) -> tuple[torch.Tensor, tuple]:
    returned = neuron(x, *states)
    keeps_spikes = isinstance(neuron, (snn.RLeaky, snn.RSynaptic))
    return returned[0], returned if keeps_spikes else returned[1:]


def spikes_of(module: nn.Module, call) -> dict[str, np.ndarray]:
    """Run a module and collect 0 or 1 of every spiking layer."""
    kept: dict[str, list] = {}
    hooks = []
    for name, layer in module.named_modules():
        if isinstance(layer, snn.SpikingNeuron):

            def keep(module, args, out, name=name):
                out = out[0] if isinstance(out, tuple) else out
                kept.setdefault(name, []).append((out != 0).numpy())

            hooks.append(layer.register_forward_hook(keep))
            layer.reset_mem()
    with torch.no_grad():
        call(module.eval())
    for hook in hooks:
        hook.remove()
    return {name: np.stack(values, 1).astype(np.uint8) for name, values in kept.items()}


def steps_outside(module, x):
    return [module(x_t) for x_t in x.unbind(1)]


def states_outside(module, x):
    states = ()
    for x_t in x.unbind(1):
        _, *states = module(x_t, *states)


def time_first(module, x):
    return module(x.transpose(0, 1))


def inside(module, x):
    return module(x)


CALLS = {"sequential": steps_outside, "states outside": states_outside, "time first": time_first}


def check(module: nn.Module, x: torch.Tensor, call, folder, fires: bool = False):
    """Export, write, read, run; every spike equals the module's, also on input it was not verified with."""
    graph = export.from_torch(module, x, dt=1e-3)
    export.write(graph, folder / "graph.nir")
    graph = export.read(folder / "graph.nir")
    for values in (x, torch.randn(3, *x.shape[1:]) + 0.3):
        own = spikes_of(module, lambda module, values=values: call(module, values))
        names = {name: name.replace(".", "_") for name in own if name.replace(".", "_") in graph.nodes}
        trace = run(graph, values.numpy(), record=names.values())
        for name, node in names.items():
            assert np.array_equal(trace.spikes[node], own[name]), name
        assert not fires or all(0 < spikes.mean() < 1 for spikes in own.values())
    return graph


class Stack(nn.Module):
    """Linear and neurons, layer upon layer, with the loop where `style` says; sums, lags and recurrences."""

    def __init__(self, specs, style, n=4, skip=False, recurrent=False, norm=False, bias=True):
        super().__init__()
        self.n, self.style, self.skip, self.recurrent = n, style, skip, recurrent
        self.fc = nn.ModuleList(nn.Linear(n, n, bias=bias) for _ in specs)
        self.neurons = nn.ModuleList(spec.build((n,), style == "hidden") for spec in specs)
        self.norm = nn.ModuleList(nn.BatchNorm1d(n) if norm else nn.Dropout() for _ in specs)
        self.back = nn.Linear(n, n, bias=bias)
        for layer in self.norm:
            if norm:
                nn.init.normal_(layer.running_mean, 0, 0.2)
                nn.init.uniform_(layer.running_var, 0.5, 2)

    def one(self, x, before, states):
        """One step; `before` is what the last layer sent in the step before."""
        current = sent = x
        for i, (fc, norm, neuron) in enumerate(zip(self.fc, self.norm, self.neurons, strict=True)):
            given = norm(fc(current))
            if self.recurrent and i == 0:
                given = given + self.back(before)
            if self.style == "hidden":
                sent = neuron(given)
            else:
                sent, states[i] = advance(neuron, given, states[i])
            current = sent + 0.5 * current if self.skip else sent
        return current, sent, states

    def rest(self, batch):
        shape = (batch, self.n)
        return torch.zeros(shape), [() if self.style == "hidden" else start(m, shape) for m in self.neurons]

    def forward(self, x, *given):
        axis = 0 if self.style == "time first" else 1
        before, states = self.rest(x.shape[1 - axis])
        sent = []
        for x_t in x.unbind(axis):
            out, before, states = self.one(x_t, before, states)
            sent.append(out)
        return torch.stack(sent, axis)


class Outside(Stack):
    """The same for one step, with its states as arguments."""

    def forward(self, x, before=None, states=None):  # type: ignore[override]
        if before is None or states is None:
            before, states = self.rest(len(x))
        return self.one(x, before, list(states))


specs = st.builds(
    Spec,
    kind=st.sampled_from(KINDS),
    reset=st.sampled_from(("subtract", "zero", "none")),
    delay=st.booleans(),
    per_neuron=st.booleans(),
    decays=st.tuples(*[st.sampled_from((0.0, 0.3, 0.7, 0.95, 1.0, 1.2))] * 2),
    # no sum of the drawn weights and decays, so that no membrane lies on its threshold
    threshold=st.sampled_from((0.0, 0.31, 1.017)),
    graded=st.sampled_from((1.0, 1.0, 2.5, -0.5)),
    one_to_one=st.booleans(),
)


def runs(spec: Spec, style: str) -> Spec:
    """snnTorch's RSynaptic without delay of the reset runs with explicit states only."""
    hidden = style in ("sequential", "hidden")
    return replace(spec, delay=True) if spec.kind == "RSynaptic" and hidden else spec


def build(layers, style, skip, recurrent, norm, bias):
    layers = [runs(spec, style) for spec in layers]
    if style == "sequential":
        parts = []
        for spec in layers:
            parts += [nn.Linear(4, 4, bias=bias), nn.BatchNorm1d(4) if norm else nn.Dropout()]
            parts += [spec.build((4,), True)]
        return nn.Sequential(*parts)
    kind = Outside if style == "states outside" else Stack
    return kind(layers, style, skip=skip, recurrent=recurrent, norm=norm, bias=bias)


stacks = {
    "layers": st.lists(specs, min_size=1, max_size=3),
    "style": st.sampled_from(STYLES),
    "skip": st.booleans(),
    "recurrent": st.booleans(),
    "norm": st.booleans(),
    "bias": st.booleans(),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("graphs")


def check_stack(folder, seed, style, **options):
    torch.manual_seed(seed)
    module = build(style=style, **options)
    check(module, torch.randn(2, STEPS, 4) * 2 + 0.5, CALLS.get(style, inside), folder)


@given(seed=st.integers(0, 2**31), **stacks)
@settings(max_examples=150)
def test_random_stacks(folder, seed, **drawn):
    check_stack(folder, seed, **drawn)


@pytest.mark.slow
@given(seed=st.integers(0, 2**31), **stacks)
@settings(max_examples=600)
def test_many_random_stacks(folder, seed, **drawn):
    check_stack(folder, seed, **drawn)


class Image(nn.Module):
    """Conv, batch normalisation, pool and neurons on images, flattened for a readout."""

    def __init__(self, spec, conv, size, norm, pool, hidden, flatten):
        super().__init__()
        self.conv = nn.Conv2d(2, 4, **conv)  # type: ignore[call-arg]
        with torch.no_grad():
            shape = self.conv(torch.zeros(1, 2, *size)).shape[1:]
        self.norm = nn.BatchNorm2d(4) if norm else nn.Identity()
        self.lif = spec.build(tuple(shape), hidden)
        self.pool = nn.AvgPool2d(*pool) if pool else nn.Dropout2d()
        with torch.no_grad():
            self.shape = tuple(self.pool(torch.zeros(1, *shape)).shape[1:])
        self.flat = nn.Flatten() if flatten else None
        self.fc = nn.Linear(int(np.prod(self.shape)), 3)
        self.out = snn.Leaky(0.9, spike_grad=heaviside, init_hidden=hidden)
        self.hidden, self.start = hidden, tuple(shape)

    def forward(self, x):
        states = (
            [(), ()]
            if self.hidden
            else [start(self.lif, (len(x), *self.start)), start(self.out, (len(x), 3))]
        )
        sent = []
        for t in range(x.shape[1]):
            given = self.norm(self.conv(x[:, t]))
            if self.hidden:
                spikes = self.lif(given)
            else:
                spikes, states[0] = advance(self.lif, given, states[0])
            pooled = self.pool(spikes)
            flat = self.flat(pooled) if self.flat else pooled.view(len(x), -1)
            if self.hidden:
                sent.append(self.out(self.fc(flat)))
            else:
                spikes, states[1] = advance(self.out, self.fc(flat), states[1])
                sent.append(spikes)
        return torch.stack(sent, dim=1)


class Joined(Image):
    """The conv on all steps at once, as if they were a larger batch."""

    def forward(self, x):
        current = self.norm(self.conv(x.flatten(0, 1))).unflatten(0, x.shape[:2])
        sent = torch.stack([self.lif(x_t) for x_t in current.unbind(1)], 1)
        pooled = self.pool(sent.view(-1, *self.start)).reshape(*x.shape[:2], -1)
        return torch.stack([self.out(x_t) for x_t in self.fc(pooled).unbind(1)], 1)


@st.composite
def convs(draw):
    kernel = (draw(st.integers(1, 3)), draw(st.integers(1, 4)))
    if draw(st.booleans()):
        options = {"padding": "same", "stride": 1}
    else:
        options = {
            "padding": (draw(st.integers(0, 1)), draw(st.integers(0, 2))),
            "stride": draw(st.integers(1, 2)),
        }
    rest = {
        "dilation": draw(st.integers(1, 2)),
        "groups": draw(st.integers(1, 2)),
        "bias": draw(st.booleans()),
    }
    return {"kernel_size": kernel, **options, **rest}


images = {
    "spec": specs.map(lambda s: replace(s, delay=True, one_to_one=False)),
    "conv": convs(),
    "size": st.tuples(st.integers(8, 9), st.integers(9, 11)),
    "norm": st.booleans(),
    "pool": st.sampled_from((None, (2,), (2, 1), (2, 2, 1))),
    "hidden": st.booleans(),
    "joined": st.booleans(),
    "flatten": st.booleans(),
}


def check_image(folder, seed, size, joined, **drawn):
    torch.manual_seed(seed)
    module = (Joined if joined and drawn["hidden"] else Image)(size=size, **drawn)
    check(module, torch.randn(2, 6, 2, *size) * 2 + 0.3, inside, folder)


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@given(seed=st.integers(0, 2**31), **images)
@settings(max_examples=40)
def test_random_images(folder, seed, **drawn):
    check_image(folder, seed, **drawn)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Using padding='same'")
@given(seed=st.integers(0, 2**31), **images)
@settings(max_examples=200)
def test_many_random_images(folder, seed, **drawn):
    check_image(folder, seed, **drawn)


class Wired(nn.Module):
    """Layers joined by a drawn list of (source, target, lag, weight, kind); source 0 is the input."""

    def __init__(self, specs, wires):
        super().__init__()
        self.neurons = nn.ModuleList(spec.build((3,), False) for spec in specs)
        self.linear = nn.ModuleList(nn.Linear(3, 3, bias=kind != "no bias") for *_, kind in wires)
        self.wires = wires

    def forward(self, x):
        zeros = torch.zeros(len(x), 3)
        past = [[zeros, zeros] for _ in range(len(self.neurons) + 1)]
        states = [start(neuron, (len(x), 3)) for neuron in self.neurons]
        sent = []
        for x_t in x.unbind(1):
            now = [x_t]
            for target, neuron in enumerate(self.neurons, 1):
                total = x_t * (target == 1)
                for wire, linear in zip(self.wires, self.linear, strict=True):
                    if wire[1] == target:
                        total = total + self.carried(wire, linear, now, past)
                spikes, states[target - 1] = advance(neuron, total, states[target - 1])
                now.append(spikes)
            past = [[value, old[0]] for value, old in zip(now, past, strict=True)]
            sent.append(now[-1] - 0.5 * now[1])
        return torch.stack(sent, 1)

    def carried(self, wire, linear, now, past):
        source, _, lag, weight, kind = wire
        value = past[source][lag - 1] if lag else now[source]
        return weight * (value if kind == "direct" else linear(value))


@st.composite
def wirings(draw):
    """Every layer has a wire from the one before; lag 0 only leads forward."""
    layers = draw(st.lists(specs, min_size=2, max_size=4))
    kinds = st.sampled_from(("direct", "no bias", "bias"))
    weights = st.sampled_from((1.0, 1.0, -0.5, 2.0))
    wires = [(i, i + 1, 0, 1.0, draw(kinds)) for i in range(1, len(layers))]
    for _ in range(draw(st.integers(0, 5))):
        source, target = draw(st.integers(0, len(layers))), draw(st.integers(1, len(layers)))
        lag = draw(st.integers(0 if source < target else 1, 2))
        wires.append((source, target, lag, draw(weights), draw(kinds)))
    return layers, wires


def check_wiring(folder, seed, wiring):
    torch.manual_seed(seed)
    check(Wired(*wiring), torch.randn(2, STEPS, 3) * 2 + 0.5, inside, folder)


@given(seed=st.integers(0, 2**31), wiring=wirings())
@settings(max_examples=60)
def test_random_wirings(folder, seed, wiring):
    check_wiring(folder, seed, wiring)


@pytest.mark.slow
@given(seed=st.integers(0, 2**31), wiring=wirings())
@settings(max_examples=400)
def test_many_random_wirings(folder, seed, wiring):
    check_wiring(folder, seed, wiring)


class Hand(nn.Module):
    """Two layers of neurons and a forward written by hand."""

    def __init__(self, forward, kind=snn.Leaky, **options):
        super().__init__()
        torch.manual_seed(3)
        self.fc1, self.fc2, self.rec, self.cross = (nn.Linear(4, 4) for _ in range(4))
        self.out = nn.Linear(4, 3)
        options = {"beta": 0.8, "threshold": 0.5, "spike_grad": heaviside} | options
        self.lif1, self.lif2 = kind(**options), kind(**options)
        self.drop, self.readout = nn.Dropout(), Integrator(3, 0.9)
        self.factor = nn.Parameter(torch.tensor(0.75))
        self.written = forward

    def forward(self, x, *states):
        return self.written(self, x, *states)


def test_tutorial_style(folder):
    def forward(self, x):  # snnTorch: time first, init_leaky, lists, two results
        mem1, mem2 = self.lif1.init_leaky(), self.lif2.init_leaky()
        spikes, mems = [], []
        for step in range(x.size(0)):
            spk1, mem1 = self.lif1(self.fc1(x[step]), mem1)
            spk2, mem2 = self.lif2(self.fc2(self.drop(spk1)), mem2)
            spikes.append(spk2)
            mems.append(mem2)
        return torch.stack(spikes, dim=0), torch.stack(mems, dim=0)

    graph = check(Hand(forward), data(), time_first, folder, fires=True)
    assert sorted(graph.nodes) == sorted(
        [
            "input",
            "fc1",
            "lif1",
            "lif1_membrane",
            "lif1_reset",
            "fc2",
            "lif2",
            "lif2_membrane",
            "lif2_reset",
            "output",
        ]
    )


def data(batch: int = 2, seed: int = 0) -> torch.Tensor:
    return torch.tensor(np.random.default_rng(seed).normal(0.3, 2, (batch, STEPS, 4)))


def each_step(one):
    """forward of a module whose steps are `one(self, x_t, memory)`, memory a dict."""

    def forward(self, x):
        memory, sent = {"z": torch.zeros(len(x), 4)}, []
        memory["mem1"] = memory["mem2"] = memory["z"]
        for t in range(x.shape[1]):
            sent.append(one(self, x[:, t], memory))
        return torch.stack(sent, 1)

    return forward


def first(self, current, m):
    m["z"], m["mem1"] = self.lif1(current, m["mem1"])
    return m["z"]


def second(self, current, m):
    z, m["mem2"] = self.lif2(current, m["mem2"])
    return z


def skip_sum(self, x, m):
    z = first(self, self.fc1(x), m)
    return second(self, self.fc2(self.fc1.weight.new_zeros(1) + z + x), m)


def scaled(self, x, m):
    z = first(self, 2 * self.fc1(x) / 4, m)
    return second(self, self.fc2(-z * self.factor) - 0.5 * x, m)


def recurrence(self, x, m):
    return first(self, self.fc1(x) + self.rec(m["z"]), m)


def recurrence_computed_early(self, x, m):
    z = first(self, self.fc1(x) + m.get("back", 0), m)
    m["back"] = self.rec(z)
    return z


def recurrence_skipped_first(self, x, m):
    current = self.fc1(x)
    if "ran" in m:
        current += self.rec(m["z"])
    m["ran"] = True
    return first(self, current, m)


def recurrence_two_layers_deep(self, x, m):
    return first(self, self.fc1(x) + self.cross(self.rec(m["z"])), m)


def recurrence_two_steps(self, x, m):
    older = m.get("older", torch.zeros(len(x), 4))
    m["older"] = m["z"]
    return first(self, self.fc1(x) + self.rec(older), m)


def recurrence_scaled(self, x, m):
    return first(self, self.fc1(x) + 0.5 * self.rec(m["z"]), m)


def both_now_and_before(self, x, m):
    before = m["z"]
    z = first(self, self.fc1(x), m)
    return second(self, self.fc2(z) + self.rec(before) + z - before, m)


def from_second_to_first(self, x, m):
    z = first(self, self.fc1(x) + self.rec(m.get("late", torch.zeros(len(x), 4))), m)
    m["late"] = second(self, self.fc2(z), m)
    return m["late"]


def each_other(self, x, m):
    z1, z2 = m["z"], m.get("late", torch.zeros(len(x), 4))
    z = first(self, self.fc1(x) + self.rec(z2), m)
    m["late"] = second(self, self.fc2(x) + self.cross(z1), m)
    return z + 2 * m["late"]


def one_way_of_two(self, x, m):
    """The loop enters both layers from the input, but only one way back takes a step."""
    z2 = m.get("late", torch.zeros(len(x), 4))
    z = first(self, self.fc1(x) + self.rec(z2), m)
    m["late"] = second(self, self.fc2(x) + self.cross(z), m)
    return m["late"]


def delayed_input(self, x, m):
    before = m.get("x", torch.zeros_like(x))
    m["x"] = x
    return first(self, self.fc1(x) + before, m)


def late_layer(self, x, m):
    """A bias behind a delay that no loop makes."""
    z = first(self, self.fc1(x), m)
    before = m.get("last", torch.zeros_like(z))
    m["last"] = z
    return second(self, self.fc2(before), m)


def to_integrator(self, x, m):
    m["out"] = self.readout(self.out(first(self, self.fc1(x), m)), m.get("out", torch.zeros(len(x), 3)))
    return m["out"]


def membrane_out(self, x, m):
    first(self, self.fc1(x), m)
    return m["mem1"]


def own_spikes_back(self, x, m):
    return first(self, self.fc1(x) - 0.25 * m["z"], m)


STEP_FORMS = [
    skip_sum,
    scaled,
    recurrence,
    recurrence_computed_early,
    recurrence_skipped_first,
    recurrence_two_layers_deep,
    recurrence_two_steps,
    recurrence_scaled,
    both_now_and_before,
    from_second_to_first,
    each_other,
    one_way_of_two,
    delayed_input,
    late_layer,
    to_integrator,
    membrane_out,
    own_spikes_back,
]


@pytest.mark.parametrize("form", STEP_FORMS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("reset", [{}, {"reset_mechanism": "zero"}, {"reset_delay": False}])
def test_hand_written_steps(form, bias, reset, folder):
    if form is membrane_out and reset == {"reset_mechanism": "zero"}:
        pytest.skip("no node holds that membrane")
    module = Hand(each_step(form), **reset)
    if not bias:
        for layer in (module.fc1, module.fc2, module.rec, module.cross):
            layer.bias = None
    check(module, data(), inside, folder)


def whole_sequence(self, x):
    current, mem, sent = self.fc1(x / 2), torch.zeros(len(x), 4), []
    for x_t in current.unbind(1):
        z, mem = self.lif1(x_t, mem)
        sent.append(z)
    return self.out(torch.stack(sent, 1))


def transposed(self, x):
    mem, sent = torch.zeros(len(x), 4), []
    for x_t in x.permute(1, 0, 2):
        z, mem = self.lif1(self.fc1(x_t.to(x.dtype)), mem)
        sent.append(z)
    return torch.stack(sent).transpose(0, 1)


def buffer(self, x):
    mem = torch.zeros(x.shape[0], 4, dtype=torch.float32)
    out = torch.zeros(x.shape[0], x.shape[1], 4)
    for t in range(x.shape[1]):
        out[:, t], mem = self.lif1(self.fc1(x[:, t, :]), mem)
    return out


def buffer_time_first(self, x):
    mem, out = torch.zeros(x.shape[0], 4), x.new_empty(x.shape[1], x.shape[0], 4).zero_()
    for t in range(x.shape[1]):
        z, mem = self.lif1(self.fc1(x.select(1, t).clone()), mem.detach())
        out[t] = z
    return out.permute(1, 0, 2)


def listed(self, x):
    mem, sent = self.lif1.reset_mem(), []
    for t in range(x.shape[1]):
        z, mem = self.lif1(self.fc1(x[:, t]), mem)
        sent += [z.reshape(len(x), 2, 2).flatten(1)]
    return sent


@pytest.mark.parametrize("forward", [whole_sequence, transposed, buffer, buffer_time_first, listed])
def test_loops_of_other_forms(forward, folder):
    check(Hand(forward), data(), inside, folder, fires=True)


def test_states_that_forward_returns_are_given_back(folder):
    class OneStep(Hand):
        def forward(self, x, mem=None, spk=None):  # type: ignore[override]
            mem = torch.zeros(len(x), 4) if mem is None else mem
            spk = torch.zeros(len(x), 4) if spk is None else spk
            spk, mem = self.lif1(self.fc1(x) + self.rec(spk), mem)
            return spk, mem, spk

    check(OneStep(None), data(), states_outside, folder, fires=True)


def test_a_bare_neuron(folder):
    check(snn.Leaky(0.8, init_hidden=True, spike_grad=heaviside), data(), steps_outside, folder, fires=True)


def test_nested_modules_and_hidden_states_with_output(folder):
    inner = nn.Sequential(nn.Linear(4, 4), snn.Leaky(0.8, init_hidden=True, spike_grad=heaviside))
    last = snn.Synaptic(0.5, 0.8, init_hidden=True, output=True, spike_grad=heaviside)
    graph = check(nn.Sequential(inner, nn.Linear(4, 3), last), data(), steps_outside, folder)
    assert {"0_0", "0_1", "1", "2"} < set(graph.nodes)


FORMS = {
    ("Leaky", "zero", True): {"lif"},
    ("Leaky", "zero", False): {"lif"},
    ("Leaky", "none", True): {"lif", "lif_membrane"},
    ("Leaky", "subtract", True): {"lif", "lif_membrane", "lif_reset"},
    ("Synaptic", "zero", False): {"lif"},
    ("Synaptic", "none", False): {"lif", "lif_membrane", "lif_synapse"},
    ("Synaptic", "subtract", True): {"lif", "lif_membrane", "lif_synapse", "lif_reset"},
    ("RLeaky", "zero", False): {"lif", "lif_recurrent"},
    ("Lapicque", "none", True): {"lif", "lif_gain", "lif_membrane"},
}
TWO_THRESHOLDS = {
    "lif_membrane",
    "lif",
    "lif_reset",
    "lif_subtracted",
    "lif_residual",
    "lif_raised",
    "lif_delay",
}
FORCED = {"lif_membrane", "lif", "lif_force", "lif_forced", "lif_delay"}
FORMS |= {
    ("Leaky", "subtract", False): TWO_THRESHOLDS,
    ("RLeaky", "subtract", False): TWO_THRESHOLDS | {"lif_recurrent"},
    ("Lapicque", "zero", True): FORCED | {"lif_gain"},
    ("RLeaky", "zero", True): FORCED | {"lif_recurrent"},
    ("RSynaptic", "zero", False): FORCED | {"lif_recurrent", "lif_synapse"},
}


class Single(nn.Module):
    """One layer with explicit states."""

    def __init__(self, spec):
        super().__init__()
        self.fc, self.lif = nn.Linear(4, 4), spec.build((4,), False)

    def forward(self, x):
        states, sent = start(self.lif, (len(x), 4)), []
        for x_t in x.unbind(1):
            z, states = advance(self.lif, self.fc(x_t), states)
            sent.append(z)
        return torch.stack(sent, 1)


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("per_neuron", [True, False])
def test_the_nodes_of_every_reset(form, per_neuron, folder):
    kind, reset, delay = form
    torch.manual_seed(1)
    module = Single(Spec(kind, reset, delay, per_neuron, threshold=0.2))
    graph = check(module, data(), inside, folder, fires=True)
    assert set(graph.nodes) == FORMS[form] | {"input", "fc", "output"}


def test_a_residual_above_the_threshold_counts_once(folder):
    """By hand: x = 5, 0, ... at threshold 1, beta 1. While v > 1, v - 1 is compared: v = 2 is silent."""
    module = nn.Sequential(
        snn.Leaky(1.0, threshold=1.0, init_hidden=True, reset_delay=False, spike_grad=heaviside)
    )
    x = torch.zeros(1, 8, 1)
    x[0, 0] = 5.0
    graph = check(module, x, steps_outside, folder)
    assert run(graph, x.numpy()).output[0, :, 0].tolist() == [1, 1, 1, 0, 0, 0, 0, 0]


def test_the_step_after_a_spike_is_wiped(folder):
    """By hand, from section 2.1 of the reference: constant 0.8 at beta 0.5 fires at t = 1 only in 4 steps."""
    x = torch.full((1, 4, 1), 0.8)
    options = {"beta": 0.5, "reset_mechanism": "zero", "init_hidden": True, "spike_grad": heaviside}
    leaky = export.from_torch(nn.Sequential(snn.Leaky(**options)), x)
    synaptic = export.from_torch(nn.Sequential(snn.Synaptic(alpha=0.0, **options)), x)
    assert run(leaky, x.numpy()).output[0, :, 0].tolist() == [0, 1, 0, 1]
    assert run(synaptic, x.numpy()).output[0, :, 0].tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize("kind", [nn.Linear, nn.Identity])
def test_batch_norm_is_folded_where_nobody_sees_what_comes_before(kind, folder):
    torch.manual_seed(0)
    after = kind(4, 4)
    norm = nn.BatchNorm1d(4)
    norm.running_mean = torch.randn(4)
    lif = snn.Leaky(0.9, init_hidden=True, spike_grad=heaviside)
    graph = check(nn.Sequential(after, norm, lif), data(), steps_outside, folder, fires=True)
    assert ("1" in graph.nodes) == isinstance(after, nn.Identity)


def test_rounding_is_told_not_refused():
    """Sums of tenths that reach a threshold of 0.3 do so within the rounding of float64, or of float32."""
    x = np.random.default_rng(0).integers(-3, 8, (2, 60, 5)) / 10
    for dtype, said in ((torch.float64, "a tie"), (torch.float32, "float32: layer '0', sample")):
        module = nn.Sequential(snn.Leaky(torch.tensor(1.0), init_hidden=True))
        module = module.to(dtype)
        module[0].threshold = torch.tensor(0.3, dtype=dtype)
        assert said in export.from_torch(module, x).metadata["ties"]
    module[0].threshold = torch.tensor(0.5)
    assert "ties" not in export.from_torch(module, np.round(x)).metadata


def test_the_module_may_convert_to_float32():
    torch.set_default_dtype(torch.float32)

    class Converts(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.lif = nn.Linear(4, 4), snn.Leaky(0.9)

        def forward(self, x):
            mem, sent = torch.zeros(len(x), 4, dtype=torch.float32), []
            for t in range(x.shape[1]):
                z, mem = self.lif(self.fc(x[:, t].float()), mem.to(torch.float))
                sent.append(z)
            return torch.stack(sent, 1)

    assert run(export.from_torch(Converts(), data()), data().numpy()).output.mean() > 0.01


class LateChain(nn.Module):
    """The bias of one layer goes through another, and comes back a step later than it left."""

    def __init__(self) -> None:
        super().__init__()
        self.inward, self.back, self.last = nn.Linear(5, 8), nn.Linear(8, 6), nn.Linear(6, 8, bias=False)
        self.hidden = snn.Leaky(beta=0.8, reset_mechanism="zero")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mem, back, sent = self.hidden.init_leaky(), torch.zeros(len(x), 8), []
        for t in range(x.shape[1]):
            spikes, mem = self.hidden(self.inward(x[:, t]) + back, mem)
            back = self.last(self.back(spikes))
            sent.append(spikes)
        return torch.stack(sent, 1)


def test_a_bias_that_comes_late_through_another_layer():
    torch.manual_seed(0)
    module, x = LateChain(), (torch.rand(3, 30, 5) < 0.5).float()
    module.back.bias.data += 1
    graph = export.from_torch(module, x)
    assert "Delay" in {type(node).__name__ for node in graph.nodes.values()}
    assert run(graph, x.numpy()).output.any()
