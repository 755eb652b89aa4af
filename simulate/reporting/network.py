"""The network as a graph: boxes in columns from input to output, and what joins them."""

from dataclasses import dataclass

from ..connections import Conv
from ..errors import Unsupported
from ..program import Program


@dataclass(frozen=True)
class Box:
    """An input or a population; `column` counts synapses from the input, `row` boxes in a column."""

    name: str
    kind: str
    shape: list[int]
    neurons: int
    output: bool
    column: int
    row: int
    registers: dict[str, list[int]]  # lowest and highest of each


@dataclass(frozen=True)
class Edge:
    """A connection."""

    name: str
    source: str
    target: str
    kind: str
    shape: list[int]
    synapses: int
    bits: int
    exp: int
    delay: int


@dataclass(frozen=True)
class NetworkSection:
    """A Program: dt in seconds; latency in steps on hardware, None where a loop leaves it open."""

    dt_s: float
    latency_steps: int | None
    neurons: int
    synapses: int
    boxes: list[Box]
    edges: list[Edge]


def network_section(program: Program) -> NetworkSection:
    """Lay out a Program."""
    column = dict.fromkeys(program.inputs, 0)
    for name in program.populations:  # sorted: a source without delay comes first
        now = [column[c.source] for c in program.incoming(name) if c.source in column]
        column[name] = 1 + max(now, default=0)
    rows: dict[int, int] = {}
    boxes = []
    for name in [*program.inputs, *program.populations]:
        row = rows[column[name]] = rows.get(column[name], -1) + 1
        boxes.append(_box(program, name, column[name], row))
    edges = [
        Edge(
            c.name,
            c.source,
            c.target,
            type(c).__name__,
            list(c.weights.shape if isinstance(c, Conv) else c.shape),
            int(c.fan_out.sum()),
            c.num_weight_bits,
            c.weight_exp,
            c.delay,
        )
        for c in program.connections
    ]
    neurons = sum(program.size(name) for name in program.populations)
    return NetworkSection(
        program.dt, _latency(program), neurons, sum(e.synapses for e in edges), boxes, edges
    )


def _box(program: Program, name: str, column: int, row: int) -> Box:
    shape, output = list(program.shape(name)), name in program.outputs
    if name in program.inputs:
        bits = program.message_bits(name)
        kind = f"events of {bits} bits" if bits else "binary events"
        return Box(name, kind, shape, program.size(name), output, column, row, {})
    neuron = program.populations[name]
    values = {field: getattr(neuron, field) for field in neuron.registers()}
    ranges = {
        f: [int(v.min()), int(v.max())]
        for f, v in values.items()
        if v.size and (f not in ("u0", "v0") or v.any())
    }
    return Box(name, type(neuron).__name__, shape, program.size(name), output, column, row, ranges)


def _latency(program: Program) -> int | None:
    try:
        return program.latency
    except Unsupported:
        return None
