"""Evidence: what a run leaves for its report: scores, a few samples with traces and sound, and the rounding.

traces/input.npz  float.npz  fixed.npz  lava.npz    of the chosen samples, every population
audio/clip-*.flac                                   what was heard
"""

import hashlib
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import nir
import numpy as np
import soundfile

from ..export import diagnose
from ..export.quantization import Quantization
from ..export.weight_grids import weight_grids
from ..models.log_mel import FRAME, SAMPLE_RATE, STEP_S
from ..models.readout import decide
from ..simulate import energy, fast, latency, run
from ..simulate.files import atomic
from ..simulate.program import Program
from ..simulate.trace import Trace
from .clips import Clips, spread

SHOWN = 8  # samples whose traces and sound are kept
PARTING = SHOWN // 2  # of these, at most so many for what went wrong
DIAGNOSED = 100  # clips
FOLDERS = ("traces", "audio")
DEVICES = ("loihi1", "loihi2")
NETWORKS = ("graph.nir", "program.nir")


@dataclass(frozen=True)
class OnLava:
    """What Lava ran of a test: which clips, and their trace with every population."""

    clips: np.ndarray
    trace: Trace


@dataclass(frozen=True)
class Reading:
    """How an output is read, what the sound was made of, and what the host does before the chip.

    Attributes
    ----------
    decide : callable, output to classes (n,); None where there are none
    sample_rate : int
        Of the sounds, per second.
    frame_s, hop_s : float, seconds
        That a step hears of, and from step to step.
    host : {what: amount for an inference}
        Listed beside the energy.
    """

    decide: Callable[[np.ndarray], np.ndarray] | None = decide
    sample_rate: int = SAMPLE_RATE
    frame_s: float = FRAME / SAMPLE_RATE
    hop_s: float = STEP_S
    host: Mapping[str, float] = field(default_factory=dict)


def score(decisions: np.ndarray, labels: np.ndarray, classes: int) -> dict:
    """Count decisions: rows of the confusion matrix are what was said, columns what was heard.

    >>> score(np.array([1, 1]), np.array([1, 0]), 2)
    {'samples': 2, 'correct': 1, 'confusion': [[0, 1], [0, 1]]}
    """
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (labels, decisions), 1)
    return {
        "samples": len(labels),
        "correct": int(np.sum(decisions == labels)),
        "confusion": confusion.tolist(),
    }


def choose(
    labels: np.ndarray, in_floats: np.ndarray, in_integers: np.ndarray, first: Iterable[int] = ()
) -> dict[int, str]:
    """Choose clips to show, and say why: where decisions differ, where both are wrong, one of each class.

    Of those that are right, the ones of `first` come first.

    >>> choose(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0]), np.array([0, 1, 1, 0]))
    {1: 'float and fixed decide differently', 3: 'both wrong', 0: 'both right', 2: 'both right'}
    """
    differ = np.flatnonzero(in_floats != in_integers)
    wrong = np.flatnonzero((in_floats == in_integers) & (in_floats != labels))
    why = {int(i): "float and fixed decide differently" for i in spread(differ, PARTING)}
    why |= {int(i): "both wrong" for i in spread(wrong, PARTING - len(why))}
    order = np.array([*first, *np.delete(np.arange(len(labels)), [*first])], dtype=int)
    right = order[(in_floats[order] == labels[order]) & (in_integers[order] == labels[order])]
    _, firsts = np.unique(labels[right], return_index=True)
    firsts.sort()
    queue = {int(i): "both right" for i in (*right[firsts], *np.delete(right, firsts))}
    queue |= {int(i): "both wrong" for i in wrong}  # of a network that is seldom right
    for clip, said in queue.items():
        why.setdefault(clip, said)
    return dict(list(why.items())[:SHOWN])


def write_evidence(
    out: Path,
    quantization: Quantization,
    graph: nir.NIRGraph,
    test: Clips,
    in_floats: np.ndarray,
    in_integers: Trace,
    lava: OnLava | None = None,
    reading: Reading = Reading(),
) -> dict:
    """Write traces and sound of chosen samples into a run folder; return what goes into metrics.json.

    Parameters
    ----------
    out : Path
        Exists; what an earlier run left in traces/ and audio/ is replaced.
    quantization : Quantization
        How the graph was rounded.
    graph : nir.NIRGraph
        In floats.
    test : Clips
        What was scored; its events are floats where the Program's input has a scale.
    in_floats : float (batch, steps, classes)
        Output of the graph for all of `test`.
    in_integers : Trace
        Output and counts of the Program for all of `test`.
    lava : OnLava, optional
        What Lava ran of it, if it did.
    reading : Reading
        How decisions are read off; of digits where not said.

    Returns
    -------
    dict
        scores, samples, quantization, diagnosis, energies, latencies.
    """
    program, classes = quantization.program, max(2, in_floats.shape[-1])  # one channel decides between two
    first = np.arange(0) if lava is None else lava.clips
    decisions, scores = {}, {}
    chosen = {int(i): "one of many" for i in spread(first if lava else np.arange(len(in_floats)), SHOWN)}
    if reading.decide is not None:
        decisions = {"float": reading.decide(in_floats), "fixed": reading.decide(in_integers.output)}
        chosen = choose(test.labels, *decisions.values(), first=first)
        scores = {name: score(of, test.labels, classes) for name, of in decisions.items()}
        scores["fixed"]["differ_from_float"] = int(np.sum(decisions["float"] != decisions["fixed"]))
    on_lava: dict[int, int] = {}
    if lava is not None:
        if reading.decide is not None:
            scores["lava"] = score(reading.decide(lava.trace.output), test.labels[lava.clips], classes)
        on_lava = {int(clip): row for row, clip in enumerate(lava.clips) if clip in chosen}
    x = test.events[list(chosen)]
    events = program.encode(x)
    assert isinstance(events, np.ndarray)  # of one input
    floats = run(graph, x, record=tuple(program.populations))
    traces = {
        "float": replace(floats, v={n: v.astype(np.float32) for n, v in floats.v.items()}),
        "fixed": fast.run(program, events, tuple(program.populations)),
    }
    if lava is not None and on_lava:
        traces["lava"] = lava.trace.take([on_lava[clip] for clip in chosen if clip in on_lava])
    sounds = {f"clip-{clip}.flac": test.sounds[clip] for clip in chosen} if test.sounds else {}
    _write_samples(out, next(iter(program.inputs)), events, traces, sounds, reading.sample_rate)
    return {
        "scores": scores,
        "samples": [
            {
                "clip": clip,
                "name": test.names[clip],
                "why": why,
                "label": int(test.labels[clip]) if decisions else None,
                "decisions": {name: int(of[clip]) for name, of in decisions.items()},
                "on_lava": clip in on_lava,
                "audio": f"clip-{clip}.flac" if test.sounds else None,
            }
            for clip, why in chosen.items()
        ],
        "quantization": [grid.to_json() for grid in weight_grids(quantization)],
        "diagnosis": _diagnosis(graph, program, test, labeled=bool(decisions) and in_floats.shape[-1] > 1),
        "energies": {d: energy(program, in_integers, d, host=reading.host).to_json() for d in DEVICES},
        "latencies": {
            device: latency(program, in_integers, device, reading.frame_s, reading.hop_s).to_json()
            for device in DEVICES
        },
    }


def _diagnosis(graph: nir.NIRGraph, program: Program, test: Clips, labeled: bool) -> dict:
    some = spread(np.arange(len(test.events)), DIAGNOSED)
    labels = test.labels[some] if labeled else None
    return diagnose(graph, program, test.events[some], labels).to_json()


def hashes(out: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the SHA-256 of files in a folder, by name."""
    return {name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in names}


def _write_samples(
    out: Path,
    entry: str,
    events: np.ndarray,
    traces: Mapping[str, Trace],
    sounds: Mapping[str, np.ndarray],
    sample_rate: int,
) -> None:
    for folder in FOLDERS:
        shutil.rmtree(out / folder, ignore_errors=True)  # an earlier run may have had more
        (out / folder).mkdir()
    with atomic(out / "traces" / "input.npz") as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **{entry: events})
    for name, trace in traces.items():
        trace.save(out / "traces" / f"{name}.npz")
    for name, samples in sounds.items():
        with atomic(out / "audio" / name) as temporary:
            soundfile.write(temporary, samples, sample_rate, format="FLAC", subtype="PCM_16")
