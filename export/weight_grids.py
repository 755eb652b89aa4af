"""How the weights of each connection lie on the grid of their integers, for people to look at."""

from dataclasses import dataclass

import numpy as np

from ..simulate.synapses import weight_step
from .linear_maps import LinearMap
from .quantization import Quantization
from .rounding import Choice, Rounded

BINS = 128  # of the floats over the whole grid; with few bits a step of the grid has several
BEYOND = 4  # floats further out than so many times the grid are counted in its last bin


@dataclass(frozen=True)
class WeightGrid:
    """A connection: floats on the left, integers on the right.

    Attributes
    ----------
    name, target : str
    bits, exp, step : int
        Of a weight with its sign; the shift; the distance between two integers.
    scale : float (n)
        S of each neuron of the target: a weight w becomes the integer S w / 2^exp.
    integers, counts : int (k)
        Values that occur, and how often; zeros are synapses that do not exist.
    edges, floats : (m + 1), (m)
        S w / 2^exp before rounding, without zeros, and how often.
    clipped : int
        Floats that lie beyond the last integer.
    """

    name: str
    target: str
    bits: int
    exp: int
    step: int
    scale: np.ndarray
    integers: np.ndarray
    counts: np.ndarray
    edges: np.ndarray
    floats: np.ndarray
    clipped: int

    def to_json(self) -> dict:
        """Return everything as plain data."""
        lists = ("scale", "integers", "counts", "edges", "floats")
        return {**vars(self), **{name: getattr(self, name).tolist() for name in lists}}


def weight_grids(quantization: Quantization) -> list[WeightGrid]:
    """Return the grid of every connection, in the order of the populations."""
    found = []
    for p in quantization.floats:
        choice = quantization.choices[p.name]
        for (source, delay), w in p.weights.items():
            name = f"{source} -> {p.name}" + (f" +{delay}" if delay else "")
            found.append(_grid(name, p.name, w, choice, choice.weights[source, delay]))
    return found


def _grid(name: str, target: str, w: LinearMap, choice: Choice, rounded: Rounded) -> WeightGrid:
    step = weight_step(choice.bits)
    exact = np.ldexp(w.scaled(choice.scale).stored, -rounded.exp).ravel()
    exact = exact[exact != 0]
    integers, counts = np.unique(rounded.integers[rounded.integers != 0], return_counts=True)
    width = 512 / BINS
    reach = np.clip(np.abs(exact).max(initial=256), 256, BEYOND * 256)
    last = int(np.ceil(reach / width))
    edges = width * np.arange(-last, last + 1)
    floats, _ = np.histogram(np.clip(exact, edges[0], edges[-1]), edges)
    clipped = int(np.sum((exact < -256 - step / 2) | (exact > 256 - step / 2)))
    return WeightGrid(
        name, target, choice.bits, rounded.exp, step, choice.scale, integers, counts, edges, floats, clipped
    )
