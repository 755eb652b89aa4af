"""Limits of devices: data files in which every number has a source and a grade.

Grades as in the energy tables: V read in the primary source or measured, S a transcription by someone
else. A layout that nobody published may be assumed, and says so. Own files have the same form.
"""

from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..errors import BadInput
from ..yaml_file import read_yaml

CORE_LIMITS = Literal[
    "cores_per_chip",
    "neurons_per_core",
    "synapse_bytes_per_core",
    "memory_bytes_per_core",
    "axons_in_per_core",
    "axons_out_per_core",
    "formats_per_core",
    "profiles_per_core",
    "thresholds_per_core",
]
MEASURES = Literal["axons_in", "axons_out", "formats", "profiles", "thresholds"]
REGISTERS = Literal[
    "du",
    "dv",
    "vth",
    "bias_mant",
    "bias_exp",
    "refractory",
    "weight_bits",
    "weight_exp",
    "delay",
    "message_bits",
]


class _Sourced(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = Field(min_length=1)
    table: str = Field(min_length=1)
    grade: Literal["V", "S"]
    note: str = ""


class Limit(_Sourced):
    """The largest value that is allowed; a limit is inclusive."""

    value: int = Field(ge=0)
    unit: str


class Register(Limit):
    """What an integer may hold: `low` to `value`, both included."""

    low: int


class NeuronTypes(_Sourced):
    """Which types of neurons run as they are, and whether others can be programmed."""

    stock: list[str]
    microcode: bool


class Layout(_Sourced):
    """How synapses lie in memory: a list for each axon, in blocks with a header, rounded up to units.

    Attributes
    ----------
    block_synapses : int
        Synapses of a block at most; 0 for one block whatever its length.
    header_bits, unit_bits : int
        In front of a block; what a block is rounded up to.
    weight_bits, index_bits : list of int
        Widths that there are: of a weight with its sign, of the place of its neuron in the core.
    delay_bits : int
        Of each synapse of a connection that has a delay.
    neuron_word_bytes : int
        Of each state and each register that differs between neurons; 0 where they lie elsewhere.
    """

    name: str
    block_synapses: int = Field(ge=0)
    header_bits: int = Field(ge=0)
    unit_bits: int = Field(ge=1)
    weight_bits: list[int] = Field(min_length=1)
    index_bits: list[int] = Field(min_length=1)
    delay_bits: int = Field(ge=0)
    neuron_word_bytes: int = Field(default=0, ge=0)
    grade: Literal["V", "S", "assumed"]  # type: ignore[assignment]


class Mesh(_Sourced):
    """Tiles of cores in a grid; core i of a chip is in tile i // cores_per_tile, tiles row by row."""

    width: int = Field(ge=1)
    height: int = Field(ge=1)
    cores_per_tile: int = Field(ge=1)


class Device(BaseModel):
    """What one device can hold.

    Attributes
    ----------
    limits : {name: Limit}
        Of a core, and of cores on a chip. Cores, neurons and bytes of synapses must be there; others are
        checked where they are.
    registers : {name: Register}
    beside : {name: Limit}
        What the vendor says and nothing here decides.
    unpublished : list of str
        What is counted and has no limit that anyone published.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str
    limits: dict[CORE_LIMITS, Limit]
    registers: dict[REGISTERS, Register]
    neurons: NeuronTypes
    layout: Layout
    mesh: Mesh | None = None
    beside: dict[Literal["synapses_per_chip"], Limit] = {}
    unpublished: list[MEASURES] = []

    @model_validator(mode="after")
    def _with_sizes(self) -> "Device":
        for name in ("cores_per_chip", "neurons_per_core", "synapse_bytes_per_core"):
            limit = self.limits.get(name)
            if limit is None or not limit.value:
                raise ValueError(f"limits.{name} is needed, at least 1")
        return self

    @property
    def cores(self) -> int:
        """Cores of a chip."""
        return self.limits["cores_per_chip"].value


def device_limits(device: str) -> Device:
    """Return the limits of a device, or of one .yaml file of the user's.

    Raises
    ------
    BadInput
        No such device or file, or a limit that lacks a value, a unit or a source.

    >>> device_limits("loihi1").limits["neurons_per_core"].value
    1024
    """
    if device.endswith((".yaml", ".yml")):
        return read_yaml(Path(device), Device)
    shipped = {
        entry.name.removesuffix(".yaml"): Path(str(entry))
        for entry in files("lavalier.simulate.resources").iterdir()
        if entry.name.endswith(".yaml")
    }
    if device not in shipped:
        raise BadInput(
            f"no limits for '{device}'; there are {', '.join(sorted(shipped))}, or a .yaml of your own"
        )
    return read_yaml(shipped[device], Device)
