"""Lava's pipeline: a Program's time is aligned, Lava's synapses take a step each.

A population that starts k steps late takes aligned step g (over all samples, one after the other) at
Lava's step g + k + 1, counted from 1, and is reset where a sample begins for it.
Source: Lava 0.10.0, lava/proc/dense/models.py (a_buff) and lava/proc/lif/models.py (LIFReset).
"""

from collections.abc import Mapping

from ..simulate.connections import Connection
from ..simulate.pipeline import starts, waiting
from ..simulate.program import Program


def needs_line(connection: Connection, starts: Mapping[str, int]) -> bool:
    """Whether events wait before the synapse, or would pass the end of their sample in it."""
    return connection.delay > 0 or waiting(connection, starts) > 0


def total_steps(program: Program, aligned: int) -> int:
    """Lava's steps until the deepest population has taken `aligned` steps."""
    return aligned + max(starts(program).values())


def reset_offset(start: int, steps: int) -> int:
    """`LIFReset.reset_offset` for samples of `steps` steps.

    >>> reset_offset(1, 100), reset_offset(3, 4), reset_offset(2, 1)
    (2, 0, 0)
    """
    return (start + 1) % steps
