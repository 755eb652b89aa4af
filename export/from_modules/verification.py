"""Does the graph do what the module did? In float64 every spike; in float32 as far as rounding lets it."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

import nir
import numpy as np
import torch

from ...simulate.errors import Mismatch
from ...simulate.interpreter import run_graph
from .runs import Run

TOLERANCE = 1e-9
TIE_ULPS = 4  # in float64 one more for every step: a sum may be rounded in another order


class _Difference(NamedTuple):
    """The first spike in which graph and module differ."""

    layer: str
    place: tuple[int, ...]
    n_spikes: int

    def __str__(self) -> str:
        sample, step, *neuron = self.place
        which = neuron[0] if len(neuron) == 1 else tuple(neuron)
        return f"sample {sample}, step {step}, neuron {which}"


def verify(graph: nir.NIRGraph, run: Run, x: torch.Tensor) -> list[str]:
    """Compare graph and module; return in words where they differ because of rounding.

    Parameters
    ----------
    graph : nir.NIRGraph
        The module's; a layer's spikes leave the node that is called as the layer.
    run : Run
        The module in float64.
    x : float64 tensor (batch, steps, *shape)
        What it ran on.

    Raises
    ------
    Mismatch
        They differ in float64, and no membrane is as near to its threshold as rounding explains.
    """
    nodes = {name: name.replace(".", "_") for name, layer in run.layers.items() if layer.spikes}
    nodes = {name: node for name, node in nodes.items() if node in graph.nodes}
    trace = run_graph(graph, x.numpy(), record=nodes.values())
    ties, samples = [], list(range(len(x)))
    while wrong := _first_difference(run, nodes, trace.spikes, samples):
        margin, ulps = _margin(run, wrong, np.float64)
        if ulps > TIE_ULPS + wrong.place[1]:
            raise Mismatch(
                f"layer '{wrong.layer}': graph and module differ in {wrong.n_spikes} spikes, first at "
                f"{wrong}; report this module"
            )
        ties.append(f"layer '{wrong.layer}', {wrong}: a tie, |v - threshold| = {margin:.1e}")
        samples.remove(wrong.place[0])
    given, expected = np.asarray(trace.output)[samples], run.values.numpy()[samples]
    if given.shape != expected.shape or not np.allclose(given, expected, rtol=TOLERANCE, atol=TOLERANCE):
        raise Mismatch("the graph's output is not the module's; report this module")
    return ties or _in_float32(graph, nodes, run, x.float())


def _first_difference(
    run: Run, nodes: Mapping[str, str], spikes: Mapping[str, np.ndarray], samples: Collection[int]
) -> _Difference | None:
    """Return the earliest differing spike of some samples, in the earliest layer that has one."""
    found = []
    for name, node in nodes.items():
        own = torch.stack(run.layers[name].spikes, 1).numpy()
        wrong = np.argwhere(spikes[node].astype(bool) != own)
        wrong = wrong[np.isin(wrong[:, 0], list(samples))]
        if len(wrong):
            earliest = wrong[wrong[:, 1].argsort(kind="stable")][0]
            found.append(_Difference(name, tuple(earliest.tolist()), len(wrong)))
    return min(found, key=lambda difference: difference.place[1], default=None)


def _in_float32(graph: nir.NIRGraph, nodes: Mapping[str, str], run: Run, x: torch.Tensor) -> list[str]:
    """Compare in float32. As float64 agrees, a differing spike is one that one of the sides rounded away."""
    trace = run_graph(graph, x.numpy(), record=nodes.values())
    wrong = _first_difference(run.again(torch.float32), nodes, trace.spikes, range(len(x)))
    if wrong is None:
        return []
    margin, ulps = _margin(run, wrong, np.float32)
    why = "a tie" if ulps <= TIE_ULPS else "rounding that has added up"
    return [f"float32: layer '{wrong.layer}', {wrong}: {why}, |v - threshold| = {margin:.1e} in float64"]


def _margin(run: Run, wrong: _Difference, dtype: type) -> tuple[float, float]:
    """Return |v - threshold| in float64, and that in ulps that a type has at the largest v so far."""
    layer = run.again(torch.float64, keep_margins=True).layers[wrong.layer]
    sample, step, *neuron = wrong.place
    threshold = layer.module.threshold.broadcast_to(1, *layer.output)[(0, *neuron)]  # type: ignore[operator]
    margins = np.array([float(m[(sample, *neuron)]) for m in layer.margins[: step + 1]])
    largest = max(abs(float(threshold)), np.abs(margins + float(threshold)).max())
    margin = abs(margins[-1])
    return margin, margin / float(np.spacing(dtype(largest)))
