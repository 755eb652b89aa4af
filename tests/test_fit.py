"""fit: planted cases in one pass, quiet at the limit; counts by hand; every neuron in its place."""

import dataclasses
import json
from pathlib import Path

import nir
import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from lavalier.cli import main
from lavalier.deploy.neurons import PROCESSES
from lavalier.simulate import LI, LIF, Conv, Dense, Input, Program, Sparse, Trace, fit, run, with_delays
from lavalier.simulate.errors import BadInput
from lavalier.simulate.neurons import ALIF, LIFSubtract
from lavalier.simulate.nir_file import write_graph
from lavalier.simulate.program_nir import to_nir
from lavalier.simulate.resources.description import needs_from
from lavalier.simulate.resources.limits import device_limits
from lavalier.simulate.resources.reading import read_needs
from lavalier.simulate.resources.synapse_lists import EvenPairs, Width

from .programs import programs
from .test_cli import fails, succeeds

SHIPPED = Path(__file__).parents[1] / "simulate" / "resources"


def planted(synapses: int, targets: int, crowd: int, delay: int, vth: int) -> dict:
    """A hub of one neuron and its targets, a wide layer, a crowd; no Program could hold all of it."""
    joined = [{"source": "x", "target": "wide"}]
    joined += [{"source": "y", "target": name, "delay": delay} for name in ("hub", "crowd")]
    joined += [{"source": "hub", "target": f"t{n}"} for n in range(targets)]
    populations = {"wide": {"neurons": synapses // 4096}, "hub": {"neurons": 1, "vth": vth}}
    populations |= {"crowd": {"neurons": crowd}} | {f"t{n}": {"neurons": 1} for n in range(targets)}
    return {"inputs": {"x": 4096, "y": 1}, "populations": populations, "connections": joined}


def test_planted_cases_are_all_found_in_one_pass():
    needs = needs_from(planted(60_002_304, 4097, 1025, 63, 131072))
    found = fit(needs, "loihi1", pinned={"crowd": 3})
    said = {(v.part, v.what): (v.value, v.limit, v.grade) for v in found.violations}
    taken, used = said.pop(("wide", "synapse_bytes on 1 chip")), said.pop(("all", "cores on 1 chip"))
    assert taken[0] >= 60_002_304 > taken[1] == 2**24 and used[0] >= 458 > used[1] == 128
    assert said == {
        ("hub", "vth"): (131072, 131071, "V"),
        ("y -> hub", "delay"): (63, 62, "V"),
        ("y -> crowd", "delay"): (63, 62, "V"),
        ("crowd", "neurons_per_core"): (1025, 1024, "V"),
        ("hub", "axons_out_per_core"): (4097, 4096, "V"),
    }
    assert not found.fits and all(v.suggestion and v.source for v in found.violations)


def test_the_same_values_at_the_limit_stay_quiet():
    # 30 synapses of 8 bits and 10 bits fill 4 words: 4,096 lists of them fill a core, 120 cores here
    needs = needs_from(planted(120 * 30 * 4096, 4096, 1024, 62, 131071))
    found = fit(needs, "loihi1", pinned={"crowd": 3})
    assert found.violations == [] and found.fits
    full = [d for d in found.placement.cores.values() if d.synapse_bytes == 131072]
    assert len(full) == 120 and len(found.placement.cores) <= 128
    assert max(d.axons_out for d in found.placement.cores.values()) == 4096
    assert found.placement.cores[3].neurons == 1024


@pytest.mark.parametrize("device, neurons", [("loihi1", 128 * 30), ("loihi2", 128 * 32)])
def test_a_chip_is_full_to_the_last_byte(device, neurons):
    layer = {"inputs": {"x": 4096}, "connections": [{"source": "x", "target": "h"}]}
    full = fit(needs_from(layer | {"populations": {"h": {"neurons": neurons}}}), device)
    assert (
        full.fits and len(full.placement.cores) == 128 and full.to_json()["totals"]["synapse_bytes"] == 2**24
    )
    more = fit(needs_from(layer | {"populations": {"h": {"neurons": neurons + 1}}}), device)
    assert [v.what for v in more.violations] == ["synapse_bytes on 1 chip", "cores on 1 chip"]
    assert "2 chips" in more.violations[0].suggestion
    assert fit(more.needs, device, chips=2).fits


def test_the_vendors_synapses_stand_beside_the_bytes():
    found = fit(needs_from(wide()), "loihi2")
    assert [v.what for v in found.violations] == ["synapse_bytes on 1 chip", "cores on 1 chip"]
    assert any("60,002,304 synapses stored; the vendor says 120,000,000 a chip" in n for n in found.notes)
    assert found.to_json()["totals"]["chips_needed"] == 4 == -(-458 // 128)


def wide(**joined) -> dict:
    """60 M pairs."""
    layer = {"inputs": {"x": 4096}, "populations": {"h": {"neurons": 14649}}}
    return layer | {"connections": [{"source": "x", "target": "h", **joined}]}


@pytest.mark.parametrize("device, bits", [("loihi1", 1), ("loihi2", 2)])
def test_the_ways_out_lead_out(device, bits):
    (violation, _) = fit(needs_from(wide()), device).violations
    assert (
        f"4 chips, or prune to about {11 if bits == 1 else 10} %, or about {bits} bit" in violation.suggestion
    )
    assert fit(needs_from(wide()), device, chips=4).fits
    assert fit(needs_from(wide(weight_bits=bits)), device).fits
    assert not fit(needs_from(wide(weight_bits=bits + 1)), device).fits
    assert device == "loihi1" or fit(needs_from(wide(fan_in=409)), device).fits


def test_the_description_in_the_docs_fits():
    page = (SHIPPED.parents[1] / "docs" / "fit.md").read_text()
    said = page.split("before it exists:\n")[1].split("A float graph")[0]
    found = fit(needs_from(yaml.safe_load(said)), "loihi2")
    assert found.fits and found.needs.groups["hidden"].registers == {"vth": (300, 900)}


def test_more_cores_than_there_are_is_the_verdict_of_a_placement():
    """h1 reaches 100 cores of h2: 40 of its neurons fill the out-axons of a core, which holds 1,024."""
    layers = {"h1": {"neurons": 4000}, "h2": {"neurons": 3000}}
    joined = [{"source": "x", "target": "h1"}, {"source": "h1", "target": "h2"}]
    needs = needs_from({"inputs": {"x": 700}, "populations": layers, "connections": joined})
    (violation,) = fit(needs, "loihi1").violations
    assert (violation.what, violation.value, violation.limit) == ("cores on 1 chip", 200, 128)
    assert violation.suggestion == "2 chips, or a placement other than this (none needs fewer than 113)"
    assert fit(needs, "loihi1", chips=2).fits


def test_what_splitting_solves_is_a_note():
    program = {"inputs": {"x": 1}, "populations": {"h": {"neurons": 2500}}}
    found = fit(needs_from(program | {"connections": [{"source": "x", "target": "h"}]}), "loihi1")
    assert found.fits
    assert found.notes == ["h: 2,500 neurons split over 3 cores; one core would hold neurons 2,500 of 1,024"]
    assert [(p.low, p.high) for p in found.placement.of["h"]] == [(0, 1024), (1024, 2048), (2048, 2500)]
    balanced = fit(found.needs, "loihi1", placement="balanced")
    assert [p.high - p.low for p in balanced.placement.of["h"]] == [833, 833, 834]


def test_a_neuron_with_too_many_sources_fits_nowhere():
    many = {"inputs": {"x": 4097}, "connections": [{"source": "x", "target": "h"}]}
    for placement in ("greedy", "balanced"):
        found = fit(needs_from(many | {"populations": {"h": {"neurons": 3}}}), "loihi1", placement=placement)
        (violation,) = found.violations
        assert (violation.part, violation.what, violation.value) == ("h", "axons_in_per_core", 4097)
        assert len(found.placement.cores) == 3  # each neuron is somewhere, and none with another


def test_counts_of_a_small_program_by_hand():
    """Two links in, one list for each source that has a synapse; a delay takes bits of its synapses alone."""
    program = Program(
        inputs={"in": Input((3,))},
        populations={"a": LIF((2,), vth=[5, 6]), "b": LIF((2,), vth=5)},
        connections=[
            Dense("in", "a", [[2, 0, 4], [6, 0, 0]]),
            *with_delays(Dense("a", "b", [[32, 64], [96, 32]], num_weight_bits=4), [[0, 9], [9, 0]]),
        ],
        outputs=["b"],
    )
    for device, bits in (("loihi1", 2 * 64 + 2 * 64), ("loihi2", 2 * 2 * 8 + 4 * (4 + 6 + 1))):
        found = fit(program, device)
        (demand,) = found.placement.cores.values()
        assert found.fits and demand.neurons == 4 and demand.synapse_bits == bits
        assert demand.axons_in == 2 + 2  # channel 1 of the input reaches nothing
        assert demand.axons_out == 2 + 2  # a to the core, b to the host
        assert demand.synapses == 4 + 4 and demand.longest_delay == 9
        assert demand.formats == {(8, 0, "mixed"), (4, 0, "mixed")} and demand.thresholds == {5, 6}


def test_a_kernel_is_stored_once_a_core():
    conv = Conv("in", "h", np.full((4, 2, 3, 3), 2), input_shape=(2, 8, 8), padding=1)
    program = Program({"in": Input((2, 8, 8))}, {"h": LIF((4, 8, 8), vth=5)}, [conv], ["h"])
    (demand,) = fit(program, "loihi2").placement.cores.values()
    assert demand.synapses == 4 * 2 * 9 and demand.synapse_bits == 72 * (8 + 8) and demand.axons_in == 128
    two = fit(program, "loihi1").placement.cores[0]
    assert two.synapse_bits == 2 * 64 * -(-(36 * (8 + 8) + 10) // 64)  # a list for each channel in


def test_a_path_that_waits_on_hardware_needs_the_delay():
    """Ten layers deep and around them 62 steps late: time-aligned, so the way around waits 62 + 9 steps."""
    names = [f"l{n}" for n in range(10)]
    chain = [Dense(a, b, [[2]]) for a, b in zip(["in", *names], names, strict=False)]
    program = Program(
        {"in": Input((1,))},
        {name: LIF((1,), vth=5) for name in names},
        [*chain, Dense("in", "l9", [[2]], delay=62)],
        ["l9"],
    )
    (violation,) = fit(program).violations
    assert (violation.part, violation.what, violation.value) == ("in -> l9 +62", "delay", 71)


def test_a_loop_without_time_is_a_violation():
    back = Dense("b", "a", [[2]], delay=1)
    populations = {"a": LIF((1,), vth=5), "b": LIF((1,), vth=5)}
    program = Program(
        {"in": Input((1,))}, populations, [Dense("in", "a", [[2]]), Dense("a", "b", [[2]]), back], ["b"]
    )
    (violation,) = fit(program).violations
    assert violation.part == "loop" and "passes more synapses than it has steps" in str(violation)


def test_what_is_stock_and_what_needs_microcode():
    populations = {
        "a": LIF((1,), vth=5),
        "b": ALIF((1,), vth=5),
        "c": LIFSubtract((1,), vth=5),
        "d": LIF((1,), vth=5, v0=3),
        "e": LI((1,)),
    }
    joined = [Dense("in", name, [[2]]) for name in populations]
    program = Program({"in": Input((1,))}, populations, joined, ["a", "e"])
    runs_on = {n: p["runs_on"] for n, p in fit(program).to_json()["populations"].items()}
    assert runs_on == dict.fromkeys("bcd", "microcode") | dict.fromkeys("ae", "stock")
    assert sum("microcode" in note for note in fit(program).notes) == 3
    said = {(v.part, v.what, v.value) for v in fit(program, "loihi1").violations}
    assert said == {("b", "neuron type", "ALIF"), ("c", "neuron type", "LIFSubtract")}


def test_stock_is_what_deploy_has_a_stock_process_for():
    stock = {kind.__name__ for kind, form in PROCESSES.items() if form.process.startswith("stock")}
    assert set(device_limits("loihi2").neurons.stock) == stock


def test_graded_events_are_beyond_loihi_1():
    program = Program({"in": Input((1,), 8)}, {"a": LIF((1,), vth=5)}, [Dense("in", "a", [[2]])], ["a"])
    assert fit(program).fits
    assert [(v.part, v.what, v.limit) for v in fit(program, "loihi1").violations] == [
        ("in -> a", "message_bits", 0)
    ]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> str:
    """Loihi 1 with cores so small that every drawn Program is cut."""
    table = yaml.safe_load((SHIPPED / "loihi1.yaml").read_text())
    sizes = {"neurons": 5, "synapse_bytes": 256, "axons_in": 24, "axons_out": 12, "formats": 3}
    sizes |= {"profiles": 3, "thresholds": 3}
    for name, value in sizes.items():
        table["limits"][f"{name}_per_core"]["value"] = value
    path = tmp_path_factory.mktemp("tiny") / "tiny.yaml"
    path.write_text(yaml.safe_dump(table))
    return str(path)


@settings(max_examples=30, deadline=None)
@given(programs(), st.sampled_from(["greedy", "balanced"]))
def test_every_neuron_is_placed_once_and_no_core_is_above_a_limit(tiny, program, way):
    found = fit(program, tiny, placement=way)
    for name, neuron in program.populations.items():
        pieces = found.placement.of[name]
        assert [p.low for p in pieces] == [0, *(p.high for p in pieces[:-1])] and pieces[
            -1
        ].high == neuron.size
        assert len({p.core for p in pieces}) == len(pieces)
        assert sorted(found.needs.groups[name].order) == list(range(neuron.size))
    assert len(found.placement.cores) >= found.least_cores
    if found.fits:
        assert not any(d.over(found.device) for d in found.placement.cores.values())
    for core, demand in found.placement.cores.items():
        alone = len(found.placement.on[core]) == 1 and demand.neurons == 1
        assert alone or not demand.over(found.device)  # only a neuron that fits nowhere is above a limit
    assert fit(program, tiny, placement=way).to_json() == found.to_json()


@settings(max_examples=30, deadline=None)
@given(programs())
def test_axons_and_synapses_equal_those_of_the_matrices(tiny, program):
    full = {"weights": 32, "sign_mode": "mixed", "num_weight_bits": 8}
    connections = [
        dataclasses.replace(c, **full | {"weights": np.full(c.weights.shape, 32)})
        if isinstance(c, Conv)
        else c
        for c in program.connections
    ]
    program = dataclasses.replace(program, connections=tuple(connections))
    found = fit(program, tiny)
    links: dict[tuple, np.ndarray] = {}
    for c in program.connections:
        key = c.source, c.target, c.num_weight_bits, c.weight_exp, c.sign_mode, isinstance(c, Conv) and c.name
        links[key] = links.get(key, 0) | (c.matrix.toarray() != 0)
    for core, demand in found.placement.cores.items():
        axons_in = axons_out = 0
        for piece in found.placement.on[core]:
            name = piece.population
            rows = found.needs.groups[name].order[piece.low : piece.high]
            axons_out += (name in program.outputs and program.sends(name)) * len(rows)
            for (source, target, *_), there in links.items():
                axons_in += np.count_nonzero(there[rows].any(axis=0)) if target == name else 0
                for other in found.placement.of[target] if source == name else ():
                    reached = there[found.needs.groups[target].order[other.low : other.high]]
                    axons_out += np.count_nonzero(reached[:, rows].any(axis=0))
        assert (demand.axons_in, demand.axons_out) == (axons_in, axons_out)


@given(st.integers(1, 40), st.integers(1, 40), st.data())
def test_even_pairs_have_as_many_synapses_as_they_say(n_in, n_out, data):
    fan_in = data.draw(st.integers(1, n_in))
    low = data.draw(st.integers(0, n_out - 1))
    high = data.draw(st.integers(low + 1, n_out))
    reached, lengths = EvenPairs(n_in, n_out, fan_in).of(low, high)
    assert lengths.sum() == (high - low) * fan_in and np.ptp(lengths) <= 1
    assert np.array_equal(reached, lengths > 0)


@settings(max_examples=50)
@given(st.lists(st.integers(0, 200), max_size=9), st.integers(1, 8), st.booleans(), st.integers(0, 1024))
def test_lists_on_loihi_1_are_those_of_nengo_loihi(counts, bits, delayed, neurons):
    """Its `bits_per_axon`, said again: blocks of up to 64, each with 10 bits, rounded up to 64."""
    width = {7: 8}.get(bits, bits) + 6 * delayed
    if neurons:
        width += next(b for b in (6, 7, 8, 9, 10, 11, 12) if 2**b >= neurons)
    expected = 0
    for n in counts:
        for first in range(0, n, 64):
            expected += 64 * -(-(min(n - first, 64) * width + 10) // 64)
    layout = device_limits("loihi1").layout
    assert Width(layout, bits, delayed).of_lists(np.array(counts, int), neurons) == expected


def test_messages_and_hops_by_hand():
    populations = {"a": LIF((2,), dv=4095, vth=1), "b": LIF((3,), dv=4095, vth=1)}
    joined = [Dense("in", "a", [[4, 0], [0, 4]]), Dense("a", "b", [[4, 0], [4, 4], [0, 0]])]
    program = Program({"in": Input((2,))}, populations, joined, ["b"])
    trace = run(program, np.array([[[1, 0], [1, 1], [0, 0]]]), record=("a", "b"))
    assert trace.spikes["a"].sum(axis=1).tolist() == [[2, 1]]
    # core 42 is in tile 10, third row of the third column; core 1 in tile 0
    found = fit(program, "loihi1", pinned={"a": 1, "b": 42})
    assert found.placement.place(42) == (0, 2, 2) and found.placement.chips == 1
    sent = found.traffic(trace)
    assert [n.tolist() for n in sent["a"]] == [[3], [6], [6], [0]] and list(sent) == ["a"]
    apart = fit(program, "loihi1", pinned={"a": 1, "b": 128 + 42}, chips=2).traffic(trace)["a"]
    assert [n.tolist() for n in apart] == [[3], [0], [0], [3]]
    with pytest.raises(BadInput, match="no mesh of Loihi 2 is published"):
        fit(program).traffic(trace)
    with pytest.raises(BadInput, match="the spikes of 'a' are not in the trace"):
        found.traffic(Trace(trace.output))


def test_text_and_json_hold_the_same_figures():
    program = Program(
        {"in": Input((700,))},
        {"h": LIF((256,), vth=500), "o": LI((20,))},
        [Dense("in", "h", np.full((256, 700), 2)), Sparse("h", "o", csr_array(np.eye(20, 256) * 2))],
        ["o"],
    )
    found = fit(program, "loihi1")
    text, data = found.to_text(), json.loads(json.dumps(found.to_json()))
    assert text.startswith("Loihi 1, 1 chip, greedy placement: fits\n")
    totals = data["totals"]
    assert f"{totals['cores']} of 128 cores, at least {totals['cores_at_least']} " in text
    assert f"{totals['synapses_stored']:,} synapses stored in {totals['synapse_bytes']:,} bytes" in text
    assert totals["synapse_bytes"] == sum(core["synapse_bytes"] for core in data["cores"])
    assert sum(p["neurons"] for p in data["populations"].values()) == 276 == totals["neurons"]
    assert data["populations"]["h"]["fan_in"] == 700 and data["populations"]["o"]["fan_in"] == 1
    assert data["unpublished"] == {} and set(fit(program).to_json()["unpublished"]) >= {
        "axons_in",
        "axons_out",
    }
    for core in data["cores"]:
        assert f"{core['axons_in']:,}, {core['axons_out']:,}" in text


def test_every_shipped_limit_has_a_source_a_place_and_a_grade():
    for path in SHIPPED.glob("*.yaml"):
        device = device_limits(path.stem)
        said = [*device.limits.values(), *device.registers.values(), *device.beside.values(), device.layout]
        assert len(said) >= 15
        assert all(limit.source and limit.table and limit.grade in ("V", "S", "assumed") for limit in said)
        limited = {name.removesuffix("_per_core") for name in device.limits}
        assert not limited & set(device.unpublished)
    assert device_limits("loihi2").layout.grade == "assumed"


@pytest.mark.parametrize(
    "change, message",
    [
        (
            lambda t: t["limits"]["neurons_per_core"].pop("source"),
            "limits.neurons_per_core.source: Field required",
        ),
        (lambda t: t["registers"]["vth"].update(grade="M"), "registers.vth.grade"),
        (lambda t: t["limits"].pop("cores_per_chip"), "limits.cores_per_chip is needed"),
        (lambda t: t["limits"].update(tea={}), "limits.tea"),
        (lambda t: t["layout"].update(weight_bits=[]), "layout.weight_bits"),
        (lambda t: t.update(unpublished=["tea"]), "unpublished"),
    ],
)
def test_a_device_without_provenance_is_refused(tmp_path, change, message):
    table = yaml.safe_load((SHIPPED / "loihi1.yaml").read_text())
    change(table)
    (tmp_path / "t.yaml").write_text(yaml.safe_dump(table))
    with pytest.raises(BadInput, match=message) as caught:
        device_limits(str(tmp_path / "t.yaml"))
    assert "\n" not in str(caught.value)


NEEDS = {
    "inputs": {"x": 2},
    "populations": {"h": {"neurons": 3}},
    "connections": [{"source": "x", "target": "h"}],
}


@pytest.mark.parametrize(
    "options, message",
    [
        ({"device": "loihi9"}, "no limits for 'loihi9'; there are loihi1, loihi2"),
        ({"chips": 0}, "chips = 0 must be at least 1"),
        ({"placement": "any"}, "placement 'any' is none of greedy, balanced"),
        ({"pinned": {"a": 0}}, "pinned 'a' is not a population; there are h"),
        ({"pinned": {"h": 128}}, "'h' is pinned to core 128; there are 0 to 127"),
    ],
)
def test_options_that_make_no_sense(options, message):
    with pytest.raises(BadInput, match=message):
        fit(needs_from(NEEDS), **options)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"populations": {}}, "populations"),
        ({"populations": {"h": {"neurons": 0}}}, "populations.h.neurons"),
        ({"inputs": {"x": 0}}, "inputs.x"),
        ({"connections": [{"source": "x", "target": "y"}]}, "connection 0 'x -> y' has an end that does not"),
        ({"connections": [{"source": "x", "target": "h", "fan_in": 3}]}, "fan_in = 3 of 2 sources"),
        ({"outputs": ["x"]}, "output 'x' is not a population"),
        ({"tea": 1}, "tea"),
    ],
)
def test_a_description_that_makes_no_sense(change, message):
    with pytest.raises(BadInput, match=message):
        needs_from(NEEDS | change)


def small() -> Program:
    """A convolution and a dense layer behind it, all of it legal."""
    conv = Conv("in", "h", np.full((3, 1, 3, 3), 2), input_shape=(1, 8, 8), padding=1)
    late = Dense("h", "o", np.full((4, 192), 2), delay=62)
    return Program(
        {"in": Input((1, 8, 8))}, {"h": LIF((3, 8, 8), vth=5), "o": LIF((4,), vth=7)}, [conv, late], ["o"]
    )


def test_values_beyond_their_registers_in_a_file_are_all_found(tmp_path):
    """No Program can be made of it, so its values are read as they stand."""
    graph = to_nir(small())
    graph.nodes["o"].v_threshold[:] = 2**17
    (late,) = (node for node in graph.nodes.values() if isinstance(node, nir.Delay))
    late.delay[:] = 63 * graph.metadata["dt"]
    write_graph(graph, tmp_path / "beyond.nir")
    found = fit(read_needs(tmp_path / "beyond.nir"), "loihi2")
    said = {(v.part, v.what): v.value for v in found.violations}
    assert said.pop(("file", "values")) == "LIF.vth = 131072 is not an integer in [0, 131071]"
    assert said == {("o", "vth"): 131072, ("h -> o", "delay"): 63}
    (demand,) = found.placement.cores.values()
    small().save(tmp_path / "legal.nir")
    (legal,) = fit(read_needs(tmp_path / "legal.nir")).placement.cores.values()
    same = dataclasses.replace(demand, longest_delay=legal.longest_delay, thresholds=legal.thresholds)
    assert same == legal and demand.thresholds == {5, 131072}


def test_the_command(tmp_path, capsys):
    small().save(tmp_path / "p.nir")
    text = succeeds(capsys, "fit", tmp_path / "p.nir", "--pin", "o=7", "--device", "loihi1")
    assert (
        text == fit(small(), "loihi1", {"o": 7}).to_text()
        and "Loihi 1, 1 chip, greedy placement: fits" in text
    )
    (tmp_path / "net.yaml").write_text(yaml.safe_dump(planted(4096, 1, 1025, 63, 1)))
    assert main(["fit", str(tmp_path / "net.yaml"), "--device", "loihi1", "--pin", "crowd=0", "--json"]) == 1
    said = capsys.readouterr()
    assert said.err == f"lavalier: {tmp_path / 'net.yaml'}: 3 violations on Loihi 1\n"
    assert [v["what"] for v in json.loads(said.out)["violations"]] == ["delay", "delay", "neurons_per_core"]


def test_files_and_options_that_make_no_sense(tmp_path, capsys):
    small().save(tmp_path / "p.nir")
    (tmp_path / "net.yaml").write_text(yaml.safe_dump(NEEDS | {"outputs": ["x"]}))
    (tmp_path / "none.yaml").write_text("- a")
    graph = Path(__file__).parents[1] / "models" / "digits.nir"
    for arguments, message in (
        (["net.yaml"], "net.yaml: output 'x' is not a population"),
        (["none.yaml"], "none.yaml: the file"),
        (["missing.yaml"], "missing.yaml: no such file"),
        (["missing.nir"], "missing.nir: no such file"),
        ([graph], "a float graph, whose weights and registers are not chosen"),
        (["p.nir", "--pin", "o"], "--pin o: must be a population and a core"),
        (["p.nir", "--device", "loihi3"], "no limits for 'loihi3'"),
    ):
        assert message in fails(capsys, "fit", tmp_path / arguments[0], *arguments[1:])
