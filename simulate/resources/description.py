"""A network described by its sizes, before it exists or whatever it holds: nothing is checked but its form.

inputs: {mel: 40}
populations:
  hidden: {neurons: 256, vth: [300, 900]}
  readout: {neurons: 10, neuron: LI}
connections:
  - {source: mel, target: hidden}
  - {source: hidden, target: hidden, fan_in: 16, delay: 1, weight_bits: 4}
  - {source: hidden, target: readout}
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import BadInput
from .needs import Group, Link, Needs
from .synapse_lists import AllPairs, EvenPairs

Range = int | tuple[int, int]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Population(_Form):
    """So many neurons of a type; a register is a value, or the lowest and the highest."""

    neurons: int = Field(ge=1)
    neuron: str = "LIF"
    du: Range | None = None
    dv: Range | None = None
    vth: Range | None = None
    bias_mant: Range | None = None
    bias_exp: Range | None = None
    refractory: Range | None = None

    @property
    def registers(self) -> dict[str, tuple[int, int]]:
        """What is given, as (lowest, highest)."""
        given = {f: getattr(self, f) for f in type(self).model_fields if f not in ("neurons", "neuron")}
        return {f: (v, v) if isinstance(v, int) else v for f, v in given.items() if v is not None}


class Joined(_Form):
    """Synapses between two parts: all pairs, or `fan_in` of each neuron, spread evenly over the source."""

    source: str
    target: str
    fan_in: int | None = Field(default=None, ge=1)
    weight_bits: int = Field(default=8, ge=1)
    weight_exp: int = 0
    sign_mode: Literal["mixed", "excitatory", "inhibitory"] = "mixed"
    delay: int = Field(default=0, ge=0)
    message_bits: int = Field(default=0, ge=0)


class Description(_Form):
    """A network by its sizes; delays are those on hardware."""

    inputs: dict[str, Annotated[int, Field(ge=1)]]
    populations: dict[str, Population] = Field(min_length=1)
    connections: list[Joined]
    outputs: list[str] = []

    def needs(self) -> Needs:
        """Return what it asks of a chip.

        Raises
        ------
        BadInput
            An end of a connection does not exist, or a fan-in is larger than its source.
        """
        sizes = {**self.inputs, **{n: p.neurons for n, p in self.populations.items()}}
        for name in self.outputs:
            if name not in self.populations:
                raise BadInput(
                    f"output '{name}' is not a population; there are {', '.join(self.populations)}"
                )
        links = [_link(joined, nth, sizes, self.populations) for nth, joined in enumerate(self.connections)]
        groups = {n: _group(n, p, n in self.outputs) for n, p in self.populations.items()}
        return Needs(self.inputs, groups, tuple(links))


def needs_from(description: Mapping[str, Any]) -> Needs:
    """Return the needs of a network described by its sizes, as in a file.

    Raises
    ------
    BadInput
        A part is missing, unknown, or of the wrong type; the message names it.

    >>> said = {"inputs": {"x": 3}, "populations": {"a": {"neurons": 2}}}
    >>> needs_from(said | {"connections": [{"source": "x", "target": "a"}]}).links[0].synapses.stored
    6
    """
    try:
        return Description.model_validate(description).needs()
    except ValidationError as error:
        first = error.errors()[0]
        raise BadInput(f"description: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _group(name: str, population: Population, listened: bool) -> Group:
    low, high = population.registers.get("vth", (0, 0))
    thresholds = np.full(population.neurons, low)
    thresholds[-1] = high  # the ends are all that is known
    profiles = np.zeros((population.neurons, 1), int)
    order, registers = np.arange(population.neurons), population.registers
    return Group(
        name, population.neuron, len(order), registers, order, thresholds, profiles, listened=listened
    )


def _link(joined: Joined, nth: int, sizes: Mapping[str, int], populations: Mapping[str, Population]) -> Link:
    name = f"{joined.source} -> {joined.target}"
    if joined.source not in sizes or joined.target not in populations:
        raise BadInput(f"connection {nth} '{name}' has an end that does not exist")
    n_in, n_out = sizes[joined.source], sizes[joined.target]
    if joined.fan_in is not None and joined.fan_in > n_in:
        raise BadInput(f"connection '{name}': fan_in = {joined.fan_in} of {n_in} sources")
    lists = AllPairs(n_in, n_out) if joined.fan_in is None else EvenPairs(n_in, n_out, joined.fan_in)
    return Link(
        name,
        joined.source,
        joined.target,
        lists,
        joined.weight_bits,
        joined.weight_exp,
        joined.sign_mode,
        (joined.delay,),
        joined.message_bits,
    )
