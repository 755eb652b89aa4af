"""A Program handed to the worker as plain arrays: quicker than NIR, as thousands of small ones pass."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from ..simulate.connections import CONNECTIONS, Connection, Input, Sparse
from ..simulate.neurons import NEURONS
from ..simulate.program import Program

SPARSE = ("data", "indices", "indptr", "shape")


def hand_over(program: Program, path: Path) -> None:
    """Write a Program as .npz: numbers in arrays, names in one JSON text."""
    populations = program.populations.items()
    names = {
        "inputs": {n: [list(entry.shape), entry.message_bits] for n, entry in program.inputs.items()},
        "populations": [[n, type(neuron).__name__, list(neuron.shape)] for n, neuron in populations],
        "connections": [[type(c).__name__, c.source, c.target, c.settings()] for c in program.connections],
        "outputs": list(program.outputs),
        "dt": program.dt,
    }
    arrays: dict[str, Any] = {"names": np.array(json.dumps(names))}
    for n, neuron in populations:
        arrays |= {f"{field} of {n}": getattr(neuron, field) for field in neuron.registers()}
    for i, c in enumerate(program.connections):
        arrays |= _weights(c, i)
    with open(path, "wb") as file:
        np.savez(file, **arrays)


def _weights(connection: Connection, i: int) -> dict[str, np.ndarray]:
    stored = connection.weights
    if isinstance(connection, Sparse):
        return {f"{part} {i}": np.asarray(getattr(stored, part)) for part in SPARSE}
    return {f"weights {i}": stored}


def _stored(arrays: Any, i: int) -> Any:
    if f"weights {i}" in arrays:
        return arrays[f"weights {i}"]
    from scipy.sparse import csr_array

    data, indices, indptr, shape = (arrays[f"{part} {i}"] for part in SPARSE)
    return csr_array((data, indices, indptr), shape=tuple(shape))


def take_over(path: Path) -> Program:
    """Read what `hand_over` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        names = json.loads(str(arrays["names"]))
        populations = {}
        for n, kind, shape in names["populations"]:
            registers = {field: arrays[f"{field} of {n}"] for field in NEURONS[kind].registers()}
            populations[n] = NEURONS[kind](tuple(shape), **registers)
        connections = [
            CONNECTIONS[kind](source, target, _stored(arrays, i), **settings)
            for i, (kind, source, target, settings) in enumerate(names["connections"])
        ]
    inputs = {n: Input(tuple(shape), bits) for n, (shape, bits) in names["inputs"].items()}
    return Program(inputs, populations, tuple(connections), tuple(names["outputs"]), names["dt"])
