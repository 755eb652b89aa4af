"""Connection types as Lava processes; a function for each, in `SYNAPSES`.

Lava is imported inside the functions, so that the list can be read where Lava is not installed.
"""

from typing import Any

import numpy as np

from ..simulate.connections import Connection, Conv, Dense, Input, Sparse
from ..simulate.ranges import U_HALF_RANGE
from .forms import Form

INT8 = 127  # Lava's Conv holds its geometry in 8 bits, and goes wrong silently beyond


def dense(connection: Dense, message_bits: int) -> Any:
    """`Dense` is Lava's `Dense`."""
    from lava.proc.dense.process import Dense as LavaDense

    return LavaDense(weights=connection.weights, **_settings(connection, message_bits))


def sparse(connection: Sparse, message_bits: int) -> Any:
    """`Sparse` is Lava's `Sparse`."""
    from lava.proc.sparse.process import Sparse as LavaSparse
    from scipy.sparse import csr_matrix

    return LavaSparse(weights=csr_matrix(connection.weights), **_settings(connection, message_bits))


def _settings(connection: Connection, message_bits: int) -> dict[str, Any]:
    from lava.utils.weightutils import SignMode

    return {
        "weight_exp": connection.weight_exp,
        "num_weight_bits": connection.num_weight_bits,
        "num_message_bits": message_bits,
        # Lava would guess it from the signs, and read other bits
        "sign_mode": SignMode[connection.sign_mode.upper()],
        "name": connection.name,
    }


def conv(connection: Conv, message_bits: int) -> Any:
    """`Conv` is Lava's `Conv` over (x, y, channels), with the kernel flipped and the exponent in it."""
    from lava.proc.conv.process import Conv as LavaConv

    planar = connection.weights.reshape(*connection.weights.shape[:2], *_planar(connection, "kernel"))
    flipped = planar[:, :, ::-1, ::-1].transpose(0, 3, 2, 1)
    return LavaConv(
        weight=flipped << connection.weight_exp,
        input_shape=(*_planar(connection, "sizes")[::-1], connection.input_shape[0]),
        stride=_planar(connection, "stride")[::-1],
        padding=_planar(connection, "padding")[::-1],
        dilation=_planar(connection, "dilation")[::-1],
        groups=connection.groups,
        num_message_bits=message_bits,
        name=connection.name,
    )


def _planar(connection: Conv, field: str) -> Any:
    """Return a number for y and x; a convolution over one axis has one row."""
    own = {"kernel": connection.weights.shape[2:], "sizes": connection.input_shape[1:]}
    values = own.get(field) or getattr(connection, field)
    return (0 if field == "padding" else 1, *values)[-2:]


def _fits_lavas_conv(connection: Conv, message_bits: int) -> bool:
    """Whether Lava's `Conv` is exact: no shift down, no sum beyond 24 bits, no number beyond 8."""
    sizes = connection.weights.shape[2:], connection.input_shape[1:], connection.stride, connection.dilation
    padded = [2 * p for p in connection.padding]
    numbers = [n for group in sizes for n in group] + padded + [connection.groups]
    largest = int(np.abs(connection.weights).reshape(len(connection.weights), -1).sum(axis=1).max())
    reach = (largest * Input((1,), min(message_bits, 24)).largest) << max(connection.weight_exp, 0)
    return connection.weight_exp >= 0 and max(numbers) <= INT8 and reach < U_HALF_RANGE and message_bits <= 24


def own(connection: Connection, message_bits: int) -> Any:
    """What Lava has no exact process for is our `OwnSynapses`."""
    from .processes.process import OwnSynapses

    return OwnSynapses(connection.matrix, connection.weight_exp, message_bits > 0, connection.name)


SYNAPSES: dict[type, Form] = {
    Dense: Form("stock Dense", dense),
    Sparse: Form("stock Sparse", sparse),
    Conv: Form("stock Conv", conv),
}
OWN = Form("own OwnSynapses", own)


def form_of(connection: Connection, message_bits: int) -> Form:
    """Return the process of a connection whose source sends events of so many bits."""
    if isinstance(connection, Conv) and not _fits_lavas_conv(connection, message_bits):
        return OWN
    return SYNAPSES[type(connection)]
