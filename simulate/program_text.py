"""A Program as text, for people and for golden files."""

import numpy as np

from .connections import Connection, Conv
from .errors import Unsupported
from .neurons import Neuron
from .program import Program


def to_text(program: Program) -> str:
    """One line for each part: kind, shape, and the range of every register."""
    lines = [f"program  dt {program.dt:g} s  {_latency(program)}"]
    for name, entry in program.inputs.items():
        kind = f"graded {entry.message_bits} bits" if entry.message_bits else "binary"
        kind += f"  scale {entry.scale:g} events per unit" if entry.scale != 1 else ""
        lines.append(f"input       {name}  {_shape(entry.shape)}  {kind}")
    for name, neuron in program.populations.items():
        lines.append(
            f"population  {name}  {type(neuron).__name__} {_shape(neuron.shape)}  {_registers(neuron)}"
        )
        for c in program.incoming(name):
            lines.append(
                f"connection  {c.name}  {_form(c)}  weights {_range(c.values)} * 2^{c.weight_exp}"
                f"  {c.num_weight_bits} bits"
                + (f" {c.sign_mode}" if c.sign_mode != "mixed" else "")
                + f"  {c.fan_out.sum()} synapses"
                + (f"  delay {c.delay}" if c.delay else "")
            )
    lines.append(f"output      {', '.join(program.outputs)}")
    return "\n".join(lines) + "\n"


def _latency(program: Program) -> str:
    try:
        return f"latency {program.latency} steps"
    except Unsupported as error:
        return f"no latency: {error}"


def _form(connection: Connection) -> str:
    """Return the type, what it joins, and of a convolution the windows that are not plain."""
    words = [type(connection).__name__.lower(), _shape(connection.shape)]
    if isinstance(connection, Conv):
        plain = {"stride": 1, "padding": 0, "dilation": 1}
        kernel, sizes = connection.weights.shape, connection.input_shape
        words = ["conv", f"{_shape(kernel)} on {_shape(sizes)}"]
        for name, value in plain.items():
            given: tuple[int, ...] = getattr(connection, name)
            words += [f"{name} {_shape(given)}"] if set(given) != {value} else []
        words += [f"groups {connection.groups}"] if connection.groups > 1 else []
    return " ".join(words)


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _registers(neuron: Neuron) -> str:
    registers = {field: getattr(neuron, field) for field in neuron.registers()}
    shown = {f: values for f, values in registers.items() if f not in ("u0", "v0") or values.any()}
    return "  ".join(f"{field} {_range(values)}" for field, values in shown.items())


def _range(values: np.ndarray) -> str:
    if not values.size:
        return "none"
    low, high = values.min(), values.max()
    return str(low) if low == high else f"{low}..{high}"
