"""What the command `energy` says of a run: its price, its latency where times are published, its metrics."""

from dataclasses import dataclass
from pathlib import Path

from lavalier.runs import input_shape
from lavalier.simulate import (
    Energy,
    Program,
    Trace,
    counts_by_step,
    energy,
    fit,
    latency,
    ndns_metrics,
    neurobench_metrics,
)
from lavalier.simulate.cost.counting import StepCounts
from lavalier.simulate.cost.tables import device_tables
from lavalier.simulate.cost.timing import Latency
from lavalier.sources import load_source


@dataclass(frozen=True)
class Priced:
    """A priced run.

    Attributes
    ----------
    energy : Energy
    latency : Latency or None
        None where nobody has published times of the device.
    neurobench, ndns : dict
        Metrics by their field's names.
    by_step : StepCounts or None
        None without the input.
    """

    energy: Energy
    latency: Latency | None
    neurobench: dict
    ndns: dict
    by_step: StepCounts | None

    def to_text(self) -> str:
        """Return energy, latency, and the proxy in a line."""
        proxy = self.ndns
        power, delay = proxy["P_proxy_ops_per_s"] / 1e6, proxy["PDP_proxy_ops"] / 1e6
        said = f"N-DNS power proxy {power:.3g} M ops/s, power-delay product {delay:.3g} M ops\n"
        late = self.latency.to_text() if self.latency else "latency: no times of this device are published\n"
        return self.energy.to_text() + late + said

    def to_json(self) -> dict:
        """Return every figure as plain data."""
        return {
            **self.energy.to_json(),
            "latency": self.latency and self.latency.to_json(),
            "neurobench": self.neurobench,
            "n_dns": self.ndns,
            "by_step": self.by_step and self.by_step.to_json(),
        }


def price_run(
    program: Program,
    trace: Trace,
    device: str,
    window_s: float,
    hop_s: float,
    host: dict[str, float],
    x: Path | None,
    placement: str | None = None,
) -> Priced:
    """Price a run in every way.

    Parameters
    ----------
    program : Program
        That made the trace.
    trace : Trace
        With counts.
    device : str
        As in `energy`.
    window_s, hop_s : float, seconds
        As in `latency`.
    host : {what: amount for an inference}
        As in `energy`.
    x : path, optional
        The input of the run, to count its steps and its input events.
    placement : str, optional
        As in `fit`: messages and hops are those between its cores; every sender's spikes must be recorded.

    Raises
    ------
    BadInput
        Any of these does not fit.
    """
    by_step = None
    if x is not None:
        by_step = counts_by_step(program, load_source(input_shape(program), x, None).x, trace)
        events = {f"input events sent to '{n}'": v for n, v in by_step.input_events.items()}
        events |= {f"outputs read from '{n}'": v for n, v in by_step.output_events.items()}
        host = {what: float(v.sum(axis=1).mean()) for what, v in events.items()} | host
    sent = None
    if placement is not None:
        chip = device.partition("-")[0]  # of which the tables are
        sent = fit(program, chip, placement=placement).traffic(trace)
    priced = energy(program, trace, device, host=host, traffic=sent)
    timed = any(table.time for table in device_tables(device))
    late = latency(program, trace, device, window_s, hop_s) if timed else None
    buffered = window_s + program.latency * program.dt
    return Priced(
        priced,
        late,
        neurobench_metrics(program, trace),
        ndns_metrics(program, trace, buffered),
        by_step,
    )
