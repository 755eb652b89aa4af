"""A heat map of a sweep: medians over the folds, floats beside the chip's integers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...simulate.files import atomic
from .grid import Axes
from .table import Row

KINDS = {"float": "float", "fixed": "fixed point"}


def heat_map(path: Path, axes: Axes, found: Sequence[Row], title: str, scale: float, unit: str) -> None:
    """Draw the first two axes; of further ones, the best cell.

    A cell in which a fold failed has a star, one that nobody scored a dash.

    Parameters
    ----------
    path : path
        A .png.
    axes : Axes
        At least one.
    found : sequence of rows
        Of `table.cells`.
    title, scale, unit
        Of the figure and its scores.
    """
    from matplotlib.figure import Figure

    down, *rest = list(axes)
    across = rest[0] if rest else None
    rows, columns = list(axes[down]), list(axes[across]) if across else [None]
    figure = Figure(figsize=(2.2 + 1.4 * len(columns) * len(KINDS), 1.8 + 0.5 * len(rows)))
    plots = figure.subplots(1, len(KINDS), squeeze=False)[0]
    values = {kind: _grid(found, down, across, rows, columns, kind) for kind in KINDS}
    known = [v for grid, _ in values.values() for v in grid.ravel() if not np.isnan(v)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    for plot, (kind, name) in zip(plots, KINDS.items(), strict=True):
        grid, failed = values[kind]
        plot.imshow(grid, vmin=low, vmax=max(high, low + 1e-9), cmap="viridis", aspect="auto")
        plot.set_xticks(range(len(columns)), [str(c) for c in columns] if across else [""])
        plot.set_yticks(range(len(rows)), [str(r) for r in rows])
        plot.set(xlabel=across or "", ylabel=down, title=name)
        for i, j in np.ndindex(grid.shape):
            value = grid[i, j]
            text = "-" if np.isnan(value) else f"{scale * value:.3g}{'*' if failed[i, j] else ''}"
            dark = not np.isnan(value) and value < (low + high) / 2
            plot.text(j, i, text, ha="center", va="center", color="white" if dark else "black")
    figure.suptitle(f"{title}{f', {unit}' if unit else ''}; median over folds, * a fold failed")
    figure.tight_layout()
    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=120)


def _grid(
    found: Sequence[Row], down: str, across: str | None, rows: list, columns: list, kind: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return scores and whether a fold failed, both (rows, columns)."""
    grid, failed = np.full((len(rows), len(columns)), np.nan), np.zeros((len(rows), len(columns)), bool)

    def rank(cell: Row) -> float:
        return -np.inf if cell[kind] is None else cell[kind]

    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            there = [c for c in found if _at(c, down, row) and (across is None or _at(c, across, column))]
            if there:
                best = max(there, key=rank)
                grid[i, j] = np.nan if best[kind] is None else best[kind]
                failed[i, j] = bool(best["failures"])
    return grid, failed


def _at(cell: Row, option: str, value: Any) -> bool:
    return str(cell[option]) == str(value)
