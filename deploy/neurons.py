"""Neuron types as Lava processes; a function for each, in `PROCESSES`.

Lava is imported inside the functions, so that the list can be read where Lava is not installed.
"""

from typing import Any

import numpy as np

from ..simulate.errors import Unsupported
from ..simulate.neurons import LI, LIF, NEURONS
from ..simulate.program import Program
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


def check_neurons(program: Program) -> None:
    """Refuse what has no process here.

    Raises
    ------
    Unsupported
        A population of another type than LIF and LI, or one that does not start from rest.
    """
    for name, neuron in program.populations.items():
        kind = type(neuron)
        if PROCESSES[kind] is _missing:
            raise Unsupported(f"deploy: '{name}' is a {kind.__name__}; it has no Lava process here yet")
        if np.any(neuron.u0) or np.any(neuron.v0):  # type: ignore[union-attr]
            raise Unsupported(f"deploy: '{name}' starts from u0 and v0; not supported on Lava yet")


def _make_nothing(*_: Any) -> Any:
    raise NotImplementedError  # check_neurons comes first


_missing = Form("none", _make_nothing)
PROCESSES: dict[type, Form] = dict.fromkeys(NEURONS.values(), _missing) | {
    LIF: Form("stock LIFReset", lif),
    LI: Form("stock LIFReset", li),
}
