"""The demo: the shipped digits network from its weights to Lava and a price.

Export is compared with the shipped graph, the integers with the reference, the reference with Lava; what
was not run is not printed.
"""

import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import numpy as np

from lavalier import deploy
from lavalier.export import from_torch, read, write
from lavalier.export.quantization import quantization
from lavalier.models.digits import load
from lavalier.models.log_mel import STEP_S
from lavalier.models.readout import decide
from lavalier.simulate import compare, energy, fast, reference, report, run
from lavalier.simulate.cost.result import Energy
from lavalier.simulate.cost.text import joules
from lavalier.simulate.errors import Mismatch
from lavalier.simulate.files import write_json
from lavalier.simulate.nir_file import first_difference
from lavalier.simulate.program import Program
from lavalier.simulate.trace import Trace
from lavalier.sources import EMBEDDED_SEED, embedded_speech
from lavalier.train.clips import CALIBRATION_CLIPS, EXPORT_CLIPS, spread
from lavalier.train.evidence import NETWORKS, OnLava, hashes, write_evidence
from lavalier.train.speech import speech_clips


@dataclass(frozen=True)
class DemoResult:
    """Every figure that the demo prints."""

    data: str
    notes: list[str]
    clips: int
    float_accuracy: float
    fixed_accuracy: float
    compared_clips: int
    compared_values: int
    lava: str | None  # why it did not run
    spikes: float
    syn_ops: float
    energy: Energy

    def to_json(self) -> dict:
        """Return the figures as plain data."""
        return {
            "data": self.data,
            "notes": self.notes,
            "clips": self.clips,
            "float_accuracy": self.float_accuracy,
            "fixed_accuracy": self.fixed_accuracy,
            "compared_clips": self.compared_clips,
            "compared_values": self.compared_values,
            "fast_equals_reference": True,  # a difference is an error, no result
            "lava_equals_reference": None if self.lava else True,
            "lava_not_run": self.lava,
            "spikes_per_inference": self.spikes,
            "syn_ops_per_inference": self.syn_ops,
            "energy": self.energy.to_json(),
        }

    def to_text(self) -> str:
        """Return the table."""
        equal = f"yes, {self.compared_values:,} values of u, v and s ({self.compared_clips} clips)"
        tables = ", ".join(f"{t.name}: {t.constants['syn_ops'].grade}" for t in self.energy.tables_of_figure)
        rows = [
            ("float accuracy", f"{100 * self.float_accuracy:.1f} % of {self.clips} clips, NIR graph"),
            ("fixed-point accuracy", f"{100 * self.fixed_accuracy:.1f} % of the same, 8-bit weights"),
            ("fast = reference", equal),
            ("Lava = reference", equal) if not self.lava else ("Lava: not run (needs Python 3.10)", ""),
            ("spikes", f"{self.spikes:,.0f} per inference"),
            ("syn_ops", f"{self.syn_ops:,.0f} per inference"),
            ("energy", f"{joules(self.energy.per_inference)} per inference, Loihi 1 neurocores, dynamic"),
            ("", f"constants: {tables}; not in it: host, idle, barrier"),
        ]
        lines = [f"digits, {self.data}", *(f"note: {note}" for note in self.notes)]
        return "\n".join(lines + [f"  {name:<22}{value}" for name, value in rows]) + "\n"


def run_demo(out: Path | None, samples: int, say: Callable[[str], None]) -> DemoResult:
    """Run the whole pipeline on the shipped network and the embedded speech.

    Parameters
    ----------
    out : Path or None
        Run folder to write: graph.nir, program.nir, card.json, metrics.json, traces/, audio/, report.html.
    samples : int
        Clips that the reference and Lava run.
    say : callable
        Told of each stage.

    Raises
    ------
    Mismatch
        Two that must be equal are not; the first difference is named.
    """
    say("data: generating digit-like speech")
    test, title = embedded_speech("test")
    x = test.events
    calibration = speech_clips(CALIBRATION_CLIPS, EMBEDDED_SEED, "train").events
    say("export: from the state_dict to NIR, verified by running both")
    shipped = files("lavalier.models")
    graph = from_torch(load(Path(str(shipped / "digits.pt"))), calibration[:EXPORT_CLIPS], dt=STEP_S)
    differs = first_difference(graph, read(Path(str(shipped / "digits.nir"))))
    if differs:
        raise Mismatch(f"the exported graph is not the shipped digits.nir: {differs}")
    say("quantize: 8-bit weights, searched on calibration data")
    rounded = quantization(graph, calibration)
    program = rounded.program
    say(f"simulate: {len(x)} clips in floats and in integers")
    in_floats, in_integers = run(graph, x), run(program, x)
    compared = spread(np.arange(len(x)), samples)
    traces, why_not = _run_and_compare(program, x[compared], say)
    result = DemoResult(
        data=title,
        notes=list(test.notes),
        clips=len(x),
        float_accuracy=_accuracy(in_floats, test.labels),
        fixed_accuracy=_accuracy(in_integers, test.labels),
        compared_clips=len(compared),
        compared_values=compare(traces["fast"], traces["reference"]).values,
        lava=why_not,
        spikes=in_integers.counts.total("spikes_out") / len(x),
        syn_ops=in_integers.counts.total("syn_ops") / len(x),
        energy=energy(program, in_integers),
    )
    if out is not None:
        lava = OnLava(compared, traces["lava"]) if "lava" in traces else None
        out.mkdir(parents=True, exist_ok=True)
        write(graph, out / "graph.nir")
        program.save(out / "program.nir")
        evidence = write_evidence(out, rounded, graph, test, in_floats.output, in_integers, lava)
        _finish_run(out, result, evidence)
        say(f"written: {out}, with report.html")
    return result


def _accuracy(trace: Trace, labels: np.ndarray) -> float:
    return float(np.mean(decide(trace.output) == labels))


def _run_and_compare(
    program: Program, x: np.ndarray | dict[str, np.ndarray], say: Callable[[str], None]
) -> tuple[dict[str, Trace], str | None]:
    """Run the same clips on everything that is here; every value must be equal."""
    names = tuple(program.populations)
    say(f"reference: {len(x)} clips in plain integers")
    traces = {"reference": reference.run(program, x, names), "fast": fast.run(program, x, names)}
    why_not = deploy.missing("cpu")
    if why_not:
        say(f"Lava: not run ({why_not})")
    else:
        say(f"deploy: {len(x)} clips in one run of Lava's simulator")
        traces["lava"] = deploy.run(program, x, names)
    for name, trace in traces.items():
        found = compare(trace, traces["reference"])
        if not found.equal:
            raise Mismatch(f"{name} differs from the reference: {found.difference}")
    return traces, why_not


def _finish_run(out: Path, result: DemoResult, evidence: dict) -> None:
    """Write what is said of the run: metrics, card, and the page."""
    parts = ("lavalier", "nir", "numpy", "numba", "torch", "snntorch") + (() if result.lava else ("lava-nc",))
    card = {
        "name": "digits",
        "command": f"lavalier demo --samples {result.compared_clips} --out {out.name}",
        "versions": {"python": platform.python_version(), **{part: version(part) for part in parts}},
        "seeds": {"speech": EMBEDDED_SEED},
        "files": hashes(out, NETWORKS),
    }
    write_json(out / "metrics.json", {**result.to_json(), **evidence})
    write_json(out / "card.json", card)
    report(out).save(out / "report.html")
