"""Constants of devices: data files in which every number has a source and a grade.

The .yaml files beside this module are the tables; one of your own has the same form.
"""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..errors import BadInput
from ..yaml_file import read_yaml
from .entries import EVIDENCE, GRADES, Entry

ENERGY_UNITS, TIME_UNITS = {"pJ", "nJ", "uJ", "mJ"}, {"ns", "us", "ms"}

# what a simulator counts, and what a placement adds; sparse and conv: where they differ from dense synapses
Counter = Literal[
    "syn_ops",
    "syn_ops_sparse",
    "syn_ops_conv",
    "multiply_adds",
    "spikes_in",
    "spikes_out",
    "axon_out",
    "hops_x",
    "hops_y",
    "dendrite_updates_active",
    "dendrite_updates_inactive",
]


class Published(BaseModel):
    """A whole workload whose energy somebody published: to look at beside a figure, not to price with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    what: str = Field(min_length=1)
    boundary: str = Field(min_length=1)
    entry: Entry


class DeviceTable(BaseModel):
    """The constants that one source gives for one device.

    Attributes
    ----------
    name, device, title, conditions : str
    boundary : str
        What its energies include.
    energy : {counter: Entry}
        Joules of one event, or syn_op equivalents. `multiply_adds` prices graded events, and on a table
        without syn_ops every weight in every step.
    time : {counter, "barrier" or "step": Entry}
        Seconds of one event in a core; "barrier" closes a step, "step" is a whole one as published.
    power : {"static", "idle" or "board": Entry}
        Apart from the energy of events, and never added to it.
    speed : {counter: Entry}
        How many times as fast as Loihi 1.
    cores : Entry or None
        Cores of a chip, which work at the same time.
    workloads : list of Published
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    device: str
    title: str
    conditions: str
    boundary: str
    energy: dict[Counter, Entry] = {}
    time: dict[Counter | Literal["barrier", "step"], Entry] = {}
    power: dict[Literal["static", "idle", "board"], Entry] = {}
    speed: dict[Counter, Entry] = {}
    cores: Entry | None = None
    workloads: list[Published] = []

    @model_validator(mode="after")
    def _units_fit(self) -> "DeviceTable":
        units = {e.unit for e in self.energy.values()}
        if not (units <= ENERGY_UNITS or units == {"syn_op"}):
            raise ValueError(f"energy in {', '.join(sorted(units))}: must be joules, or syn_op throughout")
        for part, allowed in (("time", TIME_UNITS), ("power", {"W", "mW"}), ("speed", {"times"})):
            for name, entry in getattr(self, part).items():
                if entry.unit not in allowed:
                    raise ValueError(f"{part}.{name} in {entry.unit}: must be {' or '.join(sorted(allowed))}")
        return self

    @property
    def constants(self) -> dict[str, Entry]:
        """Energies that have a value."""
        return {name: entry for name, entry in self.energy.items() if entry.known}

    @property
    def in_joules(self) -> bool:
        """Whether it prices in joules."""
        return any(e.unit in ENERGY_UNITS for e in self.constants.values())

    @property
    def in_syn_ops(self) -> bool:
        """Whether it prices in syn_op equivalents."""
        return any(e.unit == "syn_op" for e in self.constants.values())

    @property
    def only_inherited(self) -> bool:
        """Whether its energies are another device's."""
        return all(e.grade == "inherited" for e in self.constants.values())

    def entries(self) -> list[tuple[str, Entry]]:
        """Every constant by its place in the file, e.g. "energy.syn_ops"."""
        parts = ("energy", "time", "power", "speed")
        found = [(f"{part}.{name}", e) for part in parts for name, e in getattr(self, part).items()]
        found += [("cores", self.cores)] if self.cores else []
        return found + [(f"workload: {w.what} [{w.boundary}]", w.entry) for w in self.workloads]

    def to_text(self) -> str:
        """Print every constant with its source, one a line."""
        lines = [f"{self.name}: {self.title}"]
        lines += [f"  conditions: {self.conditions}", f"  boundary: {self.boundary}"]
        lines += [f"  {place:<33} {entry.to_text()}" for place, entry in self.entries()]
        return "\n".join(lines) + "\n"


@cache
def all_tables() -> tuple[DeviceTable, ...]:
    """Return every table that ships, by name."""
    shipped = (entry for entry in files("lavalier.simulate.cost").iterdir() if entry.name.endswith(".yaml"))
    tables = (read_yaml(Path(str(entry)), DeviceTable) for entry in shipped)
    return tuple(sorted(tables, key=lambda t: (t.device, t.name)))


def device_tables(device: str) -> list[DeviceTable]:
    """Return the tables of a device, of one name, or of one .yaml file of the user's.

    Raises
    ------
    BadInput
        No such device or file, or a table that lacks a value, a unit or a source.
    """
    if device.endswith((".yaml", ".yml")):
        return [read_yaml(Path(device), DeviceTable)]
    tables = all_tables()
    found = [t for t in tables if device in (t.device, t.name)]
    if not found:
        known = sorted({name for t in tables for name in (t.device, t.name)})
        raise BadInput(f"no table for '{device}'; there are {', '.join(known)}, or a .yaml of your own")
    return found


def tables_to_text(tables: Sequence[DeviceTable]) -> str:
    """Print tables, then what grades and evidence mean."""
    lines = [f"grade {grade:<10} {meaning}" for grade, meaning in GRADES.items()]
    lines += [f"({evidence}) {meaning}" for evidence, meaning in EVIDENCE.items()]
    return "\n".join([*(t.to_text() for t in tables), *lines]) + "\n"
