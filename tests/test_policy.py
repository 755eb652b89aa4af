"""Every choice of a policy, by hand; presets, metadata, and what is no policy."""

import nir
import numpy as np
import pytest

from lavalier import export
from lavalier.simulate import run
from lavalier.simulate.errors import BadInput, Unsupported
from lavalier.simulate.policy import CHOICES, PRESETS, Policy, choose, policy_of, state

from .graphs import a, chain, cuba, entry, exit_, joined, lif, one


def spikes_and_v(node: nir.NIRNode, x: np.ndarray, **policy) -> tuple[list, list]:
    trace = run(chain(node, **policy), x, record=["n"])
    return trace.spikes["n"][0, :, 0].tolist(), trace.v["n"][0, :, 0].round(12).tolist()


def test_the_defaults_are_the_majority_convention():
    assert Policy() == Policy(1e-4, "euler", "zero", ">", "i-then-v", "kept", 0, "stored", "single")
    assert str(Policy()) == (
        "dt 0.0001 s, decay euler, reset zero, compare >, order i-then-v, recurrent_bias kept, "
        "output_lag 0, gain stored, spikes single"
    )


@pytest.mark.parametrize(
    "decay, kept, weight",
    [("euler", 0.5, 0.5), ("exp", np.exp(-0.5), 0.5), ("zoh", np.exp(-0.5), 1 - np.exp(-0.5))],
)
def test_decay(decay, kept, weight):
    # dt / tau = 0.5, r = 2, leak 0.25: it pulls with what decays
    node = nir.LI(tau=a(0.2), r=a(2.0), v_leak=a(0.25))
    v = run(chain(node, decay=decay), one(1, 0)).output[0, :, 0]
    first = 2 * weight + (1 - kept) * 0.25
    assert np.allclose(v, [first, kept * first + (1 - kept) * 0.25], rtol=1e-15)


@pytest.mark.parametrize(
    "reset, spikes, v",
    [
        # input 1.5, 0.8, 0.8, 0, threshold 1, v_reset 0, half is kept
        ("zero", [1, 0, 1, 0], [0, 0.8, 0, 0]),
        ("zero-delayed", [1, 0, 1, 0], [1.5, 0.8, 1.2, 0]),
        # 1.5 - 1; 0.25 + 0.8 - 1; 0.025 + 0.8
        ("subtract", [1, 1, 0, 0], [0.5, 0.05, 0.825, 0.4125]),
        # 1.5; 0.75 + 0.8 - 1; 0.275 + 0.8; 0.5375 - 1
        ("subtract-delayed", [1, 0, 1, 0], [1.5, 0.55, 1.075, -0.4625]),
        ("none", [1, 1, 1, 0], [1.5, 1.55, 1.575, 0.7875]),
    ],
)
def test_reset(reset, spikes, v):
    assert spikes_and_v(lif(), one(1.5, 0.8, 0.8, 0), reset=reset) == (spikes, v)


def test_reset_to_a_voltage_and_by_its_distance():
    node = lif(reset=-0.5)
    assert spikes_and_v(node, one(1.5, 0.0), reset="zero") == ([1, 0], [-0.5, -0.25])
    assert spikes_and_v(node, one(1.5, 0.0), reset="zero-delayed") == ([1, 0], [1.5, -0.25])
    assert spikes_and_v(node, one(1.5, 0.0), reset="subtract") == ([1, 0], [0.0, 0.0])
    assert spikes_and_v(node, one(1.5, 0.0), reset="subtract-delayed") == ([1, 0], [1.5, -0.75])


def test_a_delayed_zero_reset_wipes_the_input_of_a_node_with_a_current():
    # u = 2, 1.5 + 2, ...: v = 2 fires; wiped; 0 + 2.625 fires
    assert spikes_and_v(cuba(), one(2, 2, 0), reset="zero-delayed") == ([1, 0, 1], [2, 0, 2.625])


def test_snntorch_subtract_raises_the_threshold_once():
    # 3.5 - 1 = 2.5 is still above 1; so 1.25 + 0.9 - 1 = 1.15 > 1 fires, 2.15 - 1 is above 1 again
    # 0.575 + 0.9 - 1 = 0.475 does not
    assert spikes_and_v(lif(), one(3.5, 0.9, 0.9), reset="snntorch-subtract") == (
        [1, 1, 0],
        [2.5, 1.15, 1.475],
    )


@pytest.mark.parametrize("compare, spikes", [(">", [0, 1]), (">=", [1, 0])])
def test_compare(compare, spikes):
    assert spikes_and_v(lif(), one(1, 0.6), compare=compare)[0] == spikes
    threshold = chain(nir.Threshold(a(1.0)), compare=compare)
    assert run(threshold, one(1, 1.5)).output[0, :, 0].tolist() == [spikes[0], 1]


@pytest.mark.parametrize(
    "order, u, v",
    [
        ("i-then-v", [1, 0.75], [1, 1.25]),
        ("v-then-i", [1, 0.75], [0, 1]),
        ("decay-after-input", [0.75, 0.5625], [0.75, 0.9375]),
    ],
)
def test_order(order, u, v):
    node = nir.CubaLI(tau_syn=a(0.4), tau_mem=a(0.2), r=a(2.0), v_leak=a(0.0), w_in=a(4.0))
    trace = run(chain(node, order=order), one(1, 0), record=["n"])
    assert trace.u["n"][0, :, 0].tolist() == u
    assert trace.v["n"][0, :, 0].tolist() == v


def recurrent(weight: float, bias: float, **policy) -> nir.NIRGraph:
    nodes = {
        "in": entry(1),
        "n": lif(),
        "w": nir.Affine(np.array([[weight]]), a(bias)),
        "out": exit_(),
    }
    return joined(nodes, "in -> n -> w -> n -> out", **policy)


@pytest.mark.parametrize(
    "policy, v",
    [
        # input 2 at the first step; weight 0.25, bias 0.5
        ({}, [0, 0.75, 0.875]),
        ({"recurrent_bias": "late"}, [0, 0.75, 0.875]),
        ({"recurrent_bias": "dropped"}, [0, 0.25, 0.125]),
        # the spike leaves and comes back in the next step, as with any delay of one
        ({"output_lag": 1}, [0, 0.75, 0.875]),
    ],
)
def test_recurrent_bias_after_a_spike(policy, v):
    assert run(recurrent(0.25, 0.5, **policy), one(2, 0, 0), ["n"]).v["n"][0, :, 0].tolist() == v


@pytest.mark.parametrize("lag", [0, 1])
@pytest.mark.parametrize(
    "recurrent_bias, v", [("kept", [0.5, 0.75]), ("late", [0, 0.5]), ("dropped", [0, 0])]
)
def test_recurrent_bias_at_the_first_step(recurrent_bias, v, lag):
    graph = recurrent(0.25, 0.5, recurrent_bias=recurrent_bias, output_lag=lag)
    assert run(graph, one(0, 0), ["n"]).v["n"][0, :, 0].tolist() == v


def test_output_lag_holds_spikes_back_for_a_step_and_nothing_else():
    graph = chain(lif(), nir.LI(tau=a(0.2), r=a(2.0), v_leak=a(0.0)), output_lag=1)
    trace = run(graph, one(2, 0, 0), record=["n"])
    assert trace.v["n"][0, :, 0].tolist() == [0, 0, 0]
    assert trace.spikes["n"][0, :, 0].tolist() == [0, 1, 0]
    assert trace.output[0, :, 0].tolist() == [0, 1, 0.5]


def test_unit_gain():
    assert spikes_and_v(lif(r=77.0), one(0.5, 0.5), gain="unit") == ([0, 0], [0.5, 0.75])
    assert spikes_and_v(
        nir.IF(r=a(3.0), v_threshold=a(1.0), v_reset=a(0.0)), one(0.5, 0.5, 0.5), gain="unit"
    ) == (
        [0, 0, 1],
        [0.5, 1.0, 0],
    )
    with pytest.raises(Unsupported, match=r"node 'n' \(LIF\): v_leak is not 0; .* gain = 'unit'"):
        run(chain(lif(leak=0.1), gain="unit"), one(1))


def test_norse_counts_r_of_a_cubalif_alone():
    # IF: v += x; LIF: dt / tau of x; CubaLIF as stored
    assert spikes_and_v(lif(r=77.0), one(1, 0), gain="norse")[1] == [0.5, 0.25]
    node = nir.IF(r=a(3.0), v_threshold=a(9.0), v_reset=a(0.0))
    assert spikes_and_v(node, one(1, 1), gain="norse")[1] == [1, 2]
    assert spikes_and_v(cuba(), one(1, 0), gain="norse") == spikes_and_v(cuba(), one(1, 0))
    with pytest.raises(Unsupported, match="v_leak is not 0; the convention gain = 'norse'"):
        run(chain(lif(leak=0.1), gain="norse"), one(1))


def test_a_node_without_a_current_decays_after_its_input_too():
    node = nir.LI(tau=a(0.2), r=a(2.0), v_leak=a(0.0))
    output = run(chain(node, order="decay-after-input"), one(1, 0)).output[0, :, 0]
    assert output.tolist() == [0.5, 0.25]


def test_an_exponential_decay_may_be_shorter_than_a_step():
    node = nir.LI(tau=a(0.05), r=a(1.0), v_leak=a(0.0))
    output = run(chain(node, decay="exp", gain="unit"), one(1, 0)).output[0, :, 0]
    assert np.allclose(output, [1, np.exp(-2)], rtol=1e-15)


@pytest.mark.parametrize(
    "compare, spikes, v", [(">=", [3, 0, 0], [0, 0.5, -3]), (">", [2, 0, 0], [1, 1, -3])]
)
def test_multiple_spikes(compare, spikes, v):
    many = {"reset": "subtract", "spikes": "multiple", "compare": compare}
    assert spikes_and_v(lif(), one(3, 0.5, -3 - v[1] / 2), **many) == (spikes, v)
    with pytest.raises(Unsupported, match=r"node 'n' \(LIF\): spikes = 'multiple' needs"):
        run(chain(lif(threshold=0.0), **many), one(1))


def test_presets_are_policies_and_keep_dt():
    graph = chain(lif())
    for name, chosen in PRESETS.items():
        policy = choose(graph, name)
        assert policy.dt == 0.1
        assert all(getattr(policy, field) == value for field, value in chosen.items())


def test_arguments_win_over_the_preset_and_that_over_metadata():
    graph = chain(lif(), decay="exp", reset="none")
    assert choose(graph, None).decay == "exp"
    assert choose(graph, "norse") == Policy(dt=0.1, recurrent_bias="late", gain="norse")
    chosen = choose(graph, "sinabs", reset="zero", dt=0.05, recurrent_bias=False)
    assert chosen == Policy(0.05, "exp", "zero", ">=", gain="unit", recurrent_bias="dropped")
    assert choose(graph, None, reset="v_reset", recurrent_bias=True) == Policy(0.1, "exp")


def test_a_policy_travels_in_metadata(tmp_path):
    graph = chain(lif())
    chosen = {"reset": "subtract", "output_lag": 1, "decay": "zoh"}
    state(graph, choose(graph, None, **chosen))
    export.write(graph, tmp_path / "g.nir")
    read = export.read(tmp_path / "g.nir")
    assert policy_of(read) == policy_of(graph) == Policy(0.1, **chosen)
    read = export.read(tmp_path / "g.nir", preset="norse", dt=0.2)
    assert policy_of(read) == Policy(0.2, recurrent_bias="late", gain="norse")
    export.write(chain(lif()), tmp_path / "g.nir")
    assert {field: read.metadata[field] for field in CHOICES}.keys() == CHOICES.keys()


@pytest.mark.parametrize(
    "field, value, message",
    [
        ("reset", "soft", "reset = 'soft' is none of 'zero', 'subtract'"),
        ("decay", 1, "decay = 1 is none of"),
        ("output_lag", 2, "output_lag = 2 is none of 0, 1"),
        ("dt", 0, "dt = 0 must be a positive number of seconds"),
        ("dt", "soon", "dt = soon must be a positive"),
        ("dt", float("nan"), "dt = nan must be"),
        ("spikes", "multiple", "spikes = 'multiple' needs reset = 'subtract', not 'zero'"),
    ],
)
def test_what_is_no_policy_is_refused(field, value, message):
    with pytest.raises(BadInput, match=message):
        run(chain(lif(), **{field: value}), one(1))
    if field != "spikes":
        with pytest.raises(BadInput, match=message):
            choose(chain(lif()), None, **{field: value})


def test_an_unknown_preset_is_refused():
    with pytest.raises(BadInput, match="preset = 'brian' is none of 'snntorch', 'norse'"):
        choose(chain(lif()), "brian")
