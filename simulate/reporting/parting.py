"""Where floats and integers part: the first spike that differs, and how many do, layer by layer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..comparison import compare
from .folder import RunFolder
from .section import Missing


@dataclass(frozen=True)
class First:
    """The first step in which spikes differ; of these the population nearest the input, its lowest neuron."""

    step: int
    population: str
    neuron: int


@dataclass(frozen=True)
class Layer:
    """A population over all samples shown: spikes, and neuron steps in which they differ.

    Attributes
    ----------
    name : str
    neuron_steps, spikes_float, spikes_fixed, differ : int
    by_step : list of float
        Share of the neurons, 0 to 1, whose spike differs in each step.
    """

    name: str
    neuron_steps: int
    spikes_float: int
    spikes_fixed: int
    differ: int
    by_step: list[float]


@dataclass(frozen=True)
class PartingSection:
    """Float against fixed, and fixed against Lava: values compared with ==.

    `diagnosis` is `Diagnosis.to_json()` of clips spread evenly over the test, None where the run has none.
    """

    first: list[First | None]
    layers: list[Layer]
    diagnosis: Mapping[str, Any] | None
    lava_values: int | None
    lava_equal: bool | None


def parting_section(run: RunFolder) -> PartingSection | Missing:
    """Compare the traces of a run."""
    if not {"float", "fixed"} <= run.traces.keys():
        return Missing("the run holds no traces of both floats and integers")
    floats, fixed = run.traces["float"], run.traces["fixed"]
    names = [n for n in run.program.populations if n in floats.spikes and n in fixed.spikes]
    differ = {n: _flat(floats.spikes[n]) != _flat(fixed.spikes[n]) for n in names}
    layers = [
        Layer(
            name,
            differ[name].size,
            int(floats.spikes[name].sum()),
            int(fixed.spikes[name].sum()),
            int(differ[name].sum()),
            differ[name].mean(axis=(0, 2)).round(6).tolist(),
        )
        for name in names
    ]
    values, equal = _lava(run)
    first = [_first(differ, i) for i in range(len(run.samples))]
    return PartingSection(first, layers, run.metrics.get("diagnosis"), values, equal)


def _flat(spikes: np.ndarray) -> np.ndarray:
    return spikes.reshape(*spikes.shape[:2], -1) != 0


def _first(differ: dict[str, np.ndarray], sample: int) -> First | None:
    found = []
    for depth, (name, wrong) in enumerate(differ.items()):
        places = np.argwhere(wrong[sample])
        if len(places):
            found.append((int(places[0, 0]), depth, First(int(places[0, 0]), name, int(places[0, 1]))))
    return min(found, key=lambda f: f[:2])[2] if found else None


def _lava(run: RunFolder) -> tuple[int | None, bool | None]:
    if "lava" not in run.traces:
        return None, None
    rows = [i for i, sample in enumerate(run.samples) if sample["on_lava"]]
    found = compare(run.traces["lava"], run.traces["fixed"].take(rows))
    return found.values, found.equal
