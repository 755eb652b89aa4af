"""A run folder as the demo writes it, of the shipped network and a few clips."""

from pathlib import Path

import numpy as np

from lavalier.export import read, write
from lavalier.export.quantization import quantization
from lavalier.simulate import fast, run
from lavalier.simulate.files import write_json
from lavalier.train.evidence import NETWORKS, OnLava, hashes, write_evidence
from lavalier.train.speech import speech_clips

SHIPPED = Path(__file__).parents[1] / "models" / "digits.nir"
N_CLIPS, N_LAVA, N_CALIBRATION = 60, 5, 8


def write_run(out: Path) -> None:
    """Write the folder; `fast` stands in for Lava, which equals it."""
    clips, graph = speech_clips(N_CLIPS, 0, "test"), read(SHIPPED)
    rounded = quantization(graph, clips.events[:N_CALIBRATION])
    in_floats, in_integers = run(graph, clips.events), run(rounded.program, clips.events)
    on = np.arange(N_LAVA)
    lava = OnLava(on, fast.run(rounded.program, clips.events[on], tuple(rounded.program.populations)))
    out.mkdir()
    write(graph, out / "graph.nir")
    rounded.program.save(out / "program.nir")
    metrics = {
        "data": "embedded speech",
        "notes": list(clips.notes),
        **write_evidence(out, rounded, graph, clips, in_floats.output, in_integers, lava),
    }
    write_json(out / "metrics.json", metrics)
    card = {
        "name": "digits",
        "command": "lavalier demo",
        "versions": {"lavalier": "0"},
        "seeds": {"speech": 0},
    }
    write_json(out / "card.json", {**card, "files": hashes(out, NETWORKS)})
