"""A NIR graph out of the plain tree that a file holds: what is not as it must be is named.

Each node is checked by itself; whether nodes fit each other is seen later.

Source: nir 1.0.8, `nir.write` and the classes in `nir.ir`. Files from before nir 1.0 lack v_reset, w_in or
input_shape, and may state the types of nodes.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from math import prod
from typing import Any, NamedTuple

import nir
import numpy as np

from .errors import BadInput
from .hdf5_tree import Tree, is_name, short

MAX_GRAPHS = 16  # graphs in graphs
MAX_AXES = 16
MAX_WHOLE = 2**31 - 1
STATED = ("input_type", "output_type", "input_shape")  # of any node, by older files; not believed


def parse_graph(tree: Tree) -> nir.NIRGraph:
    """Make the graph that a file holds; nothing is inferred, added or left out.

    Parameters
    ----------
    tree : {name: tree, array, text or list of text}
        Read from a file: `hdf5_tree`.

    Raises
    ------
    BadInput
        Something is missing, unknown or not what it must be; the node and the field are named.
    """
    kind = _kind(tree, "the graph")
    if kind != "NIRGraph":
        raise BadInput(f"holds a single {kind}, not a graph")
    return _graph(tree, "", 1)


def _graph(tree: Tree, name: str, depth: int) -> nir.NIRGraph:
    with _about(f"node '{name}' (NIRGraph)" if name else "the graph"):
        if depth > MAX_GRAPHS:
            raise BadInput(f"is nested deeper than {MAX_GRAPHS} graphs")
        fields, metadata = _fields("NIRGraph", tree)
        edges = _edges(fields["edges"])
        if not isinstance(fields["nodes"], dict):
            raise BadInput("nodes must be a group")
    prefix = f"{name}." if name else ""
    nodes = {inner: _node(fields["nodes"][inner], prefix + inner, depth) for inner in fields["nodes"]}
    return nir.NIRGraph(nodes, edges, metadata, type_check=False)


def _node(tree: Any, name: str, depth: int) -> nir.NIRNode:
    kind = _kind(tree, f"node '{name}'")
    if kind == "NIRGraph":
        return _graph(tree, name, depth + 1)
    with _about(f"node '{name}' ({kind})"):
        fields, metadata = _fields(kind, tree)
        return getattr(nir, kind)(**KINDS[kind].arguments(fields), metadata=metadata)


@contextmanager
def _about(part: str) -> Iterator[None]:
    """Put the name of a node before what is wrong with it."""
    try:
        yield
    except BadInput as error:
        raise BadInput(f"{part}: {error}") from error


def _kind(tree: Any, part: str) -> str:
    kind = tree.get("type") if isinstance(tree, dict) else None
    if kind is None:
        raise BadInput(f"{part} has no type; a node is a group with 'type' and its fields")
    if not isinstance(kind, str) or kind not in KINDS:
        raise BadInput(f"{part} has type {short(kind)}; known are {', '.join(KINDS)}")
    return kind


def _fields(kind: str, tree: Tree) -> tuple[Tree, Tree]:
    """Return the fields of a node, and its metadata."""
    required, optional = KINDS[kind].required.split(), KINDS[kind].optional.split()
    for name in required:
        if name not in tree:
            way_out = "; the type without one is Linear" if (kind, name) == ("Affine", "bias") else ""
            raise BadInput(f"has no {name}{way_out}")
    for name in tree:
        if name not in ("type", "metadata", *STATED, *required, *optional):
            raise BadInput(f"has a field '{name}', unknown to {kind}; it may change what the node does")
    metadata = tree.get("metadata", {})
    if not isinstance(metadata, dict):
        raise BadInput("metadata must be a group")
    return {name: tree[name] for name in (*required, *optional) if name in tree}, _metadata(metadata)


def _metadata(tree: Tree) -> Tree:
    """Return a number as nir does: not as an array without axes."""
    plain = {name: _metadata(value) for name, value in tree.items() if isinstance(value, dict)}
    numbers = {name: value[()] for name, value in tree.items() if isinstance(value, np.ndarray)}
    return tree | plain | numbers


def _edges(value: Any) -> list[tuple[str, str]]:
    if isinstance(value, np.ndarray) and not value.size:
        return []  # what nir.write makes of an empty list
    edges: dict[tuple[str, str], None] = {}
    for edge in value if isinstance(value, list) else [value]:
        if not isinstance(edge, list) or len(edge) != 2 or not all(map(is_name, edge)):
            raise BadInput(f"edges must be pairs of names, not {short(edge)}")
        source, target = edge
        if (source, target) in edges:
            raise BadInput(f"edge {source} -> {target} stands twice")
        edges[source, target] = None
    return list(edges)


def _numbers(name: str, value: Any) -> np.ndarray:
    if not isinstance(value, np.ndarray):
        what = "a group" if isinstance(value, dict) else short(value)
        raise BadInput(f"{name} must be numbers, not {what}")
    if not value.size:
        raise BadInput(f"{name} {value.shape} holds no values")
    return np.atleast_1d(value)


def _sizes(name: str, value: Any, low: int, axes: int) -> tuple[int, ...]:
    """Return a whole number for each axis; a single one stands for all."""
    given = _numbers(name, value)
    if given.size not in (1, axes):
        raise BadInput(f"{name} has {given.size} numbers; it takes {axes}")
    numbers = given.ravel().astype(float)
    for number in numbers:
        if not (low <= number <= MAX_WHOLE and number.is_integer()):
            raise BadInput(f"{name} = {number:g} must be a whole number from {low} to {MAX_WHOLE}")
    return tuple(int(n) for n in np.broadcast_to(numbers, axes))


def _shape(name: str, value: Any) -> tuple[int, ...]:
    numbers = _numbers(name, value)
    if numbers.ndim > 1 or len(numbers) > MAX_AXES:
        raise BadInput(f"{name} must be a list of at most {MAX_AXES} numbers; it has shape {numbers.shape}")
    shape = _sizes(name, numbers, 1, len(numbers))
    if prod(shape) > MAX_WHOLE:
        raise BadInput(f"{name} = {shape} has more than {MAX_WHOLE} elements")
    return shape


def _parameter(name: str, value: Any) -> np.ndarray:
    values = _numbers(name, value)
    if (bad := values[~np.isfinite(values)]).size:
        endless = name in ("tau", "tau_mem") and np.isinf(bad[0])
        way_out = "; a neuron without leak is an IF or I" if endless else ""
        raise BadInput(f"{name} = {bad[0]} must be finite{way_out}")
    if name.startswith("tau") and (bad := values[values <= 0]).size:
        raise BadInput(f"{name} = {bad[0]} must be more than 0 s")
    if name == "delay" and (bad := values[values < 0]).size:
        raise BadInput(f"{name} = {bad[0]} must be 0 s or more")
    return values


def _elementwise(fields: Tree) -> Tree:
    """Return parameters in one shape, that of the largest; the others fit it by axes of 1 or as one value."""
    values = {name: _parameter(name, value) for name, value in fields.items()}
    # never more than the largest: a column and a row would make a huge array of a small file
    full = max(values, key=lambda name: (values[name].size, values[name].ndim))
    shape = values[full].shape
    for name, array in values.items():
        if array.size == 1:
            array = array.reshape((1,) * len(shape))
        if array.ndim != len(shape) or any(n not in (1, m) for n, m in zip(array.shape, shape, strict=True)):
            raise BadInput(f"{name} {array.shape} does not fit {full} {shape}; give both one shape")
        if array.shape != shape:
            array = np.broadcast_to(array, shape).copy()
        values[name] = array
    return values


def _linear(fields: Tree) -> Tree:
    weight = _parameter("weight", fields["weight"])
    if weight.ndim < 2:
        raise BadInput(f"weight {weight.shape} must be (out, in)")
    bias = {"bias": _bias(fields["bias"], weight.shape[:-1])} if "bias" in fields else {}
    return {"weight": weight, **bias}


def _bias(value: Any, shape: tuple[int, ...]) -> np.ndarray:
    bias = _parameter("bias", value)
    if bias.shape == shape:
        return bias
    if bias.size > 1:
        raise BadInput(f"bias {bias.shape} must be {shape}: a value for each output of the weight")
    return np.full(shape, bias.reshape(()))


def _convolution(fields: Tree, axes: int) -> Tree:
    weight = _parameter("weight", fields["weight"])
    if weight.ndim != axes + 2:
        raise BadInput(f"weight {weight.shape} must have {axes + 2} axes: out, in / groups, kernel")
    (groups,) = _sizes("groups", fields["groups"], 1, 1)
    if weight.shape[0] % groups:
        raise BadInput(f"groups = {groups} does not divide its {weight.shape[0]} outputs")
    found: Tree = {"input_shape": None}
    for name in ("input_shape", "stride", "padding", "dilation"):
        if name == "padding" and isinstance(fields[name], str):
            found[name] = _padding(fields[name])
        elif name in fields:
            sizes = _sizes(name, fields[name], int(name != "padding"), axes)
            found[name] = sizes if axes > 1 else sizes[0]
    return {"weight": weight, "bias": _bias(fields["bias"], weight.shape[:1]), "groups": groups, **found}


def _padding(text: str) -> str:
    if text not in ("same", "valid"):
        raise BadInput(f"padding = {short(text)} must be 'same', 'valid' or numbers")
    return text


def _pool(fields: Tree) -> Tree:
    return {name: np.array(_sizes(name, value, int(name != "padding"), 2)) for name, value in fields.items()}


def _flatten(fields: Tree) -> Tree:
    ends = {"start_dim": 1, "end_dim": -1}
    for name in ends.keys() & fields.keys():
        (ends[name],) = _sizes(name, fields[name], -MAX_AXES, 1)
    if not isinstance(fields.get("input_type"), np.ndarray):
        return {"input_type": None, **ends}
    shape = _shape("input_type", fields["input_type"])
    start, end = (n + len(shape) if n < 0 else n for n in ends.values())
    if not 0 <= start <= end < len(shape):
        raise BadInput(f"start_dim = {ends['start_dim']}, end_dim = {ends['end_dim']} are no axes of {shape}")
    return {"input_type": {"input": np.array(shape)}, **ends}


def _input(fields: Tree) -> Tree:
    return {"input_type": {"input": np.array(_shape("shape", fields["shape"]))}}


def _output(fields: Tree) -> Tree:
    """Return some shape in any case: what arrives decides it, not the file."""
    try:
        shape = _shape("shape", fields.get("shape"))
    except BadInput:
        shape = (1,)
    return {"output_type": {"output": np.array(shape)}}


class Kind(NamedTuple):
    """What a type of node holds, and how that becomes the arguments of nir's class."""

    arguments: Callable[[Tree], Tree]
    required: str
    optional: str = ""


_CONVOLUTION = "weight bias stride padding dilation groups"
KINDS: Mapping[str, Kind] = {
    "Input": Kind(_input, "shape"),
    "Output": Kind(_output, "", "shape"),
    "Affine": Kind(_linear, "weight bias"),
    "Linear": Kind(_linear, "weight"),
    "Conv1d": Kind(partial(_convolution, axes=1), _CONVOLUTION, "input_shape"),
    "Conv2d": Kind(partial(_convolution, axes=2), _CONVOLUTION, "input_shape"),
    "SumPool2d": Kind(_pool, "kernel_size stride padding"),
    "AvgPool2d": Kind(_pool, "kernel_size stride padding"),
    "Flatten": Kind(_flatten, "", "start_dim end_dim input_type"),
    "Scale": Kind(_elementwise, "scale"),
    "Threshold": Kind(_elementwise, "threshold"),
    "Delay": Kind(_elementwise, "delay"),
    "I": Kind(_elementwise, "r"),
    "IF": Kind(_elementwise, "r v_threshold", "v_reset"),
    "LI": Kind(_elementwise, "tau r v_leak"),
    "LIF": Kind(_elementwise, "tau r v_leak v_threshold", "v_reset"),
    "CubaLI": Kind(_elementwise, "tau_syn tau_mem r v_leak", "w_in"),
    "CubaLIF": Kind(_elementwise, "tau_syn tau_mem r v_leak v_threshold", "v_reset w_in"),
    "NIRGraph": Kind(dict, "nodes edges"),
}
