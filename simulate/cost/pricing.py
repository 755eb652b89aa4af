"""energy: counts times constants, as an interval over a device's tables.

Counting happens in the simulators, exactly; pricing is a function of counts and tables. What has no
constant is listed, never priced as zero.
"""

from collections.abc import Mapping
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from ..errors import BadInput
from ..program import Program
from ..trace import Trace
from .amounts import Part, key_of, parts_of, priced_amounts, steps_of
from .intervals import Cost, Interval
from .result import Conventional, Energy, Layer
from .tables import DeviceTable, device_tables
from .unpriced import not_priced


def energy(
    program: Program,
    trace: Trace,
    device: str = "loihi1",
    traffic: Mapping[str, Any] | None = None,
    host: Mapping[str, float] | None = None,
) -> Energy:
    """Price a run.

    Parameters
    ----------
    program : Program
        That made the trace.
    trace : Trace
        With counts; nothing needs to be recorded.
    device : str
        A device ("loihi1": the interval over its tables), the name of one table, or a .yaml file.
    traffic : {population: object with messages, hops_x, hops_y, each int (batch)}, optional
        Of a placement. Without it each spike is one message for each target population, and hops are not
        priced.
    host : {what: amount for an inference}, optional
        Work outside the chip, such as a front end's multiply-adds; listed, not priced.

    Returns
    -------
    Energy
        In joules, in syn_op equivalents, or both, as the tables have it.

    Raises
    ------
    BadInput
        No such device, or one without energies; a trace without counts, or of another program.

    Source: the tables; accounting as N-DNS and SANA-FE do, synops after pruning.
    """
    tables = device_tables(device)
    in_joules = [t for t in tables if t.in_joules]
    in_syn_ops = [t for t in tables if t.in_syn_ops]
    if not in_joules and not in_syn_ops:
        raise BadInput(f"no energy of '{device}' is published, neither in joules nor in syn_ops: not priced")
    parts = parts_of(program, trace.counts, traffic)
    steps = steps_of(program, parts)
    layers = [
        Layer(p.name, p.counts(), p.macs, _cost(p, steps, in_joules), _cost(p, steps, in_syn_ops))
        for p in parts
    ]
    return Energy(
        device=device,
        tables=tables,
        layers=layers,
        joules=_sum([layer.joules for layer in layers]),
        equivalents=_sum([layer.equivalents for layer in layers]),
        steps=steps,
        dt_s=program.dt,
        conventional=_conventional(parts, steps, in_joules),
        host=dict(host or {}),
        unpriced=not_priced(program, parts, in_joules + in_syn_ops, steps),
    )


def _cost(part: Part, steps: int, tables: list[DeviceTable]) -> Cost | None:
    """Return what a part costs, from the table that is the cheapest for it to the dearest."""
    if not tables:
        return None
    ends = [_ends(table, part, steps) for table in tables]
    low, high = (min((low for low, _ in ends), key=np.mean), max((high for _, high in ends), key=np.mean))
    return Cost(None if all(t.only_inherited for t in tables) else low, high)


def _ends(table: DeviceTable, part: Part, steps: int) -> tuple[np.ndarray, np.ndarray]:
    low, high = np.zeros((2, len(part.amounts["spikes_in"])))
    for counter, amount in priced_amounts(table, part, steps).items():
        if key := key_of(table.constants, counter):
            low, high = low + table.constants[key].low * amount, high + table.constants[key].high * amount
    return low, high


def _sum(costs: list[Cost | None]) -> Cost | None:
    known = [cost for cost in costs if cost is not None]
    return reduce(add, known) if known else None


def _conventional(parts: list[Part], steps: int, tables: list[DeviceTable]) -> Conventional:
    """Return what a conventional network of this shape costs: a multiply-add for each weight."""
    macs = sum(part.macs for part in parts)
    found = [t.constants[key] for t in tables if (key := key_of(t.constants, "graded_syn_ops"))]
    if not found:
        return Conventional(macs, steps, None)
    low = None if all(t.only_inherited for t in tables) else macs * min(c.low for c in found)
    return Conventional(macs, steps, Interval(low, macs * max(c.high for c in found)))
