"""A NIR graph in floats: the oracle for import, export and quantisation.

A node sees what its sources send in the same step, and several edges into a node add; an edge that closes
a loop hands on what was sent one step before. Nodes outside loops are run on all steps at once, the nodes
of a loop step by step. Dynamics follow the policy in the graph's metadata; the defaults are the convention
of most frameworks.

Source: nir 1.0.8 primitives; Pedersen et al., Nature Communications 15:8122 (2024).
"""

from collections.abc import Iterable, Mapping

import nir
import numpy as np

from .errors import BadInput
from .graph import NEURONS, SPIKING
from .loops import run_loop
from .network import Network, network_of, steps_of
from .nodes import Nodes, sum_of
from .trace import Trace, collect

RECORDABLE = (*NEURONS, nir.Threshold)


def run_graph(
    graph: nir.NIRGraph, x: np.ndarray | Mapping[str, np.ndarray], record: Iterable[str] = ()
) -> Trace:
    """Run a NIR graph in floats.

    Parameters
    ----------
    graph : nir.NIRGraph
        Any directed graph whose loops take time; a policy stands in its metadata, else the default.
    x : float (batch, steps, *shape), or {input name: array}
        float32 input is computed in float32, everything else in float64.
    record : names of neuron or Threshold nodes
        Spikes, u (where the node has a current) and v are kept. A node of a nested graph is named
        "outer.inner".

    Returns
    -------
    Trace
        Floats; without counts.

    Raises
    ------
    BadInput, Unsupported
        x does not fit, or the graph does not hold together (see `network_of`); the node is named.
    """
    return run_network(network_of(graph), x, record)


def run_network(
    network: Network, x: np.ndarray | Mapping[str, np.ndarray], record: Iterable[str] = ()
) -> Trace:
    """Run a graph that was checked already; see `run_graph`."""
    record = _check_record(network, record)
    nodes = Nodes(network, _inputs(network, x), record)
    spikes: dict[str, np.ndarray] = {}
    waiting = {name: len(targets) for name, targets in network.flat.targets.items()}
    for part in network.parts:
        _run_part(nodes, part)
        for name in part:
            if name in record and isinstance(network.flat.nodes[name], (*SPIKING, nir.Threshold)):
                spikes[name] = nodes.sent[name]
        for name in part:
            for source in network.flat.sources[name]:
                waiting[source] -= 1
                if not waiting[source]:
                    del nodes.sent[source]  # nobody needs it any more
    outputs = {name: _batch_first(nodes.sent[name]) for name in network.flat.outputs}
    spikes, u, v = (
        {name: _batch_first(a) for name, a in kept.items()} for kept in (spikes, nodes.u, nodes.v)
    )
    return Trace(output=collect(network.flat.outputs, outputs), spikes=spikes, u=u, v=v)


def recordable(network: Network) -> list[str]:
    """Return the nodes that have spikes or a state."""
    return [name for name, node in network.flat.nodes.items() if isinstance(node, RECORDABLE)]


def _check_record(network: Network, record: Iterable[str]) -> tuple[str, ...]:
    names = (record,) if isinstance(record, str) else tuple(record)
    known = recordable(network)
    for name in names:
        if name not in known:
            node = network.flat.nodes.get(name)
            what = f"there is no node '{name}'"
            if node is not None:
                what = f"node '{name}' ({type(node).__name__}) has neither spikes nor a state"
            raise BadInput(f"record: {what}; there are {', '.join(known)}")
    return tuple(name for name in known if name in names)


def _inputs(network: Network, x: np.ndarray | Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Check x; return it with the steps first."""
    names = network.flat.inputs
    given = x if isinstance(x, Mapping) else dict.fromkeys(names[:1], x)
    if sorted(given) != sorted(names):
        raise BadInput(f"inputs are {list(names)}, x has {list(given)}; give {{input name: array}}")
    arrays = {name: np.asarray(values) for name, values in given.items()}
    single = all(a.dtype == np.float32 for a in arrays.values())
    for name, values in arrays.items():
        if values.dtype.kind not in "biuf":
            raise BadInput(f"input '{name}': x holds {values.dtype}, not numbers")
        if not np.isfinite(values).all():
            raise BadInput(f"input '{name}': x holds {values[~np.isfinite(values)].flat[0]}")
        shape = network.shapes[name]
        if values.ndim < 2 or values.shape[2:] != shape:
            sizes = ", ".join(map(str, shape))
            raise BadInput(f"input '{name}': x is {values.shape}, not (batch, steps, {sizes})")
    if len({a.shape[:2] for a in arrays.values()}) > 1:
        raise BadInput("all inputs must have the same batch and steps")
    dtype = np.float32 if single else np.float64
    return {name: np.ascontiguousarray(a.swapaxes(0, 1), dtype) for name, a in arrays.items()}


def _batch_first(values: np.ndarray) -> np.ndarray:
    return np.array(values.swapaxes(0, 1), order="C")


def _run_part(nodes: Nodes, part: list[str]) -> None:
    """Run one node on all steps at once, or the nodes of a loop step by step."""
    network, name = nodes.network, part[0]
    if len(part) > 1 or name in network.flat.targets[name]:
        run_loop(nodes, part)
    elif name not in nodes.sent:
        total = sum_of([nodes.sent[source] for source in network.flat.sources[name]])
        nodes.sent[name] = _on_all_steps(nodes, name, total)


def _on_all_steps(nodes: Nodes, name: str, x: np.ndarray) -> np.ndarray:
    network = nodes.network
    node = network.flat.nodes[name]
    if isinstance(node, nir.Delay):
        return _shifted(x, np.broadcast_to(steps_of(node, network.policy), x.shape[2:]))
    if not isinstance(node, NEURONS):
        sent = nodes.rule(name)(x.reshape(-1, *x.shape[2:]))
        return sent.reshape(*x.shape[:2], *sent.shape[1:])
    step, sent = nodes.stepper(name), np.empty_like(x)
    for t in range(len(x)):
        sent[t] = step(t, x[t])
    return _shifted(sent, np.ones(x.shape[2:], int)) if name in network.late else sent


def _shifted(x: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Delay each element of a step by its own number of steps."""
    if steps.size and np.all(steps == 0):
        return x
    shifted = np.zeros_like(x)
    for n in np.unique(steps):
        there = steps == n
        shifted[n:, :, there] = x[: max(0, len(x) - n), :, there]
    return shifted
