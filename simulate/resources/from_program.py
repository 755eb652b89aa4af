"""The needs of a Program, as they are on hardware, where every synapse takes a step."""

from collections.abc import Mapping

import numpy as np

from ..connections import Connection, Conv, Dense
from ..errors import Unsupported
from ..neurons import Neuron
from ..pipeline import starts, waiting
from ..program import Program
from .needs import Group, Link, Needs
from .synapse_lists import AllPairs, Kernel, SomePairs

PROFILE = ("du", "dv", "refractory", "de", "jump")  # what neurons of a core share by a table
STATES = {"du": 1, "dv": 1, "refractory": 1, "de": 1}  # the state that each of these registers moves


def needs_of(program: Program) -> Needs:
    """Return what a Program asks of a chip.

    Connections that differ in nothing but their delay are one link, whose synapses each hold a delay; a
    convolution stays by itself. Delays are those on hardware, where paths of fewer synapses wait.

    >>> from lavalier.simulate import LIF, Dense, Input
    >>> joined = [Dense("in", "a", [[2, 4]]), Dense("in", "a", [[0, 8]], delay=3)]
    >>> needs = needs_of(Program({"in": Input((2,))}, {"a": LIF((1,), vth=5)}, joined, ["a"]))
    >>> [(link.delays, link.lists.stored) for link in needs.links]
    [((0, 3), 3)]
    """
    problems = {}
    try:
        waits = {c.name: waiting(c, starts(program)) for c in program.connections}
    except Unsupported as error:
        waits = {c.name: c.delay for c in program.connections}
        problems["loop"] = (str(error), "a step for each synapse", "give its connections longer delays")
    groups = {name: _group(program, name, neuron) for name, neuron in program.populations.items()}
    inputs = {name: entry.size for name, entry in program.inputs.items()}
    return Needs(inputs, groups, tuple(_links(program, waits)), problems)


def _group(program: Program, name: str, neuron: Neuron) -> Group:
    registers = {f: np.ravel(getattr(neuron, f)) for f in neuron.registers()}
    moved = any(registers[f].any() for f in ("u0", "v0") if f in registers)
    own = {f: values for f, values in registers.items() if f not in ("u0", "v0")}
    profile = [own[f] for f in PROFILE if f in own] or [np.zeros(neuron.size, int)]
    varied = sum(bool(np.ptp(values)) for values in own.values())
    return Group(
        name,
        type(neuron).__name__,
        neuron.size,
        {f: (int(values.min()), int(values.max())) for f, values in own.items()},
        own.get("vth", np.zeros(neuron.size, int)),
        np.stack(profile, axis=1),
        words=sum(STATES.get(f, 0) for f in own) + varied,
        at_rest=not moved,
        listened=name in program.outputs and program.sends(name),
    )


def _links(program: Program, waits: Mapping[str, int]) -> list[Link]:
    bundles: dict[tuple, list[Connection]] = {}
    for c in program.connections:
        alone = c.name if isinstance(c, Conv) else ""
        key = (c.source, c.target, c.num_weight_bits, c.weight_exp, c.sign_mode, alone)
        bundles.setdefault(key, []).append(c)
    return [
        Link(
            bundle[0].name,
            source,
            target,
            _lists(bundle),
            bits,
            exp,
            signs,
            tuple(sorted(waits[c.name] for c in bundle)),
            program.message_bits(source),
        )
        for (source, target, bits, exp, signs, _), bundle in bundles.items()
    ]


def _lists(bundle: list[Connection]) -> AllPairs | SomePairs | Kernel:
    first = bundle[0]
    if len(bundle) == 1 and isinstance(first, Dense):
        n_out, n_in = first.shape
        return AllPairs(n_in, n_out, first.weights)
    if isinstance(first, Conv):
        return Kernel(first)
    from scipy.sparse import csr_array

    patterns = [c.matrix.astype(bool).astype(np.int64) for c in bundle]
    return SomePairs(csr_array(sum(patterns[1:], patterns[0])))
