"""Lava's pipeline: a Program's time is aligned, Lava's synapses take a step each.

A population behind k synapses takes aligned step g (over all samples, one after the other) at Lava's
step g + k + 1, counted from 1, and is reset where a sample begins for it.
Source: Lava 0.10.0, lava/proc/dense/models.py (a_buff) and lava/proc/lif/models.py (LIFReset).
"""

from ..simulate.errors import Unsupported
from ..simulate.program import Program


def check_paths(program: Program) -> None:
    """Refuse what Lava would receive at different steps.

    Raises
    ------
    Unsupported
        The sources of one population lie at different depths (a skip connection).
    """
    for name in program.populations:
        depths = {c.source: program.depths[c.source] for c in program.incoming(name)}
        if len(set(depths.values())) > 1:
            far = max(depths, key=lambda source: depths[source])
            near = min(depths, key=lambda source: depths[source])
            raise Unsupported(
                f"deploy: '{name}' hears '{near}' behind {depths[near]} and '{far}' behind "
                f"{depths[far]} synapses; Lava would deliver them at different steps, and skip "
                "connections are not supported yet"
            )


def total_steps(program: Program, aligned: int) -> int:
    """Lava's steps until the deepest population has taken `aligned` steps."""
    return aligned + max(program.depths.values())


def reset_offset(depth: int, steps: int) -> int:
    """`LIFReset.reset_offset` for samples of `steps` steps.

    >>> reset_offset(1, 100), reset_offset(3, 4), reset_offset(2, 1)
    (2, 0, 0)
    """
    return (depth + 1) % steps
