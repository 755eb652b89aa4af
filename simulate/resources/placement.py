"""Placement: which neurons sit on which core, and what is taken of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from .demand import Demand
from .limits import Device


class Piece(NamedTuple):
    """Neurons `low` to `high` (not included) of a population, in the order of its `Group`, on a core."""

    population: str
    low: int
    high: int
    core: int


class Place(NamedTuple):
    """Where a core is: its chip, and the column and row of its tile there."""

    chip: int
    x: int
    y: int


@dataclass(frozen=True)
class Placement:
    """Which neurons sit on which core.

    Attributes
    ----------
    pieces : {Piece: Demand}
        By core, with what each takes; every neuron is in exactly one.
    device : Device
    """

    pieces: Mapping[Piece, Demand]
    device: Device

    @cached_property
    def cores(self) -> dict[int, Demand]:
        """What is taken of each core that is used."""
        found: dict[int, Demand] = {}
        for piece, demand in self.pieces.items():
            found[piece.core] = found.get(piece.core, Demand()) + demand
        return found

    @cached_property
    def of(self) -> dict[str, list[Piece]]:
        """Pieces of each population, first neurons first."""
        found: dict[str, list[Piece]] = {}
        for piece in sorted(self.pieces):
            found.setdefault(piece.population, []).append(piece)
        return found

    @cached_property
    def on(self) -> dict[int, list[Piece]]:
        """Pieces on each core that is used."""
        found: dict[int, list[Piece]] = {}
        for piece in self.pieces:
            found.setdefault(piece.core, []).append(piece)
        return found

    def place(self, core: int) -> Place | None:
        """Chip and tile of a core, None where no mesh is published; tiles are counted column by column."""
        mesh = self.device.mesh
        if mesh is None:
            return None
        chip, within = divmod(core, self.device.cores)
        x, y = divmod(within // mesh.cores_per_tile, mesh.height)
        return Place(chip, x, y)

    @property
    def chips(self) -> int:
        """Chips up to the last core that is used."""
        return max(self.cores) // self.device.cores + 1
