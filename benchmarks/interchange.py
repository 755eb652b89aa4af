"""NIR in and out: how long a large file takes to read, and the interpreter against torch."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import nir
import numpy as np
import snntorch as snn
import torch
from torch import nn

from lavalier import export
from lavalier.models.digits import DigitNet
from lavalier.simulate import run

from .measure import ROUNDS, Figure, faster_of, ratio, times_in_turn

WIDTH = 1000
UNIT = "times as long as the torch module it came from, float32"


def read_1m(data: Path | None) -> Iterator[Figure]:
    """`export.read` of a file of 1,000 x 1,000 weights and 1,000 neurons, with all its checks."""
    rng = np.random.default_rng(0)
    values = np.full(WIDTH, 0.01)
    neuron = nir.LIF(tau=values, r=values, v_leak=0 * values, v_threshold=values, v_reset=0 * values)
    graph = nir.NIRGraph.from_list(
        nir.Affine(rng.standard_normal((WIDTH, WIDTH)).astype(np.float32), rng.standard_normal(WIDTH)), neuron
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.nir"
        export.write(graph, path)
        (taken,) = times_in_turn(ROUNDS, lambda: export.read(path))
    unit = f"s for {WIDTH * WIDTH:,} weights, checked"
    yield Figure("export.read_1m_s", median(taken), unit, 1, "lower", (min(taken), max(taken)))


class _Recurrent(nn.Module):
    """70 inputs, 128 recurrent leaky neurons, 20 outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.inward, self.outward = nn.Linear(70, 128), nn.Linear(128, 20)
        self.hidden = snn.RLeaky(beta=0.9, linear_features=128)
        self.readout = snn.Leaky(beta=0.9, reset_mechanism="none")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        spikes, hidden = self.hidden.reset_mem()
        out, sent = self.readout.reset_mem(), []
        for t in range(x.shape[1]):
            spikes, hidden = self.hidden(self.inward(x[:, t]), spikes, hidden)
            _, out = self.readout(self.outward(spikes), out)
            sent.append(out)
        return torch.stack(sent, 1)


class _Image(nn.Module):
    """28 x 28 pixels, two convolutions with pools, 10 outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 12, 5), nn.Conv2d(12, 32, 5)
        self.pool1, self.pool2, self.last = nn.AvgPool2d(2), nn.AvgPool2d(2), nn.Linear(512, 10)
        self.lif1, self.lif2, self.lif3 = (snn.Leaky(beta=0.9, reset_mechanism="zero") for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        one, two, three = (lif.reset_mem() for lif in (self.lif1, self.lif2, self.lif3))
        sent = []
        for t in range(x.shape[1]):
            spikes, one = self.lif1(self.first(x[:, t]), one)
            spikes, two = self.lif2(self.second(self.pool1(spikes)), two)
            spikes, three = self.lif3(self.last(self.pool2(spikes).flatten(1)), three)
            sent.append(spikes)
        return torch.stack(sent, 1)


NETWORKS: dict[str, tuple[type[nn.Module], tuple[int, ...]]] = {
    "feed_forward": (DigitNet, (128, 100, 40)),
    "recurrent": (_Recurrent, (128, 100, 70)),
    "convolution": (_Image, (16, 25, 1, 28, 28)),
}


def interpreter_vs_torch(data: Path | None) -> Iterator[Figure]:
    """`simulate.run` of graphs against the forward pass of their modules; the figure is the worst of them."""
    figures = [_against_torch(name, kind, shape) for name, (kind, shape) in NETWORKS.items()]
    worst = max(figures, key=lambda figure: figure.value)
    name = "export.interpreter_vs_torch"
    yield Figure(name, worst.value, f"{UNIT}; the worst of {len(figures)}", 2, "lower", worst.spread)
    yield from figures


def _against_torch(name: str, kind: type[nn.Module], shape: tuple[int, ...]) -> Figure:
    torch.manual_seed(0)
    module, x = kind().eval(), (torch.rand(shape) < 0.2).float()
    graph, events = export.from_torch(module, x[:2]), x.numpy()

    def forward(threads: int) -> None:
        torch.set_num_threads(threads)
        with torch.inference_mode():
            module(x)

    ours, torch_1, torch_2 = times_in_turn(
        ROUNDS, lambda: run(graph, events), lambda: forward(1), lambda: forward(2)
    )
    peer = faster_of("torch", torch_1, torch_2)
    sizes = " x ".join(map(str, shape))
    return ratio(f"export.interpreter_vs_torch.{name}", peer, ours, f"{UNIT}, input {sizes}", None, "lower")
