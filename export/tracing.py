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
from .checks import check_graph
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
    module = _double_copy(module)
    runs, output = _run_module(module, x)
    graph = _graph(runs, x, dt)
    check_graph(graph)
    _check_chain(runs, x)
    _verify(graph, runs, output, x)
    return graph


class _Run(NamedTuple):
    """A layer, what it was given and what it returned, (batch, steps, *shape)."""

    name: str
    layer: nn.Module
    input: torch.Tensor
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


def _double_copy(module: nn.Module) -> nn.Module:
    """Copy a module in float64 for inference, with whatever state an earlier call has left in it."""
    memo = {}
    for layer in module.modules():
        for value in [*vars(layer).values(), *layer._buffers.values()]:
            if isinstance(value, torch.Tensor) and not value.is_leaf:
                memo[id(value)] = value.detach().clone()  # deepcopy refuses what has a history
    return copy.deepcopy(module, memo).double().eval()


def _run_module(module: nn.Module, x: torch.Tensor) -> tuple[list[_Run], torch.Tensor | None]:
    """Run the module, all steps at once if its loop is inside, else step by step."""
    outputs, result = _call(module, [x])
    neurons = [n for n in outputs if isinstance(module.get_submodule(n), STATEFUL)]
    if not neurons:
        raise Unsupported(
            "the module has no spiking neuron or readout; is the time loop in plain torch code?"
        )
    if all(len(outputs[name]) == 1 for name in neurons) and x.shape[1] > 1:
        outputs, result = _call(module, list(x.unbind(1)))
    runs = []
    for name, calls in outputs.items():
        given, returned = ([call[i] for call in calls] for i in (0, 1))
        layer = module.get_submodule(name)
        runs.append(_Run(name, layer, _joined(name, given, x), _joined(name, returned, x)))
    return runs, result


def _call(
    module: nn.Module, inputs: list[torch.Tensor]
) -> tuple[dict[str, list[tuple[torch.Tensor, torch.Tensor]]], torch.Tensor | None]:
    """Call the module on each input; collect what its leaves took and returned, in order of first use."""
    for layer in module.modules():
        if isinstance(layer, snn.SpikingNeuron) and layer.init_hidden:
            layer.reset_mem()
    outputs: dict[str, list[tuple[torch.Tensor, torch.Tensor]]] = {}

    def keep(name: str):
        def hook(layer: nn.Module, args: Any, output: Any) -> Any:
            # snnTorch's surrogates give float32 spikes whatever they are given
            whole = tuple(o.double() for o in output) if isinstance(output, tuple) else output.double()
            outputs.setdefault(name, []).append((args[0], _first(whole)))
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
    results = [_first(r) for r in results]
    if not all(isinstance(r, torch.Tensor) for r in results):
        return outputs, None
    return outputs, results[0] if len(results) == 1 else torch.stack(results, 1)


def _first(value: Any) -> Any:
    """Return the spikes of (spikes, membrane), or the value itself."""
    return value[0] if isinstance(value, tuple) and value else value


def _joined(name: str, outputs: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    if len(outputs) == 1 and outputs[0].shape[:2] == x.shape[:2]:
        return outputs[0]
    if len(outputs) != x.shape[1]:
        raise Unsupported(f"layer '{name}' ran {len(outputs)} times in {x.shape[1]} steps; is it shared?")
    return torch.stack(outputs, 1)


def _check_chain(runs: list[_Run], x: torch.Tensor) -> None:
    """Refuse a module in which a layer is given anything else than the layer before it returned."""
    before, sent = "the input", x
    for run in runs:
        if run.input.shape != sent.shape or not torch.equal(run.input, sent):
            raise Unsupported(
                f"layer '{run.name}' is not given what {before} returned: something between them is computed "
                "outside of layers, or they do not form a chain"
            )
        before, sent = f"layer '{run.name}'", run.output


def _graph(runs: list[_Run], x: torch.Tensor, dt: float) -> nir.NIRGraph:
    shape = tuple(x.shape[2:])
    nodes: dict[str, nir.NIRNode] = {"input": nir.Input({"input": np.array(shape)})}
    nodes["input"].metadata = _message_bits(x)
    for run in runs:
        shape = tuple(run.output.shape[2:])
        node = nir_node(run.layer, run.name, shape, dt)
        if run.node in (*nodes, "output"):
            raise Unsupported(
                f"layer '{run.name}': its node '{run.node}' has that name already; rename the layer"
            )
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
    trace = run_graph(graph, x.numpy(), record=[r.node for r in spiking])
    for run in spiking:
        _verify_spikes(run, trace)
    last = runs[-1]
    given = np.asarray(trace.output)
    if output is None or output.shape != last.output.shape:
        what = "no tensor" if output is None else f"a tensor {tuple(output.shape)}"
        raise Unsupported(
            f"forward returns {what}, not what its last layer '{last.name}' returned, "
            f"{tuple(last.output.shape)}; leave what comes after it to the host"
        )
    if not np.allclose(given, output.numpy(), rtol=1e-9, atol=1e-9):
        raise Mismatch(
            f"the graph's output is not the module's: layer '{last.name}' is not what it seems, or forward "
            "computes something after it"
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
