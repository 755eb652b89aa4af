"""A NIR graph that holds together: every node one we run, its shapes, and where its loops are delayed."""

from dataclasses import dataclass
from functools import cached_property

import nir
import numpy as np

from .cells import discretize
from .components import Edge, components
from .errors import BadInput, LavalierError, Unsupported
from .graph import NEURONS, SPIKING, Flat, delayed_edges, flatten
from .policy import Policy, policy_of
from .shapes import Shape, parameters, shape_after

WHOLE = 1e-6  # a delay may be that far, in steps, from a whole number of them
NEVER = 2**53
TIME_CONSTANTS = ("tau", "tau_syn", "tau_mem")


@dataclass(frozen=True)
class Network:
    """A checked graph, ready to be run.

    Attributes
    ----------
    flat : Flat
        Nested graphs inlined.
    policy : Policy
        What its metadata states.
    shapes : {node: tuple of int}
        What enters it, without batch and time.
    shapes_after : {node: tuple of int}
        What leaves it.
    """

    flat: Flat
    policy: Policy
    shapes: dict[str, Shape]
    shapes_after: dict[str, Shape]

    @cached_property
    def late(self) -> set[str]:
        """Nodes that send what they got in earlier steps only; they need no other delay in a loop."""
        nodes = self.flat.nodes
        spiking = {n for n, node in nodes.items() if isinstance(node, SPIKING)}
        return self._delays | (spiking if self.policy.output_lag else set())

    @cached_property
    def _delays(self) -> set[str]:
        nodes = self.flat.nodes.items()
        return {n for n, d in nodes if isinstance(d, nir.Delay) and np.all(steps_of(d, self.policy) >= 1)}

    @cached_property
    def delayed(self) -> set[Edge]:
        """Edges that hand on what was sent one step before."""
        return delayed_edges(self.flat, self.late)

    @cached_property
    def closing(self) -> set[Edge]:
        """Edges that close a loop, whatever delays it; the policy's recurrent_bias is about these."""
        return delayed_edges(self.flat, self._delays)

    @cached_property
    def parts(self) -> list[list[str]]:
        """Nodes in an order to run them in: each alone, or those of a loop together, sources first."""
        found = []
        for part in components(self.flat.nodes, self.flat.edges):
            inside = [(a, b) for a, b in self.flat.edges if a in part and b in part]
            now = [e for e in inside if e not in self.delayed and e[0] not in self.late]
            order = [n for names in components(part, now) for n in names]
            found.append(sorted(order, key=lambda name: name not in self.late))
        return found

    def drops_bias(self, name: str) -> bool:
        """Whether the policy ignores the bias of a node."""
        return self.policy.recurrent_bias == "dropped" and name in self._closers

    @property
    def has_loop_bias(self) -> bool:
        """Whether the policy's recurrent_bias makes a difference."""
        return any(np.any(getattr(self.flat.nodes[name], "bias", 0)) for name in self._closers)

    @cached_property
    def _closers(self) -> set[str]:
        """Nodes without memory that lead, through others like them, to the end of a loop."""
        found: set[str] = set()
        parts = components(self.flat.nodes, self.flat.edges)
        inside = {n: i for i, part in enumerate(parts) for n in part}
        border = {a for a, _ in self.closing}
        while border:
            border = {n for n in border - found if not isinstance(self.flat.nodes[n], (*NEURONS, nir.Delay))}
            found |= border
            border = {a for b in border for a in self.flat.sources[b] if inside[a] == inside[b]}
        return found


def network_of(graph: nir.NIRGraph) -> Network:
    """Check a graph: nodes, numbers, shapes and loops.

    Parameters
    ----------
    graph : nir.NIRGraph
        Its metadata may state a policy.

    Raises
    ------
    BadInput
        No input or output, an edge that ends nowhere, a number that is not finite, a time constant below
        dt, or shapes that do not meet; the node and the value are named.
    Unsupported
        A node without a rule, or a loop in which nothing takes time.
    """
    flat, policy = flatten(graph), policy_of(graph)
    for name, node in flat.nodes.items():
        _at(name, node, _check_numbers, policy)
    shapes, after = _shapes(flat)
    network = Network(flat, policy, shapes, after)
    _ = network.parts  # refuses loops that take no time
    return network


def steps_of(delay: nir.Delay, policy: Policy) -> np.ndarray:
    """Return a delay in steps.

    Raises
    ------
    Unsupported
        It is not a whole number of steps.
    """
    steps = np.asarray(delay.delay, np.float64) / policy.dt
    whole = np.rint(steps)
    if np.any(np.abs(steps - whole) > WHOLE):
        wrong = steps[np.abs(steps - whole) > WHOLE].flat[0]
        raise Unsupported(f"delay = {wrong * policy.dt:g} s is {wrong:g} steps of dt = {policy.dt:g} s")
    return np.minimum(whole, NEVER).astype(np.int64)


def _at(name: str, node: nir.NIRNode, check, *arguments):
    """Call a check of one node; its refusal gets the node's name."""
    try:
        return check(node, *arguments)
    except LavalierError as error:
        raise type(error)(f"node '{name}' ({type(node).__name__}): {error}") from error


def _check_numbers(node: nir.NIRNode, policy: Policy) -> None:
    for field, values in parameters(node).items():
        if values.dtype.kind not in "biuf":
            continue
        if values.size == 0:
            raise BadInput(f"{field} is empty")
        if not np.isfinite(values).all():
            wrong = values[~np.isfinite(values)].flat[0]
            raise BadInput(f"{field} holds {wrong}, which is not a number to compute with")
        if field in TIME_CONSTANTS:
            least = f"{field} = {values.min():g} s"
            if np.any(values <= 0):
                raise BadInput(f"{least} must be positive")
            # an exponential decay takes any time constant
            if policy.decay == "euler" and np.any(values < policy.dt * (1 - 1e-9)):
                raise BadInput(f"{least} is below dt = {policy.dt:g} s; give its own dt")
        if field == "delay" and np.any(values < 0):
            raise BadInput(f"delay = {values.min():g} s is negative")
    if isinstance(node, nir.Delay):
        steps_of(node, policy)
    if isinstance(node, NEURONS):
        discretize(node, policy)


def _shapes(flat: Flat) -> tuple[dict[str, Shape], dict[str, Shape]]:
    """Return what enters and what leaves each node, from the inputs on; all that meet must agree."""
    before: dict[str, Shape] = {}
    after: dict[str, Shape] = {}
    for name in flat.inputs:
        before[name] = after[name] = input_shape(name, flat.nodes[name])
    waiting = list(flat.inputs)
    while waiting:
        source = waiting.pop()
        for name in flat.targets[source]:
            if name not in before:
                before[name] = after[source]
                after[name] = _at(name, flat.nodes[name], shape_after, after[source])
                waiting.append(name)
    for a, b in flat.edges:
        if after[a] != before[b]:
            node = flat.nodes[b]
            raise BadInput(
                f"node '{b}' ({type(node).__name__}): adds inputs of different shapes, {before[b]} and "
                f"{after[a]} (from '{a}')"
            )
    return before, after


def input_shape(name: str, node: nir.NIRNode) -> Shape:
    """Return the shape that an Input node states."""
    shape = (node.input_type or {}).get("input")
    sizes = () if shape is None else tuple(int(n) for n in np.ravel(shape))
    if not sizes or min(sizes) < 1:
        raise BadInput(f"input '{name}': shape {shape} must state sizes of at least 1")
    return sizes
