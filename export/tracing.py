"""from_torch: run a module, write down which layers ran, and prove that the graph does the same.

The walk is simple (layers in the order in which they ran, as a chain); what makes it safe is that the
written graph is run again in float64 and must give every spike and the output of the module.
"""

import copy
from typing import Any, NamedTuple

import nir
import numpy as np
import snntorch as snn
import torch
from torch import nn

from ..models.neurons import Integrator
from ..simulate.errors import BadInput, Mismatch, Unsupported
from ..simulate.interpreter import run_graph
from ..simulate.trace import Trace
from .layers import nir_node

STATEFUL = (snn.SpikingNeuron, Integrator)


def from_torch(module: nn.Module, example: Any, dt: float = 1e-4) -> nir.NIRGraph:
    """Export a feed-forward torch module to NIR, verified by running both.

    Parameters
    ----------
    module : nn.Module
        A chain of Linear, `snn.Leaky(reset_mechanism="zero")`, and an `Integrator` as readout, with the
        time loop inside `forward` (x with all steps in) or outside (x of one step in).
    example : array or tensor (batch, steps, *shape)
        Input to trace and verify with; take real data, a layer that is silent is not tested. If it
        holds whole numbers, their range is noted as the input's event size.
    dt : float, seconds
        Duration of a step.

    Returns
    -------
    nir.NIRGraph
        Parameters in float64, dt in the metadata.

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
    module = copy.deepcopy(module).double().eval()
    runs, output = _run_module(module, x)
    graph = _chain(runs, x, dt)
    _verify(graph, runs, output, x)
    return graph


class _Run(NamedTuple):
    """A layer and everything it returned, (batch, steps, *shape)."""

    name: str
    layer: nn.Module
    output: torch.Tensor

    @property
    def node(self) -> str:
        return self.name.replace(".", "_") or type(self.layer).__name__.lower()


def _check_example(example: Any) -> torch.Tensor:
    x = torch.as_tensor(np.asarray(example) if not isinstance(example, torch.Tensor) else example)
    if x.dim() < 3 or 0 in x.shape:
        raise BadInput(f"example is {tuple(x.shape)}, not (batch, steps, *shape) with something in it")
    x = x.detach().cpu().double()
    if not torch.isfinite(x).all():
        raise BadInput("example holds NaN or infinite values")
    return x


def _run_module(module: nn.Module, x: torch.Tensor) -> tuple[list[_Run], torch.Tensor | None]:
    """Run the module, all steps at once if its loop is inside, else step by step."""
    outputs, result = _call(module, [x])
    neurons = {n for n in outputs if isinstance(module.get_submodule(n), STATEFUL)}
    if not neurons:
        raise Unsupported(
            "the module has no spiking neuron or readout; is the time loop in plain torch code?"
        )
    if all(len(outputs[name]) == 1 for name in neurons) and x.shape[1] > 1:
        outputs, result = _call(module, list(x.unbind(1)))
    runs = [_Run(n, module.get_submodule(n), _joined(n, o, x)) for n, o in outputs.items()]
    return runs, result


def _call(
    module: nn.Module, inputs: list[torch.Tensor]
) -> tuple[dict[str, list[torch.Tensor]], torch.Tensor | None]:
    """Call the module on each input and collect what its leaves returned, in order of first use."""
    for layer in module.modules():
        if isinstance(layer, snn.SpikingNeuron) and layer.init_hidden:
            layer.reset_mem()
    outputs: dict[str, list[torch.Tensor]] = {}

    def keep(name: str):
        def hook(layer: nn.Module, args: Any, output: Any) -> Any:
            # snnTorch's surrogates give float32 spikes whatever they are given
            whole = tuple(o.double() for o in output) if isinstance(output, tuple) else output.double()
            outputs.setdefault(name, []).append(whole[0] if isinstance(whole, tuple) else whole)
            return whole

        return hook

    leaves = [(n, m) for n, m in module.named_modules() if not list(m.children())]
    hooks = [layer.register_forward_hook(keep(name)) for name, layer in leaves]
    try:
        with torch.no_grad():
            results = [module(x) for x in inputs]
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise BadInput(f"the module does not run on the example: {error}") from error
    finally:
        for hook in hooks:
            hook.remove()
    if not all(isinstance(r, torch.Tensor) for r in results):
        return outputs, None
    return outputs, results[0] if len(results) == 1 else torch.stack(results, 1)


def _joined(name: str, outputs: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    if len(outputs) == 1 and outputs[0].shape[:2] == x.shape[:2]:
        return outputs[0]
    if len(outputs) != x.shape[1]:
        raise Unsupported(f"layer '{name}' ran {len(outputs)} times in {x.shape[1]} steps; is it shared?")
    return torch.stack(outputs, 1)


def _chain(runs: list[_Run], x: torch.Tensor, dt: float) -> nir.NIRGraph:
    shape = tuple(x.shape[2:])
    nodes: dict[str, nir.NIRNode] = {"input": nir.Input({"input": np.array(shape)})}
    nodes["input"].metadata = _message_bits(x)
    for run in runs:
        shape = tuple(run.output.shape[2:])
        node = nir_node(run.layer, run.name, shape, dt)
        if node is not None:
            nodes[run.node] = node
    nodes["output"] = nir.Output({"output": np.array(shape)})
    names = list(nodes)
    graph = nir.NIRGraph(nodes, list(zip(names, names[1:], strict=False)), type_check=False)
    graph.metadata = {"dt": float(dt)}
    return graph


def _message_bits(x: torch.Tensor) -> dict[str, int]:
    """Note how large events are, if they are events at all."""
    if not torch.equal(x, x.floor()) or x.min() < 0:
        return {}
    largest = int(x.max())
    return {"message_bits": largest.bit_length() if largest > 1 else 0}


def _verify(graph: nir.NIRGraph, runs: list[_Run], output: torch.Tensor | None, x: torch.Tensor) -> None:
    spiking = [r for r in runs if isinstance(r.layer, snn.SpikingNeuron)]
    try:
        trace = run_graph(graph, x.numpy(), record=[r.node for r in spiking])
    except ValueError as error:  # shapes that do not chain
        raise Unsupported(
            f"the layers do not form a chain in the order in which they ran ({error})"
        ) from error
    for run in spiking:
        _verify_spikes(run, trace)
    last = runs[-1].output if output is None or output.shape != runs[-1].output.shape else output
    given = np.asarray(trace.output)
    if given.shape != tuple(last.shape) or not np.allclose(given, last.numpy(), rtol=1e-9, atol=1e-9):
        raise Mismatch(
            "the graph's output is not the module's: its layers are joined otherwise than as a chain, or "
            "forward computes something outside them"
        )


def _verify_spikes(run: _Run, trace: Trace) -> None:
    wrong = np.argwhere(trace.spikes[run.node] != run.output.numpy())
    if len(wrong):
        sample, step, *neuron = wrong[wrong[:, 1].argsort(kind="stable")][0].tolist()
        place = neuron[0] if len(neuron) == 1 else tuple(neuron)
        raise Mismatch(
            f"layer '{run.name}': graph and module differ in {len(wrong)} spikes, first at sample {sample}, "
            f"step {step}, neuron {place}"
        )
