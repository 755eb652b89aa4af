"""One step of the synapses and neurons that Lava does not have, for our own Lava processes; NumPy, no Lava.

A third writing of `simulate.reference`, which it must equal: populations at once, in wide integers that are
wrapped to 32 bits as Lava's are.
"""

from typing import NamedTuple

import numpy as np

from ..simulate.ranges import U_HALF_RANGE, V_MAX, V_SHIFT
from ..simulate.wide import decayed, int32

SUBTRACT = ("LIFSubtract", "ALIF")  # the threshold goes from v a step after a spike
KEEP = ("LIFSubtract", "ALIF", "LIFNoReset", "LI", "GradedLI")  # v goes on after a spike

Arrays = dict[str, np.ndarray]


class Taken(NamedTuple):
    """What one step gave: what is sent, and where u wrapped, v was cut, and anything moved."""

    sent: np.ndarray
    wrapped: np.ndarray
    cut: np.ndarray
    active: np.ndarray


def at_rest(registers: Arrays, size: int) -> Arrays:
    """Return the state before a sample: u, v, raised threshold, whether it spiked, steps of rest."""
    zeros = np.zeros(size, np.int64)
    start = {"u": registers.get("u0", zeros), "v": registers.get("v0", zeros)}
    return {k: a.astype(np.int64) for k, a in start.items()} | {k: zeros for k in ("e", "held", "rest")}


def take_step(kind: str, registers: Arrays, state: Arrays, a_in: np.ndarray) -> Taken:
    """Take one step.

    Parameters
    ----------
    kind : str
        Name of a neuron type.
    registers : {register: int64 (n)}
        Of the type.
    state : {name: int64 (n)}
        Changed.
    a_in : int64 (n)
        What the synapses give.
    """
    if kind == "GradedReLU":
        never = np.zeros(a_in.size, bool)
        return Taken(np.where(a_in > registers["vth"], a_in, 0), never, never, a_in != 0)
    before = state["u"] | state["v"]
    current = int32(decayed(state["u"], registers["du"] + 1) + int32(a_in << V_SHIFT))
    u = np.where(current > U_HALF_RANGE, int32(current - 2 * U_HALF_RANGE), current)
    u = np.where(u <= -U_HALF_RANGE, int32(current + 2 * U_HALF_RANGE), u)
    threshold = registers.get("vth", np.zeros_like(u)) << V_SHIFT
    if kind == "ALIF":
        raised = decayed(state["e"], registers["de"]) + state["held"] * registers["jump"]
        state["e"] = np.minimum(raised, V_MAX)
        threshold = threshold + state["e"]
    bias = registers["bias_mant"] << registers["bias_exp"]
    total = int32(decayed(state["v"], registers["dv"]) + u + bias)
    if kind in SUBTRACT:
        total = int32(total - state["held"] * threshold)
    resting = state["rest"] > 0
    total = np.where(resting, state["v"], total)
    v = np.clip(total, -V_MAX, V_MAX)
    fired = ((v >= threshold) if kind == "PLIF" else (v > threshold)) & ~resting
    if kind == "LI":
        fired[:] = False
    state["rest"] = np.where(resting, state["rest"] - 1, fired * registers.get("refractory", 0))
    state["held"] = fired.astype(np.int64)
    state["u"], state["v"] = u, v if kind in KEEP else np.where(fired, 0, v)
    sent = np.where(fired, v >> V_SHIFT, 0) if kind == "GradedLI" else state["held"]
    return Taken(sent, u != current, v != total, (before | u | v) != 0)
