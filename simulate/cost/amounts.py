"""What happened, in the terms that a table of constants prices."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..connections import Connection, Conv, Sparse
from ..errors import BadInput
from ..program import Program
from ..trace import Counts
from .counting import stored_fan_out
from .tables import DeviceTable

PER_POPULATION = (
    "spikes_in",
    "spikes_out",
    "axon_out",
    "dendrite_updates_active",
    "dendrite_updates_inactive",
)
GRADED = "graded_"


@dataclass(frozen=True)
class Part:
    """A population with the synapses that end there.

    Attributes
    ----------
    name : str
    amounts : {counter: int64 (batch)}
        Synops by their kind, those of graded events with "graded_" before it.
    macs : int
        Weights, zeros too: the multiply-adds of a pass of a conventional layer of this shape.
    """

    name: str
    amounts: Mapping[str, np.ndarray]
    macs: int

    def counts(self) -> dict[str, np.ndarray]:
        """Return the counts by Intel's names, and how many of the syn_ops multiply; (batch)."""
        found = {c: self.amounts[c] for c in PER_POPULATION}
        found |= {c: self.amounts[c] for c in ("hops_x", "hops_y") if c in self.amounts}
        silent = np.zeros_like(found["spikes_in"])
        found["syn_ops"] = sum((v for c, v in self.amounts.items() if "syn_ops" in c), silent)
        found["multiply_adds"] = sum((v for c, v in self.amounts.items() if c.startswith(GRADED)), silent)
        return found


def parts_of(program: Program, counts: Counts, traffic: Mapping[str, Any] | None = None) -> list[Part]:
    """Return every population, input to output.

    Parameters
    ----------
    program : Program
        Whose run it was.
    counts : Counts
        Of that run.
    traffic : {population: object with messages, hops_x, hops_y, each int (batch)}, optional
        Of a placement. Without it each spike is one message for each target population.

    Raises
    ------
    BadInput
        The counts are of another program, of a float graph, or of no samples.
    """
    try:
        parts = [_part(program, counts, name, traffic or {}) for name in program.populations]
    except KeyError as error:
        raise BadInput(
            f"the trace has no counts for {error}; it is of another program, or of a float graph"
        ) from error
    if not len(parts[0].amounts["spikes_in"]):
        raise BadInput("the trace holds no samples")
    return parts


def steps_of(program: Program, parts: list[Part]) -> int:
    """Return the steps of a sample, from the updates of one population."""
    amounts = parts[0].amounts
    updates = amounts["dendrite_updates_active"] + amounts["dendrite_updates_inactive"]
    return int(updates[0]) // program.size(parts[0].name)


def _part(program: Program, counts: Counts, name: str, traffic: Mapping[str, Any]) -> Part:
    amounts = {c: getattr(counts, c)[name] for c in PER_POPULATION}
    for c in program.incoming(name):
        kind = _kind(program, c)
        amounts[kind] = amounts.get(kind, 0) + counts.syn_ops[c.name]
    if name in traffic:
        sent = traffic[name]
        to_host = amounts["spikes_out"] * (name in program.outputs)
        amounts |= {"axon_out": sent.messages + to_host, "hops_x": sent.hops_x, "hops_y": sent.hops_y}
    return Part(name, amounts, sum(int(stored_fan_out(c).sum()) for c in program.incoming(name)))


def _kind(program: Program, connection: Connection) -> str:
    graded = GRADED if program.message_bits(connection.source) else ""
    return graded + {Sparse: "syn_ops_sparse", Conv: "syn_ops_conv"}.get(type(connection), "syn_ops")


def key_of(constants: Mapping[str, Any], counter: str) -> str | None:
    """Return the counter whose constant prices this one, None if there is none.

    A graded event's synops cost multiply-adds where a table has those, else what a spike's cost; synapses of
    a kind cost what dense ones do where a table does not tell them apart.

    >>> key_of({"syn_ops": 1, "syn_ops_conv": 2}, "graded_syn_ops_conv")
    'syn_ops_conv'
    >>> key_of({"syn_ops": 1, "multiply_adds": 2}, "graded_syn_ops_conv")
    'multiply_adds'
    """
    instead = [counter]
    if "syn_ops" in counter:
        graded = ["multiply_adds"] if counter.startswith(GRADED) else []
        instead = [*graded, counter.removeprefix(GRADED), "syn_ops"]
    return next((key for key in instead if key in constants), None)


def priced_amounts(table: DeviceTable, part: Part, steps: int) -> dict[str, np.ndarray]:
    """Return what a table prices of a part: its events, or every weight in every step of a processor's."""
    if "syn_ops" in table.constants:
        return dict(part.amounts)
    amounts = {c: v for c, v in part.amounts.items() if "syn_ops" not in c}
    return amounts | {"multiply_adds": np.full_like(part.amounts["spikes_in"], part.macs * steps)}
