"""Counts of a run, from what Lava recorded: events, spikes and states.

Where u wrapped or v was cut is not in the states themselves: each update is computed again in wide
integers from the recorded state before it, and compared with the recorded state after it.
Source: Lava 0.10.0, lava/proc/{lif,dense}/models.py; names as in `simulate.trace.Counts`.
"""

from typing import Any

import numpy as np

from ..simulate.connections import Connection, Dense
from ..simulate.program import Program
from ..simulate.ranges import V_MAX, V_SHIFT
from ..simulate.trace import COUNTERS, Counts
from ..simulate.wide import decayed, deliver, int32, shifted
from .neurons import OWN, form_of
from .recording import Recording


def count(recording: Recording, events: dict[str, np.ndarray]) -> Counts:
    """Count everything, sample by sample.

    Parameters
    ----------
    recording : Recording
        Of a run that has ended.
    events : {input: int32 (batch, steps, size)}
        What was sent.
    """
    program, batch = recording.program, recording.batch
    counts = {c: {n: np.zeros(batch, np.int64) for n in program.populations} for c in COUNTERS}
    counts["syn_ops"] = {c.name: np.zeros(batch, np.int64) for c in program.connections}
    states = {n: [recording.read(n, kind) for kind in "uvs"] for n in program.populations}
    sent = events | {name: s for name, (_, _, s) in states.items()}
    fan_out = {c.name: c.fan_out for c in program.connections}
    weights = {c.name: _weights(c) for c in program.connections}
    for b in range(batch):
        here = {name: values[b] for name, values in sent.items()}
        for c in program.connections:
            arrived = np.count_nonzero(_in_time(c, here[c.source]), axis=0)
            counts["syn_ops"][c.name][b] = arrived @ fan_out[c.name]
            counts["spikes_in"][c.target][b] += arrived.sum()
        for name, neuron in program.populations.items():
            u, v, s = (values[b].astype(np.int64) for values in states[name])
            messages = np.count_nonzero(s)
            counts["spikes_out"][name][b] = messages
            counts["axon_out"][name][b] = messages * program.destinations(name)
            if form_of(neuron) is OWN:
                happened = recording.read(name, "h")[b]
                wraps, cuts, active = (int(np.count_nonzero(happened & bit)) for bit in (1, 2, 4))
            else:
                wraps = _wraps(neuron, u, _arriving(program, weights, name, here))
                cuts, active = _saturations(neuron, u, v), _active(u, v, s)
            counts["dendrite_updates_active"][name][b] = active
            counts["dendrite_updates_inactive"][name][b] = u.size - active
            counts["wraps"][name][b], counts["saturations"][name][b] = wraps, cuts
    return Counts(**counts)


def _before(values: np.ndarray) -> np.ndarray:
    """Return the state before each step of a sample: it starts at rest."""
    return np.concatenate([np.zeros_like(values[:1]), values[:-1]])


def _active(u: np.ndarray, v: np.ndarray, s: np.ndarray) -> int:
    # a neuron that spiked was not at rest, whatever its reset shows
    return int(np.count_nonzero(u | v | s | _before(u) | _before(v)))


def _wraps(neuron: Any, u: np.ndarray, a_in: np.ndarray) -> int:
    decay = np.ravel(neuron.du).astype(np.int64) + 1
    unwrapped = int32(int32(decayed(_before(u), decay)) + int32(a_in << V_SHIFT))
    return int(np.count_nonzero(unwrapped != u))


def _saturations(neuron: Any, u: np.ndarray, v: np.ndarray) -> int:
    decay = np.ravel(neuron.dv).astype(np.int64)
    total = int32(int32(decayed(_before(v), decay)) + u + np.ravel(neuron.bias))
    return int(np.count_nonzero(np.abs(total) > V_MAX))


def _arriving(
    program: Program, weights: dict[str, Any], name: str, sent: dict[str, np.ndarray]
) -> np.ndarray:
    """Synaptic input of every step, int64 (steps, size)."""
    steps = len(next(iter(sent.values())))
    a_in = np.zeros((steps, program.size(name)), np.int64)
    for c in program.incoming(name):
        arrived = _in_time(c, sent[c.source])
        a_in[steps - len(arrived) :] = int32(
            a_in[steps - len(arrived) :] + _delivered(weights[c.name], c.weight_exp, arrived)
        )
    return a_in


def _in_time(connection: Connection, events: np.ndarray) -> np.ndarray:
    """Return the steps whose events arrive before the sample ends."""
    return events[: max(0, len(events) - connection.delay)]


def _weights(connection: Connection) -> Any:
    """Return float64 weights of all-to-all synapses, else a sparse matrix."""
    dense = isinstance(connection, Dense)
    return connection.weights.astype(np.float64) if dense else connection.matrix


def _delivered(weights: Any, exp: int, events: np.ndarray) -> np.ndarray:
    if not isinstance(weights, np.ndarray):
        return deliver(weights, exp, events.T.astype(np.int64)).T
    # exact in float64: below 2^53 for up to 2^21 channels of 24-bit events and 8-bit weights
    return shifted((events.astype(np.float64) @ weights.T).astype(np.int64), exp)
