"""Networks drawn and broken on purpose: one layer, one reason."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import nir
import numpy as np

from lavalier.simulate import LIF, Program
from lavalier.simulate.neurons import PLIF, LIFNoReset, LIFSubtract
from lavalier.simulate.ranges import RANGES

from .graphs import entry, exit_, joined

DT = 1e-3
Plant = tuple[Program, str, str]  # the broken Program, the layer and the reason


def _neurons(rng: np.random.Generator, shape: tuple[int, ...], cuba: bool = False) -> nir.NIRNode:
    steps, zeros = 1 / (1 - rng.uniform(0.5, 0.98, shape)), np.zeros(shape)
    spikes: dict = {"v_threshold": rng.uniform(0.5, 1.5, shape), "v_reset": zeros}
    if not cuba:
        return nir.LIF(tau=DT * steps, r=steps, v_leak=zeros, **spikes)
    leak = rng.normal(0, 0.05, shape) * steps
    return nir.CubaLIF(
        tau_syn=np.full(shape, 4 * DT),
        w_in=np.full(shape, 4.0),
        tau_mem=DT * steps,
        r=np.ones(shape),
        v_leak=leak,
        **spikes,
    )


def _readout(rng: np.random.Generator, n: int) -> nir.LI:
    steps = 1 / (1 - rng.uniform(0.8, 0.98, n))
    return nir.LI(tau=DT * steps, r=steps, v_leak=np.zeros(n))


def _affine(rng: np.random.Generator, n_in: int, n: int) -> nir.Affine:
    return nir.Affine(rng.normal(0, 2 / np.sqrt(n_in), (n, n_in)), rng.normal(0, 0.1, n))


def recurrent(seed: int) -> nir.NIRGraph:
    """Return 12-10-8-3 with a loop around the first layer and one from the second to the first."""
    rng = np.random.default_rng(seed)
    nodes = {
        "in": entry(12),
        "w_a": _affine(rng, 12, 10),
        "a": _neurons(rng, (10,)),
        "again": nir.Linear(rng.normal(0, 0.3, (10, 10))),
        "w_b": nir.Linear(rng.normal(0, 0.6, (8, 10))),
        "b": _neurons(rng, (8,), cuba=True),
        "back": nir.Linear(rng.normal(0, 0.3, (10, 8))),
        "w_c": _affine(rng, 8, 3),
        "c": _readout(rng, 3),
        "out": exit_(3),
    }
    chains = ("in -> w_a -> a -> w_b -> b -> w_c -> c -> out", "a -> again -> a", "b -> back -> a")
    return joined(nodes, *chains, dt=DT)


def convolutional(seed: int) -> nir.NIRGraph:
    """Return two convolutions, the second behind a pool, and a readout, on (2, 6, 6)."""
    rng = np.random.default_rng(seed)
    first, second = rng.normal(0, 0.5, (3, 2, 3, 3)), rng.normal(0, 0.4, (4, 3, 2, 2))
    ones = np.array([1, 1])
    nodes = {
        "in": entry(2, 6, 6),
        "conv_a": nir.Conv2d((6, 6), first, 1, 1, 1, 1, rng.normal(0, 0.1, 3)),
        "a": nir.IF(r=np.full((3, 6, 6), 1 / DT), v_threshold=np.full((3, 6, 6), 1.2)),
        "pool": nir.AvgPool2d(2 * ones, 2 * ones, 0 * ones),
        "conv_b": nir.Conv2d((3, 3), second, 1, 0, 1, 1, rng.normal(0, 0.1, 4)),
        "b": _neurons(rng, (4, 2, 2)),
        "flat": nir.Flatten({"input": np.array([4, 2, 2])}, 0, -1),
        "w_c": _affine(rng, 16, 3),
        "c": _readout(rng, 3),
        "out": exit_(3),
    }
    return joined(nodes, " -> ".join(nodes), dt=DT)


def changed(program: Program, name: str, **registers: Any) -> Program:
    """Return a Program with other registers in one population."""
    populations = dict(program.populations)
    populations[name] = replace(populations[name], **registers)
    return replace(program, populations=populations)


def joined_by(program: Program, name: str, change: Callable) -> Program:
    """Return a Program whose connections into a population are changed."""
    return replace(
        program, connections=tuple(change(c) if c.target == name else c for c in program.connections)
    )


def halve_a_scale(program: Program, rng: np.random.Generator) -> Plant:
    """Halve the weights of a layer, by exponent or integer by integer, or double its threshold."""
    name = _pick(rng, [n for n, p in program.populations.items() if isinstance(p, LIF) or p.bias.any()])
    neuron, ways = program.populations[name], ["integers"]
    if all(c.weight_exp > RANGES["weight_exp"][0] for c in program.incoming(name)):
        ways.append("exponent")
    if isinstance(neuron, LIF) and 2 * neuron.vth.max() <= RANGES["vth"][1]:
        ways.append("threshold")
    way = _pick(rng, ways)
    if way == "threshold":
        return changed(program, name, vth=2 * neuron.vth), name, "scale"  # type: ignore[union-attr]
    if way == "exponent":
        return joined_by(program, name, lambda c: replace(c, weight_exp=c.weight_exp - 1)), name, "scale"

    def halved(c):
        step = 1 << (9 - c.num_weight_bits)
        return replace(c, weights=_with(c, np.trunc(_values(c) / step / 2) * step))

    return joined_by(program, name, halved), name, "scale"


def drop_a_bias(program: Program, rng: np.random.Generator) -> Plant:
    """Forget the bias of a layer, or of one neuron of it."""
    name = _pick(rng, [n for n, p in program.populations.items() if np.any(np.abs(p.bias_mant) > 3)])
    mant = program.populations[name].bias_mant.copy()
    if rng.random() < 0.5:
        mant[:] = 0
    else:
        mant.flat[rng.choice(np.flatnonzero(np.abs(mant) > 3))] = 0
    return changed(program, name, bias_mant=mant), name, "bias"


def swap_a_reset(program: Program, rng: np.random.Generator) -> Plant:
    """Give a layer another reset, or another comparison."""
    name = _pick(rng, [n for n, p in program.populations.items() if type(p) is LIF])
    kind = _pick(rng, [LIFSubtract, LIFNoReset, PLIF])
    neuron = program.populations[name]
    registers = {field: getattr(neuron, field) for field in neuron.registers()}
    swapped = {**program.populations, name: kind(neuron.shape, **registers)}
    return replace(program, populations=swapped), name, "comparison" if kind is PLIF else "reset"


def flip_a_weight(program: Program, rng: np.random.Generator) -> Plant:
    """Turn the sign of one weight, often of a smallest one."""
    connection = _pick(rng, list(program.connections))
    values = _values(connection)
    able = np.flatnonzero((values != 0) & (values > -256))
    if rng.random() < 0.5:
        able = able[np.abs(values[able]) == np.abs(values[able]).min()]
    values[rng.choice(able)] *= -1
    flipped = replace(connection, weights=_with(connection, values))
    connections = [flipped if c.name == connection.name else c for c in program.connections]
    return replace(program, connections=tuple(connections)), connection.target, "sign"


def change_a_decay(program: Program, rng: np.random.Generator) -> Plant:
    """Let one neuron forget at another speed."""
    name = _pick(rng, list(program.populations))
    dv = program.populations[name].dv.copy()  # type: ignore[union-attr]
    at = rng.integers(dv.size)
    dv.flat[at] = dv.flat[at] - 5 if dv.flat[at] > 2000 else dv.flat[at] + 5
    return changed(program, name, dv=dv), name, "decay"


def delay_a_connection(program: Program, rng: np.random.Generator) -> Plant:
    """Let one connection wait two steps more."""
    late = _pick(rng, list(program.connections))
    connections = [replace(c, delay=c.delay + 2) if c.name == late.name else c for c in program.connections]
    return replace(program, connections=tuple(connections)), late.target, "delay"


PLANTS = (
    halve_a_scale,
    drop_a_bias,
    swap_a_reset,
    flip_a_weight,
    change_a_decay,
    delay_a_connection,
)


def _values(connection: Any) -> np.ndarray:
    """Return the weights that a connection stores, flat."""
    return np.array(connection.values).ravel()


def _with(connection: Any, values: np.ndarray) -> Any:
    """Return a connection's weights with other values in the same places."""
    if isinstance(connection.weights, np.ndarray):
        return values.reshape(connection.weights.shape)
    weights = connection.weights.copy()
    weights.data = values
    return weights


def _pick(rng: np.random.Generator, choices: list) -> Any:
    return choices[rng.integers(len(choices))]
