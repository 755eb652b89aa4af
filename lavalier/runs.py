"""One run of one network on one source: load, run, check, and say what came out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nir
import numpy as np

from lavalier.models.readout import decide
from lavalier.simulate import compare, fast, reference
from lavalier.simulate.errors import BadInput, Mismatch
from lavalier.simulate.execute import run as run_any
from lavalier.simulate.interpreter import recordable
from lavalier.simulate.network import network_of
from lavalier.simulate.nir_file import read_graph
from lavalier.simulate.policy import policy_of
from lavalier.simulate.program import Program
from lavalier.simulate.program_nir import is_program
from lavalier.simulate.trace import COUNTERS, Trace
from lavalier.sources import Source

SHOWN = 10  # decisions printed one by one up to this many samples


@dataclass(frozen=True)
class Run:
    """A network, what it ran on, and its trace."""

    network: Program | nir.NIRGraph
    source: Source
    trace: Trace
    engine: str

    def check(self) -> str:
        """Run the reference on the same input; return what was compared.

        Raises
        ------
        Mismatch
            A value differs; the first one is named.
        """
        if not isinstance(self.network, Program):
            raise BadInput("--check compares integers; give a Program (lavalier quantize makes one)")
        expected = reference.run(self.network, self.source.x, tuple(self.network.populations))
        found = compare(self.trace, expected)
        if not found.equal:
            raise Mismatch(f"{self.engine} differs from the reference: {found.difference}")
        return f"{self.engine} = reference: yes, {found.values:,} values of u, v, spikes and output"

    def to_json(self) -> dict:
        """Return every figure as plain data."""
        counts = self.trace.counts
        result = {
            "data": self.source.title,
            "notes": self.source.notes,
            "samples": self.source.sizes[0],
            "steps": self.source.sizes[1],
            "engine": self.engine,
            "policy": None if isinstance(self.network, Program) else policy_of(self.network).to_metadata(),
            "counts": {c: counts.total(c) for c in COUNTERS if getattr(counts, c)},
        }
        decisions = self._decisions()
        if decisions is not None:
            result["decisions"] = decisions.tolist()
            if self.source.labels is not None:
                result["accuracy"] = float(np.mean(decisions == self.source.labels))
        return result

    def to_text(self) -> str:
        """Return the same for people."""
        said = self.to_json()
        n = said["samples"]
        lines = [f"note: {note}" for note in said["notes"]]
        if not isinstance(self.network, Program):
            lines.append(f"policy: {policy_of(self.network)}")
        lines.append(f"{said['data']}: {n} samples of {said['steps']} steps, {self.engine}")
        if "accuracy" in said:
            lines.append(f"accuracy {100 * said['accuracy']:.1f} %")
        if "decisions" in said and n <= SHOWN:
            lines.append(f"decisions {' '.join(map(str, said['decisions']))} (largest mean of the output)")
        if said["counts"]:
            counts = said["counts"]
            lines.append(
                f"per sample: {counts['spikes_out'] / n:,.0f} spikes, {counts['syn_ops'] / n:,.0f} syn_ops; "
                f"in all {counts['wraps']:,} wraps of u, {counts['saturations']:,} saturations of v"
            )
        return "\n".join(lines) + "\n"

    def _decisions(self) -> np.ndarray | None:
        output = self.trace.output
        if isinstance(output, np.ndarray) and output.ndim == 3 and 0 not in output.shape:
            return decide(output)
        return None


def load_network(path: Path, policy: Mapping[str, Any]) -> Program | nir.NIRGraph:
    """Read a Program, also from a lava-dl network, or else a NIR graph with the policy asked for."""
    from lavalier.export import read, read_netx

    if not is_netx(path) and not is_program(read_graph(path)):
        return read(path, **policy)
    if policy:
        raise BadInput(f"{path}: a Program's arithmetic is the chip's; leave out {', '.join(policy)}")
    return read_netx(path) if is_netx(path) else Program.load(path)


def is_netx(path: Path) -> bool:
    """Whether a file is named as lava-dl names its networks."""
    return path.suffix == ".net"


def input_shape(network: Program | nir.NIRGraph) -> tuple[int, ...] | None:
    """Return the shape of one step of input, or None if there are several inputs."""
    if isinstance(network, Program):
        shapes = [entry.shape for entry in network.inputs.values()]
    else:
        inputs = [node for node in network.nodes.values() if isinstance(node, nir.Input)]
        shapes = [tuple(int(n) for n in node.input_type["input"]) for node in inputs]
    return shapes[0] if len(shapes) == 1 else None


def encoded(network: Program | nir.NIRGraph, source: Source) -> Source:
    """Turn floats into events for a Program whose inputs have a scale, and say so; whole types are events."""
    if not isinstance(network, Program):
        return source
    x = source.x if isinstance(source.x, dict) else dict.fromkeys(network.inputs, source.x)
    entries = {name: entry for name, entry in network.inputs.items() if entry.scale != 1}
    floats = [name for name in entries if name in x and x[name].dtype.kind == "f"]
    if not floats:
        return source
    said = [
        f"input '{n}': floats made events, {entries[n].scale:g} a unit, at most {entries[n].largest}"
        for n in floats
    ]
    x = x | {name: entries[name].encode(x[name]) for name in floats}
    return replace(source, x=x, notes=[*source.notes, *said])


def run_network(
    network: Program | nir.NIRGraph,
    x: np.ndarray | Mapping[str, np.ndarray],
    engine: str | None,
    threads: int | None,
    record: bool,
) -> tuple[str, Trace]:
    """Run a network on the engine named, recording every population or none; return what ran it too."""
    if not isinstance(network, Program):
        if engine or threads:
            raise BadInput("--engine and --threads are for Programs; a NIR graph runs in floats")
        return "floats", run_any(network, x, recordable(network_of(network)) if record else ())
    names = tuple(network.populations) if record else ()
    if engine == "reference":
        if threads:
            raise BadInput("--threads is for --engine fast; the reference has one")
        return engine, reference.run(network, x, names)
    if engine not in (None, "fast"):
        raise BadInput(f"--engine {engine}: must be fast or reference")
    return "fast", fast.run(network, x, names, threads)
