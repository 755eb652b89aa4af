"""Neuron types as Lava processes; a function for each, in `PROCESSES`.

Lava is imported inside the functions, so that the list can be read where Lava is not installed.
"""

from typing import Any

import numpy as np

from ..simulate.neurons import LI, LIF, NEURONS, Neuron
from .forms import Form

OUT_OF_REACH = 1 << 17  # shifted by 6 it is 2^23; v saturates one below


def lif(neuron: LIF, name: str, interval: int, offset: int) -> Any:
    """`LIF` is Lava's `LIFReset` with the same registers."""
    return _lif_reset(neuron, np.ravel(neuron.vth), name, interval, offset)


def li(neuron: LI, name: str, interval: int, offset: int) -> Any:
    """`LI` is Lava's `LIFReset` whose threshold no membrane reaches."""
    return _lif_reset(neuron, OUT_OF_REACH, name, interval, offset)


def _lif_reset(neuron: LIF | LI, vth: Any, name: str, interval: int, offset: int) -> Any:
    from lava.proc.lif.process import LIFReset

    registers: Any = {f: np.ravel(getattr(neuron, f)) for f in ("du", "dv", "bias_mant", "bias_exp")}
    return LIFReset(
        shape=(neuron.size,),
        vth=vth,
        **registers,
        reset_interval=interval,
        reset_offset=offset,
        name=name,
    )


def own(neuron: Neuron, name: str, interval: int, offset: int) -> Any:
    """A type that Lava does not have is our `OwnNeuron`."""
    from .processes.process import OwnNeuron

    registers = {f: np.ravel(getattr(neuron, f)).astype(np.int64) for f in neuron.registers()}
    return OwnNeuron(type(neuron).__name__, neuron.size, registers, interval, offset, name)


OWN = Form("own OwnNeuron", own)
PROCESSES: dict[type, Form] = dict.fromkeys(NEURONS.values(), OWN) | {
    LIF: Form("stock LIFReset", lif),
    LI: Form("stock LIFReset", li),
}


def form_of(neuron: Neuron) -> Form:
    """Return the process of a population; one that does not start from rest is our own."""
    starts_moved = any(np.any(getattr(neuron, field, 0)) for field in ("u0", "v0"))
    return OWN if starts_moved else PROCESSES[type(neuron)]
