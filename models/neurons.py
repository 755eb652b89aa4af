"""Float neuron models that snnTorch does not have; torch only, no networks."""

from collections.abc import Callable

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


class Refractory(nn.Module):
    """Leaky integrate-and-fire neuron that rests for some steps after a spike; reset to zero.

    Per step and neuron::

        mem = beta * mem + x, or 0 while it rests
        s = mem > 1;  mem = 0 where s, and the next `refractory` steps are rest

    Parameters
    ----------
    beta : float, 0 to 1
        Share of the membrane kept per step.
    refractory : int, 1 or more
        Steps of rest.
    spike_grad : callable
        The threshold: 0 or 1 forward, a surrogate's gradient backward.

    >>> cell, mem, spikes = Refractory(0.5, 2, lambda x: (x > 0).float()), torch.zeros(1), []
    >>> for _ in range(6):
    ...     s, mem = cell(torch.tensor([1.5]), mem)
    ...     spikes.append(s.item())
    >>> spikes
    [1.0, 0.0, 0.0, 1.0, 0.0, 0.0]
    """

    def __init__(self, beta: float, refractory: int, spike_grad: Callable[[torch.Tensor], torch.Tensor]):
        super().__init__()
        self.beta, self.refractory, self.spike_grad = beta, refractory, spike_grad
        self.reset_mem()

    def reset_mem(self) -> None:
        """Return to rest."""
        self.rest: torch.Tensor | None = None

    def forward(self, x: torch.Tensor, mem: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Advance by one step; return spikes and membrane, (batch, n)."""
        rest = torch.zeros_like(mem) if self.rest is None else self.rest
        mem = (self.beta * mem + x) * (rest == 0)
        spikes = self.spike_grad(mem - 1)
        fired = spikes.detach() > 0
        self.rest = torch.where(fired, self.refractory, (rest - 1).clamp(min=0))
        return spikes, mem * ~fired


class Scale(nn.Module):
    """Multiply every element by its own learned number.

    Parameters
    ----------
    scale : float tensor, of the shape of a step, or one number for all

    >>> Scale(torch.tensor([2.0, 3.0]))(torch.ones(1, 2)).tolist()
    [[2.0, 3.0]]
    """

    def __init__(self, scale: torch.Tensor) -> None:
        super().__init__()
        self.scale = nn.Parameter(scale)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the products, (batch, ..., *shape)."""
        return x * self.scale


class Binary(nn.Module):
    """An activation made a spike: exactly 0 or 1 forward, the gradient of the activation backward.

    Per element and without memory::

        s = x > threshold

    Parameters
    ----------
    activation : callable
        Differentiable, of one tensor.
    threshold : float
        In units of the activation's input.

    >>> binary, x = Binary(torch.sigmoid), torch.tensor([-1.0, 0.0, 2.0], requires_grad=True)
    >>> binary(x).tolist()
    [0.0, 0.0, 1.0]
    >>> binary(x).sum().backward()
    >>> torch.equal(x.grad, torch.sigmoid(x) * (1 - torch.sigmoid(x)))
    True
    """

    def __init__(self, activation: Callable[[torch.Tensor], torch.Tensor], threshold: float = 0.0):
        super().__init__()
        self.activation = activation
        self.threshold = threshold

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return spikes of the shape and type of x."""
        spikes = (x > self.threshold).to(x.dtype)
        if not torch.is_grad_enabled():
            return spikes
        smooth = self.activation(x)
        return spikes + (smooth - smooth.detach())  # plus exactly 0
