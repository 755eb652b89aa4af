"""The folder of a run, read: networks, card, metrics, traces, sound."""

import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BadInput
from ..program import Program
from ..trace import Trace

ENGINES = ("float", "fixed", "lava")
SHOWN = 8  # samples on a page


@dataclass(frozen=True)
class RunFolder:
    """What a run left.

    Attributes
    ----------
    path : Path
    program : Program
    card, metrics : dict
        What card.json and metrics.json hold.
    traces : {"float", "fixed" or "lava": Trace}
        Of the samples that `metrics` lists; Lava's of those that it ran.
    events : {input name: array (samples, steps, *shape)}
    """

    path: Path
    program: Program
    card: Mapping[str, Any]
    metrics: Mapping[str, Any]
    traces: Mapping[str, Trace]
    events: Mapping[str, np.ndarray]

    @property
    def samples(self) -> list[dict]:
        """What metrics.json says of each sample that has traces."""
        return self.metrics.get("samples", [])

    def sound(self, name: str) -> bytes | None:
        """Return a sound file of the run, or None if there is none of this name."""
        path = self.path / "audio" / Path(name).name
        return path.read_bytes() if path.is_file() else None


def read_run(path: str | Path) -> RunFolder:
    """Read the folder that `lavalier demo` or `lavalier train` wrote.

    Raises
    ------
    BadInput
        It is no such folder, or a file in it is damaged, missing, or does not fit the others.
    """
    path = Path(path)
    if not path.is_dir():
        raise BadInput(f"{path}: no such folder; give one that `lavalier demo` or `lavalier train` wrote")
    program = Program.load(path / "program.nir")
    card, metrics = _json(path / "card.json"), _json(path / "metrics.json")
    files = {name: path / "traces" / f"{name}.npz" for name in ENGINES}
    traces = {name: Trace.load(file) for name, file in files.items() if file.is_file()}
    events = path / "traces" / "input.npz"
    run = RunFolder(path, program, card, metrics, traces, _arrays(events) if events.is_file() else {})
    _check(run)
    return run


def _check(run: RunFolder) -> None:
    n = len(run.samples)
    if n > SHOWN:
        raise BadInput(f"{run.path}/metrics.json lists {n} samples; a page holds at most {SHOWN}")
    counts = {name: len(next(iter(trace.outputs.values()))) for name, trace in run.traces.items()}
    counts |= {f"input '{name}'": len(x) for name, x in run.events.items()}
    on_lava = sum(bool(sample.get("on_lava")) for sample in run.samples)
    for name, count in counts.items():
        expected = on_lava if name == "lava" else n
        if count != expected:
            raise BadInput(
                f"{run.path}/traces: {name} holds {count} samples, metrics.json lists {expected}; "
                "the run was not finished, repeat it"
            )
    for name, trace in run.traces.items():
        lost = [p for p in run.program.populations if p not in trace.v and name != "float"]
        if lost:
            raise BadInput(f"{run.path}/traces/{name}.npz: population '{lost[0]}' was not recorded")


def _json(path: Path) -> dict:
    try:
        return dict(json.loads(path.read_text()))
    except FileNotFoundError as error:
        raise BadInput(f"{path}: no such file; the run was not finished, repeat it") from error
    except (ValueError, TypeError, OSError) as error:
        raise BadInput(f"{path}: not a readable JSON object ({error})") from error


def _arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with open(path, "rb") as file:
            archive = np.load(file, allow_pickle=False)
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, AttributeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise BadInput(f"{path}: not a readable .npz file ({error})") from error
