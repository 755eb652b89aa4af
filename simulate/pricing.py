"""energy: counts times constants, as an interval over a device's tables.

Counting happens in the simulators, exactly; pricing is a function of counts and tables. What has no
constant is listed, never priced as zero.
"""

from dataclasses import dataclass

import numpy as np

from .device_tables import DeviceTable, device_tables
from .errors import BadInput
from .neurons import LI, LIF
from .program import Program
from .trace import Counts, Trace

PRICED = (
    "syn_ops",
    "spikes_in",
    "dendrite_updates_active",
    "dendrite_updates_inactive",
    "spikes_out",
    "axon_out",
)
UNPRICED = (
    "barrier synchronisation between steps (published without energy)",
    "static and idle power",
    "hops between tiles (no placement)",
    "host: front end, sending input events, reading the output",
)


@dataclass(frozen=True)
class Interval:
    """Joules, from the cheapest table to the dearest."""

    low: float
    high: float

    def __add__(self, other: "Interval") -> "Interval":
        return Interval(self.low + other.low, self.high + other.high)


@dataclass(frozen=True)
class Layer:
    """A population with the synapses that end there; counts and energy are means per sample."""

    name: str
    counts: dict[str, float]
    energy: Interval


@dataclass(frozen=True)
class Energy:
    """What an inference costs.

    Attributes
    ----------
    device : str
    tables : list of DeviceTable
        Every constant used, with source and grade.
    layers : list of Layer
    per_inference : Interval, joules
        Mean over the samples of the trace.
    per_syn_op : Interval or None, joules
        `per_inference` over its syn_ops, so that the share of somas and axons shows.
    samples : int
    unpriced : list of str
        What happens too and is not in the figure.
    """

    device: str
    tables: list[DeviceTable]
    layers: list[Layer]
    per_inference: Interval
    per_syn_op: Interval | None
    samples: int
    unpriced: list[str]

    def to_text(self) -> str:
        """Return the table, the constants with their sources, and what is not priced."""
        lines = [f"{'layer':<12} {'syn_ops':>10} {'updates':>10} {'spikes':>8} {'energy per inference':>24}"]
        for layer in self.layers:
            c = layer.counts
            updates = c["dendrite_updates_active"] + c["dendrite_updates_inactive"]
            lines.append(
                f"{layer.name:<12} {c['syn_ops']:>10,.0f} {updates:>10,.0f} {c['spikes_out']:>8,.0f} "
                f"{micro(layer.energy):>24}"
            )
        lines.append(f"{'total':<12} {micro(self.per_inference):>55}")
        if self.per_syn_op:
            pico = self.per_syn_op
            lines.append(f"per syn_op, all in: {pico.low * 1e12:.1f} to {pico.high * 1e12:.1f} pJ")
        lines.append(f"mean of {self.samples} samples; boundary: {self.tables[0].boundary}")
        for table in self.tables:
            lines.append(f"{table.name}: {table.title}; {table.conditions}")
            for counter, c in table.constants.items():
                note = f"; {c.note}" if c.note else ""
                lines.append(
                    f"  {counter:<26} {c.value:>6g} {c.unit}  grade {c.grade} ({c.status})  "
                    f"{c.source}, {c.table}{note}"
                )
        lines += [f"not priced: {what}" for what in self.unpriced]
        return "\n".join(lines) + "\n"

    def to_json(self) -> dict:
        """Return every figure as plain data."""
        return {
            "device": self.device,
            "samples": self.samples,
            "per_inference_j": [self.per_inference.low, self.per_inference.high],
            "per_syn_op_j": self.per_syn_op and [self.per_syn_op.low, self.per_syn_op.high],
            "layers": {
                layer.name: {"energy_j": [layer.energy.low, layer.energy.high], **layer.counts}
                for layer in self.layers
            },
            "tables": [table.model_dump() for table in self.tables],
            "not_priced": self.unpriced,
        }


def micro(energy: Interval) -> str:
    """Print an interval in microjoules.

    >>> micro(Interval(1.234e-6, 2e-6))
    '1.23 to 2.00 uJ'
    """
    return f"{energy.low * 1e6:.2f} to {energy.high * 1e6:.2f} uJ"


def energy(program: Program, trace: Trace, device: str = "loihi1") -> Energy:
    """Price a run.

    Parameters
    ----------
    program : Program
        That made the trace.
    trace : Trace
        With counts; nothing needs to be recorded.
    device : str
        A device ("loihi1": the interval over its tables), the name of one table, or a .yaml file.

    Returns
    -------
    Energy

    Raises
    ------
    BadInput
        No such device, or a trace without counts, or of another program.

    Source: the tables; accounting as N-DNS and SANA-FE do, synops after pruning.
    """
    tables = device_tables(device)
    layers = [_layer(program, trace.counts, name, tables) for name in program.populations]
    total = sum((layer.energy for layer in layers), Interval(0.0, 0.0))
    syn_ops = sum(layer.counts["syn_ops"] for layer in layers)
    per_syn_op = Interval(total.low / syn_ops, total.high / syn_ops) if syn_ops else None
    samples = len(next(iter(trace.counts.spikes_in.values())))
    unpriced = _unpriced(layers, tables) + _payloads(program, layers) + _more_than_lif(program)
    return Energy(device, tables, layers, total, per_syn_op, samples, unpriced)


def _layer(program: Program, counts: Counts, name: str, tables: list[DeviceTable]) -> Layer:
    try:
        means = {c: _mean(getattr(counts, c)[name]) for c in PRICED if c != "syn_ops"}
        means["syn_ops"] = sum(_mean(counts.syn_ops[c.name]) for c in program.incoming(name))
    except KeyError as error:
        raise BadInput(
            f"the trace has no counts for {error}; it is of another program, or of a float graph"
        ) from error
    totals = [sum(c.joules * means[counter] for counter, c in t.constants.items()) for t in tables]
    return Layer(name, means, Interval(min(totals), max(totals)))


def _mean(values: np.ndarray) -> float:
    if not len(values):
        raise BadInput("the trace holds no samples")
    return float(values.mean())


def _unpriced(layers: list[Layer], tables: list[DeviceTable]) -> list[str]:
    """Say which counts a table leaves out, and what nobody counts or prices."""
    missing = []
    for table in tables:
        for counter in PRICED:
            count = sum(layer.counts[counter] for layer in layers)
            if count and counter not in table.constants:
                missing.append(f"{counter} ({count:,.0f} per inference): no constant in {table.name}")
    return [*missing, *UNPRICED]


def _payloads(program: Program, layers: list[Layer]) -> list[str]:
    """Say that an event with a payload is counted as one syn_op for each synapse, like a spike."""
    graded = {n for n in (*program.inputs, *program.populations) if program.message_bits(n)}
    fed = {c.target for c in program.connections if c.source in graded}
    events = sum(layer.counts["spikes_in"] for layer in layers if layer.name in fed)
    if not events:
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
