"""The one table of a sweep: a finished trial lands in it once and whole, whoever else writes."""

import csv
import json
import os
import statistics
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...simulate.errors import BadInput
from ...simulate.files import atomic, write_json
from .grid import Axes, Trial, cells_of

ROWS, TABLE, CELLS = "trials", "table.csv", "cells.json"
MEDIANS = ("float", "fixed", "energy_low_j", "energy_high_j", "seconds")

Row = Mapping[str, Any]


def folder_of(out: Path, trial: Trial) -> Path:
    """Return where a trial keeps its checkpoint and its row."""
    return out / ROWS / trial.name


def land(out: Path, trial: Trial, row: Row) -> bool:
    """Put the row of a trial where it stays; return False if one was there already.

    The row appears under its name whole, by a link that fails where there is one.
    """
    folder = folder_of(out, trial)
    folder.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".row.")
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(dict(row), file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, folder / "row.json")
    except FileExistsError:
        return False
    finally:
        os.unlink(temporary)
    return True


def landed(out: Path, trial: Trial) -> Row | None:
    """Return the row of a trial, None if it is not finished.

    Raises
    ------
    BadInput
        It is damaged.
    """
    path = folder_of(out, trial) / "row.json"
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise BadInput(f"{path}: damaged; remove it, and the trial runs again") from error


def cells(axes: Axes, rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Return each cell once: medians over its folds, how many there are, and what failed.

    >>> rows = [{"beta": 0.7, "fold": f, "float": v, "failure": ""} for f, v in enumerate((0.5, 0.9, 0.8))]
    >>> (cell,) = cells({"beta": [0.7]}, rows)
    >>> cell["float"], cell["folds"], cell["fixed"]
    (0.8, 3, None)
    """
    found, rows = [], list(rows)
    for cell in cells_of(axes):
        mine = [row for row in rows if all(_same(row[option], value) for option, value in cell)]
        medians = {
            name: statistics.median(values) if (values := _known(name, mine)) else None for name in MEDIANS
        }
        failures = {str(row["fold"]): row["failure"] for row in mine if row["failure"]}
        found.append({**dict(cell), "folds": len(mine), **medians, "failures": failures})
    return found


def _same(a: Any, b: Any) -> bool:
    return json.dumps(a) == json.dumps(b)


def _known(name: str, rows: Sequence[Row]) -> list[float]:
    return [row[name] for row in rows if row.get(name) is not None]


def write_table(out: Path, axes: Axes, trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """Write the rows that have landed as `table.csv`, and medians as `cells.json`; return the cells."""
    rows = [row for trial in trials if (row := landed(out, trial)) is not None]
    with atomic(out / TABLE) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else [])
        writer.writeheader()
        writer.writerows(rows)
    found = cells(axes, rows)
    write_json(out / CELLS, found)
    return found


def to_text(axes: Axes, found: Sequence[Row], metric: str, scale: float, unit: str) -> str:
    """Return the cells as a table for people."""
    options = list(axes)
    head = [*options, "folds", f"float {metric}", f"fixed {metric}", "energy uJ", "failed"]

    def score(value: float | None) -> str:
        return "-" if value is None else f"{scale * value:.4g} {unit}".strip()

    def joules(cell: Row) -> str:
        low, high = cell["energy_low_j"], cell["energy_high_j"]
        return "-" if high is None else f"{'?' if low is None else f'{1e6 * low:.3g}'} to {1e6 * high:.3g}"

    lines = [
        [*(str(cell[o]) for o in options), str(cell["folds"]), score(cell["float"]), score(cell["fixed"])]
        + [joules(cell), str(len(cell["failures"]))]
        for cell in found
    ]
    widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    rows = [
        "  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in [head, *lines]
    ]
    reasons = [
        f"{', '.join(f'{o}={cell[o]}' for o in options)}, fold {fold}: {reason}"
        for cell in found
        for fold, reason in cell["failures"].items()
    ]
    return "\n".join([*rows, *reasons]) + "\n"
