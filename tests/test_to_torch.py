"""to_torch: the module has every spike of the graph, learns, and goes back through from_torch."""

import copy
from itertools import product

import nir
import numpy as np
import pytest
import snntorch as snn
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lavalier import export
from lavalier.export.to_modules.neurons import Membrane, Neuron
from lavalier.export.to_modules.parts import SumPool2d, Threshold
from lavalier.models.neurons import Integrator, Scale
from lavalier.simulate import run
from lavalier.simulate.errors import BadInput, LavalierError, Unsupported
from lavalier.simulate.policy import CHOICES, PRESETS

from .drawn_graphs import DT, draw_graph, draw_input, draw_policy
from .graphs import a, chain, cuba, entry, exit_, joined, lif, one
from .test_from_torch import FORMS, Image, Single, Spec, Wired, build, data, images, stacks, wirings

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same'")
SPIKING = (nir.IF, nir.LIF, nir.CubaLIF, nir.Threshold)
STEPS = 14


def outputs(result) -> dict[str, np.ndarray]:
    named = result if isinstance(result, dict) else {"": result}
    return {n: v.detach().numpy() if isinstance(v, torch.Tensor) else v for n, v in named.items()}


def check(graph: nir.NIRGraph, x) -> nn.Module:
    """Module and graph give the same on x, spikes exactly."""
    module = export.to_torch(graph).double()
    given = {n: torch.tensor(v) for n, v in x.items()} if isinstance(x, dict) else torch.tensor(x)
    expected, own = outputs(run(graph, x).output), outputs(module(given))
    for name, values in expected.items():
        sources = [graph.nodes[i] for i, j in graph.edges if j == name]
        if sources and all(isinstance(node, SPIKING) for node in sources):
            assert np.array_equal(own[name], values), name
        assert np.allclose(own[name], values, rtol=1e-9, atol=1e-9), name
    return module


def check_drawn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = draw_graph(rng, {"dt": DT} if seed % 3 == 0 else draw_policy(rng))
    check(graph, draw_input(rng, graph))


@given(seed=st.integers(0, 2**31))
@settings(max_examples=100)
def test_drawn_graphs(seed):
    check_drawn(seed)


@pytest.mark.slow
@given(seed=st.integers(0, 2**31))
@settings(max_examples=600)
def test_many_drawn_graphs(seed):
    check_drawn(seed)


def neurons(leak: float, reset: float) -> dict[str, nir.NIRNode]:
    """One neuron of every kind; dt = 0.1."""
    membrane = {"tau_mem": a(0.2), "r": a(1.5), "v_leak": a(leak), "tau_syn": a(0.4), "w_in": a(3.0)}
    return {
        "if": nir.IF(r=a(7.0), v_threshold=a(1.0), v_reset=a(reset)),
        "lif": lif(leak=leak, reset=reset, threshold=0.8),
        "half": lif(r=1.0, leak=leak, reset=reset, threshold=0.4),
        "cuba": cuba(reset=reset),
        "cubali": nir.CubaLI(**membrane),  # type: ignore[arg-type]
        "odd": nir.CubaLIF(**membrane, v_threshold=a(0.9), v_reset=a(reset)),  # type: ignore[arg-type]
        "li": nir.LI(tau=a(0.3), r=a(3.0), v_leak=a(leak)),
        "i": nir.I(r=a(10.0)),
        "step": nir.Threshold(a(0.5)),
    }


SINGLE = [
    {"reset": r, "compare": c, "order": o}
    for r, c, o in product(*(CHOICES[k] for k in ("reset", "compare", "order")))
]
MULTIPLE = [{"reset": "subtract", "spikes": "multiple", "compare": c} for c in CHOICES["compare"]]


@pytest.mark.parametrize(
    "policy", [*SINGLE, *MULTIPLE, *PRESETS.values()], ids=lambda p: "-".join(map(str, p.values()))
)
def test_every_neuron_under_every_policy(policy):
    exotic = policy.get("gain", "stored") == "stored" and "spikes" not in policy
    for leak, reset in ((0.0, 0.0), (0.3, -0.2)) if exotic else ((0.0, 0.0),):
        named = neurons(leak, reset)
        nodes = {"in": entry(1), **named, **{f"out_{n}": exit_() for n in named}}
        graph = joined(nodes, *(f"in -> {n} -> out_{n}" for n in named), **policy)
        # eighths, so that membranes of unit gain meet their thresholds
        x = np.random.default_rng(0).integers(-4, 12, (2, 40, 1)) / 8
        check(graph, x)


@pytest.mark.parametrize(
    "node, policy, kind",
    [
        (lif(), {}, snn.Leaky),
        (nir.IF(r=a(10.0), v_threshold=a(1.0), v_reset=a(0.0)), {}, snn.Leaky),
        (lif(), {"reset": "subtract-delayed"}, snn.Leaky),
        (lif(r=1.0), {"gain": "unit"}, snn.Leaky),
        (cuba(), {}, snn.Synaptic),
        (cuba(), {"reset": "zero-delayed"}, snn.Synaptic),
        (cuba(), {"order": "v-then-i"}, Neuron),
        (lif(), {"reset": "subtract"}, Neuron),
        (lif(), {"compare": ">="}, Neuron),
        (lif(r=1.0), {}, Neuron),
        (lif(leak=0.1), {}, Neuron),
        (lif(reset=0.1), {}, Neuron),
        (lif(threshold=-1.0), {}, Neuron),
        (nir.LI(tau=a(0.2), r=a(2.0), v_leak=a(0.0)), {}, Integrator),
        (nir.LI(tau=a(0.2), r=a(1.0), v_leak=a(0.0)), {}, Membrane),
        (nir.Scale(a(2.0)), {}, Scale),
        (nir.Threshold(a(2.0)), {}, Threshold),
        (nir.Linear(np.ones((1, 1))), {}, nn.Linear),
    ],
)
def test_the_layer_of_a_node(node, policy, kind):
    assert type(check(chain(node, **policy), one(*np.linspace(-1, 3, 20))).n) is kind


def test_resets_of_snntorch():
    options = {}
    for reset in ("zero", "zero-delayed", "subtract-delayed", "snntorch-subtract", "none"):
        layer = export.to_torch(chain(cuba(), reset=reset)).n
        options[reset] = (layer.reset_mechanism, layer.reset_delay)
    assert options == {
        "zero": ("zero", False),
        "zero-delayed": ("zero", True),
        "subtract-delayed": ("subtract", True),
        "snntorch-subtract": ("subtract", False),
        "none": ("none", True),
    }


def test_layers_without_memory():
    rng, pads = np.random.default_rng(0), (np.array([2, 3]), np.array([2, 1]), np.array([1, 0]))
    nodes = (
        nir.Conv2d((6, 11), rng.normal(size=(4, 1, 2, 3)), (1, 2), (1, 0), (2, 1), 2, np.ones(4)),
        nir.SumPool2d(*pads),
        nir.AvgPool2d(*pads),
        nir.Flatten({"input": np.array([4, 3, 1])}, 0, 1),
    )
    module = check(chain(*nodes, shape=(2, 6, 11)), rng.normal(size=(2, 3, 2, 6, 11)))
    assert [type(layer) for layer in module.children()] == [nn.Conv2d, SumPool2d, nn.AvgPool2d, nn.Flatten]


def loop(**policy) -> nir.NIRGraph:
    """in -> lif -> out, and back through an Affine with a bias that alone makes the neuron fire."""
    nodes = {"in": entry(1), "lif": lif(), "w": nir.Affine(-np.ones((1, 1)), a(1.5)), "out": exit_()}
    return joined(nodes, "in -> lif -> out", "lif -> w -> lif", **policy)


@pytest.mark.parametrize("lag", [0, 1])
@pytest.mark.parametrize("bias", CHOICES["recurrent_bias"])
def test_recurrent_bias(bias, lag):
    graph = loop(recurrent_bias=bias, output_lag=lag)
    check(graph, np.zeros((1, 6, 1)))
    first = run(graph, np.zeros((1, 6, 1))).output[0, lag, 0]
    assert first == (bias == "kept")


def test_recurrent_bias_that_others_see_too():
    graph = loop()
    graph.nodes["tap"] = exit_()
    graph.edges.append(("w", "tap"))
    check(graph, np.zeros((1, 6, 1)))


@pytest.mark.parametrize("where", ["w", "lif"])
def test_nested_graphs(where):
    flat, x = loop(), one(0.2, 0.9, 0.1, 1.2)
    inner = {"input": entry(1), "node": flat.nodes[where], "output": exit_()}
    nested = loop()
    nested.nodes[where] = joined(inner, "input -> node -> output")
    assert np.array_equal(run(nested, x).output, run(flat, x).output)
    assert list(dict(check(nested, x).named_children())) == [
        "lif_node" if where == "lif" else "lif",
        "w_node" if where == "w" else "w",
    ]


def test_delays_and_several_inputs_and_outputs():
    nodes = {
        "a": entry(2),
        "b": entry(2),
        "d": nir.Delay(a(0.1, 0.3)),
        "e": nir.Delay(a(0.2, 0.2)),
        "li": nir.LI(tau=a(0.2), r=a(2.0), v_leak=a(0.0)),
        "x": exit_(2),
        "y": exit_(2),
    }
    graph = joined(nodes, "a -> d -> li -> x", "b -> e -> y", "a -> y", "li -> d")
    rng = np.random.default_rng(0)
    check(graph, {"a": rng.normal(size=(2, 9, 2)), "b": rng.normal(size=(2, 9, 2))})


def test_names():
    graph = chain(nir.Scale(a(2.0)), nir.Scale(a(3.0)), nir.Scale(a(4.0)))
    names = {"n": "forward", "n1": "a.b", "n2": "a_b"}
    graph.nodes = {names.get(n, n): node for n, node in graph.nodes.items()}
    graph.edges = [(names.get(i, i), names.get(j, j)) for i, j in graph.edges]
    assert list(check(graph, one(1, 2)).state_dict()) == ["forward_.scale", "a_b.scale", "a_b_.scale"]


def test_numbers_are_float32_where_that_is_exact():
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(3, 2)).astype(np.float32)
    kept = rng.uniform(0, 1, 3).astype(np.float32).astype(float)
    tau = 0.1 / (1 - kept)
    fields = {"tau": tau, "r": tau / 0.1, "v_leak": np.zeros(3)}
    node = nir.LIF(**fields, v_threshold=np.full(3, 0.25), v_reset=np.zeros(3))
    graph = chain(nir.Linear(weight), node, shape=(2,))
    module = export.to_torch(graph)
    assert {p.dtype for p in module.parameters()} == {torch.float32}
    assert np.array_equal(module.n1.beta.detach(), kept)
    x = rng.normal(1, 2, (2, 30, 2))
    single = run(graph, x.astype(np.float32)).output
    assert np.array_equal(module(torch.tensor(x)).detach(), single) and 0 < single.mean() < 1
    node.v_threshold[0] = 0.1
    module = export.to_torch(graph)
    assert {p.dtype for p in module.parameters()} == {torch.float64}
    assert np.array_equal(module(torch.tensor(x)).detach(), run(graph, x).output)


def test_what_all_neurons_share_is_one_number():
    spread = {"r": np.full(3, 2.0), "v_leak": np.zeros(3), "v_reset": np.zeros(3)}
    node = nir.LIF(tau=np.full(3, 0.2), v_threshold=a(1, 2, 3), **spread)
    layer = export.to_torch(chain(node, shape=(3,))).n
    assert layer.beta.shape == () and layer.threshold.shape == (3,)


# from modules and back


def round_trip(module: nn.Module, x: torch.Tensor, fires: bool = False) -> tuple[nir.NIRGraph, nir.NIRGraph]:
    """Module to graph to module to graph: the same spikes, on other input as well."""
    graph = export.from_torch(module, x, dt=1e-3)
    again = check(graph, x.double().numpy())
    back = export.from_torch(again, x, dt=1e-3)
    y = np.random.default_rng(5).normal(0.3, 2, (3, *x.shape[1:]))
    expected = run(graph, y).output
    with torch.no_grad():
        assert np.allclose(again(torch.tensor(y)), expected, rtol=1e-9, atol=1e-9)
    assert np.allclose(run(back, y).output, expected, rtol=1e-9, atol=1e-9)
    assert not fires or 0 < expected.mean() < 1
    return graph, back


def same_nodes(graph: nir.NIRGraph, back: nir.NIRGraph) -> bool:
    """Whether two graphs have the same nodes and edges; a Linear comes back as an Affine without bias."""
    kinds = ({n: _kind(node) for n, node in g.nodes.items()} for g in (graph, back))
    return next(kinds) == next(kinds) and set(graph.edges) == set(back.edges)


def _kind(node: nir.NIRNode) -> type:
    return nir.Affine if isinstance(node, nir.Linear) else type(node)


@pytest.mark.parametrize("per_neuron", [True, False])
@pytest.mark.parametrize("form", FORMS, ids=str)
def test_every_neuron_of_snntorch_comes_back(form, per_neuron):
    kind, reset, delay = form
    torch.manual_seed(1)
    module = Single(Spec(kind, reset, delay, per_neuron, threshold=0.2))
    graph, back = round_trip(module, data(), fires=True)
    assert same_nodes(graph, back)
    layer = export.to_torch(graph).lif
    # a reset that wipes its input is Synaptic's
    wipes = reset == "zero" and kind in ("RLeaky", "RSynaptic", "Lapicque") and (delay or kind == "RSynaptic")
    assert type(layer) is (snn.Synaptic if "Synaptic" in kind or wipes else snn.Leaky)
    assert layer.reset_mechanism == reset


def test_snntorch_does_not_reset_at_a_negative_threshold():
    """It would reset neurons that never fired; the way back stays a layer of its own."""
    torch.manual_seed(1)
    graph = export.from_torch(Single(Spec(threshold=0.2)), data(), dt=1e-3)
    graph.nodes["lif"].threshold[:] = -0.2
    graph.nodes["lif_reset"].scale[:] = 0.2
    module = check(graph, data().numpy())
    assert module.lif.reset_mechanism == "none" and type(module.lif_reset) is Scale


def test_spikes_that_leave_at_once_and_return_late():
    """Their factor has one way out with a lag and one without; it is called once a step all the same."""
    spec = Spec(graded=2.5, threshold=0.2)
    torch.manual_seed(0)
    wires = [(1, 2, 0, 1.0, "direct"), (2, 1, 1, 1.0, "direct")]
    graph, back = round_trip(Wired([spec, spec], wires), torch.randn(2, STEPS, 3) * 2 + 0.5)
    assert same_nodes(graph, back)


def test_a_fragment_that_others_see_into_is_run_node_by_node():
    class Watched(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.lif, self.out = nn.Linear(4, 4), snn.Leaky(0.8), snn.Leaky(0.7)

        def forward(self, x):
            mem, last, sent = torch.zeros(len(x), 4), torch.zeros(len(x), 4), []
            for x_t in x.unbind(1):
                _, mem = self.lif(self.fc(x_t), mem)
                spikes, last = self.out(mem, last)
                sent.append(spikes)
            return torch.stack(sent, 1)

    torch.manual_seed(0)
    graph, back = round_trip(Watched(), data(), fires=True)
    kinds = {n: type(layer).__name__ for n, layer in export.to_torch(graph).named_children()}
    assert kinds == {
        "fc": "Linear",
        "lif": "Threshold",
        "lif_membrane": "Integrator",
        "lif_reset": "Scale",
        "out": "Leaky",
    }
    assert same_nodes(graph, back)


def check_stack(seed, style, **options):
    torch.manual_seed(seed)
    round_trip(build(style=style, **options), torch.randn(2, STEPS, 4) * 2 + 0.5)


def check_wiring(seed, wiring):
    torch.manual_seed(seed)
    round_trip(Wired(*wiring), torch.randn(2, STEPS, 3) * 2 + 0.5)


def check_image(seed, size, joined, **drawn):
    torch.manual_seed(seed)
    round_trip(Image(size=size, **drawn), torch.randn(2, 6, 2, *size) * 2 + 0.3)


@given(seed=st.integers(0, 2**31), **stacks)
@settings(max_examples=20)
def test_stacks_and_back(seed, **drawn):
    check_stack(seed, **drawn)


@given(seed=st.integers(0, 2**31), wiring=wirings())
@settings(max_examples=20)
def test_wirings_and_back(seed, wiring):
    check_wiring(seed, wiring)


@given(seed=st.integers(0, 2**31), **images)
@settings(max_examples=8)
def test_images_and_back(seed, **drawn):
    check_image(seed, **drawn)


@pytest.mark.slow
@given(seed=st.integers(0, 2**31), **stacks)
@settings(max_examples=150)
def test_many_stacks_and_back(seed, **drawn):
    check_stack(seed, **drawn)


@pytest.mark.slow
@given(seed=st.integers(0, 2**31), wiring=wirings())
@settings(max_examples=150)
def test_many_wirings_and_back(seed, wiring):
    check_wiring(seed, wiring)


@pytest.mark.slow
@given(seed=st.integers(0, 2**31), **images)
@settings(max_examples=80)
def test_many_images_and_back(seed, **drawn):
    check_image(seed, **drawn)


# from other people's graphs, trained


def foreign(reset: str = "zero", leak: float = 0.2, v_reset: float = -0.1) -> nir.NIRGraph:
    """A graph with gains, a leak and a v_reset that snnTorch does not have, and a loop."""
    rng = np.random.default_rng(0)
    values = {"r": np.full(4, 1.3), "v_leak": np.full(4, leak)}
    fire = {"v_threshold": rng.uniform(0.2, 0.5, 4), "v_reset": np.full(4, v_reset)}
    nodes = {
        "input": entry(3),
        "fc": nir.Affine(rng.normal(size=(4, 3)), rng.normal(size=4)),
        "lif": nir.LIF(tau=rng.uniform(0.2, 0.5, 4), **values, **fire),
        "rec": nir.Linear(rng.normal(size=(4, 4))),
        "mid": nir.Linear(rng.normal(size=(4, 4))),
        "cuba": nir.CubaLIF(
            tau_syn=rng.uniform(0.2, 0.5, 4), tau_mem=a(*[0.3] * 4), w_in=a(*[2.5] * 4), **values, **fire
        ),
        "last": nir.Linear(rng.normal(size=(2, 4))),
        "li": nir.CubaLI(
            tau_syn=a(0.2, 0.2), tau_mem=a(0.3, 0.3), r=a(1.5, 2.0), v_leak=a(leak, 0), w_in=a(1.5, 1)
        ),
        "output": exit_(2),
    }
    return joined(
        nodes, "input -> fc -> lif -> mid -> cuba -> last -> li -> output", "lif -> rec -> lif", reset=reset
    )


@pytest.mark.parametrize("reset", CHOICES["reset"])
def test_trained_and_exported_again(reset):
    module = export.to_torch(foreign(reset)).double()
    x = torch.tensor(np.random.default_rng(1).normal(0.5, 2, (4, 25, 3)))
    target = torch.randn(4, 25, 2, dtype=torch.float64)
    optimizer = torch.optim.Adam(module.parameters(), 0.02)
    losses = []
    for _ in range(5):
        optimizer.zero_grad()
        loss = (module(x) - target).square().mean()
        loss.backward()
        losses.append(loss.item())
        for name, parameter in module.named_parameters():
            assert parameter.grad is not None and parameter.grad.isfinite().all(), name
            assert parameter.grad.any(), name
        optimizer.step()
    assert losses[-1] < losses[0]
    trained = copy.deepcopy(module)
    graph = export.from_torch(trained, x, dt=DT)
    assert np.allclose(run(graph, x.numpy()).output, module(x).detach(), rtol=1e-9, atol=1e-9)
    if reset == "zero":
        assert same_nodes(foreign(), graph)


def test_parameters():
    module = export.to_torch(foreign())
    assert sorted(n for n, _ in module.named_parameters()) == [
        "cuba.alpha",
        "cuba.beta",
        "cuba.threshold",
        "fc.bias",
        "fc.weight",
        "last.weight",
        "li.alpha",
        "li.beta",
        "lif.beta",
        "lif.threshold",
        "mid.weight",
        "rec.weight",
    ]
    leaky = export.to_torch(chain(nir.IF(r=a(10.0), v_threshold=a(1.0), v_reset=a(0.0)), lif(), cuba()))
    learned = [n for n, p in leaky.named_parameters() if p.requires_grad]
    assert sorted(learned) == [
        "n.threshold",
        "n1.beta",
        "n1.threshold",
        "n2.alpha",
        "n2.beta",
        "n2.threshold",
    ]


@pytest.mark.parametrize(
    "reset, options", [("subtract", {"spikes": "multiple"}), ("zero", {"compare": ">="})]
)
def test_gradients_where_neurons_fire_otherwise(reset, options):
    module = export.to_torch(joined(foreign(leak=0, v_reset=0).nodes, *CHAINS, reset=reset, **options))
    module(torch.randn(4, 25, 3)).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.any() for p in module.parameters())


CHAINS = ("input -> fc -> lif -> mid -> cuba -> last -> li -> output", "lif -> rec -> lif")


@pytest.mark.parametrize(
    "policy, message",
    [
        ({"compare": ">="}, r"layer 'lif' \(Neuron\) fires at v >= threshold"),
        ({"reset": "subtract", "spikes": "multiple"}, "layer 'lif' .* fires several times in a step"),
        ({"order": "v-then-i"}, "layer 'cuba' .* steps in the order 'v-then-i'"),
    ],
)
def test_what_only_a_policy_can_say_is_not_exported_again(policy, message):
    module = export.to_torch(joined(foreign(leak=0, v_reset=0).nodes, *CHAINS, **policy))
    with pytest.raises(Unsupported, match=message):
        export.from_torch(module, torch.randn(2, 20, 3), dt=DT)


def test_a_leak_needs_a_decay():
    module = export.to_torch(chain(lif(leak=0.5)))
    module.n.beta.data.fill_(1.5)
    with pytest.raises(Unsupported, match=r"layer 'n' \(Neuron\): beta = 1 beside a leak"):
        export.from_torch(module, torch.randn(2, 20, 1), dt=DT)


def test_every_call_starts_from_rest():
    module, x = export.to_torch(foreign()), torch.randn(2, 10, 3)
    first = module(x)
    assert torch.equal(module(x), first) and len(module(x[:1])) == 1


@pytest.mark.parametrize("preset", ["snntorch", "norse", "spyx"])
def test_braille(shared, preset):
    """The recurrent network of the NIR paper, under the conventions that its recorded runs followed."""
    folder = shared / "fixtures" / "braille"
    graph = export.read(folder / "braille_noDelay_bias_zero.nir", preset=preset)
    x = np.load(folder / "input_ds_test_0.npy").astype(float)
    check(graph, x.reshape(1, -1, 12))


@pytest.mark.parametrize(
    "x, message",
    [
        (torch.zeros(1, 5, 2), r"input 'in': x is \(1, 5, 2\), not \(batch, steps, 1\)"),
        (torch.zeros(1, 0, 1), r"x is \(1, 0, 1\)"),
        ({"other": torch.zeros(1, 5, 1)}, r"inputs are \['in'\], x has \['other'\]"),
    ],
)
def test_input_that_does_not_fit(x, message):
    with pytest.raises(BadInput, match=message):
        export.to_torch(chain(lif()))(x)


def test_inputs_of_different_lengths():
    nodes = {"a": entry(1), "b": entry(1), "s": nir.Scale(a(1.0)), "out": exit_()}
    module = export.to_torch(joined(nodes, "a -> s -> out", "b -> s"))
    with pytest.raises(BadInput, match="same batch and steps"):
        module({"a": torch.zeros(1, 5, 1), "b": torch.zeros(1, 6, 1)})


def test_a_graph_that_does_not_hold_together():
    with pytest.raises(LavalierError, match=r"node 'n' \(LIF\): tau = 0.05 s is below dt"):
        export.to_torch(chain(lif(tau=0.05)))
