"""The layers of a lava-dl netx file as checked values; `netx` says what they mean."""

from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ..simulate.errors import BadInput, LavalierError, OutOfRange, Unsupported
from ..simulate.hdf5_tree import Tree, is_name, read_tree, short

LARGEST_SIZE = 2**24  # neurons of a layer
_NEURONS = {"type", "shape", "neuron", "weight", "bias"}
_SYNAPSES = _NEURONS | {"delay", "inFeatures", "outFeatures"}  # the features are those of weight
FIELDS = {
    "input": _NEURONS,
    "flatten": {"type", "shape"},
    "dense": _SYNAPSES,
    "dense_rec": _SYNAPSES | {"weight_rec"},
    "conv": _NEURONS
    | {"delay", "inChannels", "outChannels", "kernelSize", "stride", "padding", "dilation", "groups"},
}
NEURON_KINDS = ("CUBA", "LOIHI")
NEURON_FIELDS = {"type", "iDecay", "vDecay", "vThMant", "theta", "scaleRho", "tauRho"}  # Rho: of gradients
# what a Program does not keep, and the value that means that it is not there
ABSENT = {"refDelay": 1, "gradedSpike": 0, "wgtExp": 0, "weight_exp": 0, "messageBits": 0}


@dataclass(frozen=True)
class Layer:
    """One layer of a file.

    Parameters
    ----------
    place : int
        In the file, from 0.
    fields : tree
        What it holds, as `read_tree` gives it.

    Raises
    ------
    BadInput, Unsupported
        Its type is not known here, or it holds what a Program does not keep.
    """

    place: int
    fields: Tree

    def __post_init__(self) -> None:
        if self.kind not in FIELDS:
            raise Unsupported(f"type '{self.kind}' has no form here (supported: {', '.join(FIELDS)})")
        _refuse_more(self.fields, FIELDS[self.kind])
        if self.neuron is not None:
            self._check_neuron(self.neuron)

    def _check_neuron(self, neuron: Tree) -> None:
        kind = _word(neuron, "type", "neuron/")
        if kind not in NEURON_KINDS:
            known = " and ".join(NEURON_KINDS)
            raise Unsupported(f"neuron/type '{kind}' has no form in a Program (supported: {known})")
        _refuse_more(neuron, NEURON_FIELDS | ABSENT.keys(), "neuron/")
        for field in ABSENT.keys() & neuron.keys():
            values = self.numbers(f"neuron/{field}")
            if np.any(values != ABSENT[field]):
                given = short(values.tolist())
                raise Unsupported(f"neuron/{field} = {given} is not kept; it must be {ABSENT[field]}")

    @cached_property
    def kind(self) -> str:
        """What the file calls its type."""
        return _word(self.fields, "type")

    @property
    def name(self) -> str:
        """Type and place: the name of its population."""
        return f"{self.kind}{self.place}"

    @property
    def neuron(self) -> Tree | None:
        """The parameters of its neurons, if it has any."""
        found = self.fields.get("neuron")
        if found is not None and not isinstance(found, dict):
            raise BadInput("neuron is not a group")
        return found

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """What it gives: (n) or (channels, y, x).

        Raises
        ------
        BadInput, OutOfRange
            It is neither, or has too many neurons.
        """
        sizes = self.whole("shape", 1, LARGEST_SIZE)
        shape = tuple(sizes.ravel().tolist())
        if sizes.ndim != 1 or len(shape) not in (1, 3) or prod(shape) > LARGEST_SIZE:
            limit = f"(n) or (channels, y, x), up to {LARGEST_SIZE} neurons"
            raise BadInput(f"shape = {short(shape)} must be {limit}")
        return shape

    def numbers(self, field: str) -> np.ndarray:
        """Return the numbers of a field, all of them finite; `neuron/field` is one of the neuron's.

        Raises
        ------
        BadInput
            There is no such field, or it holds something else.
        Unsupported
            It is in parts, as complex weights are.
        """
        *group, name = field.split("/")
        values = (self.fields[group[0]] if group else self.fields).get(name)
        if values is None:
            raise BadInput(f"{field} is missing")
        if isinstance(values, dict):
            raise Unsupported(f"{field} is in parts ({short(sorted(values))}); one array has a form here")
        if not isinstance(values, np.ndarray) or not np.isfinite(values).all():
            raise BadInput(f"{field} holds something other than finite numbers")
        return values

    def whole(self, field: str, low: int, high: int) -> np.ndarray:
        """Return the whole numbers of a field, int32.

        Raises
        ------
        BadInput, Unsupported
            As `numbers`.
        OutOfRange
            One of them is not whole, or lies outside [low, high].
        """
        values = self.numbers(field)
        wrong = values[(values < low) | (values > high) | (values != np.floor(values))]
        if wrong.size:
            raise OutOfRange(f"{field} = {wrong.flat[0]} is not a whole number in [{low}, {high}]")
        return values.astype(np.int32)

    def each_channel(self, field: str, low: int, high: int, shape: tuple[int, ...]) -> np.ndarray:
        """Return whole numbers, of which the file has one for all or one for each channel; int32 (shape).

        Raises
        ------
        BadInput
            It has more or fewer.
        OutOfRange, Unsupported
            As `whole`.
        """
        values = self.whole(field, low, high)
        if values.size not in (1, shape[0]):
            raise BadInput(f"{field} holds {values.size} values for {shape[0]} channels")
        return np.broadcast_to(values.reshape(-1, *[1] * (len(shape) - 1)), shape)


def read_layers(path: str | Path) -> list[Layer]:
    """Read all layers of a netx file in their order.

    Raises
    ------
    BadInput, Unsupported
        Not an HDF5 file with a group `layer` of layers 0, 1, ...; or one of them is not known here.
    """
    try:
        tree = read_tree(Path(path), "layer", "netx")
        if not tree or tree.keys() != {str(place) for place in range(len(tree))}:
            raise BadInput(f"layers must be counted 0, 1, ...; the file has {short(sorted(tree))}")
    except LavalierError as error:
        raise type(error)(f"{path}: {error}") from error
    return [_layer(path, place, tree[str(place)]) for place in range(len(tree))]


def _layer(path: str | Path, place: int, fields: Any) -> Layer:
    try:
        if not isinstance(fields, dict):
            raise BadInput("not a group")
        return Layer(place, fields)
    except LavalierError as error:
        raise type(error)(f"{path}: layer {place}: {error}") from error


def _word(fields: Tree, field: str, where: str = "") -> str:
    found = fields.get(field)
    if isinstance(found, list) and len(found) == 1:  # as lava-dl writes the type of a layer
        found = found[0]
    if not is_name(found):
        raise BadInput(f"{where}{field} is missing, or not one word")
    return str(found)


def _refuse_more(fields: Tree, known: set[str], where: str = "") -> None:
    for field in sorted(fields.keys() - known):
        raise Unsupported(f"{where}{field} has no meaning here")
