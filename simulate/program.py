"""Program: a network as the chip computes it, integers only.

What exists is legal: every value is checked when a Program is made, so that the simulators and
`deploy` contain no checks. Time is aligned as in torch: a population at step t sees its sources at
step t. Written to disk as a NIR graph on the hardware grid (`program_nir`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from .connections import Connection, Input
from .errors import BadInput, OutOfRange, Unsupported
from .neurons import Neuron
from .pipeline import starts


@dataclass(frozen=True)
class Program:
    """A network of integers: inputs, populations, connections, outputs.

    Parameters
    ----------
    inputs : {name: Input}
    populations : {name: neuron}
        Sorted input to output when the Program is made, connections and outputs with them.
    connections : sequence of Dense, Sparse, Conv
        At most one of each delay between two populations; every loop has a delay.
    outputs : sequence of str
        Populations whose spikes (LIF) or membrane (LI) are the result.
    dt : float
        Duration of a step, seconds. It scales reports only, never the arithmetic.

    Raises
    ------
    BadInput, OutOfRange, Unsupported
        Names, shapes or values do not fit together; the message names the part.

    >>> from lavalier.simulate import LIF, Dense, Input, Program
    >>> program = Program(
    ...     inputs={"input": Input((2,))},
    ...     populations={"hidden": LIF((1,), dv=4096, vth=5)},
    ...     connections=[Dense("input", "hidden", [[4, 6]])],
    ...     outputs=["hidden"],
    ... )
    >>> program.latency
    1
    """

    inputs: Mapping[str, Input]
    populations: Mapping[str, Neuron]
    connections: tuple[Connection, ...]
    outputs: tuple[str, ...]
    dt: float = 1e-4

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "connections", tuple(self.connections))
        put(self, "outputs", tuple(self.outputs))
        try:
            put(self, "dt", float(self.dt))
        except (TypeError, ValueError) as error:
            raise BadInput(f"dt = {self.dt!r} is not a number of seconds") from error
        _check_names(self)
        _check_shapes(self)
        _check_reach(self)
        depths = _depths(self)
        order = sorted(self.populations, key=depths.__getitem__)  # stable
        place = {name: i for i, name in enumerate([*self.inputs, *order])}
        # one form for one network, whatever order its parts were given in
        connections = sorted(self.connections, key=lambda c: (place[c.target], place[c.source], c.delay))
        put(self, "connections", tuple(connections))
        put(self, "outputs", tuple(sorted(self.outputs, key=place.__getitem__)))
        put(self, "inputs", MappingProxyType(dict(self.inputs)))
        put(self, "populations", MappingProxyType({n: self.populations[n] for n in order}))

    def __reduce__(self) -> tuple:
        """Be made anew from its parts where it is copied, or sent to another process, and checked again."""
        inputs, populations = dict(self.inputs), dict(self.populations)
        return Program, (inputs, populations, self.connections, self.outputs, self.dt)

    @property
    def latency(self) -> int:
        """Steps by which the output is late on hardware: one for each synapse passed.

        Raises
        ------
        Unsupported
            A loop passes more synapses than it has steps.
        """
        at = starts(self)
        return max(at[name] for name in self.outputs)

    def incoming(self, name: str) -> list[Connection]:
        """Connections that end in population `name`."""
        return [c for c in self.connections if c.target == name]

    def outgoing(self, name: str) -> list[Connection]:
        """Connections that start in input or population `name`."""
        return [c for c in self.connections if c.source == name]

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of input or population `name`."""
        return (self.inputs.get(name) or self.populations[name]).shape

    def size(self, name: str) -> int:
        """Number of channels of input or population `name`."""
        return (self.inputs.get(name) or self.populations[name]).size

    def destinations(self, name: str) -> int:
        """Messages for each spike of `name`: one to every target, and one to the host if it listens."""
        return len(self.outgoing(name)) + (name in self.outputs)

    def sends(self, name: str) -> bool:
        """Whether population `name` sends spikes or graded events; one that does not is read by its v."""
        return self.populations[name].message_bits is not None

    def message_bits(self, name: str) -> int:
        """Bits of an event of input or population `name`; 0 for a spike."""
        return (self.inputs.get(name) or self.populations[name]).message_bits or 0

    def sent_dtype(self, name: str) -> type:
        """Type of what population `name` sends: uint8 spikes, or int32 graded events."""
        return np.int32 if self.message_bits(name) else np.uint8

    def encode(self, x: np.ndarray | Mapping[str, np.ndarray]) -> np.ndarray | dict[str, np.ndarray]:
        """Turn float input, as the float network takes it, into events; integers are events already.

        Parameters
        ----------
        x : (batch, steps, *shape), or {input name: array}
            Numbers from 0 on; see `Input.scale`.

        Raises
        ------
        BadInput
            The names are not those of the inputs, or a value is no number or below 0.
        """
        if not isinstance(x, Mapping):
            return self._encode(next(iter(self.inputs)), x)
        if x.keys() != self.inputs.keys():
            raise BadInput(f"inputs are {list(self.inputs)}, x has {list(x)}")
        return {name: self._encode(name, values) for name, values in x.items()}

    def _encode(self, name: str, values: np.ndarray) -> np.ndarray:
        values = np.asarray(values)
        try:
            return values if values.dtype.kind in "biu" else self.inputs[name].encode(values)
        except BadInput as error:
            raise BadInput(f"input '{name}': {error}") from error

    def to_text(self) -> str:
        """Print every part with its ranges, one line each; the same Program gives the same text."""
        from .program_text import to_text

        return to_text(self)

    def save(self, path: str | Path) -> None:
        """Write as a NIR graph on the hardware grid, atomically; `load` gives the same Program back.

        Raises
        ------
        BadInput
            The file cannot be written.
        """
        from .nir_file import write_graph
        from .program_nir import to_nir

        write_graph(to_nir(self), path)

    @staticmethod
    def load(path: str | Path) -> "Program":
        """Read a Program that `save` wrote.

        Raises
        ------
        BadInput
            The file is missing, cut short, no NIR file, or not a Program; the message says which.
        """
        from .nir_file import read_graph
        from .program_nir import from_nir

        try:
            return from_nir(read_graph(path))
        except (BadInput, OutOfRange, Unsupported) as error:
            if str(error).startswith(str(path)):
                raise
            raise type(error)(f"{path}: {error}") from error


def _check_names(program: Program) -> None:
    names = [*program.inputs, *program.populations]
    if not program.inputs or not program.populations or not program.outputs:
        raise BadInput("a Program needs at least one input, one population and one output")
    for name in names:
        if name in ("", ".", "..") or not set(name).isdisjoint("/\n\0") or names.count(name) > 1:
            raise BadInput(f"'{name}' cannot name a population: empty, used twice, or with '/' or line end")
    for name in program.outputs:
        if name not in program.populations:
            raise BadInput(f"output '{name}' is not a population; populations: {list(program.populations)}")
    if len(set(program.outputs)) < len(program.outputs):
        raise BadInput(f"an output is listed twice: {list(program.outputs)}")
    seen = set()
    for c in program.connections:
        if c.source not in names or c.target not in program.populations:
            raise BadInput(f"connection '{c.name}' has an end that does not exist")
        if c.name in seen:
            raise Unsupported(f"two connections '{c.name}'; add their weights into one")
        seen.add(c.name)
        if c.source in program.populations and not program.sends(c.source):
            raise Unsupported(f"connection '{c.name}': '{c.source}' sends nothing, it can only be an output")
    if not 0 < program.dt < np.inf:
        raise OutOfRange(f"dt = {program.dt} must be a positive number of seconds")


def _check_shapes(program: Program) -> None:
    for c in program.connections:
        if c.shape != (program.size(c.target), program.size(c.source)):
            raise BadInput(
                f"connection '{c.name}': weights {c.shape} do not join "
                f"{program.size(c.source)} channels to {program.size(c.target)} neurons"
            )


def _depths(program: Program) -> dict[str, int]:
    """Synapses without a delay on the longest path to each population: the order to compute them in."""
    depths = dict.fromkeys(program.inputs, 0)
    waiting = dict.fromkeys(program.populations)
    while waiting:
        now = {n: [c for c in program.incoming(n) if not c.delay] for n in waiting}
        ready = [n for n, incoming in now.items() if all(c.source in depths for c in incoming)]
        if not ready:
            raise Unsupported(
                f"the connections between {', '.join(waiting)} form a loop in which nothing takes a step; "
                "give the one that closes it a delay of 1"
            )
        for name in ready:
            depths[name] = max((1 + depths[c.source] for c in now[name]), default=0)
            del waiting[name]
    return depths


def _check_reach(program: Program) -> None:
    reached = set(program.inputs)
    while more := {c.target for c in program.connections if c.source in reached} - reached:
        reached |= more
    for name in program.populations:
        if name not in reached:
            raise Unsupported(f"population '{name}' has no connection that leads to it from an input")
