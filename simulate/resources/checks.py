"""Checks: everything of a network that a device cannot hold, all at once, each with a way out."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from .advice import ways_out_of, ways_to_shrink
from .demand import least_cores
from .limits import Device, Limit
from .needs import Needs
from .placement import Placement


@dataclass(frozen=True)
class Violation:
    """What does not fit, and no placement changes that.

    Attributes
    ----------
    part : str
        Population or connection.
    what : str
        The limit's name.
    value, limit : int or str
        What there is, and what there may be, included.
    unit, grade, source : str
        Of the limit.
    suggestion : str
        What to do.
    """

    part: str
    what: str
    value: int | str
    limit: int | str
    unit: str
    grade: str
    source: str
    suggestion: str

    def __str__(self) -> str:
        value, limit = (f"{n:,}" if isinstance(n, int) else n for n in (self.value, self.limit))
        said = f"{self.part}: {self.what} {value}, limit {limit} {self.unit}".rstrip()
        return f"{said} (grade {self.grade}); {self.suggestion}"

    def to_json(self) -> dict:
        """Return it as plain data."""
        return asdict(self)


def violations(needs: Needs, device: Device, placement: Placement, chips: int) -> list[Violation]:
    """Return all of them: registers, neuron types, loops, cores, chips."""
    return [
        *_registers(needs, device),
        *_kinds(needs, device),
        *_problems(needs),
        *_cores(needs, device, placement),
        *_chips(needs, device, placement, chips),
    ]


def _registers(needs: Needs, device: Device) -> list[Violation]:
    """Values beyond their registers, of populations and connections."""
    ranges = [(name, f, r) for name, g in needs.groups.items() for f, r in g.registers.items()]
    for link in needs.links:
        ranges += [
            (link.name, "weight_bits", (link.weight_bits,) * 2),
            (link.name, "weight_exp", (link.weight_exp,) * 2),
            (link.name, "delay", (min(link.delays), max(link.delays))),
            (link.name, "message_bits", (link.message_bits,) * 2),
        ]
    found = []
    for part, field, (low, high) in ranges:
        register = device.registers.get(field)  # type: ignore[call-overload]
        if register is None:
            continue
        if low < register.low:
            found.append(_violation(part, field, low, register, ways_out_of(field), register.low))
        if high > register.value:
            found.append(_violation(part, field, high, register, ways_out_of(field)))
    return found


def _kinds(needs: Needs, device: Device) -> list[Violation]:
    """Neurons that a device without microcode does not have."""
    types = device.neurons
    if types.microcode:
        return []
    limit, stock = ", ".join(types.stock), types.stock
    return [
        Violation(
            name, "neuron type", g.kind, limit, "", types.grade, types.source, ways_out_of("neuron type")
        )
        for name, g in needs.groups.items()
        if g.kind not in stock
    ]


def _problems(needs: Needs) -> list[Violation]:
    return [
        Violation(p.part, p.what, p.value, p.limit, "", "V", p.source, p.suggestion) for p in needs.problems
    ]


def _cores(needs: Needs, device: Device, placement: Placement) -> list[Violation]:
    """Cores above a limit: a neuron that fits on none, or populations pinned there; the worst of each."""
    worst: dict[tuple[str, str], int] = {}
    for core, demand in placement.cores.items():
        part = ", ".join(dict.fromkeys(p.population for p in placement.on[core]))
        for what, value in demand.over(device).items():
            worst[part, what] = max(worst.get((part, what), 0), value)
    limits: Mapping[str, Limit] = device.limits  # type: ignore[assignment]
    return [
        _violation(part, what, value, limits[what], ways_out_of(what, limits[what].value))
        for (part, what), value in worst.items()
    ]


def _chips(needs: Needs, device: Device, placement: Placement, chips: int) -> list[Violation]:
    """Cores and bytes beyond those of the chips that there are."""
    cores, bytes_each = device.limits["cores_per_chip"], device.limits["synapse_bytes_per_core"]
    used = len(placement.cores)
    taken = sum(demand.synapse_bytes for demand in placement.cores.values())
    room = bytes_each.value * cores.value * chips
    largest = max(needs.groups, key=lambda n: sum(link.synapses.stored for link in needs.incoming[n]))
    found = []
    if taken > room:
        ways = ways_to_shrink(needs, device, room, used)
        limit = bytes_each.model_copy(update={"value": room})
        found.append(_violation(largest, f"synapse_bytes on {_chips_text(chips)}", taken, limit, ways))
    if used > cores.value * chips:
        least = least_cores(needs, device)
        other = f", or a placement other than this (none needs fewer than {least:,})"
        ways = _chips_text(-(-used // cores.value)) + (other if least <= cores.value * chips else "")
        limit = cores.model_copy(update={"value": cores.value * chips})
        found.append(_violation("all", f"cores on {_chips_text(chips)}", used, limit, ways))
    return found


def _chips_text(chips: int) -> str:
    return f"{chips} chip" + "s" * (chips > 1)


def _violation(
    part: str, what: str, value: int, limit: Limit, suggestion: str, bound: int | None = None
) -> Violation:
    allowed = limit.value if bound is None else bound
    return Violation(
        part, what, value, allowed, limit.unit, limit.grade, f"{limit.source}, {limit.table}", suggestion
    )
