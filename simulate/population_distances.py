"""How far each population of two traces is apart, as a table."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .distances import membrane_error, rate_correlation, rate_distance, van_rossum
from .trace import Trace

Pair = tuple[float | None, float | None]


@dataclass(frozen=True)
class Distance:
    """How far one population of two traces is apart; None where it was not recorded or says nothing.

    Attributes
    ----------
    population : str
    van_rossum, rate_correlation, rate_distance : float or None
        Of spikes; see `distances`.
    membrane_error : float or None
        Of v.
    wraps, saturations : (float or None, float or None)
        Share of the neuron steps of each trace in which u wrapped, v was cut.
    """

    population: str
    van_rossum: float | None
    rate_correlation: float | None
    rate_distance: float | None
    membrane_error: float | None
    wraps: Pair
    saturations: Pair


def population_distances(a: Trace, b: Trace) -> list[Distance]:
    """Return the distances of every population whose spikes or v both traces hold."""
    found = []
    for name in dict.fromkeys([*a.v, *a.spikes]):
        spikes, v = ((x[name], y[name]) if name in x and name in y else None for x, y in _parts(a, b))
        if either := spikes or v:
            found.append(
                Distance(
                    population=name,
                    van_rossum=van_rossum(*spikes) if spikes else None,
                    rate_correlation=rate_correlation(*spikes) if spikes else None,
                    rate_distance=rate_distance(*spikes) if spikes else None,
                    membrane_error=membrane_error(*v) if v else None,
                    wraps=_shares(a, b, "wraps", name, either[0].size),
                    saturations=_shares(a, b, "saturations", name, either[0].size),
                )
            )
    return found


def distance_table(distances: Sequence[Distance]) -> list[str]:
    """Return a line for each population, below a heading."""
    width = max([10, *(len(d.population) for d in distances)])
    heads = ("van Rossum", "rate corr.", "rate dist.", "v error", "wraps", "saturations")
    lines = [f"{'population':<{width}} " + " ".join(f"{head:>14}" for head in heads)]
    for d in distances:
        cells = [number(v) for v in (d.van_rossum, d.rate_correlation, d.rate_distance, d.membrane_error)]
        cells += [
            "-" if pair == (None, None) else " | ".join(map(share, pair)) for pair in (d.wraps, d.saturations)
        ]
        lines.append(f"{d.population:<{width}} " + " ".join(f"{cell:>14}" for cell in cells))
    return lines


def number(value: float | None) -> str:
    """Print a distance."""
    return "-" if value is None else f"{value:.4f}"


def share(value: float | None) -> str:
    """Print a share in percent."""
    return "-" if value is None else f"{100 * value:.3g} %"


def _parts(a: Trace, b: Trace) -> list[tuple]:
    return [(a.spikes, b.spikes), (a.v, b.v)]


def _shares(a: Trace, b: Trace, counter: str, name: str, neuron_steps: int) -> Pair:
    first, second = (getattr(trace.counts, counter).get(name) for trace in (a, b))
    return _share(first, neuron_steps), _share(second, neuron_steps)


def _share(counted: np.ndarray | None, neuron_steps: int) -> float | None:
    return None if counted is None else float(counted.sum() / max(1, neuron_steps))
