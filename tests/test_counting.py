"""Counts of each step: by hand on three neurons, and their sums against what the simulators count."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lavalier.simulate import LI, LIF, Conv, Dense, Input, Program, reference, run
from lavalier.simulate.cost.counting import counts_by_step, stored_fan_out
from lavalier.simulate.errors import BadInput
from lavalier.simulate.neurons import PLIF

from .programs import events, programs

THREE = Program(
    inputs={"in": Input((2,))},
    populations={"hidden": LIF((2,), dv=4096, vth=5), "readout": LI((1,), dv=4096)},
    connections=(
        Dense("in", "hidden", [[6, 0], [4, 4]]),
        Dense("hidden", "hidden", [[0, 2], [0, 0]], delay=1),
        Dense("hidden", "readout", [[2, 0]], delay=2),
    ),
    outputs=("hidden", "readout"),
)
X = np.array([[[1, 0], [1, 1], [0, 0], [0, 0]]])


def test_three_neurons_by_hand():
    """Step 0: input 0 fires hidden 0 (6 > 5), hidden 1 stays below (4). Step 1: 6 and 8, both fire.

    The loop brings hidden 0 the spike of hidden 1 in step 2 (2: no spike). The readout gets the spikes of
    hidden 0 two steps late, in steps 2 and 3.
    """
    trace = run(THREE, X, record=THREE.populations)
    assert trace.spikes["hidden"].tolist() == [[[1, 0], [1, 1], [0, 0], [0, 0]]]
    found = counts_by_step(THREE, X, trace)
    by_hand = {
        "syn_ops": {
            "in -> hidden": [2, 3, 0, 0],
            "hidden -> hidden +1": [0, 0, 1, 0],  # of neuron 1; neuron 0 has no weight here
            "hidden -> readout +2": [0, 0, 1, 1],
        },
        "syn_ops_unpruned": {
            "in -> hidden": [2, 4, 0, 0],
            "hidden -> hidden +1": [0, 2, 4, 0],
            "hidden -> readout +2": [0, 0, 1, 2],
        },
        "spikes_in": {"hidden": [1, 3, 2, 0], "readout": [0, 0, 1, 2]},
        "spikes_out": {"hidden": [1, 2, 0, 0], "readout": [0, 0, 0, 0]},
        # to itself, to the readout, to the host
        "axon_out": {"hidden": [3, 6, 0, 0], "readout": [0, 0, 0, 0]},
        # u and v of each neuron: 6|4, 6|8, then 2|0 with both u's before, then u and v before of one
        "dendrite_updates_active": {"hidden": [2, 2, 2, 1], "readout": [0, 0, 1, 1]},
        "dendrite_updates_inactive": {"hidden": [0, 0, 0, 1], "readout": [1, 1, 0, 0]},
        "input_events": {"in": [1, 2, 0, 0]},
        "output_events": {"hidden": [1, 2, 0, 0], "readout": [1, 1, 1, 1]},
    }
    for counter, expected in by_hand.items():
        assert {n: v[0].tolist() for n, v in getattr(found, counter).items()} == expected, counter
    assert not any(values.any() for values in found.multiply_adds.values())


@settings(max_examples=40)
@given(st.data())
def test_steps_add_up_to_what_the_simulators_count(data):
    program = data.draw(programs())
    x = data.draw(events(program))
    trace = reference.run(program, x, record=program.populations)
    found = counts_by_step(program, x, trace)
    for counter in (
        "syn_ops",
        "spikes_in",
        "spikes_out",
        "axon_out",
        "dendrite_updates_active",
        "dendrite_updates_inactive",
    ):
        whole = getattr(trace.counts, counter)
        assert {n: v.sum(axis=1).tolist() for n, v in getattr(found, counter).items()} == {
            n: v.tolist() for n, v in whole.items()
        }, counter


def test_a_threshold_of_zero_that_is_met_at_rest_is_no_activity():
    """PLIF spikes where v = threshold = 0; nothing moves, unless a bias moved it."""
    program = Program(
        {"in": Input((1,))},
        {"p": PLIF((2,), vth=0, bias_mant=[0, 1])},
        (Dense("in", "p", [[2], [2]]),),
        ("p",),
    )
    x = np.zeros((1, 3, 1), int)
    trace = reference.run(program, x, record=["p"])
    found = counts_by_step(program, x, trace)
    assert trace.spikes["p"].all()
    assert found.dendrite_updates_active["p"].tolist() == [
        [1, 1, 1]
    ] and trace.counts.dendrite_updates_active["p"] == [3]


def test_graded_events_multiply_and_stored_zeros_count_where_they_have_a_place():
    program = Program(
        {"in": Input((1, 3), 8)},
        {"a": LIF((1, 2), vth=3)},
        (Conv("in", "a", [[[2, 0]]], input_shape=(1, 3)),),
        ("a",),
    )
    x = np.array([[[[7, 0, 9]], [[1, 1, 1]]]])
    found = counts_by_step(program, x, run(program, x, record=["a"]))
    assert found.syn_ops["in -> a"].tolist() == found.multiply_adds["in -> a"].tolist() == [[1, 2]]
    assert found.syn_ops_unpruned["in -> a"].tolist() == [[2, 4]]
    assert stored_fan_out(program.connections[0]).tolist() == [1, 2, 1]
    assert found.to_json()["syn_ops"]["in -> a"] == [1, 2]


def test_what_was_not_recorded_cannot_be_counted_in_steps():
    with pytest.raises(BadInput, match="'readout' is not in the trace; record every population"):
        counts_by_step(THREE, X, run(THREE, X, record=["hidden"]))
    with pytest.raises(BadInput, match="x has 1 samples of 3 steps; 'readout' is"):
        counts_by_step(THREE, X[:, :3], run(THREE, X, record=THREE.populations))
