"""The metrics that the field compares, by its own names: NeuroBench's, and the N-DNS challenge's.

Sources: NeuroBench 2.3.0, neurobench/metrics; Intel N-DNS Challenge, the proxy as its repository defines it.
"""

from typing import Any

import numpy as np

from ..connections import Conv, Dense
from ..errors import BadInput
from ..program import Program
from ..ranges import RANGES
from ..trace import Trace
from .amounts import parts_of, steps_of
from .counting import stored_fan_out

NEURON_OPS = 10  # syn_ops that an update is worth, N-DNS


def neurobench_metrics(program: Program, trace: Trace) -> dict[str, Any]:
    """Return NeuroBench's metrics of a run, by its keys; per sample where NeuroBench has them so.

    A synapse is an AC where spikes arrive and a MAC where graded events do; NeuroBench looks at the values of
    each call of a layer instead, so that the two may share the same sum otherwise. Its `Footprint` counts a
    torch module's floats; this is what the Program's integers take.

    Parameters
    ----------
    program : Program
        Its weights.
    trace : Trace
        Of it; `MembraneUpdates` is None if a spiking population was not recorded.

    Raises
    ------
    BadInput
        The trace has no counts of this program.

    Source: NeuroBench 2.3.0; zero weights count in `Dense` alone, and so does every step, of a loop also the
    first, in which nothing arrives.
    """
    parts = parts_of(program, trace.counts)
    steps = steps_of(program, parts)
    counts = trace.counts
    samples = len(parts[0].amounts["spikes_in"])
    effective = {False: 0, True: 0}  # whole, so that the quotient is NeuroBench's to the last bit
    for c in program.connections:
        effective[program.message_bits(c.source) > 0] += int(counts.syn_ops[c.name].sum())
    sending = [n for n in program.populations if program.sends(n)]
    silent = {n: 1 - float(counts.spikes_out[n].mean()) / (steps * program.size(n)) for n in sending if steps}
    neurons = sum(map(program.size, sending))
    zeros, weights = map(sum, zip(*(_zeros(c) for c in program.connections), strict=True))
    return {
        "Footprint": footprint(program),
        "ParameterCount": weights + sum(program.size(n) for n in program.populations),
        "ConnectionSparsity": round(zeros / weights, 4),
        "ActivationSparsity": sum(silent[n] * program.size(n) for n in silent) / neurons if neurons else 0.0,
        "ActivationSparsityByLayer": silent,
        "SynapticOperations": {
            "Effective_ACs": effective[False] / samples,
            "Effective_MACs": effective[True] / samples,
            "Dense": steps * sum(int(stored_fan_out(c).sum()) for c in program.connections),
        },
        "MembraneUpdates": _membrane_updates(program, trace, sending),
    }


def _zeros(connection: Any) -> tuple[int, int]:
    """Weights that are zero, and all, as a layer stores them: a kernel once."""
    if isinstance(connection, Dense | Conv):
        return int(np.count_nonzero(connection.weights == 0)), connection.weights.size
    return 0, connection.weights.nnz


def footprint(program: Program) -> int:
    """Bytes of a Program's integers: weights of `num_weight_bits`, a register of each neuron in its own bits.

    Indices and routing are not in it; `fit` has them. State is: u and v of 24 bits.

    >>> from lavalier.simulate import LIF, Dense, Input
    >>> footprint(
    ...     Program(
    ...         inputs={"in": Input((2,))},
    ...         populations={"a": LIF((1,))},
    ...         connections=[Dense("in", "a", [[2, 4]])],
    ...         outputs=["a"],
    ...     )
    ... )
    16
    """
    bits = sum(_zeros(c)[1] * c.num_weight_bits for c in program.connections)
    for neuron in program.populations.values():
        ends = [RANGES[register] for register in neuron.registers()]
        bits += neuron.size * sum((high - low).bit_length() for low, high in ends)
    return -(-bits // 8)


def _membrane_updates(program: Program, trace: Trace, sending: list[str]) -> float | None:
    """Return how often a membrane was another after a step than before; all of them in the first step."""
    if not all(n in trace.v for n in sending):
        return None
    changed = 0.0
    for name in sending:
        v = trace.v[name]
        changed += program.size(name) + np.count_nonzero(np.diff(v, axis=1)) / len(v)
    return changed


def ndns_metrics(
    program: Program, trace: Trace, latency_s: float, host_ops_per_s: float = 0.0
) -> dict[str, Any]:
    """Return N-DNS's power proxy and power-delay product of a run.

    Parameters
    ----------
    program : Program
        Its `dt` is real time.
    trace : Trace
        Of it.
    latency_s : float, at least 0, seconds
        Buffer, encoding and decoding, and the network: `Latency.algorithmic_s` and what computing takes.
    host_ops_per_s : float, at least 0
        Dense operations of encoder and decoder a second. The proxy leaves them out, DPSNN's formula has them
        in: a key of its own.

    Raises
    ------
    BadInput
        A negative time or number; a trace of another program.

    Source: Intel N-DNS Challenge: P_proxy = SynOPS + 10 NeuronOPS, PDP_proxy = P_proxy times latency.
    """
    if latency_s < 0 or host_ops_per_s < 0:
        raise BadInput(f"latency {latency_s} s and {host_ops_per_s} operations a second must be at least 0")
    parts = parts_of(program, trace.counts)
    seconds = steps_of(program, parts) * program.dt
    synops = sum(float(part.counts()["syn_ops"].mean()) for part in parts) / seconds
    neurons = sum(map(program.size, program.populations)) / program.dt
    power = synops + NEURON_OPS * neurons
    return {
        "SynOPS_per_s": synops,
        "NeuronOPS_per_s": neurons,
        "P_proxy_ops_per_s": power,
        "latency_s": latency_s,
        "PDP_proxy_ops": power * latency_s,
        "P_proxy_with_host_ops_per_s": power + host_ops_per_s,
        "PDP_proxy_with_host_ops": (power + host_ops_per_s) * latency_s,
    }
