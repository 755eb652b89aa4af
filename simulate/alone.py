"""One population of a Program by itself, to see what it does with events that somebody else chose."""

from dataclasses import replace

from .connections import Input
from .program import Program


def heard(program: Program, name: str) -> dict[str, str]:
    """Return the sources of a population, and the input that stands for each when it is alone.

    A source keeps its name; the population itself becomes `name, before`.
    """
    return {c.source: c.source if c.source != name else f"{name}, before" for c in program.incoming(name)}


def alone(program: Program, name: str) -> Program:
    """Return a Program of one population whose sources, also itself in a loop, are inputs.

    Parameters
    ----------
    program : Program
        The whole network.
    name : str
        One of its populations.

    Returns
    -------
    Program
        With the inputs that `heard` names; delays stay, so each input is given what its source sends,
        not later.

    >>> from lavalier.simulate import LIF, Dense, Input, Program
    >>> program = Program(
    ...     inputs={"input": Input((2,))},
    ...     populations={"a": LIF((1,), vth=5), "b": LIF((3,), vth=5)},
    ...     connections=[
    ...         Dense("input", "a", [[4, 6]]),
    ...         Dense("a", "b", [[4], [6], [8]]),
    ...         Dense("b", "b", [[2] * 3] * 3, delay=1),
    ...     ],
    ...     outputs=["b"],
    ... )
    >>> list(alone(program, "b").inputs)
    ['a', 'b, before']
    """
    names = heard(program, name)
    inputs = {
        given: Input(program.shape(source), program.message_bits(source)) for source, given in names.items()
    }
    connections = [replace(c, source=names[c.source]) for c in program.incoming(name)]
    return Program(inputs, {name: program.populations[name]}, tuple(connections), (name,), program.dt)
