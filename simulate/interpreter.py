"""A NIR graph in floats: the oracle for import, export and quantisation.

Forward Euler with the graph's dt, i before v, strict comparison, reset to v_reset: the convention of most
frameworks (snnTorch, Norse). A node sees its sources at the same step; several edges into a node add.

Source: nir 1.0.8 primitives; Pedersen et al., Nature Communications 15:8122 (2024).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import nir
import numpy as np

from .errors import BadInput, Unsupported
from .events import check_record
from .trace import Trace, collect

DEFAULT_DT = 1e-4


class States(NamedTuple):
    """What a neuron node did; arrays (batch, steps, *shape)."""

    spikes: np.ndarray | None
    u: np.ndarray | None
    v: np.ndarray

    @property
    def sent(self) -> np.ndarray:
        """What the next node sees: spikes, or the membrane of a node without them."""
        return self.v if self.spikes is None else self.spikes


def run_graph(
    graph: nir.NIRGraph, x: np.ndarray | Mapping[str, np.ndarray], record: Iterable[str] = ()
) -> Trace:
    """Run a NIR graph in floats.

    Parameters
    ----------
    graph : nir.NIRGraph
        Feed-forward; dt from its metadata, else 1e-4 s.
    x : float (batch, steps, *shape), or {input name: array}
        float32 input is computed in float32, everything else in float64.
    record : names of neuron nodes
        Spikes, u (where the node has a current) and v are kept.

    Returns
    -------
    Trace
        Floats; without counts.

    Raises
    ------
    BadInput, Unsupported
        x does not fit, or a node or the graph's form has no rule here; the node is named.
    """
    dt = graph_dt(graph)
    inputs = [n for n, node in graph.nodes.items() if isinstance(node, nir.Input)]
    outputs = [n for n, node in graph.nodes.items() if isinstance(node, nir.Output)]
    neurons = [n for n, node in graph.nodes.items() if type(node) in NEURON_RULES]
    record = check_record(record, neurons)
    sent = _inputs(graph, inputs, x)
    kept: dict[str, States] = {}
    for name in forward_order(graph):
        node = graph.nodes[name]
        if name in sent:
            continue
        total = sum_edges(graph, name, sent)
        if type(node) in NEURON_RULES:
            states = NEURON_RULES[type(node)](node, total, dt)
            sent[name] = states.sent
            if name in record:
                kept[name] = states
        elif type(node) in LINEAR_RULES:
            sent[name] = LINEAR_RULES[type(node)](node, total)
        else:
            raise Unsupported(f"node '{name}' ({type(node).__name__}) has no float rule yet")
    return Trace(
        output=collect(tuple(outputs), {n: sent[n] for n in outputs}),
        spikes={n: s.spikes for n, s in kept.items() if s.spikes is not None},
        u={n: s.u for n, s in kept.items() if s.u is not None},
        v={n: s.v for n, s in kept.items()},
    )


def graph_dt(graph: nir.NIRGraph) -> float:
    """Return the graph's time step in seconds: its metadata, else 1e-4."""
    dt = (graph.metadata or {}).get("dt", DEFAULT_DT)
    try:
        seconds = float(dt)
    except (TypeError, ValueError):
        seconds = 0.0
    if not 0 < seconds < np.inf:
        raise BadInput(f"the graph's dt = {dt} must be a positive number of seconds")
    return seconds


def forward_order(graph: nir.NIRGraph) -> list[str]:
    """Sort the nodes so that each comes after its sources.

    Raises
    ------
    BadInput
        An edge ends nowhere.
    Unsupported
        The graph has a loop.
    """
    for edge in graph.edges:
        for end in edge:
            if end not in graph.nodes:
                raise BadInput(f"edge {edge[0]} -> {edge[1]}: there is no node '{end}'")
    order: dict[str, None] = {}
    waiting = dict.fromkeys(graph.nodes)
    while waiting:
        ready = [n for n in waiting if all(a in order for a, b in graph.edges if b == n)]
        if not ready:
            raise Unsupported(f"nodes {list(waiting)} form a loop; recurrent graphs are not supported yet")
        for name in ready:
            order[name] = waiting.pop(name)
    return list(order)


def sum_edges(graph: nir.NIRGraph, name: str, sent: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the sum of what the sources of node `name` sent."""
    sources = [a for a, b in graph.edges if b == name]
    if not sources:
        raise BadInput(f"node '{name}' has no input")
    total = sent[sources[0]]
    for source in sources[1:]:
        total = total + sent[source]
    return total


def _inputs(
    graph: nir.NIRGraph, names: list[str], x: np.ndarray | Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    given = x if isinstance(x, Mapping) else dict.fromkeys(names[:1], x)
    if sorted(given) != sorted(names):
        raise BadInput(f"inputs are {names}, x has {list(given)}")
    inputs = {}
    for name, values in given.items():
        values = np.asarray(values)
        if values.dtype.kind not in "biuf" or not np.isfinite(values).all():
            raise BadInput(f"input '{name}': x must hold finite numbers, not {values.dtype}")
        shape = tuple(graph.nodes[name].input_type["input"])
        if values.ndim < 2 or values.shape[2:] != shape:
            raise BadInput(f"input '{name}': x is {values.shape}, not (batch, steps, *{shape})")
        inputs[name] = values.astype(np.float32 if values.dtype == np.float32 else np.float64)
    return inputs


def _affine(node: nir.Affine, x: np.ndarray) -> np.ndarray:
    return x @ node.weight.astype(x.dtype).T + node.bias.astype(x.dtype)


def _linear(node: nir.Linear, x: np.ndarray) -> np.ndarray:
    return x @ node.weight.astype(x.dtype).T


def _scale(node: nir.Scale, x: np.ndarray) -> np.ndarray:
    return x * node.scale.astype(x.dtype)


LINEAR_RULES: dict[type, Callable] = {
    nir.Affine: _affine,
    nir.Linear: _linear,
    nir.Scale: _scale,
    nir.Output: lambda node, x: x,
}


class Euler(NamedTuple):
    """A neuron node in steps: u <- alpha u + w_in x (where it has a current), v <- beta v + gain u + leak."""

    alpha: np.ndarray | None
    w_in: np.ndarray | float
    beta: np.ndarray
    gain: np.ndarray
    leak: np.ndarray | float
    threshold: np.ndarray | None
    reset: np.ndarray | float


def euler(node: nir.NIRNode, dt: float) -> Euler:
    """Write a neuron node as its forward Euler step.

    Source: nir 1.0.8, docstrings of I, IF, LI, LIF, CubaLI, CubaLIF.
    """
    threshold = getattr(node, "v_threshold", None)
    reset = getattr(node, "v_reset", 0.0)
    if isinstance(node, (nir.I, nir.IF)):
        return Euler(None, 1.0, np.ones_like(node.r), node.r * dt, 0.0, threshold, reset)
    cuba = isinstance(node, (nir.CubaLI, nir.CubaLIF))
    share = dt / (node.tau_mem if cuba else node.tau)  # type: ignore[attr-defined]
    alpha = 1 - dt / node.tau_syn if cuba else None
    w_in = node.w_in * dt / node.tau_syn if cuba else 1.0
    return Euler(alpha, w_in, 1 - share, node.r * share, node.v_leak * share, threshold, reset)  # type: ignore[attr-defined]


def _run_neuron(node: nir.NIRNode, x: np.ndarray, dt: float) -> States:
    p = Euler(*(None if a is None else np.asarray(a, x.dtype) for a in euler(node, dt)))  # type: ignore
    u, v = np.zeros_like(x[:, 0]), np.zeros_like(x[:, 0])
    kept_u = None if p.alpha is None else np.empty_like(x)
    kept_v = np.empty_like(x)
    spikes = None if p.threshold is None else np.empty_like(x)
    for t in range(x.shape[1]):
        u = x[:, t] if p.alpha is None else p.alpha * u + p.w_in * x[:, t]
        v = p.beta * v + p.gain * u + p.leak
        if spikes is not None:
            fired = v > p.threshold
            v = np.where(fired, p.reset, v)
            spikes[:, t] = fired
        if kept_u is not None:
            kept_u[:, t] = u
        kept_v[:, t] = v
    return States(spikes, kept_u, kept_v)


NEURON_RULES: dict[type, Callable[[nir.NIRNode, np.ndarray, float], States]] = dict.fromkeys(
    (nir.I, nir.IF, nir.LI, nir.LIF, nir.CubaLI, nir.CubaLIF), _run_neuron
)
