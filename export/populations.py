"""A NIR graph as populations joined by matrices: what quantisation sees.

Linear nodes between two neuron nodes are multiplied into one matrix, and every gain (w_in, r, dt/tau) into
its rows, so that a population has alpha, beta, threshold and bias, and nothing else.
"""

from dataclasses import dataclass

import nir
import numpy as np

from ..simulate.errors import BadInput, Unsupported
from ..simulate.interpreter import NEURON_RULES, euler, forward_order, graph_dt


@dataclass(frozen=True)
class Population:
    """One neuron node in floats.

    Attributes
    ----------
    name : str
    shape : tuple of int
    alpha, beta : float (n), 0 to 1
        Share of u and v that is kept per step; alpha is 0 where u has no memory.
    threshold : float (n), or None for a population that does not spike
    bias : float (n)
        Added to v each step.
    weights : {source: float (n, n_source)}
        Added to u for each event.
    """

    name: str
    shape: tuple[int, ...]
    alpha: np.ndarray
    beta: np.ndarray
    threshold: np.ndarray | None
    bias: np.ndarray
    weights: dict[str, np.ndarray]


def populations(graph: nir.NIRGraph) -> list[Population]:
    """Return the populations of a graph, sources first.

    Raises
    ------
    Unsupported
        A node has no hardware form (yet); the message names it and what would do.
    """
    dt = graph_dt(graph)
    order = [n for n in forward_order(graph) if type(graph.nodes[n]) in NEURON_RULES]
    return [_population(graph, name, dt) for name in order]


def _population(graph: nir.NIRGraph, name: str, dt: float) -> Population:
    node = graph.nodes[name]
    step = euler(node, dt)
    shape = tuple(np.shape(step.beta))
    n = step.beta.size
    if np.any(step.reset):
        raise Unsupported(f"node '{name}': reset to {np.max(step.reset):g} has no hardware form; 0 has")
    alpha = np.zeros(n) if step.alpha is None else _flat(step.alpha, n)
    beta = _flat(step.beta, n)
    for field, kept in (("tau_syn", alpha), ("tau", beta)):
        if not np.all((kept >= 0) & (kept <= 1)):
            raise BadInput(f"node '{name}': {field} must be at least dt = {dt:g} s")
    weights, constant = _synapses(graph, name)
    if step.alpha is not None and np.any(constant):
        raise Unsupported(
            f"node '{name}': a bias that enters the current u has no hardware form; put it into v_leak"
        )
    gain = _flat(step.gain, n)
    into_u = _flat(np.asarray(step.w_in), n) * gain
    bias = constant * gain + _flat(np.asarray(step.leak), n)
    threshold = None if step.threshold is None else _flat(step.threshold, n)
    if threshold is not None and np.any(threshold < 0):
        raise Unsupported(f"node '{name}': a threshold below 0 has no hardware form")
    rows = {source: into_u[:, None] * w for source, w in weights.items()}
    return Population(name, shape, alpha, beta, threshold, bias, rows)


def _flat(values: np.ndarray, n: int) -> np.ndarray:
    return np.broadcast_to(np.asarray(values, float).ravel(), n).astype(float)


def _synapses(graph: nir.NIRGraph, name: str) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Follow the linear nodes in front of `name` back to neurons and inputs: matrices and a constant."""
    n = int(np.prod(graph.nodes[name].input_type["input"]))
    weights: dict[str, np.ndarray] = {}
    constant = np.zeros(n)
    for source, _ in (edge for edge in graph.edges if edge[1] == name):
        node = graph.nodes[source]
        if isinstance(node, (nir.I, nir.LI, nir.CubaLI)):
            raise Unsupported(
                f"node '{name}' is fed by '{source}', which does not spike: no hardware form yet"
            )
        if isinstance(node, nir.Input) or type(node) in NEURON_RULES:
            _add(weights, source, np.eye(n))
            continue
        matrix, offset = _matrix(source, node)
        before, below = _synapses(graph, source)
        for origin, earlier in before.items():
            _add(weights, origin, matrix @ earlier)
        constant = constant + matrix @ below + offset
    return weights, constant


def _add(weights: dict[str, np.ndarray], source: str, matrix: np.ndarray) -> None:
    weights[source] = weights[source] + matrix if source in weights else matrix


def _matrix(name: str, node: nir.NIRNode) -> tuple[np.ndarray, np.ndarray | float]:
    if isinstance(node, nir.Affine):
        return node.weight.astype(float), node.bias.astype(float)
    if isinstance(node, nir.Linear):
        return node.weight.astype(float), 0.0
    if isinstance(node, nir.Scale):
        return np.diag(node.scale.astype(float).ravel()), 0.0
    raise Unsupported(f"node '{name}' ({type(node).__name__}) has no hardware form yet")
