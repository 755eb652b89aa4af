"""The float interpreter: hand-computed steps and loops."""

import nir
import numpy as np
import pytest

from lavalier.simulate import run
from lavalier.simulate.errors import BadInput, Unsupported

from .graphs import a, chain, entry, exit_, joined, lif, one


def test_lif_by_hand():
    # beta = 1 - 0.1 / 0.2 = 0.5, gain 2 * 0.5 = 1, leak 0.5 * 0.2 = 0.1
    node = nir.LIF(tau=a(0.2), r=a(2.0), v_leak=a(0.2), v_threshold=a(1.0), v_reset=a(-0.5))
    trace = run(chain(node), one(0.9, 0.4, 0.6, 0.0), record=["n"])
    # 1.0 is not above 1; 0.5 + 0.4 + 0.1 = 1.0 is not; 0.5 + 0.7 fires; then -0.25 + 0.1
    assert trace.output[0, :, 0].tolist() == [0, 0, 1, 0]
    assert np.allclose(trace.v["n"][0, :, 0], [1.0, 1.0, -0.5, -0.15])


def test_if_and_i_by_hand():
    fired = run(chain(nir.IF(r=a(10.0), v_threshold=a(1.0), v_reset=a(0.0))), one(0.6, 0.6, 0.6))
    assert fired.output[0, :, 0].tolist() == [0, 1, 0]
    assert np.allclose(run(chain(nir.I(r=a(10.0))), one(1, 1, -3)).output[0, :, 0], [1, 2, -1])


def test_li_by_hand():
    trace = run(chain(nir.LI(tau=a(0.2), r=a(2.0), v_leak=a(0.0))), one(1, 0, 0))
    assert np.allclose(trace.output[0, :, 0], [1, 0.5, 0.25])


@pytest.mark.parametrize("spiking", [False, True])
def test_cuba_by_hand(spiking):
    # alpha = 0.75, u gains 4 * 0.25 = 1; beta = 0.5, v gains 2 * 0.5 = 1
    fields: dict = {"tau_syn": a(0.4), "tau_mem": a(0.2), "r": a(2.0), "v_leak": a(0.0), "w_in": a(4.0)}
    more: dict = {"v_threshold": a(1.4), "v_reset": a(0.0)} if spiking else {}
    trace = run(chain((nir.CubaLIF if spiking else nir.CubaLI)(**fields, **more)), one(1, 0, 0), record=["n"])
    assert np.allclose(trace.u["n"][0, :, 0], [1, 0.75, 0.5625])
    # u is used in the step in which it changes; 0.5 + 0.75 = 1.25; 0.625 + 0.5625
    assert np.allclose(trace.v["n"][0, :, 0], [1, 1.25, 1.1875])


def test_several_edges_add_and_affine_adds_its_bias():
    nodes = {
        "in": entry(2),
        "w": nir.Affine(np.array([[1.0, 2.0]]), np.array([0.5])),
        "l": nir.Linear(np.array([[10.0, 0.0]])),
        "s": nir.Scale(np.array([3.0])),
        "n": nir.I(r=np.array([10.0])),
        "out": exit_(),
    }
    made = joined(nodes, "in -> w -> n -> out", "in -> l -> s -> n")
    assert np.allclose(run(made, [[[1, 1]]]).output[0, 0], [1 + 2 + 0.5 + 30])


def test_float32_stays_float32():
    node = nir.LI(tau=a(0.2), r=a(2.0), v_leak=a(0.0))
    assert run(chain(node), one(1).astype(np.float32)).output.dtype == np.float32
    assert run(chain(node), one(1)).output.dtype == np.float64


@pytest.mark.parametrize("shape", [(1,), (1, 1, 1), (2, 1, 1), (1, 3, 4), (2, 3, 4)])
def test_parameters_of_size_1_or_of_the_same_axes_are_spread(shape):
    values = np.full(shape, 1.0)
    node = nir.LIF(tau=0.2 * values, r=2 * values, v_leak=0 * values, v_threshold=values)
    x = np.random.default_rng(0).standard_normal((2, 3, 2, 3, 4))
    full = np.ones((2, 3, 4))
    expected = nir.LIF(tau=0.2 * full, r=2 * full, v_leak=0 * full, v_threshold=full)
    output = run(chain(node, shape=(2, 3, 4)), x).output
    assert np.array_equal(output, run(chain(expected, shape=(2, 3, 4)), x).output)
    assert output.any()


def self_exciting(**more: nir.NIRNode) -> nir.NIRGraph:
    """Return a LIF whose spike comes back with weight 2 through the nodes given."""
    nodes = {"in": entry(1), "n": lif(), "w": nir.Linear(np.array([[2.0]])), **more, "out": exit_()}
    return joined(nodes, "in -> n -> out", " -> ".join(["n", "w", *more, "n"]))


def test_a_loop_takes_one_step_wherever_its_nodes_stand_in_the_file():
    graph = self_exciting()
    expected = [0, 1, 1, 1]
    assert run(graph, one(0, 2, 0, 0)).output[0, :, 0].tolist() == expected
    graph.nodes = dict(reversed(graph.nodes.items()))
    assert run(graph, one(0, 2, 0, 0)).output[0, :, 0].tolist() == expected


@pytest.mark.parametrize(
    "steps, spikes", [(1, [1, 1, 1, 1, 1, 1]), (2, [1, 0, 1, 0, 1, 0]), (3, [1, 0, 0, 1, 0, 0])]
)
def test_a_delay_in_a_loop_is_all_of_its_delay(steps, spikes):
    graph = self_exciting(d=nir.Delay(a(0.1 * steps)))
    assert run(graph, one(2, 0, 0, 0, 0, 0)).output[0, :, 0].tolist() == spikes


def test_a_delay_of_no_step_leaves_the_loop_its_own():
    graph = self_exciting(d=nir.Delay(a(0.0)))
    assert run(graph, one(2, 0, 0)).output[0, :, 0].tolist() == [1, 1, 1]


def test_loops_through_several_neurons_take_one_step_in_all():
    graph = self_exciting(m=lif(), v=nir.Linear(np.array([[2.0]])))
    trace = run(graph, one(2, 0, 0), record=["n", "m"])
    assert trace.spikes["n"][0, :, 0].tolist() == [1, 1, 1]
    assert trace.spikes["m"][0, :, 0].tolist() == [1, 1, 1]


def test_a_neuron_that_feeds_itself():
    nodes = {"in": entry(1), "n": nir.LI(tau=a(0.2), r=a(2.0), v_leak=a(0.0)), "out": exit_()}
    graph = joined(nodes, "in -> n -> out", "n -> n")
    # v = v / 2 + x + v of the step before
    assert run(graph, one(1, 0, 0)).output[0, :, 0].tolist() == [1, 1.5, 2.25]


def test_loops_in_which_nothing_takes_time_are_refused():
    nodes = {"in": entry(1), "s": nir.Scale(a(0.5)), "w": nir.Linear(np.ones((1, 1))), "out": exit_()}
    with pytest.raises(Unsupported, match="nodes s, w form a loop in which nothing takes time; put a neuron"):
        run(joined(nodes, "in -> s -> w -> s", "w -> out"), one(1))
    nodes["w"] = nir.Threshold(a(1.0))
    with pytest.raises(Unsupported, match="nothing takes time"):
        run(joined(nodes, "in -> s -> w -> s", "w -> out"), one(1))
    nodes["w"] = nir.Delay(a(0.1))
    output = run(joined(nodes, "in -> s -> w -> s", "w -> out"), one(1, 0, 0)).output
    assert output[0, :, 0].tolist() == [0, 0.5, 0.25]


def nested() -> nir.NIRGraph:
    inner = self_exciting()
    return joined({"in": entry(1), "rnn": inner, "out": exit_()}, "in -> rnn -> out")


def test_nested_graphs_are_what_they_are_flat():
    x = one(0, 2, 0, 0)
    trace = run(nested(), x, record=["rnn.n"])
    assert np.array_equal(trace.output, run(self_exciting(), x).output)
    assert np.array_equal(trace.output, trace.spikes["rnn.n"])
    twice = joined({"in": entry(1), "a": nested(), "out": exit_()}, "in -> a -> out")
    assert np.array_equal(
        run(twice, x, record=["a.rnn.n"]).v["a.rnn.n"],
        trace.v.get("x", run(self_exciting(), x, ["n"]).v["n"]),
    )


def test_the_loop_may_lie_around_a_nested_graph():
    inner = chain(lif())
    nodes = {"in": entry(1), "cell": inner, "w": nir.Linear(np.array([[2.0]])), "out": exit_()}
    graph = joined(nodes, "in -> cell -> out", "cell -> w -> cell")
    assert run(graph, one(0, 2, 0, 0)).output[0, :, 0].tolist() == [0, 1, 1, 1]


def test_several_inputs_and_outputs():
    nodes = {
        "left": entry(1),
        "right": entry(1),
        "n": nir.I(r=a(10.0)),
        "sum": exit_(),
        "right_again": exit_(),
    }
    graph = joined(nodes, "left -> n -> sum", "right -> n", "right -> right_again")
    trace = run(graph, {"left": one(1, 2), "right": one(10, 20)})
    assert trace.output["sum"][0, :, 0].tolist() == [11, 33]
    assert trace.output["right_again"][0, :, 0].tolist() == [10, 20]
    with pytest.raises(BadInput, match=r"inputs are \['left', 'right'\], x has \['left'\]"):
        run(graph, one(1))
    with pytest.raises(BadInput, match="same batch and steps"):
        run(graph, {"left": one(1), "right": one(1, 2)})


def test_nested_graphs_with_several_ports_are_chosen_from_by_name():
    nodes = {"l": entry(1), "r": entry(1), "s": nir.Scale(a(2.0)), "t": nir.Scale(a(3.0)), "o": exit_()}
    inner = joined(nodes, "l -> s -> o", "r -> t -> o")
    outer = {"in": entry(1), "b": inner, "out": exit_()}
    graph = joined(outer, "in -> b.l", "in -> b.r", "b -> out")
    assert run(graph, one(1)).output.tolist() == [[[5]]]
    with pytest.raises(BadInput, match="edge in -> b: the nested graph 'b' has 2 Input nodes"):
        run(joined(outer, "in -> b -> out"), one(1))


def test_record_names_are_checked():
    graph = chain(nir.Scale(a(1.0)), lif())
    with pytest.raises(BadInput, match="record: there is no node 'x'; there are n1"):
        run(graph, one(1), record=["x"])
    with pytest.raises(BadInput, match=r"record: node 'n' \(Scale\) has neither spikes nor a state"):
        run(graph, one(1), record="n")


def test_nothing_in_gives_nothing_out():
    assert run(self_exciting(), np.zeros((0, 5, 1))).output.shape == (0, 5, 1)
    assert run(self_exciting(), np.zeros((2, 0, 1))).output.shape == (2, 0, 1)


def test_wrong_x_is_refused():
    made = chain(nir.I(r=a(1.0)))
    with pytest.raises(BadInput, match=r"x is \(1, 2, 3\), not \(batch, steps, 1\)"):
        run(made, np.zeros((1, 2, 3)))
    with pytest.raises(BadInput, match="x holds nan"):
        run(made, one(np.nan))
