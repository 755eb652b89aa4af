"""The networks for whale calls: numbers held for all steps in, spikes of two neurons out.

The first layer's product is the same in every step: the host computes it once, and the chip gets it as a
constant current.

Source: IRENav, slides at CAID 2025; no code was published.
"""

from collections.abc import Callable
from itertools import pairwise

import snntorch as snn
import torch
from snntorch import surrogate
from torch import nn

from .layers import Spiking

SLOPE = 25
FIRST_STEP = 0.1


class WhaleNet(nn.Module):
    """LIF layers with delayed subtraction of the threshold 1; one decay for a layer.

    Parameters
    ----------
    sizes : tuple of int
        Inputs, hidden layers, 2.
    steps : int
        For which the input is held.
    beta : float, 0 to 1
        Of all neurons, or where it begins.
    learns : bool
        Whether it is learned, one for each layer.

    >>> WhaleNet((6, 4, 2), steps=5)(torch.ones(3, 1, 6)).shape
    torch.Size([3, 5, 2])
    >>> sum(p.numel() for p in WhaleNet((4000, 2048, 512, 64, 2), 5).parameters())
    9276098
    """

    def __init__(self, sizes: tuple[int, ...], steps: int, beta: float = 0.9, learns: bool = False):
        super().__init__()
        self.steps = steps
        self.host = nn.Linear(sizes[0], sizes[1])
        self.chip = ChipPart(sizes[1:], beta, learns)
        self.run_chip: Callable[[torch.Tensor], torch.Tensor] | None = None  # in place of `chip`, in training

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Numbers float (batch, 1, n_in) to spikes (batch, steps, 2)."""
        run = self.chip if self.run_chip is None else self.run_chip
        return run(self.host(x).expand(-1, self.steps, -1))

    def step_sizes(self) -> list[tuple[list[nn.Parameter], float]]:
        """Return which parameters are trained in steps of which size."""
        return first_gently(self, self.host)

    @torch.no_grad()
    def constrain(self) -> None:
        """Keep decays decays."""
        for layer in self.chip.layers:
            layer.cell.beta.clamp_(0, 1 - 1 / 4096)  # type: ignore[union-attr, operator]


class ChipPart(nn.Module):
    """All but the first product: currents (batch, steps, n) to spikes (batch, steps, 2)."""

    def __init__(self, sizes: tuple[int, ...], beta: float, learns: bool):
        super().__init__()
        self.layers = nn.ModuleList(_leaky(beta, learns) for _ in sizes)
        self.linears = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))

    def forward(self, current: torch.Tensor) -> torch.Tensor:
        first, *layers = self.layers
        spikes = first(current)
        for linear, layer in zip(self.linears, layers, strict=True):
            spikes = layer(linear(spikes))
        return spikes


class WhaleAnn(nn.Module):
    """The same shape without spikes: numbers (batch, 1, n_in) to two logits (batch, 1, 2).

    Parameters
    ----------
    sizes : tuple of int
        As in `WhaleNet`.
    """

    def __init__(self, sizes: tuple[int, ...]):
        super().__init__()
        pairs = [(nn.Linear(a, b), nn.ReLU()) for a, b in pairwise(sizes)]
        self.layers = nn.Sequential(*[layer for pair in pairs for layer in pair][:-1])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)

    def step_sizes(self) -> list[tuple[list[nn.Parameter], float]]:
        """Return which parameters are trained in steps of which size."""
        return first_gently(self, self.layers[0])


def first_gently(net: nn.Module, first: nn.Module) -> list[tuple[list[nn.Parameter], float]]:
    """Give the first layer small steps: thousands of inputs, none below 0, move a sum of it all together."""
    weight, *_ = first.parameters()
    rest = [p for p in net.parameters() if p is not weight]
    return [([weight], FIRST_STEP), (rest, 1.0)]


def _leaky(beta: float, learns: bool) -> Spiking:
    cell = snn.Leaky(
        beta=beta, learn_beta=learns, reset_mechanism="subtract", spike_grad=surrogate.fast_sigmoid(SLOPE)
    )
    return Spiking(cell)
