"""A float graph or a Program as one side of a diagnosis: populations, and the grid they lie on."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import nir
import numpy as np

from ...simulate.connections import Connection, Conv, Dense
from ...simulate.errors import BadInput
from ...simulate.network import network_of
from ...simulate.neurons import LI, LIF, PLIF, GradedReLU, LIFNoReset, LIFRefractory, LIFSubtract, Neuron
from ...simulate.program import Program
from ...simulate.ranges import DECAY_ONE, UNIT
from ...simulate.shapes import Shape
from ...simulate.synapses import weight_grid
from ...simulate.windows import Windows
from ..linear_maps import Convolution, Few, Full, LinearMap
from ..populations import Key, Population, populations

RESETS = {
    LIF: "zero",
    PLIF: "zero",
    LIFSubtract: "subtract-delayed",
    LIFRefractory: "refractory",
    LIFNoReset: "none",
    LI: "zero",
}
# registers that a population of floats has
SPOKEN = ("du", "dv", "vth", "bias_mant", "bias_exp", "refractory")


class Grid(NamedTuple):
    """The numbers that weights were rounded to, in the unit of the weights; floats have step 0."""

    step: float = 0.0
    low: float = -np.inf
    high: float = np.inf


@dataclass(frozen=True)
class Side:
    """One of the two networks that are compared.

    Attributes
    ----------
    network : nir.NIRGraph or Program
    populations : {name: Population}
        Sources first; of a Program in units of a weight, for a unit of float input.
    inputs : {name: shape}
    outputs : tuple of str
        Populations.
    grids : {(population, source, delay): Grid}
        Of a Program's connections.
    bias_steps : {population: float (n)}
        Of a Program.
    registers : {population: {name: int (n)}}
        Of a Program: what floats have no word for, where it is not 0.
    """

    network: nir.NIRGraph | Program
    populations: dict[str, Population]
    inputs: dict[str, Shape]
    outputs: tuple[str, ...]
    grids: Mapping[tuple[str, str, int], Grid]
    bias_steps: Mapping[str, np.ndarray]
    registers: Mapping[str, dict[str, np.ndarray]]

    @property
    def program(self) -> Program | None:
        """The Program, if it is one."""
        return self.network if isinstance(self.network, Program) else None

    @property
    def event_scales(self) -> dict[str, float]:
        """Events of a Program per unit of float input, where that is not 1."""
        entries = self.program.inputs if self.program else {}
        return {name: entry.scale for name, entry in entries.items() if entry.scale != 1}

    def given(self, x: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return what the network is given for an input: a Program events, a graph the numbers."""
        if self.program is None:
            return dict(x)
        events = self.program.encode(x)
        return {name: events[name] if name in self.event_scales else values for name, values in x.items()}

    def grid(self, population: str, key: Key) -> Grid:
        """Return the grid of a connection."""
        return self.grids.get((population, *key), Grid())

    def bias_step(self, population: str) -> np.ndarray:
        """Return the distance between two biases of each neuron."""
        return self.bias_steps.get(population, np.zeros(1))


def side_of(network: nir.NIRGraph | Program) -> Side:
    """Return a network as a side.

    Raises
    ------
    BadInput, Unsupported
        A graph does not hold together, or holds what has no hardware form.
    """
    if isinstance(network, Program):
        return _of_program(network)
    held = network_of(network)
    found = {p.name: p for p in populations(held)}
    outputs = tuple(source for name in held.flat.outputs for source in held.flat.sources[name])
    if unknown := set(outputs) - found.keys():
        raise BadInput(f"output '{min(unknown)}' is not a neuron node: nothing to compare it with")
    inputs = {name: held.shapes[name] for name in held.flat.inputs}
    return Side(network, found, inputs, outputs, {}, {}, {})


def _of_program(program: Program) -> Side:
    weights: dict[str, dict[Key, LinearMap]] = {name: {} for name in program.populations}
    grids, scales = {}, {name: entry.scale for name, entry in program.inputs.items()}
    for c in program.connections:
        unit = np.ldexp(scales.get(c.source, 1.0), c.weight_exp)
        weights[c.target][c.source, c.delay] = _map(c, unit)
        grid = unit * np.array(weight_grid(c.num_weight_bits, c.sign_mode), float)
        grids[c.target, c.source, c.delay] = Grid(*grid)
    found = {n: _population(n, neuron, weights[n]) for n, neuron in program.populations.items()}
    steps = {
        n: np.ldexp(1 / UNIT, neuron.bias_exp.ravel())
        for n, neuron in program.populations.items()
        if not isinstance(neuron, GradedReLU)
    }
    more = {n: _unspoken(neuron) for n, neuron in program.populations.items()}
    inputs = {n: entry.shape for n, entry in program.inputs.items()}
    return Side(program, found, inputs, program.outputs, grids, steps, more)


def _population(name: str, neuron: Neuron, weights: dict[Key, LinearMap]) -> Population:
    registers = {f: getattr(neuron, f).ravel().astype(float) for f in neuron.registers()}
    silence = np.zeros(prod(neuron.shape))
    return Population(
        name,
        neuron.shape,
        alpha=1 - (registers.get("du", silence + DECAY_ONE - 1) + 1) / DECAY_ONE,
        beta=1 - registers.get("dv", silence + DECAY_ONE) / DECAY_ONE,
        threshold=registers.get("vth"),
        bias=silence if isinstance(neuron, GradedReLU) else neuron.bias.ravel() / UNIT,
        weights=weights,
        reset=RESETS.get(type(neuron), type(neuron).__name__),
        at_threshold=isinstance(neuron, PLIF),
        membrane=name,
        rest=registers.get("refractory", silence).astype(int),
    )


def _unspoken(neuron: Neuron) -> dict[str, np.ndarray]:
    found = {f: getattr(neuron, f).ravel() for f in neuron.registers() if f not in SPOKEN}
    return {field: values for field, values in found.items() if values.any()}


def _map(c: Connection, unit: float) -> LinearMap:
    """Return a connection's weights, times their unit, in the form that a graph would have."""
    if isinstance(c, Conv):
        windows = Windows(c.weights.shape[2:], c.stride, c.dilation, c.padding, c.padding)
        return Convolution(unit * c.weights.astype(float), c.input_shape, windows, c.groups)
    if isinstance(c, Dense):
        return Full(unit * c.weights.astype(float))
    return Few(unit * c.weights.astype(float))
