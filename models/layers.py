"""Layers through all steps of a batch, from rest: what arrives goes in, what is sent comes out."""

import snntorch as snn
import torch
from torch import nn

from .neurons import Integrator, Refractory


class Spiking(nn.Module):
    """Neurons of snnTorch, with or without a loop.

    Per step t: ``a = a_in[t] + dropout(recurrent(s[t - 1]))``, ``s[t], mem = cell(a, mem)``. Before the first
    step s is 0; the bias of the loop counts in it already.

    Parameters
    ----------
    cell : snn.Leaky or Refractory
        Returns spikes and membrane.
    recurrent : nn.Linear, optional
        From the spikes of the step before.
    dropout : float, 0 to 1
        Of what the loop brings, in training.

    >>> layer = Spiking(snn.Leaky(beta=0.5))
    >>> layer(torch.tensor([[[0.8], [0.8], [0.8]]])).flatten().tolist()
    [0.0, 1.0, 0.0]
    """

    def __init__(
        self, cell: snn.Leaky | Refractory, recurrent: nn.Linear | None = None, dropout: float = 0.0
    ):
        super().__init__()
        self.cell, self.recurrent, self.drop = cell, recurrent, nn.Dropout(dropout)

    def forward(self, a_in: torch.Tensor) -> torch.Tensor:
        """Run all steps; a_in and spikes are float (batch, steps, n)."""
        mem = torch.zeros_like(a_in[:, 0])
        spike, spikes = mem, []
        for a in a_in.unbind(1):
            if self.recurrent is not None:
                a = a + self.drop(self.recurrent(spike))
            spike, mem = self.cell(a, mem)
            spikes.append(spike)
        self.cell.reset_mem()  # it would keep the graph of the whole run
        return torch.stack(spikes, 1)


class Integrating(nn.Module):
    """An `Integrator` through all steps; returns its membrane.

    >>> layer = Integrating(Integrator(1, beta=0.5))
    >>> layer(torch.ones(1, 3, 1)).flatten().tolist()
    [1.0, 1.5, 1.75]
    """

    def __init__(self, cell: Integrator):
        super().__init__()
        self.cell = cell

    def forward(self, a_in: torch.Tensor) -> torch.Tensor:
        """Run all steps; a_in and membrane are float (batch, steps, n)."""
        mem, mems = torch.zeros_like(a_in[:, 0]), []
        for a in a_in.unbind(1):
            mem = self.cell(a, mem)
            mems.append(mem)
        return torch.stack(mems, 1)
