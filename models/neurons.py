"""Float neuron models that snnTorch does not have; torch only, no networks."""

import torch
from torch import nn


class Integrator(nn.Module):
    """Non-spiking leaky integrator, the usual readout of a spiking network.

    Per step and neuron::

        mem = beta * mem + x

    There is no threshold and no reset. `beta` is learned, one per neuron; whoever trains it keeps
    it in [0, 1).

    Parameters
    ----------
    n : int
        Neurons.
    beta : float, 0 to 1
        Share of the membrane kept per step, before training.

    >>> integrator = Integrator(1, beta=0.5)
    >>> mem = torch.zeros(1, 1)
    >>> for x in (1.0, 0.0, 1.0):
    ...     mem = integrator(torch.tensor([[x]]), mem)
    >>> mem.item()
    1.25
    """

    def __init__(self, n: int, beta: float = 0.97):
        super().__init__()
        self.beta = nn.Parameter(torch.full((n,), beta))

    def forward(self, x: torch.Tensor, mem: torch.Tensor) -> torch.Tensor:
        """Advance by one step.

        Parameters
        ----------
        x : float (batch, n)
            Input of this step.
        mem : float (batch, n)
            Membrane after the last step; zeros at the start.

        Returns
        -------
        mem : float (batch, n)
        """
        return self.beta * mem + x
