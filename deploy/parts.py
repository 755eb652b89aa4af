"""Which of Lava's processes run a Program; answered without importing Lava."""

from ..simulate.connections import Connection
from ..simulate.pipeline import starts
from ..simulate.program import Program
from .connections import form_of as synapses_of
from .neurons import form_of
from .pipeline import needs_line


def processes_of(program: Program) -> dict[str, str]:
    """Say for each input, population and connection what runs it, Lava's stock or an own process.

    Raises
    ------
    Unsupported
        A loop passes more synapses than it has steps.

    >>> from lavalier.simulate import LIF, Dense, Input, Program
    >>> ring = [Dense("in", "ring", [[2]]), Dense("ring", "ring", [[2]], delay=1)]
    >>> processes_of(Program({"in": Input((1,))}, {"ring": LIF((1,))}, ring, ["ring"]))["ring -> ring +1"]
    'own Line + stock Dense'
    """
    at = starts(program)

    def synapse(c: Connection) -> str:
        return "own Line + " * needs_line(c, at) + synapses_of(c, program.message_bits(c.source)).process

    inputs = dict.fromkeys(program.inputs, "own Source")
    populations = {name: form_of(neuron).process for name, neuron in program.populations.items()}
    return inputs | populations | {c.name: synapse(c) for c in program.connections}
