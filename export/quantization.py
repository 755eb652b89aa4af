"""quantize: float populations into the chip's registers.

One scale for each population serves weights, threshold and bias: weights * 2^weight_exp = S w,
vth = S threshold, bias_mant * 2^bias_exp = 64 S b. S is chosen so that rounding costs least on calibration
data, as large as the registers allow.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import nir
import numpy as np

from ..simulate.connections import Connection, Input
from ..simulate.errors import OutOfRange, Unsupported
from ..simulate.network import Network, network_of
from ..simulate.neurons import LI, LIF, PLIF, LIFNoReset, LIFSubtract, Neuron
from ..simulate.program import Program
from ..simulate.program_nir import from_nir, is_program
from ..simulate.ranges import DECAY_ONE, fit_register
from .calibration import Observed, choose_scale, observe
from .populations import Population, populations
from .rounding import Choice, Scale, on_grid, round_bias, rounded


@dataclass(frozen=True)
class Quantization:
    """A Program, and how it came from floats.

    Attributes
    ----------
    network : Network
        The graph, checked.
    floats : list of Population
        Sources first.
    choices : {population: Choice}
        How each was rounded.
    program : Program
    """

    network: Network
    floats: list[Population]
    choices: dict[str, Choice]
    program: Program


def quantize(
    graph: nir.NIRGraph,
    calibration: np.ndarray | Mapping[str, np.ndarray] | None = None,
    weight_bits: int = 8,
    weight_scale: float | None = None,
) -> Program:
    """Round a NIR graph to the chip's registers.

    Parameters
    ----------
    graph : nir.NIRGraph
        Populations of LIF, IF, CubaLIF, Threshold, and LI, I, CubaLI as readouts, reset to zero, by delayed
        subtraction or not at all; joined, also in loops, by Affine, Linear, Scale, Conv, pools, Flatten and
        Delay. A convolution alone becomes a Conv; several nodes in a row are multiplied into one matrix.
    calibration : whole numbers (batch, steps, *shape), or {input name: array}, optional
        Real input: it decides which weights may be clipped, how much room u and v need, and how large
        an event is. Without it the largest weight of a population becomes the largest integer, and
        inputs are as the graph's metadata says, else binary.
    weight_bits : int, 1 to 8
        Bits of a weight with its sign.
    weight_scale : float, optional
        Fixes S of every population: a threshold of 1 becomes vth = S. Without it, a graph already on
        the grid keeps its integers (S = 1), and a Program's own graph gives that Program back, whatever
        its bits.

    Returns
    -------
    Program

    Raises
    ------
    BadInput
        The calibration does not fit, or is not whole numbers.
    OutOfRange
        A threshold or bias does not fit its register at any scale, or an option is out of range.
    Unsupported
        A node has no hardware form (yet).
    """
    if is_program(graph) and weight_scale is None:
        fit_register("quantize", "num_weight_bits", weight_bits)
        return from_nir(graph)
    return quantization(graph, calibration, weight_bits, weight_scale).program


def quantization(
    graph: nir.NIRGraph,
    calibration: np.ndarray | Mapping[str, np.ndarray] | None = None,
    weight_bits: int = 8,
    weight_scale: float | None = None,
) -> Quantization:
    """Round a float graph as `quantize` does, and keep what was chosen."""
    bits = int(fit_register("quantize", "num_weight_bits", weight_bits))
    if weight_scale is not None and not 0 < weight_scale < np.inf:
        raise OutOfRange(f"weight_scale = {weight_scale} must be a positive number")
    network = network_of(graph)
    floats = populations(network)
    if weight_scale is None and all(on_grid(p, bits) for p in floats):
        weight_scale = 1.0
    observed = None if calibration is None else observe(graph, network, floats, calibration)
    choices = {}
    for p in floats:
        scale = Scale(weight_scale) if weight_scale is not None else choose_scale(p, observed, bits)
        choices[p.name] = rounded(p, scale, bits)
    program = assembled(network, floats, choices, _inputs(network, observed))
    return Quantization(network, floats, choices, program)


def assembled(
    network: Network, floats: list[Population], choices: Mapping[str, Choice], inputs: Mapping[str, Input]
) -> Program:
    """Return the Program of what was chosen for each population."""
    neurons, connections = {}, []
    for p in floats:
        choice = choices[p.name]
        neurons[p.name] = neuron_of(p, choice)
        connections += connections_of(p, choice)
    outputs = [source for name in network.flat.outputs for source in network.flat.sources[name]]
    for name in outputs:
        if name not in neurons:
            raise Unsupported(f"output '{name}' is not a neuron node; a readout needs an LI or I node")
    return Program(inputs, neurons, tuple(connections), tuple(outputs), network.policy.dt)


def connections_of(p: Population, choice: Choice) -> list[Connection]:
    """Return the connections that end in a population."""
    return [
        w.scaled(choice.scale).connection(
            source,
            p.name,
            choice.weights[source, delay].integers,
            weight_exp=choice.weights[source, delay].exp,
            num_weight_bits=choice.bits,
            delay=delay,
        )
        for (source, delay), w in p.weights.items()
    ]


def neuron_of(p: Population, choice: Choice) -> Neuron:
    """Return the registers of a population."""
    scale = choice.scale
    mant, exp = round_bias(p, scale)
    registers = {
        "du": _decay(p.name, "u", p.alpha) - 1,
        "dv": _decay(p.name, "v", p.beta),
        "bias_mant": mant,
        "bias_exp": exp,
    }
    if p.threshold is not None:
        registers["vth"] = np.rint(scale * p.threshold)
        lost = (registers["vth"] == 0) & (p.threshold > 0)
        if lost.any():
            raise OutOfRange(
                f"'{p.name}': threshold {p.threshold[lost][0]:.3g} rounds to 0 at scale "
                f"{scale[lost][0]:.3g}; the weights beside it are too large, or weight_scale is too small"
            )
    shaped = {field: values.reshape(p.shape) for field, values in registers.items()}
    try:
        return _kind(p)(p.shape, **shaped)
    except OutOfRange as error:
        raise OutOfRange(f"'{p.name}': {error}; take a smaller weight_scale") from error


def _kind(p: Population) -> type[Neuron]:
    if p.threshold is None:
        return LI
    kinds = {"zero": PLIF if p.at_threshold else LIF, "subtract-delayed": LIFSubtract, "none": LIFNoReset}
    return kinds[p.reset]


def _decay(name: str, state: str, kept: np.ndarray) -> np.ndarray:
    """Round what is lost per step to 4096ths; a leak that would become none is refused."""
    decay = np.rint(DECAY_ONE * (1 - kept)).astype(int)
    lost = (decay == 0) & (kept < 1 - 1e-9)
    if lost.any():
        steps = 1 / (1 - kept[lost][0])
        raise OutOfRange(
            f"'{name}': {state} decays over {steps:.0f} steps, 12 bits hold up to {2 * DECAY_ONE}; "
            "take a longer dt"
        )
    return decay


def _inputs(network: Network, observed: Observed | None) -> dict[str, Input]:
    inputs = {}
    for name in network.flat.inputs:
        bits = int((network.flat.nodes[name].metadata or {}).get("message_bits", 0))
        if observed is not None and observed.largest_event[name] > 1:
            bits = max(bits, observed.largest_event[name].bit_length())
        inputs[name] = Input(network.shapes[name], bits)
    return inputs
