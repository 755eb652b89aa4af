"""Float neuron models that snnTorch does not have; no networks."""

from collections.abc import Callable

import snntorch as snn
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


class Refractory(snn.LIF):
    """Leaky integrate-and-fire neuron that rests for some steps after a spike; reset to zero.

    Per step and neuron::

        mem = beta * mem + x, or 0 while it rests
        s = mem > threshold;  mem = 0 where s, and the next `refractory` steps are rest

    What arrives during the rest is lost. It is the chip's rule (`simulate.neurons.LIFRefractory`) without a
    current: u holds the input of its own step only.

    Parameters
    ----------
    beta : float, or float tensor (n), 0 to 1
        Share of the membrane kept per step.
    refractory : int, 1 or more
        Steps of rest.
    spike_grad : callable, optional
        The threshold: 0 or 1 forward, a surrogate's gradient backward; snnTorch's atan where not given.
    threshold : float, or float tensor (n)
    learn_beta, learn_threshold : bool
    init_hidden : bool
        As in snnTorch: it keeps its membrane itself, and returns spikes alone.

    Raises
    ------
    ValueError
        `refractory` is below 1.

    >>> cell, mem, spikes = Refractory(0.5, 2, lambda x: (x > 0).float()), torch.zeros(1), []
    >>> for _ in range(6):
    ...     s, mem = cell(torch.tensor([1.5]), mem)
    ...     spikes.append(s.item())
    >>> spikes
    [1.0, 0.0, 0.0, 1.0, 0.0, 0.0]
    """

    def __init__(
        self,
        beta: float | torch.Tensor,
        refractory: int,
        spike_grad: Callable[[torch.Tensor], torch.Tensor] | None = None,
        threshold: float | torch.Tensor = 1.0,
        learn_beta: bool = False,
        learn_threshold: bool = False,
        init_hidden: bool = False,
    ):
        if refractory < 1:
            raise ValueError(f"refractory = {refractory}: from 1; a neuron that does not rest is snn.Leaky")
        super().__init__(
            beta,  # type: ignore[arg-type]
            threshold,  # type: ignore[arg-type]
            spike_grad,  # type: ignore[arg-type]
            init_hidden=init_hidden,
            learn_beta=learn_beta,
            learn_threshold=learn_threshold,
            reset_mechanism="zero",
        )
        self.refractory = refractory
        self.reset_mem()

    def reset_mem(self) -> torch.Tensor:
        """Return to rest; the next input says how many neurons there are."""
        self.mem, self.left = torch.zeros(0), torch.zeros(0)
        return self.mem

    def forward(
        self, x: torch.Tensor, mem: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor] | torch.Tensor:
        """Advance by one step.

        Parameters
        ----------
        x : float (batch, n)
            Input of this step.
        mem : float (batch, n), optional
            Membrane after the last step; its own where not given.

        Returns
        -------
        spikes, mem : float (batch, n)
            Spikes alone with `init_hidden`.
        """
        mem = self.mem if mem is None else mem
        mem, left = (a if a.shape == x.shape else torch.zeros_like(x) for a in (mem, self.left))
        mem = (self.beta.clamp(0, 1) * mem + x) * (left == 0)
        spikes = self.fire(mem)
        fired = mem > self.threshold
        self.left = torch.where(fired, self.refractory, (left - 1).clamp(min=0))
        self.mem = mem * ~fired
        return spikes if self.init_hidden else (spikes, self.mem)


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
