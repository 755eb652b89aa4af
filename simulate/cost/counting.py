"""Counts of each step, from what a run recorded; and what the host does for it.

`Trace.counts` holds the same counters, summed over the steps by the simulators themselves; these must add up
to those. A synop counts in the step in which its weight is added: `delay` steps after its event was sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

import numpy as np

from ..connections import Connection, Conv, Dense
from ..errors import BadInput
from ..events import check_events
from ..neurons import GradedReLU, Neuron
from ..program import Program
from ..trace import Trace
from ..wide import deliver, int32

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class StepCounts:
    """What happened in each step; int64 (batch, steps) for each name.

    Attributes
    ----------
    syn_ops : {connection: ...}
        Weights added because of an event, zero weights pruned.
    syn_ops_unpruned : {connection: ...}
        The same if a weight of zero is stored and added like any other.
    multiply_adds : {connection: ...}
        Those of `syn_ops` that multiply, since their event carries a payload; none where spikes arrive.
    spikes_in, spikes_out, axon_out, dendrite_updates_active, dendrite_updates_inactive : {population: ...}
        As in `Counts`.
    input_events : {input: ...}
        Events that the host sends.
    output_events : {output: ...}
        What the host reads: spikes or graded events; of an output that sends nothing, every membrane.
    """

    syn_ops: Arrays = field(default_factory=dict)
    syn_ops_unpruned: Arrays = field(default_factory=dict)
    multiply_adds: Arrays = field(default_factory=dict)
    spikes_in: Arrays = field(default_factory=dict)
    spikes_out: Arrays = field(default_factory=dict)
    axon_out: Arrays = field(default_factory=dict)
    dendrite_updates_active: Arrays = field(default_factory=dict)
    dendrite_updates_inactive: Arrays = field(default_factory=dict)
    input_events: Arrays = field(default_factory=dict)
    output_events: Arrays = field(default_factory=dict)

    def to_json(self) -> dict:
        """Return the means over the samples, step by step."""
        return {
            f.name: {name: values.mean(axis=0).tolist() for name, values in getattr(self, f.name).items()}
            for f in fields(self)
        }


def counts_by_step(program: Program, x: np.ndarray | Mapping[str, np.ndarray], trace: Trace) -> StepCounts:
    """Count a run step by step.

    Parameters
    ----------
    program : Program
        Its time is aligned: a population sees its sources in the same step.
    x : int (batch, steps, *shape), or {input name: array}
        What it was run on.
    trace : Trace
        Of that run, with every population recorded.

    Raises
    ------
    BadInput
        A population was not recorded, or x is not the input of this trace.

    >>> from lavalier.simulate import LIF, Dense, Input, Program, run
    >>> program = Program(
    ...     inputs={"in": Input((2,))},
    ...     populations={"hidden": LIF((2,), vth=3)},
    ...     connections=[Dense("in", "hidden", [[4, 0], [2, 2]])],
    ...     outputs=["hidden"],
    ... )
    >>> x = [[[1, 1], [0, 1]]]
    >>> steps = counts_by_step(program, x, run(program, x, record=["hidden"]))
    >>> steps.syn_ops["in -> hidden"], steps.syn_ops_unpruned["in -> hidden"]
    (array([[3, 1]]), array([[4, 2]]))
    """
    sent = dict(check_events(program, x))
    batch, steps = next(iter(sent.values())).shape[:2]
    states = {n: _recorded(program, trace, n, batch, steps) for n in program.populations}
    sent |= {n: s for n, (_, _, s) in states.items()}
    happened = {n: np.count_nonzero(events, axis=2) for n, events in sent.items()}
    found = StepCounts()
    for c in program.connections:
        events = _arriving(c, sent[c.source] != 0)
        found.syn_ops[c.name] = events @ c.fan_out
        found.syn_ops_unpruned[c.name] = events @ stored_fan_out(c)
        graded = program.message_bits(c.source) > 0
        found.multiply_adds[c.name] = found.syn_ops[c.name] * graded
        before = found.spikes_in.get(c.target, np.zeros((batch, steps), np.int64))
        found.spikes_in[c.target] = before + events.sum(axis=2)
    for name, neuron in program.populations.items():
        found.spikes_in.setdefault(name, np.zeros((batch, steps), np.int64))
        u, v, s = states[name]
        a_in = _synaptic_input(program, name, sent) if isinstance(neuron, GradedReLU) else None
        active = np.count_nonzero(_active(neuron, u, v, s) if a_in is None else a_in, axis=2)
        found.spikes_out[name] = happened[name]
        found.axon_out[name] = happened[name] * program.destinations(name)
        found.dendrite_updates_active[name] = active
        found.dendrite_updates_inactive[name] = neuron.size - active
    found.input_events.update({n: happened[n] for n in program.inputs})
    for name in program.outputs:
        read = happened[name] if program.sends(name) else np.full((batch, steps), program.size(name))
        found.output_events[name] = read
    return found


def stored_fan_out(connection: Connection) -> np.ndarray:
    """Weights that are stored for each source channel, zeros too where the form has a place for them.

    >>> from lavalier.simulate import Conv, Dense
    >>> stored_fan_out(Dense("a", "b", [[2, 0], [0, 0]]))
    array([2, 2])
    >>> stored_fan_out(Conv("a", "b", [[[2, 0]]], input_shape=(1, 3)))
    array([1, 2, 1])
    """
    if isinstance(connection, Dense):
        n_out, n_in = connection.shape
        return np.full(n_in, n_out, np.int64)
    if isinstance(connection, Conv):
        full = np.full_like(connection.weights, 2)
        return replace(connection, weights=full, num_weight_bits=8, sign_mode="mixed").fan_out
    return connection.fan_out


def _recorded(
    program: Program, trace: Trace, name: str, batch: int, steps: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return u, v and what was sent, each (batch, steps, neurons)."""
    if name not in trace.v:
        raise BadInput(f"'{name}' is not in the trace; record every population to count its steps")
    shape = (batch, steps, program.size(name))
    if trace.v[name].shape != (batch, steps, *program.shape(name)):
        raise BadInput(
            f"x has {batch} samples of {steps} steps; '{name}' is {trace.v[name].shape} in the trace"
        )
    u, v = (values[name].reshape(shape) for values in (trace.u, trace.v))
    s = trace.spikes[name].reshape(shape) if program.sends(name) else np.zeros(shape, np.uint8)
    return u, v, s


def _arriving(connection: Connection, events: np.ndarray) -> np.ndarray:
    """Return what arrives in each step: what was sent `delay` steps before."""
    late = np.zeros(events.shape, np.int64)
    late[:, connection.delay :] = events[:, : max(0, events.shape[1] - connection.delay)]
    return late


def _active(neuron: Neuron, u: np.ndarray, v: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Return where u or v was not at rest, v also before its reset."""
    before = []
    for values, first in ((u, neuron.u0), (v, neuron.v0)):  # type: ignore[union-attr]
        shifted = np.empty_like(values)
        shifted[:, 0], shifted[:, 1:] = np.ravel(first), values[:, :-1]
        before.append(shifted)
    moved = (u | v | before[0] | before[1]) != 0
    # a spike with u and v at rest before and after came from the bias, or from a threshold of 0 that is met
    return moved | ((s != 0) & (np.ravel(neuron.bias) != 0))  # type: ignore[union-attr]


def _synaptic_input(program: Program, name: str, sent: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return what the synapses give a population, int64 (batch, steps, neurons)."""
    total = np.zeros((*next(iter(sent.values())).shape[:2], program.size(name)), np.int64)
    for c in program.incoming(name):
        events = _arriving(c, sent[c.source])
        rows = deliver(c.matrix, c.weight_exp, events.reshape(-1, c.shape[1]).T)
        total = int32(total + rows.T.reshape(total.shape))
    return total
