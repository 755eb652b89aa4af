"""Networks that rounding hurts most, each with events to search on and others to score on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import nir
import numpy as np

from lavalier.export import read

BATCH, STEPS, RATE = 64, 100, 0.2
DT = 1e-3
Draw = Callable[[tuple[int, int]], np.ndarray]
FIXTURES = Path(__file__).parents[2] / "shared" / "fixtures"


@dataclass(frozen=True)
class Case:
    """A graph, what it is searched on, and what it is scored on."""

    graph: nir.NIRGraph
    calibration: np.ndarray
    test: np.ndarray


def heavy_tailed() -> Case:
    """Weights of Student's t with two degrees of freedom: a few are fifty times the others."""
    rng = np.random.default_rng(0)
    return _case(chain(rng, [40, 64, 64, 10], lambda shape: rng.standard_t(2, shape) / np.sqrt(shape[1])))


def slow() -> Case:
    """Betas of 0.999: a decay of 4.096 of 4096."""
    rng = np.random.default_rng(1)
    return _case(chain(rng, [40, 64, 64, 10], _normal(rng), betas=(0.999, 0.999)))


def slowest() -> Case:
    """Betas from 0.999 to 0.9998: decays of 0.8 to 4.1, of which 12 bits hold 1, 2, 3 and 4."""
    rng = np.random.default_rng(2)
    return _case(chain(rng, [40, 64, 64, 10], _normal(rng), betas=(0.999, 0.9998)))


def twenty_layers() -> Case:
    """A chain of 20 layers of 32."""
    rng = np.random.default_rng(3)
    return _case(chain(rng, [40, *[32] * 19, 10], _normal(rng)))


def zero_weights() -> Case:
    """A layer whose weights are all zero; its bias makes it fire."""
    rng = np.random.default_rng(4)
    graph = chain(rng, [40, 64, 64, 10], _normal(rng))
    weights: np.ndarray = graph.nodes["w1"].weight  # type: ignore[attr-defined]
    weights[:] = 0
    return _case(graph)


def thresholds() -> Case:
    """Thresholds of 0.01 and 100 in one layer."""
    rng = np.random.default_rng(5)
    graph = chain(rng, [40, 64, 64, 10], _normal(rng))
    factor = np.where(np.arange(64) % 2, 0.01, 100.0)
    for i in range(2):
        neuron, synapses = graph.nodes[f"n{i}"], graph.nodes[f"w{i}"]
        neuron.v_threshold *= factor  # type: ignore[attr-defined]
        synapses.weight *= factor[:, None]  # type: ignore[attr-defined]
        synapses.bias *= factor  # type: ignore[attr-defined]
    return _case(graph)


def subtract() -> Case:
    """Reset by subtraction, as snnTorch's default."""
    rng = np.random.default_rng(6)
    graph = chain(rng, [40, 64, 64, 10], _normal(rng))
    graph.metadata["reset"] = "subtract-delayed"
    return _case(graph)


def braille() -> Case:
    """The recurrent network of NIR's paper, weights to +-13; one sample, to search on and to score on."""
    folder = FIXTURES / "braille"
    x = np.load(folder / "input_ds_test_0.npy")[None]
    return Case(read(folder / "braille_noDelay_bias_zero.nir", preset="snntorch"), x, x)


CASES: dict[str, Callable[[], Case]] = {
    "heavy-tailed weights": heavy_tailed,
    "betas of 0.999": slow,
    "betas of 0.999 to 0.9998": slowest,
    "20 layers": twenty_layers,
    "a layer of zeros": zero_weights,
    "thresholds 0.01 and 100": thresholds,
    "subtracting reset": subtract,
    "Braille, recurrent": braille,
}


def chain(
    rng: np.random.Generator, sizes: Sequence[int], weights: Draw, betas: tuple[float, float] = (0.8, 0.95)
) -> nir.NIRGraph:
    """Return layers of LIF neurons w0, n0, w1, n1, ... and a readout, betas drawn evenly."""
    nodes: dict[str, nir.NIRNode] = {"in": nir.Input({"input": np.array(sizes[:1])})}
    n_layers = len(sizes) - 1
    for i, (n_in, n) in enumerate(zip(sizes, sizes[1:], strict=False)):
        steps = 1 / (1 - rng.uniform(*betas, n))
        shape = {"tau": DT * steps, "r": steps, "v_leak": np.zeros(n)}
        nodes[f"w{i}"] = nir.Affine(weights((n, n_in)), rng.normal(0.1, 0.05, n))
        last = i == n_layers - 1
        nodes["readout" if last else f"n{i}"] = (
            nir.LI(**shape) if last else nir.LIF(**shape, v_threshold=np.ones(n), v_reset=np.zeros(n))
        )
    nodes["out"] = nir.Output({"output": np.array(sizes[-1:])})
    names = list(nodes)
    graph = nir.NIRGraph(nodes, list(zip(names, names[1:], strict=False)), type_check=False)
    graph.metadata = {"dt": DT}
    return graph


def _normal(rng: np.random.Generator) -> Draw:
    return lambda shape: rng.normal(0, 1.5 / np.sqrt(shape[1]), shape)


def _case(graph: nir.NIRGraph) -> Case:
    n = graph.nodes["in"].input_type["input"]
    rng = np.random.default_rng(7)
    drawn = rng.random((2, BATCH, STEPS, *n)) < RATE * rng.uniform(0, 2, (2, BATCH, 1, *n))
    return Case(graph, *drawn.astype(np.uint8))
