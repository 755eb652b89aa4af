"""The flute network: is it a real one? A layer that listens, and a small head that decides in every step."""

import snntorch as snn
import torch
from snntorch import surrogate
from torch import nn

from .front_ends.chunks import EVENTS_PER_UNIT, N_FEATURES

N_HIDDEN = 32
MAX_DECAY = 1 - 1 / 4096  # a decay has 12 bits
SLOPE = 100


class Head(nn.Module):
    """Two layers of leaky neurons, 32 and 1: spikes of a listening layer to a decision in every step.

    Both lose the threshold in the step after a spike (snnTorch's default reset); the decay of the last one is
    fixed. The parameters are those of Aragon's `flute`.

    Parameters
    ----------
    n_in : int
        Channels.
    beta, last_beta : float, 0 to 1
        Shares kept per step: of the 32, to begin with, and of the one.
    slope : int
        Of the surrogate gradient.
    """

    def __init__(self, n_in: int, beta: float = 0.999, last_beta: float = 0.99, slope: int = SLOPE):
        super().__init__()
        grad = surrogate.fast_sigmoid(slope)
        self.fc1 = nn.Linear(n_in, N_HIDDEN)
        self.hidden = snn.Leaky(beta=torch.full((N_HIDDEN,), beta), learn_beta=True, spike_grad=grad)
        self.fc2 = nn.Linear(N_HIDDEN, 1)
        self.last = snn.Leaky(beta=last_beta, spike_grad=grad)

    def rest(self, x_t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return both membranes before the first step; x_t is (batch, n_in)."""
        return x_t.new_zeros(len(x_t), N_HIDDEN), x_t.new_zeros(len(x_t), 1)

    def forward(self, x_t: torch.Tensor, membranes: tuple) -> tuple[torch.Tensor, tuple]:
        """Take one step: (batch, n_in) to spikes (batch, 1), and the membranes after it."""
        hidden, last = membranes
        spikes, hidden = self.hidden(self.fc1(x_t), hidden)
        spikes, last = self.last(self.fc2(spikes), last)
        return spikes, (hidden, last)

    def forget(self) -> None:
        """Let go of the graph of the last run."""
        self.hidden.reset_mem()
        self.last.reset_mem()


class FluteNet(nn.Module):
    """688 neurons that listen to the spectrum of each tenth of a second, and a head.

    Per step and channel, with alpha and beta of its own::

        u <- alpha u + x;  v <- beta v + u;  s = v > 1;  v <- 0 where s

    Parameters
    ----------
    n_in : int
        Features.
    alpha, beta : float, 0 to 1
        Of the listening layer, to begin with; cut to 4095/4096, as a decay of 1 has no register.

    Source: Aragon, CM3070 final report and code (`Synaptic(688)`, Linear, Leaky, Linear, Leaky), with the
    documented `Synaptic` in place of snnTorch 0.5.1's, whose current never reaches the membrane.

    >>> net = FluteNet()
    >>> sum(p.numel() for p in net.parameters())
    23489
    >>> net(torch.zeros(2, 40, 688)).shape
    torch.Size([2, 40, 1])
    """

    def __init__(self, n_in: int = N_FEATURES, alpha: float = 1.0, beta: float = 0.999):
        super().__init__()
        self.listen = snn.Synaptic(
            alpha=torch.full((n_in,), min(alpha, MAX_DECAY)),
            beta=torch.full((n_in,), min(beta, MAX_DECAY)),
            learn_alpha=True,
            learn_beta=True,
            reset_mechanism="zero",
            reset_delay=False,
            spike_grad=surrogate.fast_sigmoid(SLOPE),
        )
        self.head = Head(n_in)

    def forward(self, events: torch.Tensor) -> torch.Tensor:
        """Run all steps from rest.

        Parameters
        ----------
        events : float (batch, steps, n_in)
            Whole numbers 0 to 1023, of `front_ends.chunks`: 256 is a threshold.

        Returns
        -------
        spikes : float (batch, steps, 1)
            1 where the note is taken for a real flute's; `readout.majority` decides on the whole.
        """
        syn = mem = torch.zeros_like(events[:, 0])
        membranes = self.head.rest(mem)
        outputs = []
        for x_t in events.unbind(1):
            spikes, syn, mem = self.listen(x_t * (1 / EVENTS_PER_UNIT), syn, mem)
            output, membranes = self.head(spikes, membranes)
            outputs.append(output)
        self.listen.reset_mem()
        self.head.forget()
        return torch.stack(outputs, 1)

    @torch.no_grad()
    def constrain(self) -> None:
        """Keep every decay where a register can hold it; called after every training step."""
        for decay in (self.listen.alpha, self.listen.beta, self.head.hidden.beta):
            decay.clamp_(0, MAX_DECAY)


class FrameMLP(nn.Module):
    """The conventional network of the same shape: each step by itself, 32 rectified units, one score.

    >>> FrameMLP(688)(torch.zeros(2, 40, 688)).shape
    torch.Size([2, 40, 1])
    """

    def __init__(self, n_in: int, scale: float = 1 / EVENTS_PER_UNIT):
        super().__init__()
        self.scale = scale
        self.layers = nn.Sequential(
            nn.Linear(n_in, N_HIDDEN), nn.ReLU(), nn.Linear(N_HIDDEN, 1), nn.Sigmoid()
        )

    def forward(self, events: torch.Tensor) -> torch.Tensor:
        """Return a score of 0 to 1 for every step, (batch, steps, 1)."""
        return self.layers(events * self.scale)


def biased_loss(output: torch.Tensor, y: torch.Tensor, bias: float = 2.0) -> torch.Tensor:
    """Return the loss of `flute`: nothing for what is clearly right, more for what is wrongly called real.

    Parameters
    ----------
    output : float (batch, steps, 1)
        Spikes, or scores of 0 to 1.
    y : int64 (batch,)
        1 for a real flute.
    bias : float
        By how much a wrong 0 counts more.

    Source: Aragon, CM3070: relu((mean_t s - y)^2 - (1 - .55)^2) (1 + (1 - y) p), p growing from .1 to 2.

    >>> spikes = torch.tensor([[[1.0], [0.0]], [[1.0], [1.0]]])
    >>> round(biased_loss(spikes, torch.tensor([0, 1])).item(), 6)
    0.07125
    """
    y = y.to(output.dtype)
    error = torch.relu((output.mean((1, 2)) - y) ** 2 - (1 - 0.55) ** 2)
    return (error * (1 + (1 - y) * bias)).mean()
