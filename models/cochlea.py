"""The cochlea's spiking layer, engineered to hear a constant of 0.15 after 64 ms; torch only.

beta solves 0.15 (beta^32 - 1) / (beta - 1) = 1, so that v passes the threshold at step 32: by 7e-8 with the
six digits of beta, and not yet with those of float32, in which snnTorch holds it: step 33.
"""

from collections.abc import Callable

import snntorch as snn
import torch
from snntorch import surrogate
from torch import nn

from .flute import MAX_DECAY, Head
from .front_ends.cochlea import EVENTS_PER_UNIT, N_CHANNELS

BETA = 0.850854
HEARD = 0.15  # a constant that is heard at step 32
SLOPE = 2


class AsRun(nn.Module):
    """The layer as it ran in snnTorch 0.5.1, whose `Synaptic` with hidden states lost its current.

    Per step, s being the spikes of the step before::

        mem <- -alpha syn where s, else beta mem + x;  syn <- alpha syn + x

    The current reaches the membrane only through the reset, and is never reset: every spike is followed by a
    deeper silence. For published numbers in floats; NIR and chips have no such neuron.

    Parameters
    ----------
    alpha, beta : float
        Shares of current and membrane kept per step.

    >>> layer, state = AsRun(), None
    >>> heard = []
    >>> for step in range(1, 300):
    ...     spikes, state = layer(torch.tensor([[0.15]]), state)
    ...     heard += [step] * int(spikes)
    >>> heard
    [33, 78, 127, 179, 233, 289]
    """

    def __init__(self, alpha: float = 1.0, beta: float = BETA):
        super().__init__()
        self.alpha = nn.Parameter(torch.tensor(alpha))
        self.register_buffer("beta", torch.tensor(beta))
        self.spike_grad = surrogate.fast_sigmoid(SLOPE)

    def forward(self, x: torch.Tensor, state: tuple | None) -> tuple[torch.Tensor, tuple]:
        """Take one step: (batch, n) to spikes, and the state after it."""
        syn, mem = state or (torch.zeros_like(x), torch.zeros_like(x))
        alpha = self.alpha.clamp(0, 1)
        fired = (mem > 1).to(x.dtype)
        mem = fired * -alpha * syn + (1 - fired) * (self.beta * mem + x)
        spikes: torch.Tensor = self.spike_grad(mem - 1)  # type: ignore[assignment]
        return spikes, (alpha * syn + x, mem)


class Lif(nn.Module):
    """The layer as it was designed: v <- beta v + x; s = v > 1; v <- 0 where s.

    >>> layer, state = Lif(), None
    >>> for step in range(1, 34):
    ...     spikes, state = layer(torch.full((1, 1), HEARD), state)
    >>> step, int(spikes)
    (33, 1)
    """

    def __init__(self):
        super().__init__()
        grad = surrogate.fast_sigmoid(SLOPE)
        self.cell = snn.Leaky(beta=BETA, reset_mechanism="zero", spike_grad=grad)

    def forward(self, x: torch.Tensor, state: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        """Take one step: (batch, n) to spikes, and the membrane after it."""
        return self.cell(x, torch.zeros_like(x) if state is None else state)


class Synaptic(nn.Module):
    """The layer as snnTorch documents it: u <- alpha u + x; v <- beta v + u; s = v > 1; v <- 0 where s.

    alpha is learned, one for all channels. The step after a spike counts its input; with snnTorch's default,
    which discards it, a constant of 0.15 is heard at 4, 7, 9, 11, 13, 15.

    >>> layer, state = Synaptic(), None
    >>> heard = []
    >>> for step in range(1, 10):
    ...     spikes, state = layer(torch.tensor([[0.15]]), state)
    ...     heard += [step] * int(spikes)
    >>> heard
    [4, 6, 7, 8, 9]
    """

    def __init__(self, alpha: float = MAX_DECAY):
        super().__init__()
        self.cell = snn.Synaptic(
            alpha=alpha,
            beta=BETA,
            learn_alpha=True,
            reset_mechanism="zero",
            reset_delay=False,
            spike_grad=surrogate.fast_sigmoid(SLOPE),
        )

    def forward(self, x: torch.Tensor, state: tuple | None) -> tuple[torch.Tensor, tuple]:
        """Take one step: (batch, n) to spikes, and u and v after it."""
        spikes, *after = self.cell(x, *(state or (torch.zeros_like(x), torch.zeros_like(x))))
        return spikes, tuple(after)


VARIANTS: dict[str, Callable[[], nn.Module]] = {"lif": Lif, "synaptic": Synaptic, "as_run": AsRun}


class CochleaNet(nn.Module):
    """The spiking cochlea and the head of `flute`: is it a real flute, at any loudness?

    Parameters
    ----------
    variant : "lif", "synaptic" or "as_run"
        Of the layer.
    n_in : int
        Channels of the front end.

    >>> CochleaNet()(torch.zeros(2, 50, 320)).shape
    torch.Size([2, 50, 1])
    """

    def __init__(self, variant: str = "lif", n_in: int = N_CHANNELS):
        super().__init__()
        self.variant = variant
        self.listen = VARIANTS[variant]()
        self.head = Head(n_in, beta=0.99, slope=25)

    def forward(self, events: torch.Tensor) -> torch.Tensor:
        """Run all steps from rest.

        Parameters
        ----------
        events : float (batch, steps, n_in)
            Whole numbers 0 to 1023, of `front_ends.cochlea`: 512 is a threshold.

        Returns
        -------
        spikes : float (batch, steps, 1)
        """
        state, membranes = None, self.head.rest(events[:, 0])
        outputs = []
        for x_t in events.unbind(1):
            spikes, state = self.listen(x_t * (1 / EVENTS_PER_UNIT), state)
            output, membranes = self.head(spikes, membranes)
            outputs.append(output)
        if not isinstance(self.listen, AsRun):
            self.listen.cell.reset_mem()
        self.head.forget()
        return torch.stack(outputs, 1)

    @torch.no_grad()
    def constrain(self) -> None:
        """Keep every decay where a register can hold it; called after every training step."""
        self.head.hidden.beta.clamp_(0, MAX_DECAY)
        if isinstance(self.listen, Synaptic):
            self.listen.cell.alpha.clamp_(0, MAX_DECAY)
