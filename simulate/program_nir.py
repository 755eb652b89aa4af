"""A Program as a NIR graph whose values lie on the hardware grid, and back.

Voltages are in weight units (64 units of v), so weights and thresholds are whole numbers, exact in
float32. Registers become time constants: tau = dt * 4096 / register, gains 1. What NIR has no word
for stands in metadata; the values themselves are read from the nodes.

| population            | NIR node        | bias                     |
|-----------------------|-----------------|--------------------------|
| no memory in u, leak  | LIF / LI        | in the first Affine      |
| no memory in u, no leak | IF / I        | in the first Affine      |
| anything else         | CubaLIF / CubaLI | v_leak                  |

A delayed connection has a Delay in front of its Affine, unless its loop implies the one step.

A register without decay next to others that have one gets tau = dt * 2^40: never infinite, and
2^-40 of the state per step is nothing to any float.
"""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import nir
import numpy as np

from .connection_nir import KINDS, Part, from_node, is_spoken, to_node, whole, with_axes
from .connections import Input
from .errors import BadInput, Unsupported
from .graph import delayed_edges, flatten
from .neurons import LI, LIF, NEURONS, PLIF, GradedReLU, Neuron
from .nir_file import first_difference
from .program import Program
from .ranges import DECAY_ONE, UNIT

VERSION = 1
NO_DECAY = 2.0**40


def is_program(graph: nir.NIRGraph) -> bool:
    """Whether `to_nir` made this graph."""
    return "lavalier_program" in (graph.metadata or {})


def to_nir(program: Program) -> nir.NIRGraph:
    """Write a Program as a NIR graph; `from_nir` gives the same Program back."""
    short = {c.name for c in program.connections if c.delay == 1}
    graph, closing = _graph(program, short)
    # a loop's own step needs no node where every reader puts it at the same place
    if _closing(graph) == closing:
        return graph
    graph, _ = _graph(program, set())
    return graph


def _closing(graph: nir.NIRGraph) -> set[tuple[str, str]] | None:
    """Return the edges that loops delay, None if one has nothing that takes time."""
    late = {name for name, node in graph.nodes.items() if isinstance(node, nir.Delay)}
    try:
        return delayed_edges(flatten(graph), late)
    except Unsupported:
        return None


def _graph(program: Program, implied: Collection[str]) -> tuple[nir.NIRGraph, set[tuple[str, str]]]:
    """Return the graph, and the edges of the implied connections, which get no Delay."""
    nodes: dict[str, nir.NIRNode] = {}
    edges: list[tuple[str, str]] = []
    closing = set()
    axes = with_axes(program)
    names = (*program.inputs, *program.populations)
    stated = {n: program.shape(n) if n in axes else (program.size(n),) for n in names}
    for place, (name, entry) in enumerate(program.inputs.items()):
        nodes[name] = nir.Input({"input": np.array(stated[name])})
        words = {"message_bits": entry.message_bits, "place": place}
        words |= {"scale": entry.scale} if entry.scale != 1 else {}
        nodes[name].metadata = {**words, **_lost_axes(entry.shape, stated[name])}
    exits = {n: n if _in_one_node(neuron) else f"{n}_fires" for n, neuron in program.populations.items()}
    for position, (name, shaped) in enumerate(program.populations.items()):
        neuron = shaped.reshaped(stated[name])
        incoming = program.incoming(name)
        spoken_bias = _spoken_bias(neuron, incoming, axes)
        nodes[name] = _neuron_node(neuron, program.dt, spoken_bias is not None)
        words = {"neuron": type(neuron).__name__, "position": position}
        nodes[name].metadata = {**words, **_lost_axes(shaped.shape, neuron.shape), **_wordless(neuron)}
        if exits[name] != name:
            nodes[exits[name]] = nir.Threshold(neuron.vth.astype(float))  # type: ignore[union-attr]
            nodes[exits[name]].metadata = {"fires_of": name}
            edges.append((name, exits[name]))
        for nth, c in enumerate(incoming):
            taken = [*nodes, *program.populations, *exits.values()]
            node = _free_name(f"{c.source}_to_{name}" + (f"_{c.delay}" if c.delay else ""), taken)
            spoken = is_spoken(c, axes)
            zeros = np.zeros(c.weights.shape[0] if spoken else neuron.size)
            nodes[node] = to_node(c, zeros if spoken_bias is None or nth else spoken_bias, spoken)
            path = [exits.get(c.source, c.source), node, name]
            if c.source in axes and not spoken:
                path.insert(1, _free_name(f"{node}_flat", taken))
                shape = {"input": np.array(stated[c.source])}
                nodes[path[1]] = nir.Flatten(shape, start_dim=0, end_dim=-1)
            if c.name in implied:
                closing.add((node, name))
            elif c.delay:
                path.insert(1, _free_name(f"{node}_delay", taken))
                nodes[path[1]] = nir.Delay(np.full(stated[c.source], c.delay * program.dt))
            edges += zip(path, path[1:], strict=False)
    for name in program.outputs:
        node = _free_name(f"{name}_output" if len(program.outputs) > 1 else "output", nodes)
        nodes[node] = nir.Output({"output": np.array(stated[name])})
        edges.append((exits[name], node))
    graph = nir.NIRGraph(nodes, edges, type_check=False)
    graph.metadata = {"lavalier_program": VERSION, "dt": program.dt}
    return graph, closing


def _lost_axes(shape: tuple[int, ...], stated: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Return the shape as metadata, if its node is flat: an Affine joins flat nodes."""
    return {"shape": np.array(shape)} if shape != stated else {}


def _shape(node: nir.NIRNode) -> tuple[int, ...]:
    """Return the shape that a node stands for."""
    return tuple(int(n) for n in np.ravel(node.metadata.get("shape", node.input_type["input"])))


def _in_one_node(neuron: Neuron) -> bool:
    """Whether NIR has a node for a type; the others are a membrane and a Threshold."""
    return type(neuron) in (LIF, PLIF, LI, GradedReLU)


def _wordless(neuron: Neuron) -> dict[str, np.ndarray]:
    """Return the registers that are in metadata: bias_exp, and those beyond a LIF's that are not 0."""
    spoken = ("du", "dv", "vth", "bias_mant", "bias_exp")
    more = {f: getattr(neuron, f) for f in neuron.registers() if f not in spoken}
    shown = {f: values for f, values in more.items() if np.any(values)}
    return shown if isinstance(neuron, GradedReLU) else {"bias_exp": neuron.bias_exp, **shown}


def from_nir(graph: nir.NIRGraph) -> Program:
    """Read back a graph that `to_nir` made, from disk or memory.

    Raises
    ------
    BadInput
        The graph is not a Program, or was changed so that it left the grid; the node is named.
    OutOfRange, Unsupported
        A value does not fit its register.
    """
    try:
        program = parts_of(graph).made()
    except (KeyError, AttributeError, TypeError, ValueError, OverflowError) as error:
        raise BadInput(f"a Program with a part missing or damaged ({error!r})") from error
    changed = first_difference(to_nir(program), graph)
    if changed:
        raise BadInput(f"a Program that was changed after it was written: {changed}")
    return program


Unmade = tuple[type[Neuron], tuple[int, ...], dict[str, np.ndarray]]


class Parts(NamedTuple):
    """A Program that is not made yet, so that registers and weights are not checked.

    Attributes
    ----------
    neurons : {population: (type, shape, registers)}
        Sorted as they were in the Program.
    """

    inputs: dict[str, Input]
    neurons: dict[str, Unmade]
    connections: list[Part]
    outputs: tuple[str, ...]
    dt: float

    def made(self) -> Program:
        """Return the Program itself."""
        populations = {n: kind(shape, **registers) for n, (kind, shape, registers) in self.neurons.items()}
        connections = tuple(part.made() for part in self.connections)
        return Program(self.inputs, populations, connections, self.outputs, self.dt)


def parts_of(graph: nir.NIRGraph) -> Parts:
    """Read the parts of a graph that `to_nir` made.

    Raises
    ------
    BadInput
        Not such a graph, a part is missing or damaged, or a value is no whole number of its unit.
    """
    if not is_program(graph):
        raise BadInput("a NIR graph, but not a Program; make one with `lavalier quantize`")
    version = graph.metadata["lavalier_program"]
    if version != VERSION:
        raise BadInput(f"Program format {version}; this lavalier reads format {VERSION}")
    try:
        return _read_parts(graph)
    except (KeyError, AttributeError, TypeError, ValueError, OverflowError) as error:
        raise BadInput(f"a Program with a part missing or damaged ({error!r})") from error


def _read_parts(graph: nir.NIRGraph) -> Parts:
    dt = float(graph.metadata["dt"])
    nodes, edges = graph.nodes, graph.edges
    source_of = {b: a for a, b in edges}
    target_of = {a: b for a, b in edges if isinstance(nodes[a], KINDS)}
    flattened = {name for name, node in nodes.items() if isinstance(node, nir.Flatten)}
    late = {name for name, node in nodes.items() if isinstance(node, nir.Delay)}
    closing = _closing(graph) or set()
    fires_of = {n: str(d.metadata["fires_of"]) for n, d in nodes.items() if "fires_of" in (d.metadata or {})}
    fires = {of: nodes[name] for name, of in fires_of.items()}
    entries = {n: node for n, node in nodes.items() if isinstance(node, nir.Input)}
    inputs = {
        n: Input(
            _shape(entries[n]),
            int(entries[n].metadata["message_bits"]),
            float(entries[n].metadata.get("scale", 1)),
        )
        for n in sorted(entries, key=lambda n: int(entries[n].metadata.get("place", 0)))
    }
    connections, biases = [], {}
    for name, node in nodes.items():
        if isinstance(node, KINDS):
            source, target = source_of[name], target_of[name]
            delay = int((name, target) in closing)
            if source in flattened:
                source = source_of[source]
            if source in late:
                delay = int(whole(source, "delay", nodes[source].delay / dt).ravel()[0])  # type: ignore[attr-defined]
                source = source_of[source]
            source = fires_of.get(source, source)
            connections.append(from_node(name, node, source, target, delay))
            ones = (1,) * (nodes[target].input_type["input"].size - 1)
            biases[target] = biases.get(target, 0) + node.bias.reshape(-1, *ones) * UNIT
    neurons = {n: node for n, node in nodes.items() if "position" in (node.metadata or {})}
    order = sorted(neurons, key=lambda name: int(neurons[name].metadata["position"]))
    read = {n: _read_neuron(n, neurons[n], fires.get(n), dt, biases.get(n, 0)) for n in order}
    outputs = tuple(fires_of.get(a, a) for a, b in edges if isinstance(nodes[b], nir.Output))
    return Parts(inputs, read, connections, outputs, dt)


def _free_name(name: str, taken: Mapping | list) -> str:
    while name in taken:
        name += "_"
    return name


def _spoken_bias(neuron: Neuron, incoming: list, axes: Collection[str]) -> np.ndarray | None:
    """Return the bias that the first node before a population can say; None if it cannot."""
    if not incoming or not _has_plain_form(neuron):
        return None
    bias = neuron.bias / UNIT  # type: ignore[union-attr]
    if not is_spoken(incoming[0], axes):
        return bias.ravel()
    by_channel = bias.reshape(bias.shape[0], -1)
    return by_channel[:, 0] if np.all(by_channel == by_channel[:, :1]) else None


def _has_plain_form(neuron: Neuron) -> bool:
    """Whether NIR's LIF, IF, LI or I says it: no memory in u, and either all leak or none does."""
    if isinstance(neuron, GradedReLU):
        return False
    return bool(np.all(neuron.du == DECAY_ONE - 1) and (np.all(neuron.dv) or not np.any(neuron.dv)))


def _neuron_node(neuron: Neuron, dt: float, bias_in_affine: bool) -> nir.NIRNode:
    if isinstance(neuron, GradedReLU):
        return nir.Threshold(neuron.vth.astype(float))
    zeros = np.zeros(neuron.shape)
    spiking = isinstance(neuron, LIF) and _in_one_node(neuron)
    threshold = {"v_threshold": _threshold(neuron), "v_reset": zeros} if spiking else {}  # type: ignore[arg-type]
    plain = _has_plain_form(neuron) and (bias_in_affine or not np.any(neuron.bias))
    if plain and not np.any(neuron.dv):
        return (nir.IF if spiking else nir.I)(r=zeros + 1 / dt, **threshold)
    gain_mem = _steps(neuron.dv)
    leak = zeros if plain or bias_in_affine else gain_mem * neuron.bias / UNIT
    membrane = {"r": gain_mem, "v_leak": leak, **threshold}
    if plain:
        return (nir.LIF if spiking else nir.LI)(tau=dt * gain_mem, **membrane)
    gain_syn = _steps(neuron.du + 1)
    cuba = nir.CubaLIF if spiking else nir.CubaLI
    return cuba(tau_syn=dt * gain_syn, tau_mem=dt * gain_mem, w_in=gain_syn, **membrane)


def _threshold(neuron: LIF) -> np.ndarray:
    """Return what v exceeds; a PLIF spikes one 64th of a weight below."""
    return neuron.vth - isinstance(neuron, PLIF) / UNIT


def _read_neuron(
    name: str, node: nir.NIRNode, fires: nir.NIRNode | None, dt: float, bias: np.ndarray | int
) -> Unmade:
    kind: Any = NEURONS[node.metadata["neuron"]]
    flat, shape = tuple(node.input_type["input"]), _shape(node)
    given = node.metadata.items()
    registers: dict = {f: np.asarray(v).reshape(flat) for f, v in given if f in kind.registers()}
    threshold = node if fires is None else fires
    if "vth" in kind.registers():
        values: Any = getattr(threshold, "threshold", getattr(threshold, "v_threshold", None))
        registers["vth"] = whole(name, "threshold", values + (kind is PLIF) / UNIT)
    if kind is GradedReLU:
        return kind, shape, _shaped(registers, shape)
    du, dv = np.full(flat, DECAY_ONE - 1), np.zeros(flat, int)
    if isinstance(node, (nir.LIF, nir.LI)):
        dv = _register(name, "tau", node.tau, dt)
    elif isinstance(node, (nir.CubaLIF, nir.CubaLI)):
        du = _register(name, "tau_syn", node.tau_syn, dt) - 1
        dv = _register(name, "tau_mem", node.tau_mem, dt)
    leak = getattr(node, "v_leak", 0)
    if np.any(leak):
        bias = bias + leak * UNIT / node.r  # type: ignore[attr-defined]
    mant = whole(name, "bias", np.ldexp(np.broadcast_to(bias, flat), -registers["bias_exp"]))
    registers |= {"du": du, "dv": dv, "bias_mant": mant}
    return kind, shape, _shaped(registers, shape)


def _shaped(registers: dict[str, np.ndarray], shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    return {field: values.reshape(shape) for field, values in registers.items()}


def _steps(register: np.ndarray) -> np.ndarray:
    """Time constant in steps of a decay register."""
    return np.where(register == 0, NO_DECAY, DECAY_ONE / np.maximum(register, 1))


def _register(name: str, field: str, tau: np.ndarray, dt: float) -> np.ndarray:
    return whole(name, field, DECAY_ONE * dt / tau)
