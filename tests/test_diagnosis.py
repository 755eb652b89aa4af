"""A network broken on purpose is found at its layer and for its reason; one that is not, is not."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lavalier import export
from lavalier.cli import main
from lavalier.export.diagnosis.factors import Range, Values, explained_by_one, factors, most_allowed
from lavalier.export.diagnosis.sides import side_of
from lavalier.simulate import Dense, Program
from lavalier.sources import load_source

from .plants import PLANTS, changed, convolutional, flip_a_weight, recurrent
from .programs import events, programs
from .test_quantize import network

ROOT = Path(__file__).parents[1]
NETWORKS = ("digits", "plain", "recurrent", "conv")


@cache
def drawn(kind: str, bits: int, seed: int = 0, calibrated: bool = True):
    """Return a graph, its Program, and events."""
    rng = np.random.default_rng(seed)
    if kind == "digits":
        graph = export.read(ROOT / "models" / "digits.nir")
        source = load_source((40,), None, None, "train")
        calibration = np.asarray(source.take(16).x)
        x = calibration[::6, 10:50]
    else:
        graph = {"plain": network, "recurrent": recurrent, "conv": convolutional}[kind](seed)
        shape = (2, 6, 6) if kind == "conv" else (12,)
        x = calibration = (rng.random((4, 20, *shape)) < 0.3).astype(int)
    return graph, export.quantize(graph, calibration if calibrated else None, weight_bits=bits), x


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
def test_every_plant_is_found_at_its_layer_for_its_reason(kind, plant, bits):
    graph, program, x = drawn(kind, bits, seed=bits)
    for seed in range(2):
        broken, layer, reason = plant(program, np.random.default_rng(seed))
        for side in (graph, program):
            defects = export.diagnose(side, broken, x).defects
            assert (defects[0].layer, defects[0].reason) == (layer, reason), [str(d) for d in defects]
            assert {d.layer for d in defects} == {layer}
            assert defects[0].text and defects[0].to_do


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("kind", NETWORKS)
def test_a_sound_network_has_no_defect(kind, bits):
    for seed in range(1 if kind == "digits" else 4):
        graph, program, x = drawn(kind, bits, seed, calibrated=seed % 2 == 0)
        assert export.diagnose(graph, program, x).defects == []
        assert export.diagnose(program, graph, x).defects == []
        assert export.diagnose(program, program, x).findings == []


@settings(max_examples=15)
@given(programs(), st.data())
def test_a_program_against_itself_is_equal_and_costs_nothing(program, data):
    if any(p.message_bits == 31 for p in program.populations.values()):
        return  # no input holds what it may send
    found = export.diagnose(program, program, data.draw(events(program)))
    assert found.findings == [] and found.comparison.equal
    assert all(e.layer == e.output == 0 for c in found.costs for e in (c.isolated, c.cumulative, c.restored))


def test_learned_rounding_and_clipping_are_no_defect():
    """Weights rounded to either side, and outliers cut to the end of the grid."""
    graph, program, x = drawn("plain", 4, calibrated=False)
    rng, floats, connections = np.random.default_rng(1), side_of(graph).populations, []
    for c in program.connections:
        p, vth = floats[c.target], getattr(program.populations[c.target], "vth", None)
        weights = p.weights[c.source, 0].matrix
        scale = np.median(np.abs(np.ldexp(c.weights, c.weight_exp)).sum() / np.abs(weights).sum())
        each = scale if vth is None else vth / p.threshold
        finer = (
            np.ldexp(weights * np.reshape(each, (-1, 1)), 1 - c.weight_exp) / 32
        )  # twice too large for the grid
        either = np.floor(finer) + (rng.random(finer.shape) < 0.5)
        integers = np.clip(either * 32, -256, 224).astype(int)
        connections.append(Dense(c.source, c.target, integers, c.weight_exp - 1, 4))
    learned = Program(program.inputs, program.populations, tuple(connections), program.outputs, program.dt)
    found = export.diagnose(graph, learned, x)
    assert [str(d) for d in found.defects if d.layer != "readout"] == []
    assert {f.reason for f in found.findings if not f.defect} == {"clipped"}


def test_costs_name_the_layer_that_was_broken():
    graph, program, x = drawn("digits", 8)
    broken = changed(program, "hidden2", bias_mant=-program.populations["hidden2"].bias_mant)
    labels = np.zeros(len(x), int)
    found = export.diagnose(graph, broken, x, labels)
    assert found.ranking[0] == "hidden2"
    first, second, readout = found.costs
    assert first.isolated.output < second.isolated.output
    assert second.restored.output < second.cumulative.output
    assert readout.cumulative.output == pytest.approx(found.comparison.distances[-1].membrane_error)
    assert found.accuracy is not None and readout.isolated.accuracy is not None
    assert found.to_json()["findings"][0]["reason"] == "bias"


def test_wraps_are_a_defect_and_named():
    graph, program, x = drawn("plain", 8)
    loud = network(8)
    loud.nodes["in"].metadata["message_bits"] = 24
    found = export.diagnose(loud, export.quantize(loud, weight_scale=500.0), (1 << 20) * x)
    wraps = [d for d in found.defects if d.reason == "wraps"]
    assert wraps and wraps[0].layer == "a" and wraps[0].numbers["b"] > 0
    assert "u wrapped in " in wraps[0].text
    assert not any(d.reason == "wraps" for d in export.diagnose(graph, program, x).findings)


def test_factors_by_hand():
    # 10 and 21 in steps of 2 from 5 and 10: S is 2 but for rounding; -5 is not
    allowed = factors(Values(np.array([5.0, 10.0, 5.0]), 0.0), Values(np.array([10.0, 21.0, -10.0]), 2.0))
    assert allowed.low[:2] == pytest.approx([1.6, 1.9], rel=1e-4)
    assert allowed.high[:2] == pytest.approx([2.4, 2.3], rel=1e-4)
    assert not allowed.allow(2.0)[2]
    low, high = most_allowed(allowed)
    assert (low, high) == pytest.approx((1.9, 2.3), rel=1e-4)
    assert explained_by_one(allowed, 2.0) is None
    assert explained_by_one(Range(*(a[:2] for a in allowed)), 1.0) == pytest.approx((1.9, 2.3), rel=1e-4)
    cut = factors(Values(np.array([100.0]), 0.0), Values(np.array([20.0]), 2.0, -22, 20))
    assert cut.allow(0.2).all() and cut.allow(50.0).all() and not cut.allow(0.1).any()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A graph, its Program, a broken one, and events."""
    folder = tmp_path_factory.mktemp("diagnosis")
    graph, program, x = drawn("recurrent", 8)
    export.write(graph, folder / "graph.nir")
    program.save(folder / "program.nir")
    flip_a_weight(program, np.random.default_rng(1))[0].save(folder / "broken.nir")
    np.save(folder / "x.npy", x)
    return folder


def command(folder: Path, capsys, a: str, b: str, *options: str) -> tuple[int, str, str]:
    code = main(["compare", str(folder / a), str(folder / b), "--input", str(folder / "x.npy"), *options])
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    return code, said.out, said.err


def test_the_command_reports_a_graph_against_its_program(folder, capsys, tmp_path):
    figures = tmp_path / "figures"
    code, out, err = command(folder, capsys, "graph.nir", "program.nir", "--figures", str(figures))
    assert (code, err) == (0, "") and "no defect: rounding explains every parameter" in out
    assert "policy: dt 0.001 s" in out and "costs most: " in out
    for name in ("rasters", "errors", "weights"):
        assert (figures / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    code, _, err = command(folder, capsys, "graph.nir", "program.nir", "--figures", str(figures))
    assert code == 1 and "exists; --force replaces it" in err
    code, out, _ = command(folder, capsys, "graph.nir", "program.nir", "--json")
    said = json.loads(out)
    assert not any(f["defect"] for f in said["findings"]) and said["ranking"] and len(said["layers"]) == 3
    assert said["a"]["policy"]["reset"] == "zero" and said["b"]["policy"] is None


def test_the_command_exits_1_with_layer_and_reason(folder, capsys):
    code, out, err = command(folder, capsys, "graph.nir", "broken.nir")
    assert code == 1 and err.count("\n") == 1 and ": sign: 1 of " in err
    assert "defect: " in out


def test_two_programs_that_differ_exit_1_with_the_first_difference(folder, capsys):
    code, _, err = command(folder, capsys, "program.nir", "broken.nir")
    assert code == 1 and ": sign: 1 of " in err and "sample " in err
    code, out, err = command(folder, capsys, "program.nir", "program.nir")
    assert (code, err) == (0, "")


def test_what_does_not_go_together_is_refused(folder, capsys):
    code, _, err = command(folder, capsys, "a.npz", "b.npz")
    assert code == 1 and "traces are compared as they are" in err
    code, _, err = command(folder, capsys, "program.nir", "program.nir", "--reset", "zero")
    assert code == 1 and "leave out reset" in err


def test_the_page_on_diagnosis_shows_what_its_example_prints(capsys):
    page = (ROOT / "docs" / "diagnosis.md").read_text()
    exec(page.split("```python\n")[1].split("```")[0], {})
    shown = page.split("```python\n")[1].split("```\n")[2]
    assert capsys.readouterr().out.strip() == shown.strip()
