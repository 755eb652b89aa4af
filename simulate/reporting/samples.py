"""A few samples to look at: input, spikes, membranes of some neurons, and the sound.

Spikes are lists of steps and neurons; those that floats and integers share stand once.
"""

from base64 import b64encode
from dataclasses import dataclass

import numpy as np

from .folder import RunFolder
from .section import Missing

MOST_EVENTS = 100_000  # on a page; beyond it only every 2nd, 4th, ... neuron is shown
MOST_STEPS = 1000
TRACED = 4  # neurons of a spiking population whose membrane is shown
TRACED_OUTPUTS = 12
DIGITS = 5  # decimals of a float membrane


@dataclass(frozen=True)
class Events:
    """Where something happens: steps, channels, and values where it is graded."""

    steps: list[int]
    channels: list[int]
    values: list[int] | None = None


@dataclass(frozen=True)
class Raster:
    """Spikes of a population: in both, in floats only, in integers only."""

    both: Events
    only_float: Events
    only_fixed: Events


@dataclass(frozen=True)
class Membrane:
    """v of one neuron: floats as they are, and the integers of the chip."""

    neuron: int
    v_float: list[float]
    v_fixed: list[int]


@dataclass(frozen=True)
class Sample:
    """A sample: what it is, why it is shown, how it was decided; `audio` is FLAC in base64."""

    clip: int
    name: str
    why: str
    label: int | None
    decisions: dict[str, int]
    on_lava: bool
    inputs: dict[str, Events]
    rasters: dict[str, Raster]
    membranes: dict[str, list[Membrane]]
    audio: str | None


@dataclass(frozen=True)
class Shown:
    """A population: how many neurons, every how many-th is in the raster, what a float of 1 is in `v_fixed`.

    `unit` and `threshold` (of the floats) are for the neurons with a membrane; None where unknown.
    """

    neurons: int
    every: int
    spikes: bool
    traced: list[int]
    unit: list[float] | None
    threshold: list[float] | None


@dataclass(frozen=True)
class SamplesSection:
    """The samples; `steps` of each are shown of `steps_run`, `dt_s` seconds each."""

    dt_s: float
    steps: int
    steps_run: int
    inputs: dict[str, int]
    populations: dict[str, Shown]
    samples: list[Sample]


def samples_section(run: RunFolder) -> SamplesSection | Missing:
    """Return what is shown of the samples of a run."""
    if not run.samples or not run.events or not {"float", "fixed"} <= run.traces.keys():
        return Missing("the run holds no samples with input and traces of floats and integers")
    steps_run = next(iter(run.events.values())).shape[1]
    steps = min(steps_run, MOST_STEPS)
    every = _every(run, steps)
    shown = {name: _shown(run, name, every) for name in run.program.populations}
    inputs = {name: run.program.size(name) for name in run.program.inputs}
    samples = [_sample(run, i, steps, every, shown) for i in range(len(run.samples))]
    return SamplesSection(run.program.dt, steps, steps_run, inputs, shown, samples)


def _every(run: RunFolder, steps: int) -> int:
    """Show every so many-th channel, so that the page stays small."""
    arrays = [
        *run.events.values(),
        *run.traces["float"].spikes.values(),
        *run.traces["fixed"].spikes.values(),
    ]
    every = 1
    while sum(np.count_nonzero(_channels(a)[:, :steps, ::every]) for a in arrays) > MOST_EVENTS:
        every *= 2
    return every


def _channels(array: np.ndarray) -> np.ndarray:
    return array.reshape(*array.shape[:2], -1)


def _shown(run: RunFolder, name: str, every: int) -> Shown:
    """Choose the neurons whose membranes are shown: the most active; of an output the first."""
    neuron, n = run.program.populations[name], run.program.size(name)
    spikes = run.traces["fixed"].spikes.get(name) if name in run.traces["float"].spikes else None
    if spikes is None or name in run.program.outputs:
        traced = list(range(min(n, TRACED_OUTPUTS)))
    else:
        active = _channels(spikes).sum(axis=(0, 1))
        traced = np.argsort(-active.astype(int), kind="stable")[:TRACED].tolist()
    scales = {grid["target"]: grid["scale"] for grid in run.metrics.get("quantization", [])}
    unit = [64 * scales[name][i] for i in traced] if name in scales else None
    threshold = None
    registers = {field: getattr(neuron, field) for field in neuron.registers()}
    if unit is not None and "vth" in registers:
        vth = np.broadcast_to(registers["vth"], neuron.shape).ravel()
        threshold = [round(64 * int(vth[i]) / one, DIGITS) for i, one in zip(traced, unit, strict=True)]
    return Shown(n, every, spikes is not None, traced, unit, threshold)


def _sample(run: RunFolder, i: int, steps: int, every: int, shown: dict[str, Shown]) -> Sample:
    said, floats, fixed = run.samples[i], run.traces["float"], run.traces["fixed"]
    membranes = {
        name: [
            Membrane(
                n,
                _channels(floats.v[name])[i, :steps, n].astype(float).round(DIGITS).tolist(),
                _channels(fixed.v[name])[i, :steps, n].tolist(),
            )
            for n in one.traced
        ]
        for name, one in shown.items()
        if name in floats.v
    }
    rasters = {
        name: _raster(floats.spikes[name][i], fixed.spikes[name][i], steps, every)
        for name, one in shown.items()
        if one.spikes
    }
    sound = run.sound(said["audio"]) if said.get("audio") else None
    return Sample(
        said["clip"],
        said["name"],
        said["why"],
        said["label"],
        said["decisions"],
        said["on_lava"],
        {name: _graded(_channels(x)[i, :steps, ::every], every) for name, x in run.events.items()},
        rasters,
        membranes,
        None if sound is None else b64encode(sound).decode(),
    )


def _raster(in_floats: np.ndarray, in_fixed: np.ndarray, steps: int, every: int) -> Raster:
    in_floats, in_fixed = (s.reshape(len(s), -1)[:steps, ::every] != 0 for s in (in_floats, in_fixed))
    parts = (in_floats & in_fixed, in_floats & ~in_fixed, ~in_floats & in_fixed)
    return Raster(*(Events(*_places(part, every)) for part in parts))


def _graded(x: np.ndarray, every: int) -> Events:
    return Events(*_places(x, every), x[np.nonzero(x)].tolist())


def _places(x: np.ndarray, every: int) -> tuple[list[int], list[int]]:
    steps, channels = np.nonzero(x)
    return steps.tolist(), (channels * every).tolist()
