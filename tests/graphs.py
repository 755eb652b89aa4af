"""Small NIR graphs for tests."""

from collections.abc import Mapping

import nir
import numpy as np


def joined(nodes: Mapping[str, nir.NIRNode], *edges: str, **policy) -> nir.NIRGraph:
    """Return a graph; edges are chains of names, as "in -> n -> out"."""
    pairs = [pair for chain in edges for pair in _pairs(chain.split(" -> "))]
    made = nir.NIRGraph(dict(nodes), pairs, type_check=False)
    made.metadata = {"dt": 0.1, **policy}
    return made


def chain(*nodes: nir.NIRNode, shape: tuple[int, ...] = (1,), **policy) -> nir.NIRGraph:
    """Return in -> n (-> n1 -> n2 ...) -> out."""
    named = {f"n{i or ''}": node for i, node in enumerate(nodes)}
    ends = {"in": entry(*shape), **named, "out": exit_()}
    return joined(ends, " -> ".join(ends), **policy)


def entry(*shape: int) -> nir.Input:
    return nir.Input({"input": np.array(shape)})


def exit_(*shape: int) -> nir.Output:
    return nir.Output({"output": np.array(shape or (1,))})


def a(*values: float) -> np.ndarray:
    return np.array(values, float)


def lif(tau: float = 0.2, r: float = 2.0, leak: float = 0.0, threshold: float = 1.0, reset: float = 0.0):
    """Return one LIF neuron; with dt = 0.1 it keeps half, and its gain is 1."""
    return nir.LIF(tau=a(tau), r=a(r), v_leak=a(leak), v_threshold=a(threshold), v_reset=a(reset))


def cuba(threshold: float = 1.0, reset: float = 0.0) -> nir.CubaLIF:
    """Return one CubaLIF neuron; with dt = 0.1 u keeps 0.75, v 0.5, gains are 1."""
    synapse = {"tau_syn": a(0.4), "w_in": a(4.0)}
    membrane = {"tau_mem": a(0.2), "r": a(2.0), "v_leak": a(0.0)}
    return nir.CubaLIF(**synapse, **membrane, v_threshold=a(threshold), v_reset=a(reset))  # type: ignore[arg-type]


def one(*values: float) -> np.ndarray:
    """Return the input of one neuron in one sample."""
    return np.array([[[v] for v in values]], float)


def _pairs(names: list[str]) -> list[tuple[str, str]]:
    return list(zip(names, names[1:], strict=False))
