"""Inputs of a Program: how many bits an event has, and how many events a unit of float input is."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..simulate.connections import Input
from ..simulate.errors import BadInput
from ..simulate.network import Network
from ..simulate.ranges import fit_register
from .calibration import Batch, is_whole
from .populations import Population
from .trials import CLIPS

MOST_STEPS = 4096  # of the calibration, taken evenly, that a scale is chosen on


def inputs_of(
    network: Network, floats: list[Population], x: Batch | None, bits: int | None
) -> dict[str, Input]:
    """Return the inputs of the Program.

    Parameters
    ----------
    network : Network
        The graph, checked.
    floats : list of Population
        With the weights of a unit of float input.
    x : {input name: (batch, steps, *shape)} or None
        The calibration; without it an event is as the graph's metadata says, else binary.
    bits : int, 1 to 24, or None
        What numbers that are not whole, or larger, are rounded to. Whole numbers that fit stay.

    Raises
    ------
    BadInput
        There are bits and no calibration to choose a scale on.
    OutOfRange
        An event does not fit.
    """
    if bits is not None and x is None:
        raise BadInput("input_bits needs calibration: the scale of the input is chosen on it")
    inputs = {}
    for name in network.flat.inputs:
        shape = network.shapes[name]
        if x is None or name not in x:
            inputs[name] = Input(shape, _stated_bits(network, name))
        elif bits is not None and not (is_whole(x[name]) and np.max(x[name]) < 2**bits):
            inputs[name] = _scaled(
                name, shape, floats, x[name], int(fit_register(name, "message_bits", bits))
            )
        else:
            largest = int(np.max(x[name]))
            needed = largest.bit_length() if largest > 1 else 0
            inputs[name] = Input(shape, max(needed, _stated_bits(network, name)))
    return inputs


def for_events(floats: list[Population], inputs: Mapping[str, Input]) -> list[Population]:
    """Return the populations with the weights of an event in place of those of a unit of float input."""
    return [replace(p, weights={key: _per_event(p, key, inputs) for key in p.weights}) for p in floats]


def _per_event(p, key, inputs):
    scale = inputs[key[0]].scale if key[0] in inputs else 1.0
    return p.weights[key] if scale == 1 else p.weights[key].scaled(np.full(p.beta.size, 1 / scale))


def _stated_bits(network: Network, name: str) -> int:
    return int((network.flat.nodes[name].metadata or {}).get("message_bits", 0))


def _scaled(name: str, shape: tuple[int, ...], floats: list[Population], x: np.ndarray, bits: int) -> Input:
    """Return the input whose events err least in what they give the populations that hear them."""
    flat = x.reshape(-1, int(np.prod(shape))).astype(float)
    flat = flat[:: max(1, len(flat) // MOST_STEPS)]
    listening = [w for p in floats for (source, _), w in p.weights.items() if source == name]
    candidates = [Input(shape, bits, (2**bits - 1) / (clip * float(x.max()))) for clip in CLIPS]

    def error(entry: Input) -> float:
        wrong = entry.encode(flat) / entry.scale - flat
        return sum(float(np.sum(w.apply(wrong) ** 2)) for w in listening)

    return min(candidates, key=error)
