"""lava-dl networks (netx, HDF5) as Programs: the integers of the file, exactly."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ..simulate.connections import Connection, Conv, Dense, Input, Sparse, with_delays
from ..simulate.errors import BadInput, LavalierError, Unsupported
from ..simulate.neurons import LI, LIF
from ..simulate.program import Program
from ..simulate.ranges import DECAY_ONE, RANGES, V_SHIFT
from .netx_layers import Layer, read_layers

Shape = tuple[int, ...]
WEIGHTS = (-256, 255)
OUT_OF_REACH = 2**17  # from this threshold on not even a saturated v spikes
LARGEST_STRIDE = 127  # 8 bits in Lava's Conv, as padding, dilation and groups
LARGEST_THRESHOLD = 2**18 - 1  # as slayer writes one that is out of reach
INPUT_WEIGHT = 64  # 1.0 in lava-dl
INPUT_BITS, FRACTION_BITS = 16, 8  # of what enters an input layer that has neurons


def read_netx(
    path: str | Path, input_shape: Sequence[int] | None = None, input_low: int = 0, dt: float = 1e-3
) -> Program:
    """Read a network that lava-dl exported as HDF5.

    Populations are named by type and place, as `conv1` and `dense4`; the input is `input`. Shapes are
    those of torch and of the file, (channels, y, x) or (n); what is flattened counts in that order.

    x is (batch, steps, *shape of the first layer): spikes. If the first layer has neurons itself, as in
    PilotNet, x is graded: whole numbers from 0 to 65535 that count 256ths from `input_low` on, and
    `input0` integrates floor(weight * x / 256) + weight * input_low + bias each step.

    Time is aligned: in netx each layer is a step later. Delays are those of axons, as in slayer: what a
    layer sends arrives late. Those of the last layer become a population of relays, as `dense4_late`.

    Parameters
    ----------
    path : str or Path
        Layers input, dense, dense_rec, conv, flatten, with CUBA neurons or none: then u adds up all that
        arrives, v = u + bias, and nothing spikes (`LI`).
    input_shape : (channels, y, x), optional
        What a file takes that begins with a convolution, and so does not say it.
    input_low : int
        What x = 0 stands for in a graded input. PilotNet's images are 2 * image - 1, from -1 to 1: give
        -1, and x is 512 * image.
    dt : float
        Duration of a step, seconds; the file does not say.

    Returns
    -------
    Program
        Its output is the last layer.

    Raises
    ------
    BadInput
        Not such a file, damaged, or its parts do not fit together.
    OutOfRange
        A number does not fit its register.
    Unsupported
        A layer, neuron or field that has no exact form in a Program.
        Messages name file, layer, value and limit.

    Source: lava-dl 0.6.0, lava/lib/dl/netx/hdf5.py, lava/lib/dl/slayer/block/base.py; docs/netx.md says
    where netx itself computes something else: weights that it shrinks, delays that it drops.

    >>> import h5py, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with h5py.File(f"{folder}/one.net", "w") as file:
    ...         layer = file.create_group("layer/0")
    ...         layer["type"], layer["shape"], layer["weight"] = "dense", [1], [[2, -4]]
    ...     program = read_netx(f"{folder}/one.net")
    >>> program.connections[0].name, program.connections[0].weights.tolist()
    ('input -> dense0', [[2, -4]])
    """
    chain = _Chain(None if input_shape is None else tuple(input_shape), input_low)
    for layer in read_layers(path):
        try:
            _ADD[layer.kind](chain, layer)
        except LavalierError as error:
            raise type(error)(f"{path}: layer {layer.place} ({layer.kind}): {error}") from error
    try:
        return chain.program(dt)
    except LavalierError as error:
        raise type(error)(f"{path}: {error}") from error


@dataclass
class _Chain:
    """What stands of a Program, and its end, where the next layer begins."""

    takes: Shape | None  # the shape that enters, if the caller says it
    low: int  # what event 0 of a graded input stands for
    inputs: dict[str, Input] = field(default_factory=dict)
    populations: dict[str, LIF | LI] = field(default_factory=dict)
    connections: list[Connection] = field(default_factory=list)
    end: str = ""
    shape: Shape = ()  # of the end
    delays: np.ndarray = field(default_factory=lambda: np.zeros(1, np.int32))  # of its axons, (shape)

    def begin(self, shape: Shape, message_bits: int = 0) -> None:
        """Let events enter."""
        if self.end:
            raise BadInput("only the first layer can be an input")
        if self.takes not in (None, shape):
            raise BadInput(f"input_shape is {self.takes}, the file says {shape}")
        entry = Input(shape, message_bits)
        self.inputs["input"], self.end, self.shape = entry, "input", entry.shape

    def grow(self, layer: Layer, neurons: LIF | LI, synapses: Sequence[Connection]) -> None:
        """Put the neurons of a layer behind the end."""
        self.populations[layer.name] = neurons
        self.connections += synapses
        self.end, self.shape, self.delays = layer.name, neurons.shape, np.zeros(1, np.int32)
        if "delay" in layer.fields:
            self.delays = layer.each_channel("delay", *RANGES["delay"], neurons.shape)
        if isinstance(neurons, LI) and self.delays.any():
            raise Unsupported("delay: the layer sends no spikes that could be late")

    def program(self, dt: float) -> Program:
        """Return it; relays behind the end if its axons have delays."""
        if self.delays.any():
            late, delays = f"{self.end}_late", self.delays.ravel()
            self.populations[late] = LIF(self.shape, vth=1)
            for steps in np.unique(delays):
                some = np.where(delays == steps, 2, 0)
                self.connections.append(_one_to_one(self.end, late, some, delay=int(steps)))
            self.end = late
        return Program(self.inputs, self.populations, tuple(self.connections), (self.end,), dt)


def _input(chain: _Chain, layer: Layer) -> None:
    if layer.neuron is None:
        for name in sorted({"weight", "bias"} & layer.fields.keys()):
            raise Unsupported(f"{name} has no meaning without neurons")
        return chain.begin(layer.shape)
    if np.any(layer.whole("neuron/iDecay", 0, DECAY_ONE) != DECAY_ONE):
        raise Unsupported(f"neuron/iDecay must be {DECAY_ONE}: netx gives an input to v, past any current")
    chain.begin(layer.shape, INPUT_BITS)
    weight = layer.each_channel("weight", *WEIGHTS, (1,)) if "weight" in layer.fields else INPUT_WEIGHT
    weights, settings = _stored(np.broadcast_to(weight, prod(layer.shape)))
    synapses = _one_to_one(chain.end, layer.name, weights, weight_exp=-FRACTION_BITS, **settings)
    chain.grow(layer, _neurons(layer, layer.shape, chain.low * weight), [synapses])


def _flatten(chain: _Chain, layer: Layer) -> None:
    if chain.end and prod(chain.shape) != prod(layer.shape):
        raise BadInput(f"shape = {layer.shape} does not hold the {chain.shape} of '{chain.end}'")


def _dense(chain: _Chain, layer: Layer) -> None:
    n = prod(layer.shape)
    weights = _matrix(layer, "weight", n)
    if not chain.end:
        chain.begin(chain.takes or weights.shape[1:])
    _check_size(weights, "weight", prod(chain.shape))
    weights, settings = _stored(weights)
    dense = Dense(chain.end, layer.name, weights, **settings)
    synapses = [dense]
    if chain.delays.any() and weights.any():
        synapses = with_delays(dense, np.broadcast_to(chain.delays.ravel(), dense.shape))
    chain.grow(layer, _neurons(layer, (n,)), synapses)


def _dense_rec(chain: _Chain, layer: Layer) -> None:
    n = prod(layer.shape)
    back = _matrix(layer, "weight_rec", n)
    _check_size(back, "weight_rec", n)
    _dense(chain, layer)
    weights, settings = _stored(back)
    chain.connections.append(Dense(layer.name, layer.name, weights, delay=1, **settings))


def _conv(chain: _Chain, layer: Layer) -> None:
    if not chain.end:
        if chain.takes is None:
            raise BadInput("no input layer says what it takes; give input_shape=(channels, y, x)")
        chain.begin(chain.takes)
    kernels = layer.whole("weight", *WEIGHTS)
    if kernels.ndim == 5 and kernels.shape[4] == 1:  # time, in older files
        kernels = kernels[..., 0]
    weights, settings = _stored(kernels)
    for name in ("stride", "padding", "dilation", "groups"):
        settings[name] = _few(layer, name)
    conv = Conv(chain.end, layer.name, weights, input_shape=chain.shape, **settings)
    if conv.windows != layer.shape:
        raise BadInput(f"shape = {layer.shape}, but its windows are {conv.windows}")
    synapses = _late(conv, chain.delays) if chain.delays.any() else [conv]
    chain.grow(layer, _neurons(layer, layer.shape), synapses)


_ADD = {"input": _input, "flatten": _flatten, "dense": _dense, "dense_rec": _dense_rec, "conv": _conv}


def _few(layer: Layer, name: str) -> list[int]:
    """Return one number, or one for each axis."""
    values = layer.whole(name, 0, LARGEST_STRIDE).ravel().tolist()
    if len(values) not in (1, 2):
        raise BadInput(f"{name} holds {len(values)} values, not one for each axis")
    return values


def _late(conv: Conv, delays: np.ndarray) -> list[Conv]:
    """Return a convolution for each delay, of the channels that have it; delays are (channels, y, x)."""
    n_out, n_in = conv.weights.shape[:2]
    of_channel = delays[:, 0, 0].reshape(conv.groups, 1, n_in)
    steps = np.broadcast_to(of_channel, (conv.groups, n_out // conv.groups, n_in)).reshape(n_out, n_in, 1, 1)
    return [
        replace(conv, weights=np.where(steps == d, conv.weights, 0), delay=int(d)) for d in np.unique(steps)
    ]


def _neurons(layer: Layer, shape: Shape, more_bias: np.ndarray | int = 0) -> LIF | LI:
    """Return neurons with the registers that netx would set."""
    bias: dict[str, Any] = {"bias_mant": more_bias, "bias_exp": V_SHIFT}
    if "bias" in layer.fields:
        bias["bias_mant"] = layer.each_channel("bias", *RANGES["bias_mant"], shape) + more_bias
    if layer.neuron is None:
        return LI(shape, du=-1, dv=DECAY_ONE, **bias)
    du = layer.each_channel("neuron/iDecay", 0, DECAY_ONE, shape) - 1
    dv = layer.each_channel("neuron/vDecay", 0, DECAY_ONE, shape)
    vth = layer.each_channel("neuron/vThMant", 0, LARGEST_THRESHOLD, shape)
    if np.all(vth >= OUT_OF_REACH):
        return LI(shape, du, dv, **bias)
    return LIF(shape, du, dv, vth, **bias)


def _stored(weights: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    """Return weights and settings of synapses that hold them: odd ones need one sign, or halves."""
    if np.any(weights % 2):
        low, high = weights.min(), weights.max()
        if low >= 0:
            return weights, {"sign_mode": "excitatory"}
        if high <= 0:
            return weights, {"sign_mode": "inhibitory"}
        if -128 <= low and high <= 127:
            return 2 * weights, {"weight_exp": -1}
    return weights, {}


def _matrix(layer: Layer, name: str, n_out: int) -> np.ndarray:
    """Return weights (n_out, n_in); a row for a single neuron, or all of them in a row, in older files."""
    weights = layer.whole(name, *WEIGHTS)
    if weights.ndim == 1 and weights.size % n_out == 0:
        weights = weights.reshape(n_out, -1)
    if weights.ndim != 2 or len(weights) != n_out or not weights.size:
        raise BadInput(f"{name} {weights.shape} must be (out, in) with a row for each of {n_out} neurons")
    return weights


def _check_size(weights: np.ndarray, name: str, n_in: int) -> None:
    if weights.shape[1] != n_in:
        raise BadInput(f"{name} {weights.shape} (out, in) does not take {n_in} channels")


def _one_to_one(source: str, target: str, weights: np.ndarray, **settings: Any) -> Sparse:
    """Join each channel to one neuron."""
    from scipy.sparse import csr_array

    place = np.arange(weights.size + 1)
    matrix = csr_array((weights, place[:-1], place), shape=(weights.size, weights.size))
    return Sparse(source, target, matrix, **settings)
