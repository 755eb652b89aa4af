"""Choices to a Program: the registers and connections of each population."""

from collections.abc import Mapping

import numpy as np

from ..simulate.connections import Connection, Input
from ..simulate.errors import OutOfRange, Unsupported
from ..simulate.network import Network
from ..simulate.neurons import ALIF, LI, LIF, PLIF, LIFNoReset, LIFRefractory, LIFSubtract, Neuron
from ..simulate.program import Program
from ..simulate.ranges import DECAY_ONE, UNIT
from .populations import Population
from .rounding import Choice, round_bias


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
        "du": decay(p.name, "u", p.alpha) + choice.nudge_u - 1,
        "dv": decay(p.name, "v", p.beta) + choice.nudge_v,
        "bias_mant": mant,
        "bias_exp": exp,
    }
    if np.any(p.first_u):
        registers["u0"] = np.rint(UNIT * scale * p.first_u)
    if p.threshold is not None:
        registers["vth"] = np.rint(scale * p.threshold)
        lost = (registers["vth"] == 0) & (p.threshold > 0)
        if lost.any():
            raise OutOfRange(
                f"'{p.name}': threshold {p.threshold[lost][0]:.3g} rounds to 0 at scale "
                f"{scale[lost][0]:.3g}; the weights beside it are too large, or weight_scale is too small"
            )
    if p.reset == "adaptive":
        registers["de"] = decay(p.name, "e", np.broadcast_to(p.kept_e, p.beta.shape))
        registers["jump"] = np.rint(UNIT * scale * p.jump)
    if p.reset == "refractory":
        registers["refractory"] = np.broadcast_to(p.rest, p.beta.shape)
    shaped = {field: values.reshape(p.shape) for field, values in registers.items()}
    try:
        return _kind(p)(p.shape, **shaped)
    except OutOfRange as error:
        raise OutOfRange(f"'{p.name}': {error}; take a smaller weight_scale") from error


def decay(name: str, state: str, kept: np.ndarray) -> np.ndarray:
    """Round what is lost per step to 4096ths; a leak that would become none is refused."""
    lost = np.rint(DECAY_ONE * (1 - kept)).astype(int)
    none = (lost == 0) & (kept < 1 - 1e-9)
    if none.any():
        steps = 1 / (1 - kept[none][0])
        raise OutOfRange(
            f"'{name}': {state} decays over {steps:.0f} steps, 12 bits hold up to {2 * DECAY_ONE}; "
            "take a longer dt"
        )
    return lost


def _kind(p: Population) -> type[Neuron]:
    if p.threshold is None:
        return LI
    kinds: dict[str, type[Neuron]] = {
        "zero": PLIF if p.at_threshold else LIF,
        "subtract-delayed": LIFSubtract,
        "adaptive": ALIF,
        "refractory": LIFRefractory,
        "none": LIFNoReset,
    }
    return kinds[p.reset]
