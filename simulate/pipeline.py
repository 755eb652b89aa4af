"""When a population takes a step on hardware, where every synapse takes one.

A Program's time is aligned: without a delay, an event is seen in the step in which it is sent. A chip is
late instead: population p takes step t at its own step t + start(p). A connection from a to b that is d
steps late leaves start(b) + d - start(a) steps for its synapse, which needs one; more are waited.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .errors import Unsupported

if TYPE_CHECKING:
    from .connections import Connection
    from .program import Program


def starts(program: "Program") -> dict[str, int]:
    """Return how many steps after the first event each input and population starts.

    Raises
    ------
    Unsupported
        A loop passes more synapses than it has steps.

    >>> from lavalier.simulate import LI, LIF, Dense, Input, Program
    >>> populations = {"hidden": LIF((2,)), "readout": LI((1,))}
    >>> connections = [
    ...     Dense("in", "hidden", [[2], [4]]),
    ...     Dense("hidden", "hidden", [[0, 2], [2, 0]], delay=1),
    ...     Dense("hidden", "readout", [[2, 2]]),
    ... ]
    >>> starts(Program({"in": Input((1,))}, populations, connections, ["readout"]))
    {'in': 0, 'hidden': 1, 'readout': 2}
    """
    found = dict.fromkeys([*program.inputs, *program.populations], 0)
    late: list[Connection] = []
    for _ in found:
        late = [c for c in program.connections if waiting(c, found) < 0]
        for c in late:
            found[c.target] = found[c.source] + 1 - c.delay
        if not late:
            return found
    names = ", ".join(sorted({c.name for c in late}))
    raise Unsupported(
        f"the loop of {names} passes more synapses than it has steps; each takes one on hardware, so give "
        "its connections longer delays"
    )


def waiting(connection: "Connection", starts: Mapping[str, int]) -> int:
    """Return the steps that a connection's events wait beyond the one that its synapse takes."""
    return starts[connection.target] + connection.delay - starts[connection.source] - 1
