"""energy: counts times constants by hand, and no constant without a source."""

import dataclasses
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import yaml

from lavalier.simulate import LI, LIF, Conv, Dense, Input, Program, energy, run
from lavalier.simulate.cost.entries import EVIDENCE, GRADES
from lavalier.simulate.cost.tables import all_tables, device_tables
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


def shipped(name: str) -> dict:
    return yaml.safe_load((Path(__file__).parents[1] / "simulate" / "cost" / f"{name}.yaml").read_text())


def test_three_neurons_by_hand():
    """Counts as in test_reference, halved: the second sample is silent."""
    priced = energy(PROGRAM, TRACE)
    hidden, readout = priced.layers
    # hidden: 6 syn_ops, 7 active of 9 updates, 4 spikes, 8 messages; then 9 inactive ones
    davies = (6 * 23.6 + 7 * 81 + (2 + 9) * 52 + 8 * 1.7) / 2
    sanafe = (6 * 35.5 + 7 * 72.8 + (2 + 9) * 51.2 + 4 * 69.3 + 8 * 111) / 2
    assert hidden.joules.over_samples().low == pytest.approx(min(davies, sanafe) * 1e-12)
    assert hidden.joules.over_samples().high == pytest.approx(max(davies, sanafe) * 1e-12)
    # readout: 2 syn_ops, 3 active updates, then 3 inactive ones; it sends nothing
    davies = (2 * 23.6 + 3 * 81 + 3 * 52) / 2
    sanafe = (2 * 35.5 + 3 * 72.8 + 3 * 51.2) / 2
    assert readout.joules.over_samples().low == pytest.approx(min(davies, sanafe) * 1e-12)
    assert readout.joules.over_samples().high == pytest.approx(max(davies, sanafe) * 1e-12)
    total = priced.per_inference
    assert total.low == pytest.approx(hidden.joules.over_samples().low + readout.joules.over_samples().low)
    assert total.high == pytest.approx(hidden.joules.over_samples().high + readout.joules.over_samples().high)
    assert priced.per_syn_op.low == pytest.approx(total.low / 4) and priced.samples == 2


def test_one_table_is_a_point_and_an_own_table_works(tmp_path):
    priced = energy(PROGRAM, TRACE, "loihi1-davies")
    assert priced.per_inference.low == priced.per_inference.high
    assert any(
        line.startswith("spikes_out (2 per inference): no constant in loihi1-davies")
        for line in priced.unpriced
    )
    own = shipped("loihi1-davies")
    own["energy"]["syn_ops"]["value"] = 0.0
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(own))
    cheaper = energy(PROGRAM, TRACE, str(tmp_path / "own.yaml"))
    assert priced.per_inference.low - cheaper.per_inference.low == pytest.approx(4 * 23.6e-12)


def test_no_constant_without_a_source_and_a_grade():
    """Reads the files themselves, so that no default of the reader can stand in for what a file lacks."""
    seen = 0
    for table in all_tables():
        raw = shipped(table.name)
        assert table.boundary and table.conditions and table.title
        entries = [e for part in ("energy", "time", "power", "speed") for e in raw.get(part, {}).values()]
        entries += [raw["cores"]] if "cores" in raw else []
        entries += [w["entry"] for w in raw.get("workloads", [])]
        assert len(entries) == len(table.entries()) > 0
        for entry in entries:
            assert entry["source"] and entry["table"] and entry["unit"]
            assert entry["grade"] in GRADES and entry["evidence"] in EVIDENCE
            assert (entry["grade"] == "none") == ("value" not in entry and "interval" not in entry)
        seen += len(entries)
    assert seen > 90


def test_devices_and_their_tables():
    by_device: dict[str, list[str]] = {}
    for table in all_tables():
        by_device.setdefault(table.device, []).append(table.name)
    assert by_device["loihi1"] == ["loihi1-boards", "loihi1-davies", "loihi1-sanafe"]
    assert by_device["loihi2"] == ["loihi2-inherited", "loihi2-ndns", "loihi2-speed"]
    assert {"cmos45-int8", "cmos45-fp16", "cmos45-int32", "cpu", "gpu"} < set(by_device)
    priced = energy(PROGRAM, TRACE)
    assert [t.name for t in priced.tables_of_figure] == ["loihi1-davies", "loihi1-sanafe"]
    published = {n: e.value for n, e in device_tables("loihi1-davies")[0].energy.items()}
    assert published == {
        "syn_ops": 23.6,
        "dendrite_updates_active": 81,
        "dendrite_updates_inactive": 52,
        "axon_out": 1.7,
        "hops_x": 3,
        "hops_y": 4,
    }


def test_what_loihi_2_inherits_is_the_dearer_of_loihi_1():
    (inherited,) = device_tables("loihi2-inherited")
    tables = [t for t in device_tables("loihi1") if t.constants]
    assert inherited.only_inherited
    for counter, entry in inherited.energy.items():
        assert entry.high == max(t.energy[counter].high for t in tables if counter in t.energy)
    missing = {c for t in tables for c in t.energy} - set(inherited.energy)
    assert missing == {"syn_ops_sparse", "syn_ops_conv"}  # both are cheaper than dense ones


def test_loihi_2_has_equivalents_and_an_upper_bound_that_says_so():
    """By hand: 8 syn_ops and 24 updates of two samples."""
    priced = energy(PROGRAM, TRACE, "loihi2")
    assert priced.equivalents.over_samples() == ((8 + 10 * 24) / 2, (8 + 10 * 24) / 2)
    assert priced.per_inference.low is None and priced.per_syn_op.low is None
    # active 7 + 3, inactive 2 + 9 + 3, spikes 4, messages 8
    bound = (8 * 35.5 + 10 * 81 + 14 * 52 + 4 * 69.3 + 8 * 111) / 2
    assert priced.per_inference.high == pytest.approx(bound * 1e-12)
    text, data = priced.to_text(), priced.to_json()
    assert "at most" in text and "upper bound, inherited" in text and "124 syn_op equivalents" in text
    assert data["per_inference_j"] == [None, priced.per_inference.high]
    proxy = energy(PROGRAM, TRACE, "loihi2-ndns")
    assert proxy.per_inference is None and proxy.to_json()["per_inference_j"] is None
    assert proxy.joules is None and " uJ" not in proxy.to_text() and " nJ" not in proxy.to_text()


def test_a_device_with_neither_refuses(tmp_path):
    for device in ("loihi2-speed", "loihi1-boards"):
        with pytest.raises(BadInput, match="neither in joules nor in syn_ops"):
            energy(PROGRAM, TRACE, device)
    table = shipped("loihi1-davies")
    for entry in table["energy"].values():
        del entry["value"]
        entry["grade"] = "none"
    (tmp_path / "silent.yaml").write_text(yaml.safe_dump(table))
    with pytest.raises(BadInput, match="neither in joules nor in syn_ops"):
        energy(PROGRAM, TRACE, str(tmp_path / "silent.yaml"))


def test_what_nobody_has_published_is_listed_with_its_count(tmp_path):
    table = shipped("loihi1-sanafe")
    del table["energy"]["spikes_out"]["value"]
    table["energy"]["spikes_out"]["grade"] = "none"
    (tmp_path / "t.yaml").write_text(yaml.safe_dump(table))
    priced = energy(PROGRAM, TRACE, str(tmp_path / "t.yaml"))
    assert "spikes_out (2 per inference): no constant in loihi1-sanafe" in priced.unpriced
    known = energy(PROGRAM, TRACE, "loihi1-sanafe").per_inference.low
    assert known - priced.per_inference.low == pytest.approx(2 * 69.3e-12)


def test_an_asic_multiplies_graded_events_and_a_processor_takes_every_weight():
    graded = dataclasses.replace(PROGRAM, inputs={"in": Input((2,), 8)})
    trace = run(graded, X)
    # 6 syn_ops of the input multiply, 2 of spikes add; 10 active updates, 14 that may be skipped
    asic = energy(graded, trace, "cmos45-int8").per_inference
    by_hand = (6 * 0.23 + 2 * 0.03 + 10 * 6.6) / 2
    assert asic == pytest.approx((by_hand * 1e-12, (by_hand + 14 * 6.6 / 2) * 1e-12))
    # 9 weights, zeros too, in 3 steps; 12 updates
    cpu = energy(graded, trace, "cpu").per_inference
    assert cpu == pytest.approx(((9 * 3 + 12) * 8.6e-9,) * 2)


def test_a_conventional_network_on_the_same_table():
    same = energy(PROGRAM, TRACE).conventional
    assert same.macs == 9 and same.steps == 3
    assert same.one_pass == pytest.approx((9 * 23.6e-12, 9 * 35.5e-12))
    assert same.to_json()["every_step_j"] == pytest.approx([27 * 23.6e-12, 27 * 35.5e-12])
    assert energy(PROGRAM, TRACE, "cmos45-int8").conventional.one_pass.high == pytest.approx(9 * 0.23e-12)


def test_synapses_of_a_kind_have_their_own_price():
    program = Program(
        {"in": Input((1, 3))},
        {"a": LIF((1, 2), vth=9)},
        (Conv("in", "a", [[[2, 2]]], input_shape=(1, 3)),),
        ("a",),
    )
    sanafe = energy(program, run(program, np.ones((1, 1, 1, 3))), "loihi1-sanafe")
    assert sanafe.per_inference.low == pytest.approx((4 * 24.0 + 2 * 72.8) * 1e-12)


def test_a_placement_gives_messages_and_hops():
    class Sent(NamedTuple):
        messages: np.ndarray
        hops_x: np.ndarray
        hops_y: np.ndarray

    traffic = {"hidden": Sent(np.array([12, 0]), np.array([5, 0]), np.array([7, 0]))}
    placed = energy(PROGRAM, TRACE, "loihi1-davies", traffic)
    apart = placed.per_inference.low - energy(PROGRAM, TRACE, "loihi1-davies").per_inference.low
    # 12 messages to cores and 4 to the host, where 8 were counted
    assert apart == pytest.approx((8 * 1.7 + 5 * 3 + 7 * 4) / 2 * 1e-12)
    assert not any(line.startswith("hops") for line in placed.unpriced)


def test_figures_over_the_samples_and_per_second():
    priced = energy(PROGRAM, TRACE, "loihi1-davies")
    first, second = (2 * 23.6 + 6 * 23.6 + 10 * 81 + 2 * 52 + 8 * 1.7) * 1e-12, 12 * 52e-12
    found = priced.to_json()["distribution_j"]
    assert found["mean"] == found["median"] == pytest.approx([(first + second) / 2] * 2)
    assert found["p5"][0] == pytest.approx(second + 0.05 * (first - second))
    assert found["p95"][1] == pytest.approx(first - 0.05 * (first - second))
    data = priced.to_json()
    assert data["seconds"] == pytest.approx(3e-4)
    assert data["per_second_of_input_j"][0] == pytest.approx(data["per_inference_j"][0] / 3e-4)
    spread = {"mean": 3, "median": 3, "p5": 0.3, "p95": 5.7}
    assert data["layers"]["hidden"]["distribution"]["syn_ops"] == pytest.approx(spread)
    host = energy(PROGRAM, TRACE, host={"front end multiply-adds": 1234.0})
    assert "host, not priced: front end multiply-adds: 1,234 per inference" in host.to_text()


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
    assert f"{low * 1e9:.2f} to {high * 1e9:.2f} nJ" in priced.to_text()
    assert data["layers"]["hidden"]["syn_ops"] == 3
    assert "proxy (transcription)  Davies et al. 2018" in priced.to_text()


def test_silence_costs_its_updates_and_has_no_price_per_synop():
    silent = energy(PROGRAM, run(PROGRAM, X[1:]))
    assert silent.per_syn_op is None and silent.per_inference.low == pytest.approx(12 * 51.2e-12)


@pytest.mark.parametrize(
    "device, message",
    [("loihi9", "no table for 'loihi9'; there are arm"), ("none.yaml", "none.yaml: no such file")],
)
def test_unknown_device(device, message):
    with pytest.raises(BadInput, match=message):
        energy(PROGRAM, TRACE, device)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda t: t["energy"]["syn_ops"].pop("source"), "syn_ops.source: Field required"),
        (lambda t: t["energy"]["syn_ops"].update(grade="M"), "syn_ops.grade"),
        (lambda t: t["energy"]["syn_ops"].update(value=-1), "syn_ops.value"),
        (lambda t: t["energy"].update(tea={}), "energy.tea"),
        (lambda t: t.pop("boundary"), "boundary: Field required"),
    ],
)
def test_a_table_without_provenance_is_refused(tmp_path, change, message):
    table = yaml.safe_load(
        (Path(__file__).parents[1] / "simulate" / "cost" / "loihi1-sanafe.yaml").read_text()
    )
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
