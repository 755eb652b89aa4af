"""Several networks that hear the same as one: binary recognisers become one of many labels."""

from collections.abc import Mapping
from dataclasses import replace

from .connections import Input
from .errors import BadInput
from .program import Program


def merge(programs: Mapping[str, Program]) -> Program:
    """Join Programs side by side behind their common inputs.

    Parameters
    ----------
    programs : {label: Program}
        With inputs of the same names, shapes and scales, and one dt. An input is as wide as the widest.

    Returns
    -------
    Program
        Populations are called label_name; the outputs are all outputs, and each is what it was alone.

    Raises
    ------
    BadInput
        There is no Program, or their inputs or steps differ.

    >>> from lavalier.simulate import LIF, Dense, Input, Program
    >>> one = Program({"x": Input((2,))}, {"a": LIF((1,), vth=5)}, [Dense("x", "a", [[4, 6]])], ["a"])
    >>> merge({"flute": one, "reed": one}).outputs
    ('flute_a', 'reed_a')
    """
    if not programs:
        raise BadInput("no Programs to merge; at least one is needed")
    first_label, first = next(iter(programs.items()))
    for label, program in programs.items():
        if _heard(program) != _heard(first):
            raise BadInput(
                f"Program '{label}' hears {_heard(program)}, '{first_label}' {_heard(first)}; "
                "only those that hear the same can be merged"
            )
    inputs = {
        name: replace(entry, message_bits=max(p.inputs[name].message_bits for p in programs.values()))
        for name, entry in first.inputs.items()
    }
    populations, connections, outputs = {}, [], []
    for label, program in programs.items():
        called = {n: n for n in inputs} | {n: f"{label}_{n}" for n in program.populations}
        populations |= {called[name]: neuron for name, neuron in program.populations.items()}
        connections += [
            replace(c, source=called[c.source], target=called[c.target]) for c in program.connections
        ]
        outputs += [called[name] for name in program.outputs]
    return Program(inputs, populations, tuple(connections), tuple(outputs), first.dt)


def _heard(program: Program) -> tuple:
    """What has to be the same: inputs but for their bits, and the length of a step."""
    inputs: Mapping[str, Input] = program.inputs
    return tuple((name, entry.shape, entry.scale) for name, entry in inputs.items()), program.dt
