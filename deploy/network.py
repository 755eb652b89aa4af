"""A Program as a network of Lava's processes. Imports Lava: for the worker alone."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..simulate.connections import Connection, Dense
from ..simulate.pipeline import starts, waiting
from ..simulate.program import Program
from .connections import form_of as synapses_of
from .neurons import form_of
from .pipeline import needs_line, reset_offset
from .processes.process import Line, Source
from .recording import Recording


def build(program: Program, recording: Recording) -> list[Any]:
    """Build and connect everything; return the processes, synapses first as they send first."""
    at = starts(program)
    populations = {name: _population(program, recording, name, at[name]) for name in program.populations}
    sources = {name: _source(program, recording, name) for name in program.inputs}
    sends = {name: process.s_out for name, process in (sources | populations).items()}
    synapses, lines = [], []
    for c in program.connections:
        s_out = sends[c.source]
        if needs_line(c, at):
            lines.append(_line(c, program.size(c.source), at, recording.steps))
            s_out.connect(lines[-1].s_in)
            s_out = lines[-1].s_out
        synapses.append(_synapse(c, program.message_bits(c.source), s_out, populations[c.target]))
    synapses += _joints(program, populations)
    return [*synapses, *sources.values(), *populations.values(), *lines]


def _source(program: Program, recording: Recording, name: str) -> Source:
    return Source(path=str(recording.events(name)), size=program.size(name), name=name)


def _population(program: Program, recording: Recording, name: str, start: int) -> Any:
    neuron = program.populations[name]
    offset = reset_offset(start, recording.steps)
    process = form_of(neuron).make(neuron, name, recording.steps, offset)
    process.proc_params["recording"] = str(recording.stem(name))
    return process


def _line(connection: Connection, size: int, starts: Mapping[str, int], steps: int) -> Line:
    return Line(
        size=size,
        wait=waiting(connection, starts),
        delay=connection.delay,
        start=starts[connection.source],
        interval=steps,
        name=f"line of {connection.name}",
    )


def _synapse(connection: Connection, message_bits: int, s_out: Any, target: Any) -> Any:
    synapse = synapses_of(connection, message_bits).make(connection, message_bits)
    _connect(s_out, synapse.s_in)
    _connect(synapse.a_out, target.a_in)
    return synapse


def _connect(out: Any, into: Any) -> None:
    """Connect two ports; Lava's convolution counts its axes the other way round than C order does."""
    if len(into.shape) > 1:
        out.reshape(into.shape[::-1]).transpose((2, 1, 0)).connect(into)
    elif len(out.shape) > 1:
        out.transpose((2, 1, 0)).reshape(into.shape).connect(into)
    else:
        out.connect(into)


def _joints(program: Program, populations: dict[str, Any]) -> list[Any]:
    """Join separate parts with synapses of weight 0: Lava runs only what is connected."""
    part = {name: {name} for name in (*program.inputs, *program.populations)}
    for c in program.connections:
        _unite(part, c.source, c.target)
    first, joints = next(iter(populations)), []
    for name in populations:
        if part[name] is not part[first]:
            zeros = np.zeros((program.size(name), program.size(first)), np.int32)
            joints.append(_synapse(Dense(first, name, zeros), 0, populations[first].s_out, populations[name]))
            _unite(part, first, name)
    return joints


def _unite(part: dict[str, set[str]], a: str, b: str) -> None:
    both = part[a] | part[b]
    for name in both:
        part[name] = both
