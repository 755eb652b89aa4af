"""A connection as a NIR node, and back: an Affine, or a convolution where both its ends keep their axes.

What NIR has no word for stands in metadata: exponent, bits, signs, that zeros are no synapses, and the
kernel of a convolution whose source or target is flat.
"""

from collections.abc import Collection
from typing import Any

import nir
import numpy as np

from .connections import CONNECTIONS, Connection, Conv, Sparse
from .errors import BadInput, Unsupported
from .program import Program

KINDS = (nir.Affine, nir.Conv1d, nir.Conv2d)
COMMON = ("weight_exp", "num_weight_bits", "sign_mode")
GEOMETRY = ("input_shape", "stride", "padding", "dilation", "groups")
MATRIX_BYTES = 2**31  # of an Affine in float32


def with_axes(program: Program) -> set[str]:
    """Return the inputs and populations whose nodes keep their axes: only convolutions lead to them.

    NIR can flatten what has axes, but never give axes to what is flat.
    """
    shapes = {n: part.shape for n, part in (*program.inputs.items(), *program.populations.items())}
    convs = [c for c in program.connections if isinstance(c, Conv)]
    kept = {c.source for c in convs if c.source in program.inputs and c.input_shape == shapes[c.source]}
    kept |= {
        n
        for n in program.populations
        if all(isinstance(c, Conv) and c.windows == shapes[n] for c in program.incoming(n))
    }
    while wrong := {
        c.target
        for c in convs
        if c.target in kept and not (c.source in kept and c.input_shape == shapes[c.source])
    }:
        kept -= wrong
    return kept


def is_spoken(connection: Connection, axes: Collection[str]) -> bool:
    """Whether NIR has a node for a connection between nodes of which `axes` keep theirs."""
    return isinstance(connection, Conv) and connection.target in axes


def to_node(connection: Connection, bias: np.ndarray, spoken: bool) -> nir.NIRNode:
    """Write a connection; `bias` (n_out), or (channels out) for a convolution, in units of a weight."""
    settings = {name: getattr(connection, name) for name in COMMON}
    exp, bias = connection.weight_exp, bias.astype(np.float32)
    if isinstance(connection, Conv) and spoken:
        weights = np.ldexp(connection.weights.astype(np.float32), exp)
        geometry: dict[str, Any] = {name: getattr(connection, name) for name in GEOMETRY}
        geometry["input_shape"] = connection.input_shape[1:]
        kind: Any = nir.Conv2d
        if weights.ndim == 3:
            kind = nir.Conv1d
            for name in ("input_shape", "stride", "padding", "dilation"):
                (geometry[name],) = geometry[name]
        node = kind(weight=weights, bias=bias, **geometry)
    else:
        n_out, n_in = connection.shape
        if 4 * n_out * n_in > MATRIX_BYTES:
            raise Unsupported(
                f"connection '{connection.name}' is {n_out} x {n_in} as NIR's Affine, "
                f"{4 * n_out * n_in / 2**30:.1f} GiB; more than {MATRIX_BYTES / 2**30:g} are not written"
            )
        matrix = connection.matrix.toarray() if isinstance(connection, (Sparse, Conv)) else connection.weights
        node = nir.Affine(np.ldexp(matrix.astype(np.float32), exp), bias)
        if isinstance(connection, (Sparse, Conv)):
            settings["synapses"] = type(connection).__name__
        if isinstance(connection, Conv):
            settings["kernel"] = connection.weights
            settings |= {name: np.atleast_1d(getattr(connection, name)) for name in GEOMETRY}
    node.metadata = settings
    return node


def from_node(name: str, node: Any, source: str, target: str, delay: int) -> Connection:
    """Read what `to_node` wrote."""
    given = node.metadata
    settings: dict[str, Any] = {field: given[field] for field in COMMON} | {"delay": delay}
    settings["sign_mode"] = str(settings["sign_mode"])
    kind = str(given.get("synapses", "Dense"))
    if isinstance(node, (nir.Conv1d, nir.Conv2d)):
        geometry: dict[str, Any] = {field: _sizes(getattr(node, field)) for field in GEOMETRY}
        channels = node.weight.shape[1] * int(node.groups)
        geometry["input_shape"] = (channels, *geometry["input_shape"])
    else:
        geometry = {field: _sizes(given[field]) for field in GEOMETRY} if kind == "Conv" else {}
    if geometry:
        (geometry["groups"],) = geometry["groups"]
    if kind == "Conv" and not isinstance(node, (nir.Conv1d, nir.Conv2d)):
        return Conv(source, target, np.asarray(given["kernel"]), **settings, **geometry)
    exp = int(settings["weight_exp"])
    weights: Any = whole(name, "weight", np.ldexp(node.weight.astype(np.float64), -exp))
    if geometry:
        return Conv(source, target, weights, **settings, **geometry)
    if kind == "Sparse":
        from scipy.sparse import csr_array

        weights = csr_array(weights)
    return CONNECTIONS[kind](source, target, weights, **settings)


def _sizes(values: Any) -> tuple[int, ...]:
    return tuple(int(n) for n in np.ravel(values))


def whole(name: str, field: str, values: np.ndarray) -> np.ndarray:
    """Return values as integers.

    Raises
    ------
    BadInput
        One is none.
    """
    nearest = np.rint(values)
    if not np.all(np.abs(values - nearest) < 1e-6):
        raise BadInput(f"node '{name}': {field} is not on the hardware grid")
    return nearest.astype(np.int64)
