"""fit: whether a network fits on a chip, where its neurons go, and everything that does not fit."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import BadInput
from ..program import Program
from ..trace import Trace
from .checks import Violation, violations
from .demand import Demands, least_cores
from .from_program import needs_of
from .limits import Device, device_limits
from .needs import Needs
from .placement import Placement
from .placing import WAYS, axons_out, place
from .traffic import Traffic, traffic


@dataclass(frozen=True)
class Fit:
    """Whether a network fits, and where everything is.

    Attributes
    ----------
    needs : Needs
        What the network asks for.
    device : Device
        Every limit, with source and grade.
    chips : int
        That there are.
    way : str
        Of placing.
    placement : Placement
    violations : list of Violation
        Everything that no placement changes; empty if it fits.
    notes : list of str
        What placement solved, what needs microcode, and what the vendor says beside.
    """

    needs: Needs
    device: Device
    chips: int
    way: str
    placement: Placement
    violations: list[Violation]
    notes: list[str]

    @property
    def fits(self) -> bool:
        """Whether nothing is violated."""
        return not self.violations

    @property
    def least_cores(self) -> int:
        """Cores below which no placement goes: neurons, and weights without anything beside them."""
        return least_cores(self.needs, self.device)

    def traffic(self, trace: Trace) -> dict[str, Traffic]:
        """Return messages and hops of a run with recorded spikes, by population.

        Raises
        ------
        BadInput
            The device has no published mesh, or a population was not recorded.
        """
        return traffic(self.needs, self.placement, trace.spikes)

    def to_json(self) -> dict:
        """Return every figure as plain data."""
        from .text import to_json

        return to_json(self)

    def to_text(self) -> str:
        """Return the same for people."""
        from .text import to_text

        return to_text(self)


def fit(
    network: Program | Needs,
    device: str = "loihi2",
    pinned: Mapping[str, int] | None = None,
    chips: int = 1,
    placement: str = "greedy",
) -> Fit:
    """Say whether a network fits on so many chips, and list all that does not.

    Parameters
    ----------
    network : Program or Needs
        Needs come from a description too (`resources.description`), which may hold what no Program can.
    device : str
        "loihi1", "loihi2", or a .yaml file in the form of theirs.
    pinned : {population: core}, optional
        Whole populations that must sit on one core; cores count from 0 through all chips.
    chips : int, at least 1
        That there are.
    placement : "greedy" or "balanced"
        Fill one core after the other; or give each population cores of its own, equally filled.

    Returns
    -------
    Fit

    Raises
    ------
    BadInput
        No such device, placement, population or core.

    Source: the device's file; docs/fit.md has the rules of counting.

    >>> from lavalier.simulate import LIF, Dense, Input, Program
    >>> joined = [Dense("in", "hidden", [[4, 6]])]
    >>> program = Program({"in": Input((2,))}, {"hidden": LIF((1,), vth=5)}, joined, ["hidden"])
    >>> fit(program).fits
    True
    """
    needs = needs_of(network) if isinstance(network, Program) else network
    limits = device_limits(device)
    pinned = dict(pinned or {})
    _check_options(needs, limits, pinned, chips, placement)
    placed = place(needs, limits, pinned, placement)
    found = violations(needs, limits, placed, chips)
    return Fit(needs, limits, chips, placement, placed, found, _notes(needs, limits, placed))


def _check_options(
    needs: Needs, device: Device, pinned: Mapping[str, int], chips: int, placement: str
) -> None:
    if chips < 1:
        raise BadInput(f"chips = {chips} must be at least 1")
    if placement not in WAYS:
        raise BadInput(f"placement '{placement}' is none of {', '.join(WAYS)}")
    for name, core in pinned.items():
        if name not in needs.groups:
            raise BadInput(f"pinned '{name}' is not a population; there are {', '.join(needs.groups)}")
        if not 0 <= core < device.cores * chips:
            raise BadInput(f"'{name}' is pinned to core {core}; there are 0 to {device.cores * chips - 1}")


def _notes(needs: Needs, device: Device, placement: Placement) -> list[str]:
    notes = [note for name in needs.groups for note in _split(needs, device, placement, name)]
    for name, group in needs.groups.items():
        if device.neurons.microcode and not (group.kind in device.neurons.stock and group.at_rest):
            what = group.kind + ("" if group.at_rest else " that does not start from rest")
            notes.append(f"{name}: {what} is an own process: microcode, which is not written")
    synapses = sum(demand.synapses for demand in placement.cores.values())
    for limit in device.beside.values():
        notes.append(
            f"{synapses:,} synapses stored; the vendor says {limit.value:,} a chip (grade {limit.grade}): "
            f"{limit.note}"
        )
    return notes


def _split(needs: Needs, device: Device, placement: Placement, name: str) -> list[str]:
    """Say that a population lies on several cores, and what one would exceed."""
    pieces = placement.of[name]
    if len(pieces) == 1:
        return []
    size = needs.groups[name].size
    axons = axons_out(needs, list(placement.pieces))[name]
    over = Demands(needs, device).of(name, 0, size, axons).over(device)
    why = "; one core would hold " + ", ".join(
        f"{what.removesuffix('_per_core')} {value:,} of {device.limits[what].value:,}"  # type: ignore[index]
        for what, value in over.items()
    )
    return [f"{name}: {size:,} neurons split over {len(pieces)} cores{why if over else ''}"]
