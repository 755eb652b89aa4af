"""The needs of a Program's NIR graph as it stands in a file, whose registers need not be legal."""

from collections.abc import Mapping

import nir
import numpy as np

from ..connection_nir import Part
from ..connections import Conv, Dense, Sparse
from ..errors import OutOfRange
from ..program_nir import Parts, Unmade, parts_of
from .from_program import Stated, group_of, links_of
from .needs import Group, Needs, Problem
from .order import order_of

LEGAL = 2  # a weight that every connection of 8 bits can hold


def needs_of_graph(graph: nir.NIRGraph, refused: OutOfRange) -> Needs:
    """Return what the stored values ask of a chip; delays as stated, without those that the pipeline adds.

    Parameters
    ----------
    graph : nir.NIRGraph
        Of which no Program can be made.
    refused : OutOfRange
        Why; it is among the problems, as no limit of a device need be the reason.

    Raises
    ------
    BadInput
        Not a Program's graph, or a part of it is missing or damaged.
    """
    parts = parts_of(graph)
    bits = {n: entry.message_bits for n, entry in parts.inputs.items()}
    bits |= {n: kind.message_bits or 0 for n, (kind, _, _) in parts.neurons.items()}
    stated = [_stated(part, bits) for part in parts.connections]
    groups = {name: _group(name, unmade, parts, stated) for name, unmade in parts.neurons.items()}
    inputs = {name: entry.size for name, entry in parts.inputs.items()}
    problem = Problem(
        "file", "values", str(refused), "a Program", "simulate/ranges.py", "repair or quantize it"
    )
    return Needs(inputs, groups, links_of(stated, groups), (problem,))


def _group(name: str, unmade: Unmade, parts: Parts, stated: list[Stated]) -> Group:
    kind, shape, given = unmade
    size = int(np.prod(shape))
    registers = {f: np.ravel(given[f]) if f in given else np.zeros(size, int) for f in kind.registers()}
    listened = name in parts.outputs and kind.message_bits is not None
    order = order_of(size, [s.connection for s in stated if s.connection.target == name])
    return group_of(name, kind.__name__, registers, order, listened)


def _stated(part: Part, message_bits: Mapping[str, int]) -> Stated:
    """Return the settings as stored, of a connection with the same synapses and legal weights."""
    own = part.settings
    geometry = {f: own[f] for f in ("input_shape", "stride", "padding", "dilation", "groups") if f in own}
    ends = (part.source, part.target)
    there = part.weights.astype(bool).astype(np.int64) * LEGAL
    legal = (
        Conv(*ends, there, **geometry)
        if geometry
        else (Sparse if part.kind is Sparse else Dense)(*ends, there)
    )
    return Stated(
        legal,
        int(own["num_weight_bits"]),
        int(own["weight_exp"]),
        own["sign_mode"],
        own["delay"],
        message_bits[part.source],
    )
