"""Energy: what an inference costs, by layer, with its constants and what they leave out."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from .intervals import STATISTICS, Cost, Interval
from .tables import DeviceTable


@dataclass(frozen=True)
class Layer:
    """A population with the synapses that end there.

    Attributes
    ----------
    name : str
    samples : {counter: int64 (batch)}
        `multiply_adds` are those of the `syn_ops` whose event has a payload.
    macs : int
        Its weights, zeros too.
    joules, equivalents : Cost or None
    """

    name: str
    samples: dict[str, np.ndarray]
    macs: int
    joules: Cost | None
    equivalents: Cost | None

    @property
    def counts(self) -> dict[str, float]:
        """Means over the samples."""
        return {counter: float(values.mean()) for counter, values in self.samples.items()}

    def to_json(self) -> dict:
        """Return means, and how the samples are distributed."""
        spread = {c: {s: float(of(v)) for s, of in STATISTICS.items()} for c, v in self.samples.items()}
        return {
            **self.counts,
            "macs_per_pass": self.macs,
            "energy_j": self.joules and list(self.joules.over_samples()),
            "syn_op_equivalents": self.equivalents and list(self.equivalents.over_samples()),
            "distribution": spread,
        }


class Conventional(NamedTuple):
    """A conventional network of the same shape, on the same tables: a multiply-add for each weight.

    Attributes
    ----------
    macs : int
        Of one pass.
    steps : int
        Passes of an inference, if every step is a frame to it.
    one_pass : Interval or None, joules
        Its activation functions are not in it.
    """

    macs: int
    steps: int
    one_pass: Interval | None

    def to_json(self) -> dict:
        """Return the costs of one pass, and of a pass in every step."""
        every = self.one_pass and self.one_pass.times(self.steps)
        return {
            "macs_per_pass": self.macs,
            "passes_if_every_step_is_a_frame": self.steps,
            "per_pass_j": self.one_pass and list(self.one_pass),
            "every_step_j": every and list(every),
        }


@dataclass(frozen=True)
class Energy:
    """What an inference costs.

    Attributes
    ----------
    device : str
    tables : list of DeviceTable
        Every constant used, with source and grade.
    layers : list of Layer
    joules, equivalents : Cost or None
        Of an inference, by sample; None where no table of the device has such a unit.
    steps : int
        Of an inference.
    dt_s : float
        Of a step.
    conventional : Conventional
    host : {what: amount for an inference}
        Outside the chip; not priced.
    unpriced : list of str
        What happens too and is not in the figure.
    """

    device: str
    tables: list[DeviceTable]
    layers: list[Layer]
    joules: Cost | None
    equivalents: Cost | None
    steps: int
    dt_s: float
    conventional: Conventional
    host: dict[str, float] = field(default_factory=dict)
    unpriced: list[str] = field(default_factory=list)

    @property
    def samples(self) -> int:
        """Samples of the trace."""
        return len(self.layers[0].samples["spikes_in"])

    @property
    def seconds(self) -> float:
        """Length of an inference in real time."""
        return self.steps * self.dt_s

    @property
    def per_inference(self) -> Interval | None:
        """Joules, mean over the samples; None if the device has only syn_op equivalents."""
        return self.joules and self.joules.over_samples()

    @property
    def per_syn_op(self) -> Interval | None:
        """`per_inference` over its syn_ops, so that the share of somas and axons shows."""
        syn_ops = sum(layer.counts["syn_ops"] for layer in self.layers)
        return self.per_inference.times(1 / syn_ops) if self.per_inference and syn_ops else None

    @property
    def boundary(self) -> str:
        """What the figure includes."""
        return self.tables_of_figure[0].boundary

    @property
    def tables_of_figure(self) -> list[DeviceTable]:
        """The tables that price, without those that hold other facts of the device."""
        return [t for t in self.tables if t.constants]

    def to_text(self) -> str:
        """Return the table, the constants with their sources, and what is not priced."""
        from .text import energy_to_text

        return energy_to_text(self)

    def to_json(self) -> dict:
        """Return every figure as plain data."""
        per_second = self.per_inference and self.per_inference.times(1 / self.seconds)
        return {
            "device": self.device,
            "boundary": self.boundary,
            "samples": self.samples,
            "steps": self.steps,
            "seconds": self.seconds,
            "per_inference_j": self.per_inference and list(self.per_inference),
            "per_second_of_input_j": per_second and list(per_second),
            "per_syn_op_j": self.per_syn_op and list(self.per_syn_op),
            "distribution_j": self.joules and self.joules.to_json(),
            "syn_op_equivalents": self.equivalents and self.equivalents.to_json(),
            "layers": {layer.name: layer.to_json() for layer in self.layers},
            "conventional": self.conventional.to_json(),
            "host": self.host,
            "tables": [table.model_dump() for table in self.tables],
            "not_priced": self.unpriced,
        }
