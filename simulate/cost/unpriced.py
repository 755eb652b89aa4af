"""What happens too and is not in a figure: counts without a constant, and what nobody has published."""

from ..neurons import LI, LIF
from ..program import Program
from .amounts import Part, key_of, priced_amounts
from .tables import DeviceTable

NEVER = (
    "barrier synchronisation between steps (published without energy)",
    "static and idle power (apart from this figure)",
    "host: front end, sending input events, reading the output",
)


def not_priced(program: Program, parts: list[Part], tables: list[DeviceTable], steps: int) -> list[str]:
    """Return a line for everything that the tables leave out."""
    found = [line for table in tables for line in _without_constant(table, parts, steps)]
    if not any("hops_x" in part.amounts for part in parts):
        found.append("hops between tiles (no placement)")
    return [*found, *NEVER, *_payloads(program, parts, tables), *_more_than_lif(program)]


def _without_constant(table: DeviceTable, parts: list[Part], steps: int) -> list[str]:
    sums: dict[str, float] = {}
    for part in parts:
        for counter, amount in priced_amounts(table, part, steps).items():
            if not key_of(table.constants, counter):
                sums[counter] = sums.get(counter, 0) + float(amount.mean())
    return [
        f"{counter} ({count:,.0f} per inference): no constant in {table.name}"
        for counter, count in sums.items()
        if count
    ]


def _payloads(program: Program, parts: list[Part], tables: list[DeviceTable]) -> list[str]:
    """Say that an event with a payload is counted as one syn_op for each synapse, like a spike."""
    graded = {n for n in (*program.inputs, *program.populations) if program.message_bits(n)}
    fed = {c.target for c in program.connections if c.source in graded}
    events = sum(float(part.amounts["spikes_in"].mean()) for part in parts if part.name in fed)
    if not events or all("multiply_adds" in t.constants for t in tables):
        return []
    return [
        f"payload of graded events (in the {events:,.0f} per inference that reach {', '.join(sorted(fed))})"
    ]


def _more_than_lif(program: Program) -> list[str]:
    """Say that a neuron that does more than a LIF is priced as one."""
    kinds = {n: type(neuron) for n, neuron in program.populations.items()}
    return [
        f"what a {kind.__name__} does beyond a LIF ('{name}'): no constant"
        for name, kind in kinds.items()
        if kind not in (LIF, LI)
    ]
