"""Goldilocks: a neuron that fires only for periods in a band, neither too short nor too long."""

from typing import NamedTuple

import snntorch as snn
import torch
from snntorch import surrogate
from torch import nn

from .neurons import Scale

MAX_BETA = 1 - 1 / 4096  # a decay has 12 bits


class State(NamedTuple):
    """Of all channels, (batch, n): spikes of the inhibitor, its membrane, and that of `fire`."""

    forbidding: torch.Tensor
    u: torch.Tensor
    v: torch.Tensor


class Goldilocks(nn.Module):
    """Two leaky neurons that hear the same binary train; one forbids the other to fire.

    Per step, for each channel x of 0 or 1, both with threshold 1 and reset to zero::

        inhibitor: u <- beta_tau u + w_theta x                       -> s_i
        fire:      v <- beta_theta v + w_theta x (1 - 2 s_i)         -> s, then v <- v - w_tau s_i

    One input is less than a threshold, so a neuron fires only if the train comes back before it has
    forgotten. The inhibitor forgets sooner: it fires for periods that are too short, and `fire` for those
    that are left. s_i implies x = 1, so that the product is the sum x - 2 s_i, and what is taken after the
    threshold arrives, decayed, in the step after: two LIFs joined by weights, with nothing left out.

    Parameters
    ----------
    n : int
        Channels, each with a pair of neurons of its own.
    beta_theta, beta_tau : float, 0 to 1
        Shares kept per step by `fire` and by the inhibitor, before they are learned.
    w_tau : float
        What a spike of the inhibitor takes; what is learned is beta_theta w_tau, what it takes a step later.
    w_theta : float
        Weight of an input; not learned.
    slope : float
        Of the surrogate gradient.

    Source: Aragon, CM3070 final report; rebuilt from its equations.

    >>> net = Goldilocks()
    >>> train = lambda period: (torch.arange(1000) % period == 0).float().reshape(1, -1, 1)
    >>> [int(net(train(period)).sum()) for period in (15, 16, 17, 18, 19)]
    [0, 31, 29, 28, 0]
    """

    def __init__(
        self,
        n: int = 1,
        beta_theta: float = 0.88509,
        beta_tau: float = 0.86375,
        w_tau: float = 2.0,
        w_theta: float = 0.9,
        slope: float = 8,
    ):
        super().__init__()
        self.w_theta = w_theta
        self.inhibitor = _leaky(n, beta_tau, slope)
        self.fire = _leaky(n, beta_theta, slope)
        self.late = Scale(torch.full((n,), beta_theta * w_tau))

    def rest(self, x_t: torch.Tensor) -> State:
        """Return the state before the first step; x_t is (batch, n)."""
        return State(*(torch.zeros_like(x_t) for _ in State._fields))

    def step(self, x_t: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Take one step of spikes (batch, n); return spikes, and the state after it."""
        charge = x_t * self.w_theta
        late = self.late(state.forbidding)
        forbidding, u = self.inhibitor(charge, state.u)
        spikes, v = self.fire(charge - forbidding * (2 * self.w_theta) - late, state.v)
        return spikes, State(forbidding, u, v)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Run all steps from rest.

        Parameters
        ----------
        x : float (batch, steps, n)
            Spikes, 0 or 1.

        Returns
        -------
        spikes : float (batch, steps, n)
        """
        state, outputs = self.rest(x[:, 0]), []
        for x_t in x.unbind(1):
            spikes, state = self.step(x_t, state)
            outputs.append(spikes)
        self.forget()
        return torch.stack(outputs, 1)

    def forget(self) -> None:
        """Let go of the graph of the last run."""
        self.inhibitor.reset_mem()
        self.fire.reset_mem()

    @torch.no_grad()
    def constrain(self) -> None:
        """Keep the betas where a decay of 12 bits can hold them; called after every training step."""
        for cell in (self.inhibitor, self.fire):
            cell.beta.clamp_(0, MAX_BETA)


def _leaky(n, beta, slope):
    """Neurons with threshold 1 that are reset to zero."""
    grad = surrogate.fast_sigmoid(slope)
    return snn.Leaky(torch.full((n,), beta), learn_beta=True, reset_mechanism="zero", spike_grad=grad)
