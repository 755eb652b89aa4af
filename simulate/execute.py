"""The verb `run`: a float graph through the interpreter, a Program through `fast`, a Hybrid around it."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from .hybrid.hybrid import Hybrid
from .program import Program
from .trace import Trace

if TYPE_CHECKING:
    import nir


def run(
    graph_or_program: "nir.NIRGraph | Program | Hybrid",
    x: np.ndarray | Mapping[str, np.ndarray],
    record: Iterable[str] = (),
) -> Trace:
    """Run a NIR graph in floats, a Program in the chip's integers, or a Hybrid on host and chip.

    Parameters
    ----------
    graph_or_program : nir.NIRGraph, Program or Hybrid
        Floats, integers, or both.
    x : array (batch, steps, *shape), or {input name: array}
        Whole numbers for a Program; samples (batch, n) for a Hybrid.
    record : names
        Neuron nodes or populations whose spikes, u and v are kept.

    Returns
    -------
    Trace
        Of a graph: floats, without counts. Of a Program: integers, with counts. Of a Hybrid: sound, or
        labels, as output; the rest as of its Program.

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
    if isinstance(graph_or_program, Hybrid):
        return graph_or_program.run(
            x, lambda events, names: run(graph_or_program.program, events, names), record
        )
    if isinstance(graph_or_program, Program):
        from . import fast

        return fast.run(graph_or_program, x, record)
    from .interpreter import run_graph

    return run_graph(graph_or_program, x, record)
