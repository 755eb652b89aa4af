"""Lava's pipeline: a Program's time is aligned, Lava's synapses take a step each.

A population behind k synapses takes aligned step g (over all samples, one after the other) at Lava's
step g + k + 1, counted from 1, and is reset where a sample begins for it.
Source: Lava 0.10.0, lava/proc/dense/models.py (a_buff) and lava/proc/lif/models.py (LIFReset).
"""

from ..simulate.errors import Unsupported
from ..simulate.pipeline import starts, waiting
from ..simulate.program import Program


def check_paths(program: Program) -> None:
    """Refuse what Lava would receive at different steps.

    Raises
    ------
    Unsupported
        A connection is late, or skips a population.
    """
    at = starts(program)
    for c in program.connections:
        if c.delay or waiting(c, at):
            raise Unsupported(
                f"deploy: '{c.name}' is delayed or skips a population; not supported on Lava yet"
            )


def total_steps(program: Program, aligned: int) -> int:
    """Lava's steps until the deepest population has taken `aligned` steps."""
    return aligned + max(starts(program).values())


def reset_offset(depth: int, steps: int) -> int:
    """`LIFReset.reset_offset` for samples of `steps` steps.

    >>> reset_offset(1, 100), reset_offset(3, 4), reset_offset(2, 1)
    (2, 0, 0)
    """
    return (depth + 1) % steps
