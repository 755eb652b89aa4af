"""Figures of a diagnosis: rasters side by side, error against layer, weights against their grid."""

from collections.abc import Mapping
from pathlib import Path

import nir
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lavalier.export.diagnosis.mixed import Mixed
from lavalier.export.diagnosis.pair import Pair
from lavalier.export.diagnosis.sides import side_of
from lavalier.export.diagnosis.verdict import Diagnosis
from lavalier.simulate.files import atomic
from lavalier.simulate.program import Program

WIDTH, HEIGHT = 8.0, 2.2  # inches; of a row
BINS = 101
SWEEPS = {"isolated": "only it from b", "cumulative": "up to it from b", "restored": "all but it from b"}
Network = nir.NIRGraph | Program


def write_figures(
    folder: Path, a: Network, b: Network, x: np.ndarray | Mapping[str, np.ndarray], found: Diagnosis
) -> list[Path]:
    """Write rasters.png (first sample), errors.png and weights.png; return their paths."""
    figures = {"rasters": rasters(a, b, x), "errors": errors(found), "weights": weights(a, b)}
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in figures.items():
        with atomic(folder / f"{name}.png") as temporary:
            figure.savefig(temporary, format="png", dpi=120)
    return [folder / f"{name}.png" for name in figures]


def rasters(a: Network, b: Network, x: np.ndarray | Mapping[str, np.ndarray]) -> Figure:
    """Draw the spikes of the first sample, a beside b; of a readout, v."""
    first = {n: v[:1] for n, v in x.items()} if isinstance(x, Mapping) else x[:1]
    mixed = Mixed(side_of(a), side_of(b), first)
    runs = mixed.run(()), mixed.run(mixed.layers)
    figure, rows = _rows(len(mixed.layers), 2)
    for axes, name in zip(rows, mixed.layers, strict=True):
        for ax, sent, side in zip(axes, runs, "ab", strict=True):
            values = sent[name][0]
            if mixed.a.populations[name].threshold is None:
                ax.plot(values, linewidth=0.8)
            else:
                ax.plot(*np.nonzero(values), "|k", markersize=2)
                ax.set_ylim(-0.5, values.shape[1] - 0.5)
            ax.set(title=f"{name}, {side}", xlabel="step", xlim=(0, len(values)))
    return figure


def errors(found: Diagnosis) -> Figure:
    """Draw the error at the output against the layer, for the three sweeps."""
    figure = Figure((WIDTH, 2 * HEIGHT), layout="constrained")
    ax = figure.add_subplot()
    names = [cost.layer for cost in found.costs]
    for sweep, label in SWEEPS.items():
        ax.plot(names, [getattr(cost, sweep).output for cost in found.costs], "o-", label=label)
    ax.set(ylabel="error at the output", ylim=(0, None))
    ax.legend()
    return figure


def weights(a: Network, b: Network) -> Figure:
    """Draw histograms of b's weights, on their grid, over a's in b's unit."""
    pairs = [Pair(side_of(a), side_of(b), name) for name in side_of(a).populations]
    drawn = [(pair, key) for pair in pairs for key in pair.keys if pair.entries[key].a.size]
    figure, rows = _rows(len(drawn), 1)
    for (ax,), (pair, key) in zip(rows, drawn, strict=True):
        entries = pair.entries[key]
        slope = np.dot(entries.a, entries.b) / (np.dot(entries.a, entries.a) or 1)
        both = np.concatenate([slope * entries.a, entries.b])
        ends = both.min(), both.max()
        ax.hist(slope * entries.a, BINS, range=ends, color="0.7", label=f"a, times {slope:.4g}")
        values, counts = np.unique(entries.b, return_counts=True)
        ax.vlines(values, 0, counts, linewidth=0.8, label="b")
        ax.set(title=pair.connection(key), ylabel="weights", yscale="log")
        ax.legend()
    return figure


def _rows(rows: int, columns: int) -> tuple[Figure, list[list[Axes]]]:
    figure = Figure((WIDTH, HEIGHT * max(1, rows)), layout="constrained")
    axes = figure.subplots(max(1, rows), columns, squeeze=False)
    return figure, [list(row) for row in axes]
