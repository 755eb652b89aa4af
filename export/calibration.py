"""What calibration shows: the events that the float run sends, its membranes, and how far its states go."""

from collections.abc import Mapping
from typing import NamedTuple

import nir
import numpy as np

from ..simulate.cells import discretize
from ..simulate.connections import Input
from ..simulate.errors import BadInput
from ..simulate.interpreter import recordable, run_graph
from ..simulate.network import Network
from ..simulate.trace import Trace
from .linear_maps import LinearMap
from .populations import Population

MOST_SEARCHED = 2**27  # synapses and neuron steps of one run in the search; more samples are not looked at
ACTIVITY = 1 / 16  # share of synapses that an estimate of a run takes as active

Batch = dict[str, np.ndarray]


class Observed(NamedTuple):
    """What calibration showed.

    Attributes
    ----------
    events : {input or population: (batch, steps, n)}
        What each sent in the float run; of an input the whole numbers that a Program takes.
    membranes : {population: (batch, steps, n)}
        Of those that do not spike.
    a_in, v : {population: float (n)}
        How far each neuron's went, signs aside; v before a reset.
    """

    events: Batch
    membranes: Batch
    a_in: Batch
    v: Batch

    def target(self, name: str) -> np.ndarray:
        """Return what a population is to do: its spikes, or its membrane if it has none."""
        return self.events[name] if name in self.events else self.membranes[name]

    def sampled(self, floats: list[Population]) -> "Observed":
        """Return as many samples as a search has time for, taken evenly."""
        each = sum(p.beta.size + ACTIVITY * sum(_synapses(w) for w in p.weights.values()) for p in floats)
        batch, steps = next(iter(self.events.values())).shape[:2]
        every = max(1, round(batch * steps * each / MOST_SEARCHED))
        if every == 1 or batch == 1:
            return self
        some = slice(None, None, min(every, batch))
        events, membranes = ({n: a[some] for n, a in kept.items()} for kept in (self.events, self.membranes))
        return self._replace(events=events, membranes=membranes)


def check_calibration(
    network: Network, calibration: np.ndarray | Mapping[str, np.ndarray], whole: bool
) -> Batch:
    """Return the calibration by input; `whole` asks for whole numbers.

    Raises
    ------
    BadInput
        It holds no numbers, negative or unbounded ones, or others than whole ones.
    """
    first = network.flat.inputs[:1]
    given = calibration if isinstance(calibration, Mapping) else dict.fromkeys(first, calibration)
    x = {name: np.asarray(values) for name, values in given.items()}
    for name, values in x.items():
        if values.dtype.kind not in "biuf":
            raise BadInput(f"calibration for '{name}' holds {values.dtype}, not numbers")
        if not (values.size and np.min(values) >= 0 and np.max(values) < np.inf):
            kind = "whole numbers" if whole else "numbers"
            raise BadInput(f"calibration for '{name}' must hold {kind}, 0 or more")
        if whole and not is_whole(values):
            raise BadInput(
                f"calibration for '{name}' must hold whole numbers, 0 or more; "
                "or say with input_bits what others are rounded to"
            )
    return x


def is_whole(values: np.ndarray) -> bool:
    """Whether there are only whole numbers."""
    return values.dtype.kind != "f" or np.array_equal(values, np.floor(values))


def observe(
    graph: nir.NIRGraph, network: Network, floats: list[Population], x: Batch, inputs: Mapping[str, Input]
) -> Observed:
    """Run the calibration in floats; events of the inputs are what their `encode` gives.

    The weights of `floats` are those of these events.
    """
    names = {name for p in floats for name in (p.name, p.membrane, f"{p.name}_synapse")}
    trace = run_graph(graph, x, record=names & set(recordable(network)))
    sent = {name: inputs[name].encode(values) for name, values in x.items()} | dict(trace.spikes)
    events = {name: _flat(values) for name, values in sent.items()}
    membranes = {p.name: _flat(trace.v[p.membrane]) for p in floats if p.threshold is None}
    a_in = {p.name: _largest_input(p, events) for p in floats}
    v = {p.name: _largest_membrane(p, trace, network, a_in[p.name]) for p in floats}
    return Observed(events, membranes, a_in, v)


def late(events: np.ndarray, delay: int) -> np.ndarray:
    """Return events (batch, steps, n) as they arrive `delay` steps later."""
    before = np.zeros_like(events[:, :delay])
    return np.concatenate([before, events[:, : events.shape[1] - delay]], axis=1) if delay else events


def arriving(p: Population, events: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the a_in that events of its sources give a population; (batch, steps, n)."""
    return sum(_through(w, late(events[source], delay)) for (source, delay), w in p.weights.items())  # type: ignore[return-value]


def _through(linear: LinearMap, events: np.ndarray) -> np.ndarray:
    return linear.apply(events.reshape(-1, events.shape[2])).reshape(*events.shape[:2], -1)


def _flat(values: np.ndarray) -> np.ndarray:
    return values.reshape(*values.shape[:2], -1).astype(np.float32)


def _largest_input(p: Population, events: Mapping[str, np.ndarray]) -> np.ndarray:
    return _furthest(arriving(p, events)) if p.weights else np.zeros(p.beta.size)


def _largest_membrane(p: Population, trace: Trace, network: Network, current: np.ndarray) -> np.ndarray:
    """Before a reset v is at most what was left, plus the current, plus the bias."""
    if p.name in trace.u:
        gain = discretize(network.flat.nodes[p.name], network.policy).gain
        current = _furthest(trace.u[p.name] * gain)
    elif f"{p.name}_synapse" in trace.v:
        current = _furthest(trace.v[f"{p.name}_synapse"])
    left = _furthest(trace.v[p.membrane]) if p.membrane in trace.v else 0.0
    return left + current + np.abs(p.bias)


def _furthest(values: np.ndarray) -> np.ndarray:
    """Return the largest of each neuron over samples and steps, signs aside; float (n)."""
    return np.max(np.abs(values), axis=(0, 1), initial=0).ravel().astype(float)


def _synapses(linear: LinearMap) -> int:
    matrix = linear.matrix
    return np.count_nonzero(matrix) if isinstance(matrix, np.ndarray) else matrix.nnz
