"""The networks for SHD and SSC: spike counts of 700 channels in, logits of every step out.

Source: Abdallas, SNN-Auditory-Processing (github.com/yassine99ab, commit 9d4839b); written anew.
"""

import numpy as np
import snntorch as snn
import torch
from snntorch import surrogate
from torch import nn

from .layers import Integrating, Spiking
from .neurons import Integrator, Refractory

SLOPE = 25  # of the fast sigmoid


class RecurrentNet(nn.Module):
    """Recurrent LIF neurons, and a readout that remembers nothing: its mean over the steps is the decision.

    ``a = dropout(fc(x) + b)``, loop with bias and dropout, delayed subtraction of the threshold 1, and
    ``logits[t] = out(s[t])``. In the original the loop's bias is absent in the first step; here it counts
    from then on, as everywhere in NIR.

    Parameters
    ----------
    n_in, hidden, n_out : int
        Sizes.
    beta : float, 0 to 1
        Of all hidden neurons; it does not learn.
    dropout : float
        In training.
    refractory : int
        Steps of rest after a spike, from 0: the other reading of "RLIF"; the reset is then to 0 at once.

    >>> RecurrentNet(7, 5, 3)(torch.ones(2, 4, 7)).shape
    torch.Size([2, 4, 3])
    >>> sum(p.numel() for p in RecurrentNet(700, 873, 20).parameters() if p.requires_grad)
    1392455
    """

    def __init__(
        self,
        n_in: int,
        hidden: int,
        n_out: int,
        beta: float = 0.98,
        dropout: float = 0.5,
        refractory: int = 0,
    ):
        super().__init__()
        self.drop = nn.Dropout(dropout)
        self.fc = nn.Linear(n_in, hidden)
        spike_grad = surrogate.fast_sigmoid(SLOPE)
        cell: snn.Leaky | Refractory = snn.Leaky(beta=beta, reset_mechanism="subtract", spike_grad=spike_grad)
        if refractory:
            cell = Refractory(beta, refractory, spike_grad)  # type: ignore[arg-type]
        self.hidden = Spiking(cell, nn.Linear(hidden, hidden), dropout)
        self.out = nn.Linear(hidden, n_out)
        self.readout = Integrating(Integrator(n_out, beta=0.0).requires_grad_(False))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Counts float (batch, steps, n_in) to logits (batch, steps, n_out)."""
        return self.readout(self.out(self.hidden(self.drop(self.fc(x)))))


class SscNet(nn.Module):
    """Two layers before the recurrent one: ReLU as published, in each step; or spikes.

    Parameters
    ----------
    n_in, n_out : int
        Sizes.
    first : (int, int)
        Sizes of the two layers.
    hidden, beta, dropout
        As in `RecurrentNet`.
    spiking : bool
        LIF neurons in place of ReLU.
    """

    def __init__(
        self,
        n_in: int,
        first: tuple[int, int],
        hidden: int,
        n_out: int,
        beta: float = 0.96,
        dropout: float = 0.5,
        spiking: bool = False,
    ):
        super().__init__()
        n1, n2 = first
        layers = [
            layer
            for a, b in ((n_in, n1), (n1, n2))  # the original drops out before the ReLU
            for layer in (nn.Linear(a, b), nn.Dropout(dropout), _leaky(beta) if spiking else nn.ReLU())
        ]
        self.first = nn.Sequential(*layers)
        self.chip = RecurrentNet(n2, hidden, n_out, beta, dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Counts float (batch, steps, n_in) to logits (batch, steps, n_out)."""
        return self.chip(self.first(x))


class RecurrentAnn(nn.Module):
    """The same shape without spikes: tanh units with a loop, logits in every step.

    >>> RecurrentAnn(7, (), 5, 3)(torch.ones(2, 4, 7)).shape
    torch.Size([2, 4, 3])
    """

    def __init__(self, n_in: int, first: tuple[int, ...], hidden: int, n_out: int, dropout: float = 0.5):
        super().__init__()
        sizes = (n_in, *first)
        layers = [
            layer
            for a, b in zip(sizes, sizes[1:], strict=False)
            for layer in (nn.Linear(a, b), nn.Dropout(dropout), nn.ReLU())
        ]
        self.first = nn.Sequential(*layers)
        self.hidden = nn.RNN(sizes[-1], hidden, batch_first=True)
        self.drop = nn.Dropout(dropout)
        self.out = nn.Linear(hidden, n_out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Counts float (batch, steps, n_in) to logits (batch, steps, n_out)."""
        states, _ = self.hidden(self.first(x))
        return self.out(self.drop(states))


def relu_layers(net: SscNet, x: np.ndarray) -> np.ndarray:
    """Compute the ReLU layers on the host, in NumPy.

    Parameters
    ----------
    net : SscNet
        Not spiking.
    x : (n, steps, n_in)
        Counts.

    Returns
    -------
    values : float32 (n, steps, n2), 0 or more
    """
    values = np.asarray(x, np.float32)
    for layer in net.first:
        if isinstance(layer, nn.Linear):
            values = np.maximum(values @ layer.weight.detach().numpy().T + layer.bias.detach().numpy(), 0)
    return values


def _leaky(beta: float) -> Spiking:
    cell = snn.Leaky(beta=beta, reset_mechanism="subtract", spike_grad=surrogate.fast_sigmoid(SLOPE))
    return Spiking(cell)
