"""The network for Audio MNIST: 20 Bernoulli spikes a step in, spikes of ten neurons out; their sum decides.

Source: Adhish, snn-mnsit-audio-digit-classifier (github.com/adhishjs, commit 66e87fb); equations only.
"""

from itertools import pairwise

import snntorch as snn
import torch
from snntorch import surrogate
from torch import nn

from .layers import Spiking

STEEPNESS = 5  # of the published sigmoid
TAU_ENDS = (0.7, 2.0)  # powers of ten: 5 to 100 steps
DECAY_STEP = 0.1
MAX_BETA = 1 - 1 / 4096  # a decay has 12 bits


class Soft(nn.Module):
    """The published layer: what it sends are sigmoids, and its reset is soft.

        v <- v * decay + a;  s = sigmoid(5 (v - threshold));  v <- v (1 - s)

    Parameters
    ----------
    n : int
        Neurons.
    steepness : float
        5 in the original; infinity makes it binary, with reset to zero.
    """

    def __init__(self, n: int, steepness: float = STEEPNESS):
        super().__init__()
        self.threshold = nn.Parameter(torch.rand(n))
        self.decay = nn.Parameter(torch.empty(n).uniform_(0.4, 0.9))
        self.steepness = steepness

    def forward(self, a_in: torch.Tensor) -> torch.Tensor:
        """Run all steps; a_in and values 0 to 1 are float (batch, steps, n)."""
        v, sent = torch.zeros_like(a_in[:, 0]), []
        for a in a_in.unbind(1):
            v = v * self.decay + a
            margin = v - self.threshold
            s = (margin > 0).to(v.dtype) if self.steepness == torch.inf else self._sigmoid(margin)
            v = v * (1 - s)
            sent.append(s)
        return torch.stack(sent, 1)

    def _sigmoid(self, margin: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(self.steepness * margin)


def soft_net(sizes: tuple[int, ...]) -> nn.Sequential:
    """Return the network as published; see `harden`.

    >>> sum(p.numel() for p in soft_net((20, 32, 32, 32, 10)).parameters())
    3326
    """
    pairs = ((nn.Linear(a, b), Soft(b)) for a, b in pairwise(sizes))
    return nn.Sequential(*(layer for pair in pairs for layer in pair))


def harden(net: nn.Sequential) -> nn.Sequential:
    """Make what the published network sends binary, in place: a spike where v exceeds the threshold."""
    for layer in net:
        if isinstance(layer, Soft):
            layer.steepness = torch.inf
    return net


class SpikingNet(nn.Module):
    """The same with true spikes: LIF neurons with reset to zero, each with its own decay and threshold.

    Parameters
    ----------
    sizes : tuple of int
        Inputs, hidden layers, classes.
    slope : int
        Of the surrogate, a fast sigmoid.
    gain : float
        Of the weights at first, against those of `nn.Linear`.

    >>> SpikingNet((20, 32, 32, 32, 10))(torch.ones(2, 4, 20)).shape
    torch.Size([2, 4, 10])
    >>> sum(p.numel() for p in SpikingNet((20, 32, 32, 32, 10)).parameters())
    3326
    """

    def __init__(self, sizes: tuple[int, ...], slope: int = 5, gain: float = 1.0):
        super().__init__()
        self.linears = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.layers = nn.ModuleList(_leaky(n, slope) for n in sizes[1:])
        with torch.no_grad():
            for linear in self.linears:
                linear.weight.mul_(gain)
                linear.bias.zero_()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Events float (batch, steps, n_in) to spikes (batch, steps, classes)."""
        for linear, layer in zip(self.linears, self.layers, strict=True):
            x = layer(linear(x))
        return x

    def step_sizes(self) -> list[tuple[list[nn.Parameter], float]]:
        """Return which parameters are trained in steps of which size; decays are close to 1."""
        named = dict(self.named_parameters())
        decays = [p for name, p in named.items() if name.endswith("beta")]
        others = [p for name, p in named.items() if not name.endswith("beta")]
        return [(others, 1.0), (decays, DECAY_STEP)]

    @torch.no_grad()
    def constrain(self) -> None:
        """Keep decays and thresholds where the chip can hold them."""
        for layer in self.layers:
            layer.cell.beta.clamp_(0, MAX_BETA)  # type: ignore[union-attr, operator]
            layer.cell.threshold.clamp_(min=0.05)  # type: ignore[union-attr, operator]


def _leaky(n: int, slope: int) -> Spiking:
    cell = snn.Leaky(
        beta=1 - 1 / torch.logspace(*TAU_ENDS, n),
        threshold=torch.ones(n),  # type: ignore[arg-type]
        learn_beta=True,
        learn_threshold=True,
        reset_mechanism="zero",
        spike_grad=surrogate.fast_sigmoid(slope),
    )
    return Spiking(cell)


class RateAnn(nn.Module):
    """The same shape without spikes: ReLU layers on the mean of each group of steps, a share of logits.

    Parameters
    ----------
    sizes : tuple of int
        As in `SpikingNet`.
    group : int
        Steps that are one frame.
    logits : float
        What the output is to be multiplied with.
    """

    def __init__(self, sizes: tuple[int, ...], group: int, logits: float = 1.0):
        super().__init__()
        self.group, self.logits = group, logits
        pairs = [(nn.Linear(a, b), nn.ReLU()) for a, b in pairwise(sizes)]
        self.layers = nn.Sequential(*[layer for pair in pairs for layer in pair][:-1])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Events (batch, steps, n_in) to logits (batch, steps / group, classes), from means over a group."""
        return self.layers(x.unflatten(1, (-1, self.group)).mean(2)) / self.logits
