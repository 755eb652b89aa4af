"""Energy constants of devices: data files in which every number has a source and a grade.

Grades: V read in the primary source or measured, S a transcription by someone else. Anything weaker
is not priced. Own tables have the same form; see the .yaml files beside this module.
"""

from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from .errors import BadInput
from .yaml_file import read_yaml

PICO = 1e-12


class Constant(BaseModel):
    """One energy, with where it comes from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: float = Field(ge=0, allow_inf_nan=False)
    unit: Literal["pJ"]
    source: str = Field(min_length=1)
    table: str = Field(min_length=1)
    grade: Literal["V", "S"]
    status: Literal["documented", "fitted", "scaled", "inherited"]
    note: str = ""

    @property
    def joules(self) -> float:
        """Energy of one event, in joules."""
        return self.value * PICO


class DeviceTable(BaseModel):
    """The constants that one source gives for one device, by counter name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    device: str
    title: str
    conditions: str
    boundary: str
    constants: dict[
        Literal[
            "syn_ops",
            "spikes_in",
            "spikes_out",
            "axon_out",
            "dendrite_updates_active",
            "dendrite_updates_inactive",
        ],
        Constant,
    ]


def device_tables(device: str) -> list[DeviceTable]:
    """Return the tables of a device, of one name, or of one .yaml file of the user's.

    Raises
    ------
    BadInput
        No such device or file, or a table that lacks a value, a unit or a source.
    """
    if device.endswith((".yaml", ".yml")):
        return [read_yaml(Path(device), DeviceTable)]
    shipped = sorted(
        (entry for entry in files("lavalier.simulate").iterdir() if entry.name.endswith(".yaml")),
        key=lambda entry: entry.name,
    )
    tables = [read_yaml(Path(str(entry)), DeviceTable) for entry in shipped]
    found = [t for t in tables if device in (t.device, t.name)]
    if not found:
        known = sorted({name for t in tables for name in (t.device, t.name)})
        raise BadInput(
            f"no energy table for '{device}'; there are {', '.join(known)}, or a .yaml of your own"
        )
    return found
