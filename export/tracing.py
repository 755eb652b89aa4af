"""from_torch: run a module, find out what it computes, write that as NIR, and prove it by running both.

The steps, in from_modules: runs follows one run; connections finds the pattern that all steps share; layers
writes every layer as standard nodes; wiring joins them; habits orders them as others read them; verification
compares.
"""

from typing import Any

import nir
import numpy as np
import torch
from torch import nn

from ..simulate.errors import BadInput, Unsupported
from ..simulate.network import network_of
from .from_modules import own_layers, snn_layers, torch_layers  # noqa: F401, they register their layers
from .from_modules.batchnorm import fold_batch_norms
from .from_modules.calls import Layer, is_neuron
from .from_modules.connections import Connection, connections, needed
from .from_modules.habits import ordered, without_late_bias
from .from_modules.layers import Place, fragment
from .from_modules.provenance import INPUT, OUTPUT
from .from_modules.runs import Run, run_module
from .from_modules.snn_fragments import Fragment
from .from_modules.verification import verify
from .from_modules.wiring import wire


def from_torch(module: nn.Module, example: Any, dt: float = 1e-4) -> nir.NIRGraph:
    """Export a torch module to NIR, verified by running both.

    Parameters
    ----------
    module : nn.Module
        Layers of snnTorch and torch (see `layers.SUPPORTED`), joined by sums and multiples, feed-forward
        or recurrent. The time loop is inside `forward` (x with all steps in, batch or time first) or
        outside (x of one step in; states hidden, or returned after the output and given back). If
        forward returns a tuple, its first element is the output.
    example : array or tensor (batch, steps, *shape)
        Input to trace and verify with; take real data, a layer that is silent is not tested. If it
        holds whole numbers, their range is noted as the input's event size.
    dt : float, seconds
        Duration of a step.

    Returns
    -------
    nir.NIRGraph
        Parameters in float64, dt in the metadata. A layer's spikes leave the node that is called as
        the layer ('.' becomes '_'). metadata["ties"] says where float32 rounds a spike away, if it does.

    Raises
    ------
    BadInput
        The example does not fit the module.
    Unsupported
        A layer, or the way the layers are joined, has no exact form here.
    Mismatch
        The graph does not do what the module does; names layer, sample, step and neuron.
    """
    x = _check_example(example)
    if not any(map(is_neuron, module.modules())):
        raise Unsupported(
            "the module has no spiking neuron or readout; is the time loop in plain torch code?"
        )
    run = run_module(module, x)
    found = needed(connections(run.layers, run.output))
    fragments, layers = _fragments(run, x, found, dt)
    fragments, found = fold_batch_norms(fragments, layers, found)
    graph = ordered(wire(fragments, layers, found, dt))
    network_of(graph)  # refuses what does not hold together
    usual = without_late_bias(graph)
    if not verify(usual, run, x):
        return usual
    if ties := verify(graph, run, x):
        graph.metadata["ties"] = "; ".join(ties)
    return graph


def _check_example(example: Any) -> torch.Tensor:
    x = torch.as_tensor(np.asarray(example) if not isinstance(example, torch.Tensor) else example)
    if x.dim() < 3 or 0 in x.shape:
        raise BadInput(f"example is {tuple(x.shape)}, not (batch, steps, *shape) with something in it")
    x = x.detach().cpu().double()
    if not torch.isfinite(x).all():
        raise BadInput("example holds NaN or infinite values")
    return x


def _fragments(
    run: Run, x: torch.Tensor, found: list[Connection], dt: float
) -> tuple[dict[str, Fragment], dict[str, Layer]]:
    """Write the layers that lead to the output, the input and the output."""
    used = {c.source for c in found} | {c.target for c in found}
    layers = {name: layer for name, layer in run.layers.items() if name in used}
    fragments = {
        name: fragment(layer.module, Place(name, layer.input, layer.output, dt))
        for name, layer in layers.items()
    }
    x_shape, y_shape = tuple(x.shape[2:]), tuple(run.values.shape[2:])
    start = nir.Input({"input": np.array(x_shape)})
    start.metadata = _message_bits(x)
    end = nir.Output({"output": np.array(y_shape)})
    fragments = {
        INPUT: Fragment({"input": start}, exits={"x": ("input",)}),
        **fragments,
        OUTPUT: Fragment({"output": end}),
    }
    none = nn.Identity()
    layers |= {INPUT: Layer(none, output=x_shape), OUTPUT: Layer(none, input=y_shape)}
    return fragments, layers


def _message_bits(x: torch.Tensor) -> dict[str, int]:
    """Note how large events are, if they are events at all."""
    if not torch.equal(x, x.floor()) or x.min() < 0:
        return {}
    largest = int(x.max())
    return {"message_bits": largest.bit_length() if largest > 1 else 0}
