"""What a guard looks at, and what it says."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from ..simulate.bounds import Bounds
from ..simulate.execute import run
from ..simulate.interpreter import run_network
from ..simulate.trace import Counts
from .quantization import Quantization


@dataclass(frozen=True)
class Finding:
    """What one guard says of one part.

    Attributes
    ----------
    severity : "error" or "warning"
    part : str
        Population, input or connection.
    quantity : str
        What was measured.
    value, limit : float
        The measurement, and what it may be.
    advice : str
        What it means and what to do.
    """

    severity: str
    part: str
    quantity: str
    value: float
    limit: float
    advice: str

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)

    def __str__(self) -> str:
        figures = f"{self.value:.4g} (limit {self.limit:g})"
        return f"{self.severity}: '{self.part}': {self.quantity}: {figures}; {self.advice}"


class Rates(NamedTuple):
    """Spikes a step of each neuron on calibration; float (n)."""

    floats: np.ndarray
    fixed: np.ndarray


class Seen(NamedTuple):
    """What calibration showed: rates of spiking populations, counts, which channels had events, its steps."""

    rates: dict[str, Rates]
    counts: Counts
    events: dict[str, np.ndarray]
    steps: int


class Case(NamedTuple):
    """What a guard looks at."""

    made: Quantization
    bounds: dict[str, Bounds]
    seen: Seen | None


def look(made: Quantization, calibration: np.ndarray | Mapping[str, np.ndarray]) -> Seen:
    """Run the floats and the integers on calibration."""
    program = made.program
    x = calibration if isinstance(calibration, Mapping) else dict.fromkeys(program.inputs, calibration)
    names = [p.name for p in made.floats if p.threshold is not None]
    floats, fixed = run_network(made.network, x, names), run(program, program.encode(x), names)
    rates = {n: Rates(*(t.spikes[n].mean(axis=(0, 1)).ravel() for t in (floats, fixed))) for n in names}
    events = {n: np.asarray(a).any(axis=(0, 1)).ravel() for n, a in x.items()}
    return Seen(rates, fixed.counts, events, next(iter(x.values())).shape[1])
