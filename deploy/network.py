"""A Program as a network of Lava's processes. Imports Lava: for the worker alone."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..simulate.connections import Dense
from ..simulate.pipeline import starts, waiting
from ..simulate.program import Program
from .connections import SYNAPSES
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


def _line(connection: Dense, size: int, starts: Mapping[str, int], steps: int) -> Line:
    return Line(
        size=size,
        wait=waiting(connection, starts),
        delay=connection.delay,
        start=starts[connection.source],
        interval=steps,
        name=f"line of {connection.name}",
    )


def _synapse(connection: Dense, message_bits: int, s_out: Any, target: Any) -> Any:
    synapse = SYNAPSES[type(connection)].make(connection, message_bits)
    s_out.connect(synapse.s_in)
    synapse.a_out.connect(target.a_in)
    return synapse


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
