"""A Hybrid as a folder: `chip.nir` is the Program, `host.json` the stages, `host.npz` their arrays."""

import json
import zipfile
import zlib
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import BadInput
from ..files import atomic, write_json
from ..program import Program
from .decide import Decide
from .hearing import Bands, Counts, Rectified, Spectrum, UnitRange
from .stages import Dequantize, Filters, Frames, Mask, OverlapAdd, Stage, UnitVariance

if TYPE_CHECKING:
    from .hybrid import Hybrid

CHIP, HOST, ARRAYS = "chip.nir", "host.json", "host.npz"
VERSION = 1
SOUND = (Frames, Filters, UnitVariance, Dequantize, Mask, OverlapAdd)
HEARING = (Spectrum, Bands, UnitRange, Rectified, Counts, Decide)
STAGES: dict[str, type[Stage]] = {kind.__name__: kind for kind in (*SOUND, *HEARING)}


def is_hybrid(path: Path) -> bool:
    """Whether a folder holds one."""
    return (path / HOST).is_file()


def save(hybrid: "Hybrid", folder: Path) -> None:
    """Write the three files; `host.json` last, so that a folder without it is none."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / HOST).unlink(missing_ok=True)
    except OSError as error:
        raise BadInput(f"{folder}: cannot be written ({error.strerror})") from error
    arrays: dict[str, np.ndarray] = {}
    parts = {}
    for part in ("before", "after"):
        parts[part] = [
            _written(stage, f"{part}/{i}", arrays) for i, stage in enumerate(getattr(hybrid, part))
        ]
    hybrid.program.save(folder / CHIP)
    with atomic(folder / ARRAYS) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    write_json(folder / HOST, {"lavalier_hybrid": VERSION, "rate": hybrid.rate, **parts})


def load(folder: Path) -> "Hybrid":
    """Read the three files."""
    from .hybrid import Hybrid

    try:
        said = json.loads((folder / HOST).read_text())
        if said.get("lavalier_hybrid") != VERSION:
            raise BadInput(f"{HOST}: format {said.get('lavalier_hybrid')}; this reads {VERSION}")
        with np.load(folder / ARRAYS, allow_pickle=False) as held:
            arrays = dict(held)
        before, after = (
            tuple(_read(entry, f"{part}/{i}", arrays) for i, entry in enumerate(said[part]))
            for part in ("before", "after")
        )
        rate = int(said["rate"])
    except BadInput as error:
        raise BadInput(f"{folder}: {error}") from error
    except NotADirectoryError as error:
        raise BadInput(f"{folder}: is a file, not the folder of a hybrid model") from error
    except FileNotFoundError as error:
        raise BadInput(f"{folder}: no hybrid model in it, {Path(error.filename).name} is missing") from error
    except (
        OSError,
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        OverflowError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise BadInput(f"{folder}: a hybrid model, but damaged ({error!r})") from error
    program = Program.load(folder / CHIP)
    try:
        return Hybrid(before, program, after, rate)
    except BadInput as error:
        raise BadInput(f"{folder}: {error}") from error


def _written(stage: Stage, place: str, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return a stage's numbers, and put its arrays beside."""
    entry: dict[str, Any] = {"stage": type(stage).__name__, "why": stage.why}
    for field in fields(stage):
        value = getattr(stage, field.name)
        if isinstance(value, np.ndarray):
            arrays[f"{place}/{field.name}"] = value
        else:
            entry[field.name] = value
    return entry


def _read(entry: dict[str, Any], place: str, arrays: dict[str, np.ndarray]) -> Stage:
    kind = STAGES[entry["stage"]]
    numbers = {f.name: entry[f.name] for f in fields(kind) if f.name in entry}
    held = {f.name: arrays[f"{place}/{f.name}"] for f in fields(kind) if f.name not in entry}
    return kind(**numbers, **held)
