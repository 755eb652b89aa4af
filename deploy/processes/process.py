"""Bulk input as a Lava process. Lava executes every file beside it at compile time: only models here."""

from lava.magma.core.process.ports.ports import OutPort
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
