"""energy: counts times constants by hand, and no constant without a source."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from lavalier.simulate import LI, LIF, Dense, Input, Program, energy, run
from lavalier.simulate.device_tables import device_tables
from lavalier.simulate.errors import BadInput
from lavalier.simulate.neurons import GradedReLU, LIFSubtract
from lavalier.simulate.trace import Counts

PROGRAM = Program(
    inputs={"in": Input((2,))},
    populations={"hidden": LIF((3,), dv=4096, vth=5), "readout": LI((1,), dv=4096)},
    connections=(
        Dense("in", "hidden", [[6, 0], [6, 6], [0, 2]]),
        Dense("hidden", "readout", [[2, 0, 2]]),
    ),
    outputs=("readout", "hidden"),
)
X = np.array([[[1, 0], [0, 0], [1, 1]], [[0, 0], [0, 0], [0, 0]]])
TRACE = run(PROGRAM, X)


def test_three_neurons_by_hand():
    """Counts as in test_reference, halved: the second sample is silent."""
    priced = energy(PROGRAM, TRACE)
    hidden, readout = priced.layers
    # hidden: 6 syn_ops, 7 active of 9 updates, 4 spikes, 8 messages; then 9 inactive ones
    davies = (6 * 23.6 + 7 * 81 + (2 + 9) * 52 + 8 * 1.7) / 2
    sanafe = (6 * 35.5 + 7 * 72.8 + (2 + 9) * 51.2 + 4 * 69.3 + 8 * 111) / 2
    assert hidden.energy.low == pytest.approx(min(davies, sanafe) * 1e-12)
    assert hidden.energy.high == pytest.approx(max(davies, sanafe) * 1e-12)
    # readout: 2 syn_ops, 3 active updates, then 3 inactive ones; it sends nothing
    davies = (2 * 23.6 + 3 * 81 + 3 * 52) / 2
    sanafe = (2 * 35.5 + 3 * 72.8 + 3 * 51.2) / 2
    assert readout.energy.low == pytest.approx(min(davies, sanafe) * 1e-12)
    assert readout.energy.high == pytest.approx(max(davies, sanafe) * 1e-12)
    total = priced.per_inference
    assert total.low == pytest.approx(hidden.energy.low + readout.energy.low)
    assert total.high == pytest.approx(hidden.energy.high + readout.energy.high)
    assert priced.per_syn_op.low == pytest.approx(total.low / 4) and priced.samples == 2


def test_one_table_is_a_point_and_an_own_table_works(tmp_path):
    priced = energy(PROGRAM, TRACE, "loihi1-davies")
    assert priced.per_inference.low == priced.per_inference.high
    assert any(
        line.startswith("spikes_out (2 per inference): no constant in loihi1-davies")
        for line in priced.unpriced
    )
    own = yaml.safe_load((Path(__file__).parents[1] / "simulate" / "loihi1-davies.yaml").read_text())
    own["constants"]["syn_ops"]["value"] = 0.0
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(own))
    cheaper = energy(PROGRAM, TRACE, str(tmp_path / "own.yaml"))
    assert priced.per_inference.low - cheaper.per_inference.low == pytest.approx(4 * 23.6e-12)


def test_every_shipped_constant_has_value_unit_source_place_and_grade():
    tables = {t.name: t for name in ("loihi1",) for t in device_tables(name)}
    assert list(tables) == ["loihi1-davies", "loihi1-sanafe"]
    for table in tables.values():
        assert table.boundary and table.conditions and table.constants
        for constant in table.constants.values():
            assert constant.source and constant.table and constant.grade in "VS"
    published = {n: c.value for n, c in tables["loihi1-davies"].constants.items()}
    assert published == {
        "syn_ops": 23.6,
        "dendrite_updates_active": 81,
        "dendrite_updates_inactive": 52,
        "axon_out": 1.7,
    }


def test_what_is_not_priced_is_said():
    said = " | ".join(energy(PROGRAM, TRACE).unpriced)
    for what in ("barrier", "static", "host", "hops"):
        assert what in said
    assert "payload" not in said
    graded = dataclasses.replace(PROGRAM, inputs={"in": Input((2,), 8)})
    assert "payload of graded events (in the 2 per inference" in " | ".join(energy(graded, TRACE).unpriced)


def test_text_and_json_hold_the_same_figures():
    priced = energy(PROGRAM, TRACE)
    data = json.loads(json.dumps(priced.to_json()))
    low, high = data["per_inference_j"]
    assert f"{low * 1e6:.2f} to {high * 1e6:.2f} uJ" in priced.to_text()
    assert data["layers"]["hidden"]["syn_ops"] == 3
    assert "grade S (documented)  Davies et al. 2018" in priced.to_text()


def test_silence_costs_its_updates_and_has_no_price_per_synop():
    silent = energy(PROGRAM, run(PROGRAM, X[1:]))
    assert silent.per_syn_op is None and silent.per_inference.low == pytest.approx(12 * 51.2e-12)


@pytest.mark.parametrize(
    "device, message",
    [("loihi9", "no energy table for 'loihi9'; there are loihi1"), ("none.yaml", "none.yaml: no such file")],
)
def test_unknown_device(device, message):
    with pytest.raises(BadInput, match=message):
        energy(PROGRAM, TRACE, device)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda t: t["constants"]["syn_ops"].pop("source"), "syn_ops.source: Field required"),
        (lambda t: t["constants"]["syn_ops"].update(grade="M"), "syn_ops.grade"),
        (lambda t: t["constants"]["syn_ops"].update(value=-1), "syn_ops.value"),
        (lambda t: t["constants"].update(tea={}), "constants.tea"),
        (lambda t: t.pop("boundary"), "boundary: Field required"),
    ],
)
def test_a_table_without_provenance_is_refused(tmp_path, change, message):
    table = yaml.safe_load((Path(__file__).parents[1] / "simulate" / "loihi1-sanafe.yaml").read_text())
    change(table)
    (tmp_path / "t.yaml").write_text(yaml.safe_dump(table))
    with pytest.raises(BadInput, match=message) as caught:
        energy(PROGRAM, TRACE, str(tmp_path / "t.yaml"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["[", "- a", "\x00", ""])
def test_a_file_that_is_no_table(tmp_path, content):
    (tmp_path / "t.yaml").write_text(content)
    with pytest.raises(BadInput, match="t.yaml: "):
        energy(PROGRAM, TRACE, str(tmp_path / "t.yaml"))


def test_a_trace_without_counts_is_refused():
    with pytest.raises(BadInput, match="the trace has no counts"):
        energy(PROGRAM, dataclasses.replace(TRACE, counts=Counts()))
    with pytest.raises(BadInput, match="holds no samples"):
        energy(PROGRAM, run(PROGRAM, X[:0]))


def test_what_a_neuron_does_beyond_a_lif_is_listed():
    program = Program(
        inputs={"in": Input((1,))},
        populations={"relu": GradedReLU((1,)), "sub": LIFSubtract((1,), vth=3)},
        connections=(Dense("in", "relu", [[8]]), Dense("relu", "sub", [[2]])),
        outputs=("sub",),
    )
    said = energy(program, run(program, np.ones((1, 3, 1)))).unpriced
    assert "what a LIFSubtract does beyond a LIF ('sub'): no constant" in said
    assert "what a GradedReLU does beyond a LIF ('relu'): no constant" in said
    assert any(line.startswith("payload of graded events") and "reach sub" in line for line in said)
