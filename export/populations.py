"""A NIR graph as populations joined by linear maps: what quantisation sees.

Nodes without memory between two populations are multiplied into one map, and every gain (w_in, r, dt/tau)
into its rows, so that a population has alpha, beta, threshold and bias, and nothing else. What stands as
several nodes because NIR has no word for it (a subtracting reset) is one population again.
"""

from dataclasses import dataclass
from math import prod

import nir
import numpy as np

from ..simulate.cells import Dynamics, discretize, policy_at
from ..simulate.errors import LavalierError, Unsupported
from ..simulate.graph import NEURONS
from ..simulate.network import Network, steps_of
from ..simulate.policy import Policy
from ..simulate.ranges import RANGES
from ..simulate.shapes import Shape, spread
from ..simulate.stateless import rule
from .linear_maps import LinearMap, added, followed_by, identity, map_of
from .to_modules.recognition import Found, find_neurons

HARDWARE = {"order": "i-then-v", "output_lag": 0, "spikes": "single"}
RESETS = ("zero", "subtract-delayed", "adaptive", "refractory", "none")

Key = tuple[str, int]  # a source, and how many steps late


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
    weights : {(source, delay): LinearMap}
        What is added to u for each event that the source sent `delay` steps ago.
    reset : "zero", "subtract-delayed", "adaptive", "refractory" or "none"
        "adaptive" takes the threshold one step later, as it is then; "refractory" is zero, and rest.
    at_threshold : bool
        Whether it also spikes where v equals the threshold.
    membrane : str
        The node that holds v.
    first_u : float (n), or 0
        u before the first step.
    kept_e, jump : float (n), or 0
        Share of the raised part of the threshold that is kept per step, and how much a spike adds to it.
    rest : int (n), or 0
        Steps after a spike in which v stays 0.
    """

    name: str
    shape: Shape
    alpha: np.ndarray
    beta: np.ndarray
    threshold: np.ndarray | None
    bias: np.ndarray
    weights: dict[Key, LinearMap]
    reset: str = "zero"
    at_threshold: bool = False
    membrane: str = ""
    first_u: np.ndarray | float = 0.0
    kept_e: np.ndarray | float = 0.0
    jump: np.ndarray | float = 0.0
    rest: np.ndarray | int = 0


def populations(network: Network) -> list[Population]:
    """Return the populations of a network, sources first.

    Raises
    ------
    Unsupported
        A node or the policy has no hardware form (yet); the message names it and what would do.
    """
    if refused := refusals(network):
        raise Unsupported(refused[0])
    reader = _Reader(network)
    return [reader.population(name) for name in reader.names]


def refusals(network: Network) -> list[str]:
    """Return why a network has no hardware form (yet), in one sentence each; none if it has one."""
    found = [
        f"the graph's {field} is {getattr(network.policy, field)!r}: no hardware form, {value!r} has one"
        for field, value in HARDWARE.items()
        if getattr(network.policy, field) != value
    ]
    if network.policy.recurrent_bias == "late" and network.has_loop_bias:
        found.append("the bias of a loop acts from the second step: no hardware form, 'kept' has one")
    reader = _Reader(network)
    for name in reader.names:
        try:
            reader.population(name)
        except LavalierError as error:
            found.append(str(error))
    return found


class _Reader:
    """A network with its populations found: single nodes, and fragments of several."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._found = find_neurons(network)
        inside = {node for found in self._found.values() for node in found.nodes} - self._found.keys()
        nodes = network.flat.nodes
        order = [n for part in network.parts for n in part if n not in inside]
        kinds = (*NEURONS, nir.Threshold)
        self.names = [n for n in order if n in self._found or isinstance(nodes[n], kinds)]

    def population(self, name: str) -> Population:
        """Read one population; its sources may not have been read yet."""
        network = self._network
        shape, n = network.shapes[name], prod(network.shapes[name])
        step, reset = self._step(name)
        if step.reset is not None and np.any(step.reset):
            raise Unsupported(f"node '{name}': reset to {np.max(step.reset):g} has no hardware form; 0 has")
        if reset not in RESETS:
            raise Unsupported(f"node '{name}': reset '{reset}' has no hardware form; {_or(RESETS)} have one")
        node = network.flat.nodes[name]
        spiking, equal = step.threshold is not None, policy_at(node, network.policy).compare == ">="
        if spiking and equal and reset != "zero":
            raise Unsupported(f"node '{name}': compare '>=' has a hardware form with reset 'zero' only")
        alpha = np.zeros(n) if step.alpha is None else _flat(step.alpha, shape)
        beta = _flat(step.beta, shape)
        threshold = None if step.threshold is None else _flat(step.threshold, shape)
        if threshold is not None and np.any(threshold < 0):
            raise Unsupported(f"node '{name}': a threshold below 0 has no hardware form")
        weights, constant = self._synapses(self._entry(name), 0)
        if np.any(constant[alpha == 1]):
            raise Unsupported(
                f"node '{name}': a bias into a current u that never decays has no hardware form; "
                "put it into v_leak"
            )
        into_u = _flat(step.w_in, shape) * _flat(step.gain, shape)
        # a constant c adds c (1 - alpha^(t + 1)) / (1 - alpha) to u: a bias of v, and a first u against it
        steady = np.divide(constant * into_u, 1 - alpha, out=np.zeros(n), where=alpha < 1)
        bias = steady + _flat(step.leak, shape)
        first_u = np.where(alpha > 0, -steady, 0)
        rows = {key: w.scaled(into_u) for key, w in weights.items()}
        membrane = f"{name}_membrane" if name in self._found else name
        kept_e, jump = (0.0 if a is None else _flat(a, shape) for a in (step.kept_e, step.jump))
        rest = self._rest(name, shape)
        return Population(
            name,
            shape,
            alpha,
            beta,
            threshold,
            bias,
            rows,
            reset,
            equal,
            membrane,
            first_u,
            kept_e,
            jump,
            rest,
        )

    def _rest(self, name: str, shape: Shape) -> np.ndarray | int:
        """Return how many steps v stays 0 after a spike, 0 where it does not."""
        if name not in self._found or not np.any(self._found[name].rest):
            return 0
        rest, most = _flat(np.asarray(self._found[name].rest), shape), RANGES["refractory"][1]
        if rest.max() > most:
            raise Unsupported(
                f"node '{name}': {rest.max():g} steps of rest have no hardware form; {most} have"
            )
        return rest.astype(int)

    def _step(self, name: str) -> tuple[Dynamics, str]:
        """Return the recurrence of a population and its reset."""
        node, policy = self._network.flat.nodes[name], self._network.policy
        if name in self._found:
            found: Found = self._found[name]
            return found.dynamics, "refractory" if np.any(found.rest) else found.reset
        if isinstance(node, nir.Threshold):  # it remembers nothing, so it needs no reset
            one, zero = np.ones(1), np.zeros(1)
            threshold = np.asarray(node.threshold, float)
            return Dynamics(None, one, zero, one, zero, threshold, zero), "zero"
        step = discretize(node, policy)
        if step.jump is not None:
            return step, "adaptive"
        return step, policy.reset if hasattr(node, "v_threshold") else "zero"

    def _entry(self, name: str) -> str:
        """Return the node of a population that takes its input."""
        if name not in self._found:
            return name
        nodes = self._found[name].nodes
        order = (f"{name}_gain", f"{name}_synapse", f"{name}_membrane")
        return next(node for node in order if node in nodes)

    def _synapses(
        self, name: str, delay: int, behind: tuple[str, ...] = ()
    ) -> tuple[dict[Key, LinearMap], np.ndarray]:
        """Follow what arrives at a node back to populations and inputs: maps and a constant."""
        network = self._network
        if name in behind:
            raise Unsupported(f"node '{name}' hears itself through no neuron: no hardware form")
        own = next((f.nodes for f in self._found.values() if name in f.nodes), set())
        weights: dict[Key, LinearMap] = {}
        constant = np.zeros(prod(network.shapes[name]))
        for source in network.flat.sources[name]:
            if source in own:
                continue  # the reset of a fragment
            late = delay + ((source, name) in network.delayed)
            found, offset = self._through(source, (*behind, name), late)
            constant = constant + offset
            for key, linear in found.items():
                weights[key] = added(weights[key], linear) if key in weights else linear
        return weights, constant

    def _through(
        self, source: str, targets: tuple[str, ...], delay: int
    ) -> tuple[dict[Key, LinearMap], np.ndarray]:
        """Return what comes through one source to the last target: a map for each population behind it."""
        network = self._network
        node, shape = network.flat.nodes[source], network.shapes_after[source]
        if isinstance(node, (nir.I, nir.LI, nir.CubaLI)):
            raise Unsupported(
                f"node '{targets[-1]}' is fed by '{source}', which does not spike: no hardware form yet"
            )
        if source in network.flat.inputs or source in self.names:
            return {(source, delay): identity(prod(shape))}, np.zeros(prod(shape))
        if isinstance(node, nir.Delay):
            steps = spread(steps_of(node, network.policy), shape)
            if np.any(steps != steps.flat[0]):
                raise Unsupported(f"node '{source}': delays that differ in a node have no hardware form yet")
            found, constant = self._synapses(source, delay + int(steps.flat[0]), targets)
            if np.any(constant):
                raise Unsupported(f"node '{source}' delays a bias: no hardware form; put the Delay before it")
            return found, constant
        return self._linear(source, delay, targets)

    def _linear(
        self, name: str, delay: int, targets: tuple[str, ...]
    ) -> tuple[dict[Key, LinearMap], np.ndarray]:
        """Let what arrives at a node without memory pass it."""
        network = self._network
        shape, node = network.shapes[name], network.flat.nodes[name]
        try:
            own = map_of(node, shape)
        except Unsupported as error:
            raise Unsupported(f"node '{name}': {error}; no hardware form") from error
        offset = np.zeros(prod(network.shapes_after[name]))
        if hasattr(node, "bias") and not network.drops_bias(name):
            offset = rule(node, shape, Policy(), np.dtype(float))(np.zeros((1, *shape))).ravel()
        found, below = self._synapses(name, delay, targets)
        if np.any(below):
            offset = offset + own.apply(below[None])[0]
        return {key: followed_by(w, own) for key, w in found.items()}, offset


def _flat(values: np.ndarray, shape: Shape) -> np.ndarray:
    return spread(np.asarray(values, float), shape).ravel()


def _or(names: tuple[str, ...]) -> str:
    return ", ".join(f"'{name}'" for name in names)
