"""A Program handed to the worker as plain arrays: quicker than NIR, as thousands of small ones pass."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from ..simulate.connections import Dense, Input
from ..simulate.neurons import NEURONS
from ..simulate.program import Program

SETTINGS = ("weight_exp", "num_weight_bits", "delay")  # of a connection, beside its weights


def hand_over(program: Program, path: Path) -> None:
    """Write a Program as .npz: numbers in arrays, names in one JSON text."""
    populations = program.populations.items()
    names = {
        "inputs": {n: [list(entry.shape), entry.message_bits] for n, entry in program.inputs.items()},
        "populations": [[n, type(neuron).__name__, list(neuron.shape)] for n, neuron in populations],
        "connections": [
            [c.source, c.target, {s: getattr(c, s) for s in SETTINGS}] for c in program.connections
        ],
        "outputs": list(program.outputs),
        "dt": program.dt,
    }
    arrays: dict[str, Any] = {"names": np.array(json.dumps(names))}
    for n, neuron in populations:
        arrays |= {f"{field} of {n}": getattr(neuron, field) for field in neuron.registers()}
    arrays |= {f"weights {i}": c.weights for i, c in enumerate(program.connections)}
    with open(path, "wb") as file:
        np.savez(file, **arrays)


def take_over(path: Path) -> Program:
    """Read what `hand_over` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        names = json.loads(str(arrays["names"]))
        populations = {}
        for n, kind, shape in names["populations"]:
            registers = {field: arrays[f"{field} of {n}"] for field in NEURONS[kind].registers()}
            populations[n] = NEURONS[kind](tuple(shape), **registers)
        connections = [
            Dense(source, target, arrays[f"weights {i}"], **settings)
            for i, (source, target, settings) in enumerate(names["connections"])
        ]
    inputs = {n: Input(tuple(shape), bits) for n, (shape, bits) in names["inputs"].items()}
    return Program(inputs, populations, tuple(connections), tuple(names["outputs"]), names["dt"])
