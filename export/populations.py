"""A NIR graph as populations joined by matrices: what quantisation sees.

Linear nodes between two neuron nodes are multiplied into one matrix, and every gain (w_in, r, dt/tau) into
its rows, so that a population has alpha, beta, threshold and bias, and nothing else.
"""

from dataclasses import dataclass
from math import prod

import nir
import numpy as np

from ..simulate.cells import discretize
from ..simulate.errors import BadInput, LavalierError, Unsupported
from ..simulate.graph import NEURONS
from ..simulate.network import Network

HARDWARE = {"reset": "zero", "compare": ">", "order": "i-then-v", "output_lag": 0, "spikes": "single"}


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


def populations(network: Network) -> list[Population]:
    """Return the populations of a network, sources first.

    Raises
    ------
    Unsupported
        A node or the policy has no hardware form (yet); the message names it and what would do.
    """
    if refused := refusals(network):
        raise Unsupported(refused[0])
    return [_population(network, name) for name in _neurons(network)]


def refusals(network: Network) -> list[str]:
    """Return why a network has no hardware form (yet), in one sentence each; none if it has one."""
    policy = network.policy
    found = [
        f"the graph's {field} is {getattr(policy, field)!r}: no hardware form yet, {value!r} has one"
        for field, value in HARDWARE.items()
        if getattr(policy, field) != value
    ]
    loops = [part for part in network.parts if len(part) > 1 or part[0] in network.flat.targets[part[0]]]
    if loops:
        return found + [
            f"nodes {', '.join(part)} form a loop; loops have no hardware form yet" for part in loops
        ]
    for name in _neurons(network):
        try:
            _population(network, name)
        except LavalierError as error:
            found.append(str(error))
    return found


def _neurons(network: Network) -> list[str]:
    return [n for part in network.parts for n in part if isinstance(network.flat.nodes[n], NEURONS)]


def _population(network: Network, name: str) -> Population:
    node, dt = network.flat.nodes[name], network.policy.dt
    step = discretize(node, network.policy)
    shape = network.shapes[name]
    n = prod(shape)
    if step.reset is not None and np.any(step.reset):
        raise Unsupported(f"node '{name}': reset to {np.max(step.reset):g} has no hardware form; 0 has")
    alpha = np.zeros(n) if step.alpha is None else _flat(step.alpha, n)
    beta = _flat(step.beta, n)
    for field, kept in (("tau_syn", alpha), ("tau", beta)):
        if not np.all((kept >= 0) & (kept <= 1)):
            raise BadInput(f"node '{name}': {field} must be at least dt = {dt:g} s")
    weights, constant = _synapses(network, name)
    if np.any(constant[alpha > 0]):
        raise Unsupported(
            f"node '{name}': a bias that enters the current u has no hardware form; put it into v_leak"
        )
    gain = _flat(step.gain, n)
    into_u = _flat(np.asarray(step.w_in), n) * gain
    bias = constant * into_u + _flat(np.asarray(step.leak), n)
    threshold = None if step.threshold is None else _flat(step.threshold, n)
    if threshold is not None and np.any(threshold < 0):
        raise Unsupported(f"node '{name}': a threshold below 0 has no hardware form")
    rows = {source: into_u[:, None] * w for source, w in weights.items()}
    return Population(name, shape, alpha, beta, threshold, bias, rows)


def _flat(values: np.ndarray, n: int) -> np.ndarray:
    return np.broadcast_to(np.asarray(values, float).ravel(), n).astype(float)


def _synapses(network: Network, name: str) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Follow the linear nodes in front of `name` back to neurons and inputs: matrices and a constant."""
    n = prod(network.shapes[name])
    weights: dict[str, np.ndarray] = {}
    constant = np.zeros(n)
    for source in network.flat.sources[name]:
        node = network.flat.nodes[source]
        if isinstance(node, (nir.I, nir.LI, nir.CubaLI)):
            raise Unsupported(
                f"node '{name}' is fed by '{source}', which does not spike: no hardware form yet"
            )
        if source in network.flat.inputs or isinstance(node, NEURONS):
            _add(weights, source, np.eye(n))
            continue
        matrix, offset = _matrix(source, node, prod(network.shapes[source]))
        before, below = _synapses(network, source)
        for origin, earlier in before.items():
            _add(weights, origin, matrix @ earlier)
        constant = constant + matrix @ below + offset
    return weights, constant


def _add(weights: dict[str, np.ndarray], source: str, matrix: np.ndarray) -> None:
    weights[source] = weights[source] + matrix if source in weights else matrix


def _matrix(name: str, node: nir.NIRNode, n: int) -> tuple[np.ndarray, np.ndarray | float]:
    if isinstance(node, (nir.Affine, nir.Linear)) and node.weight.shape[1] == n:
        return node.weight.astype(float), node.bias.astype(float) if isinstance(node, nir.Affine) else 0.0
    if isinstance(node, nir.Scale):
        return np.diag(_flat(node.scale, n)), 0.0
    if isinstance(node, (nir.Input, nir.Output)):  # of a nested graph
        return np.eye(n), 0.0
    raise Unsupported(f"node '{name}' ({type(node).__name__}) has no hardware form yet")
