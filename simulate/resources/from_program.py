"""The needs of a Program, as they are on hardware, where every synapse takes a step."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ..connections import Connection, Conv, Dense
from ..errors import Unsupported
from ..pipeline import starts, waiting
from ..program import Program
from .needs import Group, Link, Needs, Problem
from .order import order_of
from .synapse_lists import AllPairs, Kernel, SomePairs

PROFILE = ("du", "dv", "refractory", "de", "jump")  # what neurons of a core share by a table
STATES = {"du", "dv", "refractory", "de"}  # each moves a state of its own: u, v, steps of rest, threshold


class Stated(NamedTuple):
    """A connection with the settings that count, which need not be its own."""

    connection: Connection
    weight_bits: int
    weight_exp: int
    sign_mode: str
    delay: int
    message_bits: int


def needs_of(program: Program) -> Needs:
    """Return what a Program asks of a chip.

    Connections that differ in nothing but their delay are one link, whose synapses each hold a delay; a
    convolution stays by itself. Delays are those on hardware, where paths of fewer synapses wait.

    >>> from lavalier.simulate import LIF, Dense, Input
    >>> joined = [Dense("in", "a", [[2, 4]]), Dense("in", "a", [[0, 8]], delay=3)]
    >>> needs = needs_of(Program({"in": Input((2,))}, {"a": LIF((1,), vth=5)}, joined, ["a"]))
    >>> [(link.delays, link.synapses.stored) for link in needs.links]
    [((0, 3), 3)]
    """
    problems: tuple[Problem, ...] = ()
    try:
        at = starts(program)
        delays = {c.name: waiting(c, at) for c in program.connections}
    except Unsupported as error:
        delays = {c.name: c.delay for c in program.connections}
        limit, source = "a step for each synapse", "Lava 0.10.0, proc/dense/models.py: a synapse takes a step"
        problems = (Problem("loop", "time", str(error), limit, source, "give its connections longer delays"),)
    groups = {
        name: group_of(
            name,
            type(neuron).__name__,
            {f: np.ravel(getattr(neuron, f)) for f in neuron.registers()},
            order_of(neuron.size, program.incoming(name)),
            name in program.outputs and program.sends(name),
        )
        for name, neuron in program.populations.items()
    }
    stated = [
        Stated(
            c, c.num_weight_bits, c.weight_exp, c.sign_mode, delays[c.name], program.message_bits(c.source)
        )
        for c in program.connections
    ]
    inputs = {name: entry.size for name, entry in program.inputs.items()}
    return Needs(inputs, groups, links_of(stated, groups), problems)


def group_of(
    name: str, kind: str, registers: dict[str, np.ndarray], order: np.ndarray, listened: bool
) -> Group:
    """Return the needs of a population; registers are flat arrays, u0 and v0 among them if it has them."""
    moved = any(registers[f].any() for f in ("u0", "v0") if f in registers)
    own = {f: values for f, values in registers.items() if f not in ("u0", "v0")}
    zeros = np.zeros(len(order), np.int64)
    return Group(
        name,
        kind,
        len(order),
        {f: (int(values.min()), int(values.max())) for f, values in own.items()},
        order,
        own.get("vth", zeros)[order],
        np.stack([own.get(f, zeros) for f in PROFILE], axis=1)[order],
        words=len(STATES & own.keys()) + sum(bool(np.ptp(values)) for values in own.values()),
        at_rest=not moved,
        listened=listened,
    )


def links_of(stated: list[Stated], groups: Mapping[str, Group]) -> tuple[Link, ...]:
    """Return the links: connections of one format between the same two ends, each convolution alone."""
    bundles: dict[tuple, list[Stated]] = {}
    for s in stated:
        c = s.connection
        alone = c.name if isinstance(c, Conv) else ""
        key = (c.source, c.target, s.weight_bits, s.weight_exp, s.sign_mode, s.message_bits, alone)
        bundles.setdefault(key, []).append(s)
    return tuple(
        Link(
            bundle[0].connection.name,
            source,
            target,
            _lists([s.connection for s in bundle], groups[target].order),
            bits,
            exp,
            signs,
            tuple(sorted({s.delay for s in bundle})),
            message_bits,
        )
        for (source, target, bits, exp, signs, message_bits, _), bundle in bundles.items()
    )


def _lists(bundle: list[Connection], order: np.ndarray) -> AllPairs | SomePairs | Kernel:
    first = bundle[0]
    if isinstance(first, Conv):
        return Kernel(first, order)
    if len(bundle) == 1 and isinstance(first, Dense):
        n_out, n_in = first.shape
        in_c_order = np.array_equal(order, np.arange(n_out))
        return AllPairs(n_in, n_out, first.weights if in_c_order else first.weights[order])
    from scipy.sparse import csr_array

    patterns = [c.matrix.astype(bool).astype(np.int64) for c in bundle]
    return SomePairs(csr_array(sum(patterns[1:], patterns[0]))[order])
