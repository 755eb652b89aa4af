"""The verb `run`: a float graph through the interpreter, a Program through `fast`."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from .program import Program
from .trace import Trace

if TYPE_CHECKING:
    import nir


def run(
    graph_or_program: "nir.NIRGraph | Program",
    x: np.ndarray | Mapping[str, np.ndarray],
    record: Iterable[str] = (),
) -> Trace:
    """Run a NIR graph in floats, or a Program in the chip's integers.

    Parameters
    ----------
    graph_or_program : nir.NIRGraph or Program
        Floats or integers.
    x : array (batch, steps, *shape), or {input name: array}
        Whole numbers for a Program.
    record : names
        Neuron nodes or populations whose spikes, u and v are kept.

    Returns
    -------
    Trace
        Of a graph: floats, without counts. Of a Program: integers, with counts.

    Raises
    ------
    BadInput, Unsupported
        x does not fit, a name does not exist, or the graph holds a node without a rule.

    >>> from lavalier.simulate import LIF, Dense, Input, Program, run
    >>> program = Program(
    ...     inputs={"input": Input((2,))},
    ...     populations={"hidden": LIF((1,), dv=4096, vth=5)},
    ...     connections=[Dense("input", "hidden", [[4, 6]])],
    ...     outputs=["hidden"],
    ... )
    >>> run(program, [[[1, 0], [0, 1], [1, 1]]]).output[0, :, 0]
    array([0, 1, 1], dtype=uint8)
    """
    if isinstance(graph_or_program, Program):
        from . import fast

        return fast.run(graph_or_program, x, record)
    from .interpreter import run_graph

    return run_graph(graph_or_program, x, record)
