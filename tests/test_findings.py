"""Guards: each fires on a network built to trip it, and all stay quiet on the digits network."""

import json
from pathlib import Path

import nir
import numpy as np
import pytest

from lavalier import export
from lavalier.cli import main
from lavalier.export.findings import Finding
from lavalier.export.guards import guard
from lavalier.export.quantization import quantization
from lavalier.models.log_mel import N_BANDS
from lavalier.sources import load_source

DIGITS = Path(__file__).parents[1] / "models" / "digits.nir"
STEPS = 40


def network(weights, threshold: float = 1.0, memory: float = 1.0, bias: float = 0.0) -> nir.NIRGraph:
    """Input, a layer of LIF whose v lasts so many steps, and an integrator of all its spikes."""
    weights = np.asarray(weights, float)
    n, ones = len(weights), np.ones(len(weights))
    lif = nir.LIF(1e-3 * memory * ones, memory * ones, 0 * ones, threshold * ones, 0 * ones)
    nodes = {
        "in": nir.Input({"input": np.array([weights.shape[1]])}),
        "w": nir.Affine(weights, np.full(n, bias)),
        "n": lif,
        "sum": nir.Linear(np.ones((1, n))),
        "readout": nir.LI(np.array([2e-3]), np.array([2.0]), np.zeros(1)),
        "out": nir.Output({"output": np.array([1])}),
    }
    names = list(nodes)
    graph = nir.NIRGraph(nodes, list(zip(names, names[1:], strict=False)), type_check=False)
    graph.metadata = {"dt": 1e-3}
    return graph


def always(*channels: int, n: int = 3, steps: int = STEPS) -> np.ndarray:
    """Channels that send in every step, of `n`."""
    x = np.zeros((2, steps, n), int)
    x[..., list(channels)] = 1
    return x


def found(graph: nir.NIRGraph, x=None, **options) -> dict[tuple[str, str], Finding]:
    """Findings by severity and the start of what was measured; quantized without calibration."""
    findings = guard(quantization(graph, **options), x)
    assert [f.severity for f in findings] == sorted(f.severity for f in findings)
    return {(f.severity, f"{f.part}: {f.quantity}"): f for f in findings}


def the_one(findings: dict, severity: str, start: str) -> Finding:
    (finding,) = [f for (s, what), f in findings.items() if s == severity and what.startswith(start)]
    return finding


def test_a_silent_layer_is_an_error():
    # 2 bits beside a weight of 30 leave nothing of 0.6, which alone fires every second step
    graph = network([[30, 0.6, 0], [0, 0.6, 0.6], [0, 0.6, 0]], memory=2)
    findings = found(graph, always(1), weight_bits=2)
    silent = the_one(findings, "error", "n: neurons of 3 that fire in floats and never")
    assert (silent.value, silent.limit) == (3, 0)
    assert str(silent) == (
        "error: 'n': neurons of 3 that fire in floats and never in integers: 3 (limit 0); "
        "give more bits, or calibration like the real input"
    )
    out_of_reach = the_one(findings, "warning", "n: neurons of 3 whose threshold no input can reach")
    lost = the_one(findings, "warning", "n: neurons of 3 that lost every weight")
    share = the_one(findings, "warning", "in -> n: share of weights rounded to 0")
    assert (out_of_reach.value, lost.value, share.value) == (2, 2, 4 / 5)
    assert not [f for s, f in found(graph, always(1), weight_bits=8) if "never in integers" in f]


def test_a_silent_neuron_is_a_warning():
    findings = found(network([[0, 1.5, 0], [0, 0.2, 0]], memory=10), always(1), weight_bits=2)
    assert the_one(findings, "warning", "n: neurons of 2 that fire in floats and never").value == 1
    assert not [what for severity, what in findings if severity == "error"]


@pytest.mark.parametrize("others, severity", [([], "error"), ([[0, 0, 0.9]], "warning")])
def test_neurons_that_fire_all_the_time(others, severity):
    # 1.0 and 0.55 are the same in 2 bits, and above a threshold of 0.9
    findings = found(network([[1.0, 0.55, 0], *others], threshold=0.9), always(1), weight_bits=2)
    n = 1 + len(others)
    assert the_one(findings, severity, f"n: neurons of {n} that fire in nearly every step").value == 1


def test_thresholds_out_of_reach():
    whole = network([[0.1, 0.2, 0.3], [0.3, 0.3, 0.3]])
    assert the_one(found(whole), "error", "n: neurons of 2 whose threshold no input").value == 2
    # in floats it is silent too: nothing was lost
    assert the_one(found(whole, always(0, 1, 2)), "warning", "n: neurons of 2 whose threshold").value == 2
    part = network([[0.1, 0.2, 0.3], [0.3, 0.3, 0.5]])
    assert the_one(found(part), "warning", "n: neurons of 2 whose threshold no input").value == 1
    # 0.9 a step, of which half is kept, ends at 1.8
    assert not found(network([[0.1, 0.2, 0.3], [0.3, 0.3, 0.3]], memory=2))


def test_a_connection_whose_weights_are_all_gone():
    graph = network([[2.0, 2.0, 2.0]])
    graph.nodes["other"] = nir.Input({"input": np.array([2])})
    graph.nodes["faint"] = nir.Linear(np.full((1, 2), 1e-9))
    graph.edges += [("other", "faint"), ("faint", "n")]
    findings = found(graph)
    assert the_one(findings, "error", "other -> n: share of weights rounded to 0").value == 1
    assert the_one(findings, "warning", "other: channels of 2 that no synapse leads from").value == 2


@pytest.mark.parametrize(
    "synapse, what", [(None, "n: neuron steps of calibration in which v was cut"), (1.0, "which u wrapped")]
)
def test_overflow_on_calibration(synapse, what):
    graph = network([[1.0, 1.0, 1.0]], memory=100, threshold=3)
    node = graph.nodes["n"]
    if synapse:  # a current that lasts for a second
        slow = {"tau_syn": np.array([synapse]), "w_in": np.array([1 / 1e-3])}
        graph.nodes["n"] = nir.CubaLIF(
            tau_mem=node.tau, r=node.r, v_leak=0 * node.r, v_threshold=node.v_threshold, **slow
        )
    else:  # nothing stops it
        graph.nodes["n"], graph.nodes["sum"] = nir.LI(node.tau, node.r, 0 * node.r), nir.Linear(np.eye(1))
        graph.edges = [("in", "w"), ("w", "n"), ("n", "out")]
        del graph.nodes["sum"], graph.nodes["readout"]
    findings = found(graph, always(0, 1, 2, steps=100), weight_scale=254.0 * 32)
    (finding,) = [f for (s, quantity), f in findings.items() if what in quantity]
    assert finding.severity == "warning" and 0 < finding.value <= 200
    assert not [q for _, q in found(graph, always(0, 1, 2, steps=100), weight_scale=20.0) if what in q]


def test_dead_inputs():
    findings = found(network([[2.0, 0, 2.0]]), always(0, 1))
    assert the_one(findings, "warning", "in: channels of 3 that no synapse leads from").value == 1
    assert the_one(findings, "warning", "in: channels of 3 that no event of calibration enters").value == 1


def test_decays_that_lost_their_meaning():
    # 3000 steps are 1.4 of 4096ths, and become 1: over 5000 steps v holds a quarter more
    slow, x = network([[2.0, 2.0, 2.0]], memory=3000), always(0, 1, 2, steps=5000)
    finding = the_one(found(slow, x), "warning", "n: change of what v holds of a constant input over 5000")
    kept = [1 - 1 / 3000, 1 - 1 / 4096]
    held = [sum(k**t for t in range(5000)) for k in kept]
    assert finding.value == pytest.approx(held[1] / held[0] - 1) and finding.value > 0.1
    # over 40 steps it makes no difference
    assert not [q for _, q in found(slow, x[:, :40]) if "v holds" in q]
    coarse = found(slow, x[:, :40], weight_scale=1.0)
    rounding = the_one(coarse, "warning", "n: share of the threshold that the rounding of v takes")
    assert rounding.value == 40 / 64  # a unit in every step, of 64 times vth = 1


@pytest.mark.parametrize("blind", [False, True])
def test_quiet_on_the_digits_network(blind):
    x = None if blind else load_source((N_BANDS,), None, None, "train").take(100).x
    assert guard(quantization(export.read(DIGITS), x), x) == []


def test_quiet_on_the_digits_network_with_recordings(shared):
    x = load_source((N_BANDS,), None, shared / "data" / "fsdd" / "recordings", "train").take(100).x
    assert guard(quantization(export.read(DIGITS), x), x) == []


def test_quantize_says_what_it_found_and_writes_nothing_broken(tmp_path, capsys):
    graph, out = tmp_path / "g.nir", tmp_path / "p.nir"
    export.write(network([[0.1, 0.2, 0.3]]), graph)
    command = ["quantize", str(graph), "--blind", "--out", str(out)]
    assert main(command) == 1 and not out.exists()
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("error: 'n': neurons of 1 whose threshold no input can reach: 1 (limit 0)")
    assert said[-1].startswith("lavalier: ") and said[-1].endswith("--anyway writes it")
    assert main([*command, "--anyway", "--json"]) == 0 and out.exists()
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert (finding["severity"], finding["part"], finding["value"]) == ("error", "n", 1)


def test_info_and_check_say_where_overflow_is_impossible(tmp_path, capsys):
    program = tmp_path / "p.nir"
    export.quantize(network([[0.1, 0.2, 0.9]], memory=2)).save(program)
    for command in (["info"], ["check", "--samples", "1", "--steps", "3"]):
        assert main([*command, str(program)]) == 0
        lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("bounds ")]
        assert len(lines) == 2 and all(line.endswith("; overflow impossible") for line in lines)
    assert main(["info", str(program), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["bounds"]["n"]["may_wrap"] == 0
