"""quantize: properties that hold for every network, and cases worked by hand."""

import nir
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lavalier import export
from lavalier.export.quantization import quantization
from lavalier.models.readout import decide
from lavalier.simulate import LI, LIF, Conv, Dense, Program, Sparse, run
from lavalier.simulate.errors import BadInput, OutOfRange, Unsupported
from lavalier.simulate.neurons import PLIF, LIFNoReset, LIFSubtract
from lavalier.simulate.program_nir import from_nir, to_nir
from lavalier.simulate.shapes import shape_after
from lavalier.simulate.synapses import weight_step

from .programs import programs


def network(seed: int, bias: float = 0.05, scale: float = 1.0) -> nir.NIRGraph:
    """Two layers and a readout of 12-10-8-3 with drawn weights, betas and thresholds."""
    rng = np.random.default_rng(seed)
    nodes: dict = {"in": nir.Input({"input": np.array([12])})}
    sizes, names = [12, 10, 8, 3], ["a", "b", "readout"]
    for name, n_in, n in zip(names, sizes, sizes[1:], strict=False):
        nodes[f"w_{name}"] = nir.Affine(
            scale * rng.normal(0, 1 / np.sqrt(n_in), (n, n_in)), scale * rng.normal(0, bias, n)
        )
        steps = 1 / (1 - rng.uniform(0.5, 0.98, n))
        shape = {"tau": 1e-3 * steps, "r": steps, "v_leak": np.zeros(n)}
        if name == "readout":
            nodes[name] = nir.LI(**shape)
        else:
            threshold = scale * rng.uniform(0.3, 1, n)
            nodes[name] = nir.LIF(**shape, v_threshold=threshold, v_reset=np.zeros(n))
    nodes["out"] = nir.Output({"output": np.array([3])})
    order = list(nodes)
    graph = nir.NIRGraph(nodes, list(zip(order, order[1:], strict=False)), type_check=False)
    graph.metadata = {"dt": 1e-3}
    return graph


def spikes(seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).random((8, 50, 12)) < 0.3).astype(int)


@settings(max_examples=30)
@given(st.integers(0, 1000), st.integers(1, 8), st.booleans(), st.sampled_from([1e-3, 1.0, 1e3]))
def test_every_register_is_within_half_a_step(seed, bits, calibrated, scale):
    """Of what the scale of its neuron says; a weight that is rounded for the calibration within a step."""
    graph = network(seed, scale=scale)
    found = quantization(graph, spikes() if calibrated else None, weight_bits=bits)
    for p in found.floats:
        neuron, choice = found.program.populations[p.name], found.choices[p.name]
        assert np.abs(neuron.dv - 4096 * (1 - p.beta)).max() <= 0.5
        (connection,) = found.program.incoming(p.name)
        assert connection.num_weight_bits == bits
        exact = np.ldexp(
            choice.scale[:, None] * p.weights[connection.source, 0].matrix, -connection.weight_exp
        )
        step = weight_step(bits)
        exact = np.clip(exact, -256, 256 - step)
        within = np.where(choice.learned, step, step / 2) * np.ones(p.beta.size)
        assert np.all(np.abs(connection.weights - exact) <= within[:, None] + 1e-6)
        assert np.all(np.abs(neuron.bias - 64 * choice.scale * p.bias) <= 0.5 * 2.0**neuron.bias_exp + 1e-6)
        if isinstance(neuron, LIF):
            assert np.abs(neuron.vth - choice.scale * p.threshold).max() <= 0.5
        else:
            assert np.ptp(choice.scale) == 0  # membranes are compared with one another


@settings(max_examples=25)
@given(st.integers(0, 1000), st.integers(1, 8))
def test_calibration_is_nowhere_worse_than_the_largest_weight(seed, bits):
    """Neither the output nor the decisions of the running network, nor a population alone."""
    graph, x = network(seed), spikes(seed)
    found = quantization(graph, x, weight_bits=bits)
    floats = run(graph, x).output
    errors, decisions = [], []
    for program, choices in ((found.plain_program, found.plain), (found.program, found.choices)):
        output, choice = run(program, x).output, choices["readout"]
        decisions.append(int(np.sum(decide(output) != decide(floats))))
        errors.append(np.linalg.norm(output / (64 * choice.scale) - floats) / np.linalg.norm(floats))
    assert errors[1] <= errors[0] and decisions[1] <= decisions[0]
    assert (found.before.differ, found.after.differ) == tuple(decisions)
    assert np.allclose((found.before.error, found.after.error), errors, rtol=1e-4)


@given(programs())
def test_a_program_comes_back_as_itself(program):
    assert export.quantize(to_nir(program)) == program


@pytest.mark.parametrize("seed", range(3))
def test_a_graph_on_the_grid_keeps_its_integers(seed):
    program = export.quantize(network(seed), spikes())
    graph = to_nir(program)
    for node in graph.nodes.values():
        node.metadata = {}
    graph.metadata = {"dt": program.dt}  # somebody else's file: no word of ours in it
    again = export.quantize(graph)
    names = ("a", "b")
    x = spikes(5)
    ours, theirs = run(program, x, names), run(again, x, names)
    for name in names:
        assert np.array_equal(ours.v[name], theirs.v[name])
    assert np.array_equal(ours.output, theirs.output) and ours.counts.total("spikes_out") > 100


@pytest.mark.parametrize("factor", [2.0**-30, 0.25, 8.0])
def test_scaling_weights_and_threshold_together_changes_nothing(factor):
    plain = export.quantize(network(3), spikes())
    scaled = export.quantize(network(3, scale=factor), spikes())
    assert np.array_equal(run(plain, spikes(1)).output, run(scaled, spikes(1)).output)


def test_by_hand():
    nodes = {
        "in": nir.Input({"input": np.array([2])}),
        "w": nir.Affine(np.array([[0.5, -1.0]]), np.array([0.25])),
        "n": nir.LIF(tau=np.array([4e-3]), r=np.array([4.0]), v_leak=np.zeros(1), v_threshold=np.ones(1)),
        "out": nir.Output({"output": np.array([1])}),
    }
    graph = nir.NIRGraph(nodes, [("in", "w"), ("w", "n"), ("n", "out")], type_check=False)
    graph.metadata = {"dt": 1e-3}
    program = export.quantize(graph, weight_scale=127.0)
    neuron, connection = program.populations["n"], program.connections[0]
    # 63.5 and -127 in halves, of which only even ones exist: 127 rounds to 128
    assert (connection.weights.tolist(), connection.weight_exp) == ([[128, -254]], -1)
    assert (neuron.vth.tolist(), neuron.dv.tolist()) == ([127], [1024])
    assert neuron.bias.tolist() == [2032]  # 64 * 127 / 4
    # twice the scale, one exponent more, and the threshold follows
    doubled = export.quantize(graph, weight_scale=254.0)
    assert (doubled.connections[0].weights.tolist(), doubled.connections[0].weight_exp) == ([[128, -254]], 0)
    assert doubled.populations["n"].vth.tolist() == [254]


def test_calibration_leaves_room_for_u_and_v():
    x = 255 * spikes()
    program = export.quantize(network(0), x)
    assert program.inputs["in"].message_bits == 8
    counts = run(program, x).counts
    assert counts.total("wraps") == counts.total("saturations") == 0
    assert counts.total("spikes_out") > 0


def test_calibration_is_never_worse_than_the_largest_weight():
    """An outlier is clipped only where the calibration events say that it costs less."""
    graph = network(1)
    graph.nodes["w_a"].weight[0, 0] = 30.0
    x = spikes()
    x[..., 0] = 0  # the channel of the outlier is silent
    floats = run(graph, x, ["a"])
    clipped = run(export.quantize(graph, x, weight_bits=4), x, ["a"])
    largest = run(export.quantize(graph, weight_bits=4), x, ["a"])
    wrong = [np.mean(t.spikes["a"] != floats.spikes["a"]) for t in (clipped, largest)]
    assert wrong[0] < wrong[1]


def test_all_zero_weights_are_legal():
    graph = network(2)
    graph.nodes["w_b"].weight[:] = 0
    program = export.quantize(graph, spikes())
    assert not program.incoming("b")[0].weights.any() and run(program, spikes()).output.shape == (8, 50, 3)


def readout(weight: float) -> nir.NIRGraph:
    """A leak-free readout alone, of one event and one weight."""
    nodes = {
        "in": nir.Input({"input": np.array([1])}),
        "w": nir.Linear(np.array([[weight]])),
        "n": nir.LI(tau=np.array([1e-3]), r=np.ones(1), v_leak=np.zeros(1)),
        "out": nir.Output({"output": np.array([1])}),
    }
    graph = nir.NIRGraph(nodes, [("in", "w"), ("w", "n"), ("n", "out")], type_check=False)
    graph.metadata = {"dt": 1e-3}
    return graph


@pytest.mark.parametrize("bits", range(1, 9))
def test_small_weights_without_a_threshold_are_not_taken_for_zeros(bits):
    program = export.quantize(readout(-1e-6), np.ones((1, 3, 1), int), weight_bits=bits)
    assert program.connections[0].weights[0, 0] < 0


def test_fractions_of_a_threshold_of_one_are_not_on_the_grid():
    graph = network(0)
    for name in ("a", "b"):
        graph.nodes[f"w_{name}"].weight[:] = 0.25
        graph.nodes[f"w_{name}"].bias[:] = 0
        graph.nodes[name].v_threshold[:] = 1.0
        graph.nodes[name].tau[:], graph.nodes[name].r[:] = 4e-3, 4.0
    program = export.quantize(graph, spikes())
    assert program.populations["a"].vth.min() > 1
    ours, floats = run(program, spikes(), ["a"]), run(graph, spikes(), ["a"])
    assert np.array_equal(ours.spikes["a"], floats.spikes["a"]) and floats.spikes["a"].any()


def test_weights_that_the_membrane_keeps_small_are_below_the_largest_integer():
    x = np.full((1, 3, 1), 30_000)
    connection = export.quantize(readout(0.7), x).connections[0]
    # 30,000 events leave room for 32767 / 2 / 30,000 = 140 * 2^-8, where 254 * 2^-8 would not fit
    assert (connection.weights.tolist(), connection.weight_exp) == ([[140]], -8)


def test_linear_nodes_and_gains_are_folded():
    graph = network(4)
    graph.nodes["half"] = nir.Scale(np.full(12, 0.5))
    graph.edges = [("in", "half"), ("half", "w_a"), *(e for e in graph.edges if e != ("in", "w_a"))]
    doubled = network(4)
    doubled.nodes["w_a"].weight *= 0.5
    assert export.quantize(graph, spikes()) == export.quantize(doubled, spikes())


def _reset(graph):
    graph.nodes["a"].v_reset[:] = 0.2


def _threshold(graph):
    graph.nodes["a"].v_threshold[:] = -1.0


def _endless_bias(graph):
    n = np.ones(10)
    graph.nodes["a"] = nir.CubaLIF(tau_syn=1e30 * n, tau_mem=n, r=n, v_leak=0 * n, v_threshold=n, w_in=n)


def _output(graph):
    graph.edges = [("w_readout", "out") if e == ("readout", "out") else e for e in graph.edges]


def _huge_bias(graph):
    graph.nodes["w_a"].bias[:] = 1e9


@pytest.mark.parametrize(
    "change, error, message",
    [
        (_reset, Unsupported, "node 'a': reset to 0.2 has no hardware form"),
        (_threshold, Unsupported, "node 'a': a threshold below 0"),
        (_endless_bias, Unsupported, "node 'a': a bias into a current u that never decays"),
        (_output, Unsupported, "output 'w_readout' is not a neuron node"),
        (_huge_bias, OutOfRange, "'a': threshold, bias or membrane need a scale below"),
    ],
)
def test_what_has_no_hardware_form_is_refused(change, error, message):
    graph = network(0)
    change(graph)
    with pytest.raises(error, match=message):
        export.quantize(graph)


@pytest.mark.parametrize("x", [np.full((1, 2, 12), 0.5), np.full((1, 2, 12), -1), np.zeros((0, 2, 12))])
def test_calibration_must_be_events(x):
    with pytest.raises(BadInput, match="calibration for 'in' must hold whole numbers"):
        export.quantize(network(0), x)


@pytest.mark.parametrize("bits", [0, 9, 2.5])
def test_weight_bits_have_limits(bits):
    with pytest.raises(OutOfRange, match=r"not an integer in \[1, 8\]"):
        export.quantize(network(0), weight_bits=bits)


def test_readout_is_an_integrator():
    assert isinstance(export.quantize(network(0)).populations["readout"], LI)
    assert isinstance(export.quantize(network(0)), Program)


def grid(rng: np.random.Generator, n_out: int, n_in: int) -> np.ndarray:
    return 2.0 * rng.integers(-60, 61, (n_out, n_in))


def on_the_grid(node: nir.NIRNode | None, **policy) -> tuple[nir.NIRGraph, np.ndarray]:
    """Return a recurrent network whose floats are integers already, and events for it."""
    rng = np.random.default_rng(0)
    full = np.ones(6)
    neuron = nir.LIF(tau=2e-3 * full, r=2 * full, v_leak=0 * full, v_threshold=90 * full)
    nodes = {
        "in": nir.Input({"input": np.array([5])}),
        "w": nir.Affine(grid(rng, 6, 5), 4.0 * rng.integers(-3, 4, 6)),
        "n": neuron if node is None else node,
        "back": nir.Linear(grid(rng, 6, 6)),
        "out": nir.Output({"output": np.array([6])}),
    }
    edges = [("in", "w"), ("w", "n"), ("n", "back"), ("back", "n"), ("n", "out")]
    graph = nir.NIRGraph(nodes, edges, type_check=False)
    graph.metadata = {"dt": 1e-3, **policy}
    return graph, rng.integers(0, 2, (4, 60, 5))


@pytest.mark.parametrize(
    "policy, kind",
    [
        ({}, LIF),
        ({"compare": ">="}, PLIF),
        ({"reset": "none"}, LIFNoReset),
        ({"reset": "subtract-delayed"}, LIFSubtract),
        ({"recurrent_bias": "late"}, LIF),
    ],
)
def test_a_recurrent_graph_on_the_grid_keeps_its_integers_and_spikes(policy, kind):
    graph, x = on_the_grid(None, **policy)
    program = export.quantize(graph)
    assert type(program.populations["n"]) is kind and program.populations["n"].vth.tolist() == [90] * 6
    assert {c.name: c.delay for c in program.connections} == {"in -> n": 0, "n -> n +1": 1}
    # halves round toward zero in 64ths of a weight: spikes are the floats' nearly everywhere
    spikes = run(graph, x).output
    assert spikes.any() and (run(program, x).output != spikes).mean() < 0.02


def test_a_threshold_node_is_a_population_without_memory():
    graph, x = on_the_grid(nir.Threshold(np.full(6, 90.0)))
    graph.edges.remove(("back", "n"))
    program = export.quantize(graph)
    assert program.populations["n"].dv.tolist() == [4096] * 6
    assert np.array_equal(run(program, x).output, run(graph, x).output)


def test_delays_in_a_loop_are_those_of_its_connection():
    graph, x = on_the_grid(None)
    graph.nodes["d"] = nir.Delay(np.full(6, 3e-3))
    graph.edges.remove(("n", "back"))
    graph.edges += [("n", "d"), ("d", "back")]
    program = export.quantize(graph)
    assert [c.delay for c in program.connections] == [0, 3]
    graph.nodes["d"].delay[0] = 1e-3
    with pytest.raises(Unsupported, match="node 'd': delays that differ in a node"):
        export.quantize(graph)


HALVES = np.array([2, 2])
SUM = nir.SumPool2d(HALVES, HALVES, np.array([0, 0]))
MEAN = nir.AvgPool2d(HALVES, HALVES, np.array([0, 0]))
SCALE = nir.Scale(np.full((3, 8, 6), 2.0))


@pytest.mark.parametrize(
    "settings, then, kind",
    [
        ((1, 1, 1, 1), [], Conv),
        ((1, 0, 2, 1), [], Conv),
        (((2, 1), (0, 1), 1, 2), [], Conv),
        ((1, "same", 1, 1), [], Conv),
        ((1, 1, 1, 1), [SUM], Sparse),
        ((1, 1, 1, 1), [MEAN], Sparse),
        ((1, 1, 1, 1), [SCALE], Sparse),
    ],
)
def test_a_convolution_stays_one_and_with_a_pool_becomes_a_sparse_matrix(settings, then, kind):
    rng = np.random.default_rng(0)
    stride, padding, dilation, groups = settings
    weight = 8.0 * rng.integers(-5, 6, (3 * groups, 2 // groups, 3, 3))
    conv = nir.Conv2d((8, 6), weight, stride, padding, dilation, groups, 0.5 * np.arange(3 * groups))
    shape = (2, 8, 6)
    for node in (conv, *then):
        shape = shape_after(node, shape)
    ones = np.ones(shape)
    nodes = {
        "in": nir.Input({"input": np.array([2, 8, 6])}),
        "conv": conv,
        **{f"then{i}": node for i, node in enumerate(then)},
        "n": nir.IF(r=1e3 * ones, v_threshold=100 * ones),
        "flat": nir.Flatten({"input": np.array(shape)}, 0, -1),
        "w": nir.Linear(grid(rng, 4, ones.size)),
        "out_n": nir.I(r=np.full(4, 1e3)),
        "out": nir.Output({"output": np.array([4])}),
    }
    names = list(nodes)
    graph = nir.NIRGraph(nodes, list(zip(names, names[1:], strict=False)), type_check=False)
    graph.metadata = {"dt": 1e-3}
    program = export.quantize(graph)
    assert [type(c) for c in program.connections] == [kind, Dense]
    x = rng.integers(0, 2, (3, 20, 2, 8, 6))
    assert program.populations["n"].shape == shape
    trace, floats = run(program, x, record=["n"]), run(graph, x, record=["n"])
    assert np.array_equal(trace.spikes["n"], floats.spikes["n"]) and trace.spikes["n"].any()
    assert np.array_equal(trace.output / 64, floats.output)
    assert from_nir(to_nir(program)) == program
    again = export.quantize(to_nir(program), weight_scale=1.0)  # from the values of its nodes alone
    assert again == program or kind is Sparse
    assert np.array_equal(run(again, x.reshape(3, 20, *again.inputs["in"].shape)).output, trace.output)
    calibrated = export.quantize(graph, calibration=x)
    assert [type(c) for c in calibrated.connections] == [kind, Dense]


def test_pools_and_pairs_without_weights_become_sparse():
    ones = np.ones((1, 2, 2))
    nodes = {
        "in": nir.Input({"input": np.array([1, 4, 4])}),
        "pool": SUM,
        "a": nir.IF(r=1e3 * ones, v_threshold=ones),
        "b": nir.IF(r=1e3 * ones, v_threshold=ones),
        "out": nir.Output({"output": np.array([1, 2, 2])}),
    }
    names = list(nodes)
    graph = nir.NIRGraph(nodes, list(zip(names, names[1:], strict=False)), type_check=False)
    graph.metadata = {"dt": 1e-3}
    program = export.quantize(graph)
    assert [c.fan_out.tolist() for c in program.connections] == [[1] * 16, [1] * 4]
    x = np.random.default_rng(0).integers(0, 2, (3, 20, 1, 4, 4))
    assert np.array_equal(run(program, x).output, run(graph, x).output)


@pytest.mark.parametrize("reset, delay, kind", [("subtract", True, LIFSubtract), ("none", True, LIFNoReset)])
@pytest.mark.parametrize("cell", ["Leaky", "Synaptic"])
def test_resets_that_from_torch_writes_in_parts_are_one_population(reset, delay, kind, cell):
    import snntorch as snn
    import torch
    from torch import nn

    torch.manual_seed(0)
    options = {"beta": 0.9, "reset_mechanism": reset, "reset_delay": delay, "init_hidden": True}
    options |= {"alpha": 0.5} if cell == "Synaptic" else {}
    module = nn.Sequential(nn.Linear(12, 9, bias=cell == "Leaky"), getattr(snn, cell)(**options))
    x = (torch.rand(8, 50, 12) < 0.3).float()
    graph = export.from_torch(module, x)
    program = export.quantize(graph, x.numpy())
    (neuron,) = program.populations.values()
    assert type(neuron) is kind
    spikes = run(graph, x.numpy()).output
    assert spikes.any() and (run(program, x.numpy()).output != spikes).mean() < 0.02


@pytest.mark.parametrize(
    "policy, message",
    [
        (
            {"reset": "subtract"},
            "node 'n': reset 'subtract' has no hardware form; 'zero', 'subtract-delayed'",
        ),
        ({"output_lag": 1}, "the graph's output_lag is 1"),
        ({"compare": ">=", "reset": "none"}, "compare '>=' has a hardware form with reset 'zero' only"),
    ],
)
def test_policies_without_a_hardware_form_are_refused(policy, message):
    graph, _ = on_the_grid(None, **policy)
    with pytest.raises(Unsupported, match=message):
        export.quantize(graph)


def test_a_bias_into_the_current_is_one_of_the_membrane_and_a_first_current():
    """u builds up over steps; v must follow it from the first one on."""
    n = np.ones(3)
    nodes = {
        "in": nir.Input({"input": np.array([2])}),
        "w": nir.Affine(np.array([[0.5, -1.0], [0.25, 1.0], [1.0, 0.0]]), np.array([0.25, -0.5, 0.125])),
        "n": nir.CubaLI(tau_syn=4e-3 * n, tau_mem=8e-3 * n, r=2 * n, v_leak=0 * n, w_in=4 * n),
        "out": nir.Output({"output": np.array([3])}),
    }
    names = list(nodes)
    graph = nir.NIRGraph(nodes, list(zip(names, names[1:], strict=False)), type_check=False)
    graph.metadata = {"dt": 1e-3}
    program = export.quantize(graph, weight_scale=512.0)  # halves, quarters and eighths: nothing is rounded
    assert program.populations["n"].u0.tolist() == [-8192, 16384, -4096]  # 64 * 512 * -b / 4 / (1 - 3/4)
    x = np.random.default_rng(0).integers(0, 2, (4, 40, 2))
    floats, ours = run(graph, x).output, run(program, x).output / (64 * 512)
    assert np.abs(floats[:, 0]).min() > 0.01 and np.abs(ours - floats).max() < 1e-3


def test_the_search_is_deterministic():
    assert export.quantize(network(3), spikes(), 4) == export.quantize(network(3), spikes(), 4)


def test_bits_may_differ_between_populations():
    found = quantization(network(0), spikes(), {"a": 3, "b": 8, "readout": 5})
    assert [c.num_weight_bits for c in found.program.connections] == [3, 8, 5]
    with pytest.raises(BadInput, match="the populations are"):
        export.quantize(network(0), spikes(), {"a": 3})


def test_the_fewest_bits_keep_the_loss():
    graph, x = network(1, bias=0.0), np.concatenate([spikes(s) for s in range(8)])
    found = quantization(graph, x, "auto", max_loss=0.05)
    first, *rows, last = found.table
    assert first.bits == {"a": 8, "b": 8, "readout": 8} and first.memory == 8 * (120 + 80 + 24)
    memories = [row.memory for row in found.table]
    assert memories == sorted(memories, reverse=True) and len(set(memories)) == len(memories) > 5
    assert all(row.kept and row.loss <= 0.05 for row in (first, *rows)) and not last.kept
    assert {c.target: c.num_weight_bits for c in found.program.connections} == rows[-1].bits
    floats, ours = (decide(run(n, x).output) for n in (graph, found.program))
    assert np.mean(floats != ours) == found.after.loss <= 0.05
    with pytest.raises(BadInput, match="'auto' needs calibration"):
        export.quantize(graph, weight_bits="auto")


def test_float_input_becomes_events_of_a_scale_that_the_program_knows(tmp_path):
    graph = network(5)
    x = 0.3 * np.random.default_rng(0).gamma(1, 1, (16, 50, 12))
    with pytest.raises(BadInput, match="input_bits"):
        export.quantize(graph, x)
    errors = []
    for bits in (2, 4, 8):
        program = export.quantize(graph, x, input_bits=bits)
        entry = program.inputs["in"]
        assert entry.message_bits == bits and entry.scale >= (2**bits - 1) / x.max()
        events = program.encode(x)
        assert events.max() == 2**bits - 1 and np.array_equal(program.encode({"in": x})["in"], events)
        program.save(tmp_path / "p.nir")
        assert Program.load(tmp_path / "p.nir") == program
        assert f"scale {entry.scale:g} events per unit" in program.to_text()
        floats, ours = run(graph, x, ["a"]).spikes["a"], run(program, events, ["a"]).spikes["a"]
        errors.append(np.mean(floats != ours))
    assert errors[0] > errors[1] > errors[2] and errors[2] < 0.05
    with pytest.raises(BadInput, match="input 'in': float input becomes events from 0 on"):
        program.encode(-x)
    whole = export.quantize(graph, spikes(), input_bits=8)
    assert whole.inputs["in"].scale == 1 and whole.inputs["in"].message_bits == 0
    with pytest.raises(BadInput, match="input_bits needs calibration"):
        export.quantize(graph, input_bits=8)


def test_a_time_constant_near_the_end_is_noted_with_its_error():
    graph = network(6)
    graph.nodes["a"].tau[:] = 1e-3 * 3000.0
    graph.nodes["a"].r[:] = 3000.0
    slow, *others = quantization(graph, spikes()).layers
    assert slow.slowest == pytest.approx(3000) and "remembers 3000 steps: 1.37 of 4096" in str(slow.note)
    assert slow.tau_error in (
        pytest.approx(0.3653, abs=1e-3),
        pytest.approx(0.3173, abs=1e-3),
    )  # 1 or 2 of 4096
    assert all(layer.note is None for layer in others)


def test_a_loop_without_a_neuron_is_refused():
    graph, _ = on_the_grid(None)
    graph.nodes["d"] = nir.Delay(np.full(6, 1e-3))
    graph.edges += [("back", "d"), ("d", "d"), ("d", "n")]
    with pytest.raises(Unsupported, match="node 'd' hears itself through no neuron"):
        export.quantize(graph)
