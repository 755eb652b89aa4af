"""A connection as a NIR node, and back: an Affine, or a convolution where both its ends keep their axes.

What NIR has no word for stands in metadata: exponent, bits, signs, that zeros are no synapses, and the
kernel of a convolution whose source or target is flat.
"""

from collections.abc import Collection
from typing import Any, NamedTuple

import nir
import numpy as np

from .connections import CONNECTIONS, Connection, Conv, Dense
from .errors import BadInput, Unsupported
from .program import Program

KINDS = (nir.Affine, nir.Conv1d, nir.Conv2d)
COMMON = ("weight_exp", "num_weight_bits", "sign_mode")
GEOMETRY = ("input_shape", "stride", "padding", "dilation", "groups")
MATRIX_GIB = 2  # of an Affine in float32


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
    bias = bias.astype(np.float32)
    node: nir.NIRNode = _conv_node(connection, bias) if spoken else _affine(connection, bias)  # type: ignore[arg-type]
    node.metadata |= {name: getattr(connection, name) for name in COMMON}
    return node


def _conv_node(conv: Conv, bias: np.ndarray) -> nir.Conv1d | nir.Conv2d:
    weights = np.ldexp(conv.weights.astype(np.float32), conv.weight_exp)
    where: dict[str, Any] = {name: getattr(conv, name) for name in GEOMETRY}
    where["input_shape"] = conv.input_shape[1:]
    if weights.ndim == 4:
        return nir.Conv2d(weight=weights, bias=bias, **where)
    return nir.Conv1d(
        weight=weights, bias=bias, **{n: v[0] if isinstance(v, tuple) else v for n, v in where.items()}
    )


def _affine(connection: Connection, bias: np.ndarray) -> nir.Affine:
    """Write all pairs; what was sparse or a convolution says so in metadata."""
    n_out, n_in = connection.shape
    size = 4 * n_out * n_in / 2**30
    if size > MATRIX_GIB:
        raise Unsupported(
            f"connection '{connection.name}' is {n_out} x {n_in} as NIR's Affine, {size:.1f} GiB; "
            f"more than {MATRIX_GIB} are not written"
        )
    dense = isinstance(connection, Dense)
    matrix = connection.weights if dense else connection.matrix.toarray()
    node = nir.Affine(np.ldexp(matrix.astype(np.float32), connection.weight_exp), bias)
    node.metadata = {} if dense else {"synapses": type(connection).__name__}
    if isinstance(connection, Conv):
        node.metadata["kernel"] = connection.weights
        node.metadata |= {name: np.atleast_1d(getattr(connection, name)) for name in GEOMETRY}
    return node


class Part(NamedTuple):
    """A connection that is not made yet, so that nothing in it is checked; settings are by name."""

    kind: type[Connection]
    source: str
    target: str
    weights: Any
    settings: dict[str, Any]

    def made(self) -> Connection:
        """Return the connection itself."""
        return self.kind(self.source, self.target, self.weights, **self.settings)


def from_node(name: str, node: Any, source: str, target: str, delay: int) -> Part:
    """Read what `to_node` wrote."""
    given = node.metadata
    settings: dict[str, Any] = {field: given[field] for field in COMMON} | {"delay": delay}
    settings["sign_mode"] = str(settings["sign_mode"])
    kind = str(given.get("synapses", "Dense"))
    if isinstance(node, nir.Affine) and kind == "Conv":
        where = {field: given[field] for field in GEOMETRY}
        return Part(Conv, source, target, np.asarray(given["kernel"]), settings | _sizes(where))
    weights: Any = np.ldexp(node.weight.astype(np.float64), -int(settings["weight_exp"]))
    weights = whole(name, "weight", weights)
    if not isinstance(node, nir.Affine):
        where = {field: getattr(node, field) for field in GEOMETRY}
        where["input_shape"] = (weights.shape[1] * int(node.groups), *np.ravel(where["input_shape"]))
        return Part(Conv, source, target, weights, settings | _sizes(where))
    if kind == "Sparse":
        from scipy.sparse import csr_array

        weights = csr_array(weights)
    return Part(CONNECTIONS[kind], source, target, weights, settings)


def _sizes(where: dict[str, Any]) -> dict[str, Any]:
    """Return a geometry in whole numbers: one for groups, one for each axis of the rest."""
    sizes: dict[str, Any] = {
        field: tuple(int(n) for n in np.ravel(values)) for field, values in where.items()
    }
    (sizes["groups"],) = sizes["groups"]
    return sizes


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
