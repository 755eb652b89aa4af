"""to_torch: a NIR graph as a torch module that can be trained, and exported again by from_torch."""

import copy
from itertools import chain

import nir
import numpy as np
import torch
from torch import nn

from ..simulate.network import Network, network_of
from .to_modules.graph import SpikingGraph
from .to_modules.recognition import Found, find_neurons
from .to_modules.rules import module_of, refractory_neuron, snn_neuron
from .to_modules.wiring import plan_of


def to_torch(graph: nir.NIRGraph) -> nn.Module:
    """Return a graph as a torch module with the same spikes, to be trained on.

    Every node that computes something becomes a submodule of its name ("." becomes "_"): layers of torch,
    neurons of snnTorch where those compute exactly the same (also where from_torch wrote one as several
    nodes), else own ones. Weights, biases, decays and thresholds are parameters; a number that all neurons
    of a layer share is one parameter. Spikes have snnTorch's atan surrogate gradient.

    Parameters
    ----------
    graph : nir.NIRGraph
        Any graph that `simulate.run` runs; a policy stands in its metadata, else the default.

    Returns
    -------
    nn.Module
        forward takes x (batch, steps, *shape), or {input: tensor}, and returns the output likewise; every
        call starts from rest. Its numbers are float32 if that holds all of them exactly, else float64;
        `.float()` rounds, `.double()` never does.

    Raises
    ------
    BadInput, Unsupported
        The graph does not hold together (see `simulate.network.network_of`); the node is named.

    Source: nir 1.0.8; snnTorch 1.0.0.

    >>> shape = np.array([1])
    >>> lif = nir.LIF(tau=2e-4 * shape, r=2 * shape, v_leak=0 * shape, v_threshold=shape, v_reset=0 * shape)
    >>> ends = {"input": nir.Input({"input": shape}), "output": nir.Output({"output": shape})}
    >>> module = to_torch(nir.NIRGraph({**ends, "lif": lif}, [("input", "lif"), ("lif", "output")]))
    >>> module
    SpikingGraph(
      (lif): Leaky()
    )
    >>> module(torch.full((1, 5, 1), 0.75))[0, :, 0].tolist()
    [0.0, 1.0, 0.0, 1.0, 0.0]
    """
    network = network_of(graph)
    found = find_neurons(network)
    part_of = {node: name for name, neuron in found.items() for node in neuron.nodes}
    layers: dict[str, nn.Module] = {}
    for name in network.flat.nodes:
        if name in found:
            layers[name] = _neuron(found[name])
        elif name not in part_of and (layer := _layer(network, name)) is not None:
            layers[name] = layer
    module = SpikingGraph(plan_of(network, part_of), layers)
    return module.float() if _is_float32(module) else module.double()


def _neuron(found: Found) -> nn.Module:
    """Return a neuron that stands as several nodes; a rest of one step is snnTorch's own delayed reset."""
    if np.all(np.asarray(found.rest) <= 1):
        return snn_neuron(found.dynamics, found.reset)
    return refractory_neuron(found.dynamics, np.asarray(found.rest))


def _layer(network: Network, name: str) -> nn.Module | None:
    node = network.flat.nodes[name]
    if network.drops_bias(name) and hasattr(node, "bias"):
        node = copy.copy(node)
        node.bias = np.zeros_like(node.bias)  # type: ignore[attr-defined]
    return module_of(node, network.shapes[name], network.policy)


def _is_float32(module: nn.Module) -> bool:
    numbers = (n for n in chain(module.parameters(), module.buffers()) if n.is_floating_point())
    return all(torch.equal(n.double(), n.float().double()) for n in numbers)
