"""Our own Lava processes. Lava executes every file beside them at compile time: only models here."""

from typing import Any

from lava.magma.core.process.ports.ports import InPort, OutPort  # codespell:ignore
from lava.magma.core.process.process import AbstractProcess


class Source(AbstractProcess):
    """Sends one row of an .npy file each step, then zeros.

    Parameters
    ----------
    path : str
        int32 (steps, size).
    size : int
    name : str
    """

    def __init__(self, path: str, size: int, name: str) -> None:
        super().__init__(path=path, size=size, name=name)
        self.s_out = OutPort((size,))


class Line(AbstractProcess):
    """Sends what it receives some steps later, without what would arrive in the next sample.

    Parameters
    ----------
    size : int
    wait : int
        Steps; 0 sends it on at once.
    delay : int
        Of the connection: what its source sends in the last `delay` steps of a sample is dropped.
    start, interval : int
        Lava's step, counted from 0, at which a sample begins for the source; steps of a sample.
    name : str
    """

    def __init__(self, size: int, wait: int, delay: int, start: int, interval: int, name: str) -> None:
        super().__init__(size=size, wait=wait, delay=delay, start=start, interval=interval, name=name)
        self.s_in = InPort((size,))  # codespell:ignore
        self.s_out = OutPort((size,))


class OwnSynapses(AbstractProcess):
    """Synapses that Lava's processes would not get right.

    Parameters
    ----------
    weights : scipy.sparse int32 (n_out, n_in)
    weight_exp : int
        The sum is shifted.
    graded : bool
        Whether events count by their value.
    name : str
    """

    def __init__(self, weights: Any, weight_exp: int, graded: bool, name: str) -> None:
        super().__init__(weights=weights, weight_exp=weight_exp, graded=graded, name=name)
        n_out, n_in = weights.shape
        self.s_in = InPort((n_in,))  # codespell:ignore
        self.a_out = OutPort((n_out,))


class OwnNeuron(AbstractProcess):
    """A population of a neuron type that Lava does not have, or that does not start from rest.

    Parameters
    ----------
    kind : str
        Name of the type in `simulate.neurons`.
    size : int
    registers : {register: int64 (size)}
    interval, offset : int
        As of Lava's `LIFReset`.
    name : str
    """

    def __init__(self, kind: str, size: int, registers: dict, interval: int, offset: int, name: str) -> None:
        settings = {"kind": kind, "registers": registers, "interval": interval, "offset": offset}
        super().__init__(size=size, name=name, **settings)
        self.a_in = InPort((size,))  # codespell:ignore
        self.s_out = OutPort((size,))
