"""A Program as a network of Lava's processes. Imports Lava: for the worker alone."""

from typing import Any

import numpy as np
from lava.proc.dense.process import Dense as LavaDense
from lava.utils.weightutils import SignMode

from ..simulate.connections import Dense
from ..simulate.pipeline import starts
from ..simulate.program import Program
from .neurons import PROCESSES
from .pipeline import reset_offset
from .processes.process import Source
from .recording import Recording


def build(program: Program, recording: Recording) -> Any:
    """Build and connect everything; return one process, to which all others are connected."""
    populations = {name: _population(program, recording, name) for name in program.populations}
    sources = {name: _source(program, recording, name) for name in program.inputs}
    sends = {name: process.s_out for name, process in (sources | populations).items()}
    for c in program.connections:
        bits = program.inputs[c.source].message_bits if c.source in sources else 0
        _connect(sends[c.source], _dense(c, bits), populations[c.target])
    _join(program, populations)
    return next(iter(populations.values()))


def _source(program: Program, recording: Recording, name: str) -> Source:
    return Source(path=str(recording.events(name)), size=program.size(name), name=name)


def _population(program: Program, recording: Recording, name: str) -> Any:
    neuron = program.populations[name]
    offset = reset_offset(starts(program)[name], recording.steps)
    process = PROCESSES[type(neuron)](neuron, name, recording.steps, offset)
    process.proc_params["recording"] = str(recording.stem(name))
    return process


def _dense(connection: Dense, message_bits: int) -> LavaDense:
    return LavaDense(
        weights=connection.weights,
        weight_exp=connection.weight_exp,
        num_weight_bits=connection.num_weight_bits,
        num_message_bits=message_bits,
        sign_mode=SignMode.MIXED,  # Lava would guess it from the signs, and read other bits
        name=connection.name,
    )


def _connect(s_out: Any, dense: LavaDense, target: Any) -> None:
    s_out.connect(dense.s_in)
    dense.a_out.connect(target.a_in)


def _join(program: Program, populations: dict[str, Any]) -> None:
    """Join separate parts with synapses of weight 0: Lava runs only what is connected."""
    part = {name: {name} for name in (*program.inputs, *program.populations)}
    for c in program.connections:
        _unite(part, c.source, c.target)
    first = next(iter(populations))
    for name in populations:
        if part[name] is not part[first]:
            zeros = np.zeros((program.size(name), program.size(first)), np.int32)
            nothing = Dense(first, name, zeros)
            _connect(populations[first].s_out, _dense(nothing, 0), populations[name])
            _unite(part, first, name)


def _unite(part: dict[str, set[str]], a: str, b: str) -> None:
    both = part[a] | part[b]
    for name in both:
        part[name] = both
