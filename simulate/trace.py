"""Trace: what a run gives back, the same from every simulator and from Lava."""

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from .errors import BadInput
from .files import atomic

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Counts:
    """What happened, by the names of Intel's profiler; int64 (batch,) for each name.

    Attributes
    ----------
    syn_ops : {connection: ...}
        Weights added because of an event: events times fan-out, zero weights pruned.
    spikes_in : {population: ...}
        Events received, over all connections that end there.
    spikes_out : {population: ...}
        Spikes fired.
    axon_out : {population: ...}
        Messages sent: spikes times destinations (each target population, and the host at an output).
    dendrite_updates_active, dendrite_updates_inactive : {population: ...}
        Neuron steps in which u or v, before or after the update, was not at rest (0); and the others.
    wraps : {population: ...}
        Neuron steps in which u left +-2^23 and wrapped.
    saturations : {population: ...}
        Neuron steps in which v was cut to +-(2^23 - 1).
    """

    syn_ops: Arrays = field(default_factory=dict)
    spikes_in: Arrays = field(default_factory=dict)
    spikes_out: Arrays = field(default_factory=dict)
    axon_out: Arrays = field(default_factory=dict)
    dendrite_updates_active: Arrays = field(default_factory=dict)
    dendrite_updates_inactive: Arrays = field(default_factory=dict)
    wraps: Arrays = field(default_factory=dict)
    saturations: Arrays = field(default_factory=dict)

    def total(self, counter: str) -> int:
        """Sum of one counter over parts and samples."""
        return sum(int(values.sum()) for values in getattr(self, counter).values())


COUNTERS = tuple(f.name for f in fields(Counts))


@dataclass(frozen=True)
class Trace:
    """Spikes, states and counts of a run; arrays are (batch, steps, *shape).

    Attributes
    ----------
    output : array, or {output name: array} if there are several
        uint8 spikes of a spiking output, int32 membrane of a readout (floats from a float graph).
    spikes, u, v : {population: array}
        Of the populations asked for with `record`: uint8; int32; int32 after reset.
    counts : Counts
        Whole, whatever was recorded; empty for a float graph.
    """

    output: Any
    spikes: Arrays = field(default_factory=dict)
    u: Arrays = field(default_factory=dict)
    v: Arrays = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)

    @property
    def outputs(self) -> Arrays:
        """`output` by name, also where there is only one ('output')."""
        return self.output if isinstance(self.output, Mapping) else {"output": self.output}

    def take(self, samples: Sequence[int]) -> "Trace":
        """Return the trace of these samples alone, counts with it.

        >>> Trace(output=np.array([[[1]], [[2]], [[3]]])).take([2, 0]).output.tolist()
        [[[3]], [[1]]]
        """
        rows = np.asarray(samples, dtype=np.intp)

        def taken(arrays: Arrays) -> Arrays:
            return {name: values[rows] for name, values in arrays.items()}

        counts = Counts(**{counter: taken(getattr(self.counts, counter)) for counter in COUNTERS})
        output = taken(self.output) if isinstance(self.output, Mapping) else self.output[rows]
        return Trace(output, taken(self.spikes), taken(self.u), taken(self.v), counts)

    def save(self, path: str | Path) -> None:
        """Write as a compressed .npz, atomically.

        Raises
        ------
        BadInput
            The file cannot be written.
        """
        arrays = {f"output/{name}": values for name, values in self.outputs.items()}
        for part in ("spikes", "u", "v"):
            arrays |= {f"{part}/{name}": a for name, a in getattr(self, part).items()}
        for counter in COUNTERS:
            values = getattr(self.counts, counter)
            arrays |= {f"counts/{counter}/{name}": a for name, a in values.items()}
        with atomic(Path(path)) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, **arrays)

    @staticmethod
    def load(path: str | Path) -> "Trace":
        """Read a trace that `save` wrote.

        Raises
        ------
        BadInput
            The file is missing, cut short, or holds something else.
        """
        try:
            with open(path, "rb") as file:
                archive = np.load(file, allow_pickle=False)
                arrays = {key: archive[key] for key in archive.files}
            return _from_arrays(arrays)
        except FileNotFoundError as error:
            raise BadInput(f"{path}: no such file") from error
        except (
            OSError,
            ValueError,
            KeyError,
            EOFError,
            AttributeError,
            zipfile.BadZipFile,
            zlib.error,
        ) as error:
            raise BadInput(f"{path}: not a readable trace ({error})") from error


def _from_arrays(arrays: dict[str, np.ndarray]) -> Trace:
    parts: dict[str, dict[str, np.ndarray]] = {"output": {}, "spikes": {}, "u": {}, "v": {}}
    counts: dict[str, dict[str, np.ndarray]] = {counter: {} for counter in COUNTERS}
    for key, values in arrays.items():
        part, name = key.split("/", 1)
        if part == "counts":
            counter, name = name.split("/", 1)
            counts[counter][name] = values
        else:
            parts[part][name] = values
    output = parts.pop("output")
    if not output:
        raise KeyError("no output in it")
    single = output.get("output") if len(output) == 1 else None
    return Trace(output if single is None else single, **parts, counts=Counts(**counts))


def collect(names: tuple[str, ...], arrays: Arrays) -> np.ndarray | Arrays:
    """Return outputs as `Trace.output` has them: the array itself where there is only one."""
    return arrays[names[0]] if len(names) == 1 else {name: arrays[name] for name in names}
