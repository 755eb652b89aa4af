"""Goldilocks: a neuron that fires only for periods in a band, neither too short nor too long."""

import snntorch as snn
import torch
from snntorch import surrogate
from torch import nn

MAX_BETA = 1 - 1 / 4096  # a decay has 12 bits


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
    beta_theta, beta_tau : float, 0 to 1
        Shares kept per step by `fire` and by the inhibitor; learned.
    w_tau : float
        What a spike of the inhibitor takes; learned.
    w_theta : float
        Weight of an input.
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
        beta_theta: float = 0.88509,
        beta_tau: float = 0.86375,
        w_tau: float = 2.0,
        w_theta: float = 0.9,
        slope: float = 8,
    ):
        super().__init__()
        self.w_theta = w_theta
        self.w_tau = nn.Parameter(torch.tensor(w_tau))
        self.inhibitor = _leaky(beta_tau, slope)
        self.fire = _leaky(beta_theta, slope)

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
        forbidding = u = v = torch.zeros_like(x[:, 0])
        w_late = self.fire.beta * self.w_tau
        spikes = []
        for x_t in x.unbind(1):
            charge = x_t * self.w_theta
            late = forbidding * w_late
            forbidding, u = self.inhibitor(charge, u)
            spike, v = self.fire(charge - forbidding * (2 * self.w_theta) - late, v)
            spikes.append(spike)
        for cell in (self.inhibitor, self.fire):
            cell.reset_mem()  # it keeps the graph of the whole run
        return torch.stack(spikes, 1)

    @torch.no_grad()
    def constrain(self) -> None:
        """Keep the betas where a decay of 12 bits can hold them; called after every training step."""
        for cell in (self.inhibitor, self.fire):
            cell.beta.clamp_(0, MAX_BETA)


def _leaky(beta, slope):
    grad = surrogate.fast_sigmoid(slope)
    return snn.Leaky(beta=beta, threshold=1.0, learn_beta=True, reset_mechanism="zero", spike_grad=grad)
