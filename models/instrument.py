"""The complete recogniser: does one instrument sound, in noise and among others, at any loudness?

Everything between the front end and the decision is on the chip. Where the original has a sigmoid between
spiking layers there is a spike with its gradient; the membrane that its host reads is here a neuron
that is never reset.
"""

from typing import NamedTuple

import snntorch as snn
import torch
from snntorch import surrogate
from torch import nn

from .cochlea import BETA
from .cochlea import SLOPE as COCHLEA_SLOPE
from .front_ends.cochlea import EVENTS_PER_UNIT, N_CHANNELS
from .goldilocks import MAX_BETA, Goldilocks, State
from .neurons import Binary, Integrator

N_KERNELS, KERNEL = 4, 41
HOLD = (1 / 9) ** (1 / 250)  # what was heard is held for half a second
GAIN = 0.1  # of the hold, which adds up what it hears for a hundred steps
REMEMBERED = 0.5  # threshold of a trace: one spike is remembered for four steps
SLOPE = 8


class Memory(NamedTuple):
    """All states, after a step."""

    cochlea: torch.Tensor
    periods: State
    trace: torch.Tensor
    readout: torch.Tensor
    held: torch.Tensor


class InstrumentNet(nn.Module):
    """Cochlea, convolution over frequency, dense, goldilocks, traces, dense, hold; a score in every step.

    Parameters
    ----------
    hidden, readout : int
        Channels of goldilocks, and neurons behind them; 1024 and 128 as published.
    beta_theta, beta_tau : float, 0 to 1
        Of goldilocks, before they are learned: bands of 2 to 21 steps; .5 and .4, only 3, as published.

    Source: Aragon, CM3070 final report (the complete model), in its binary form.

    >>> net = InstrumentNet(hidden=8, readout=4)
    >>> net(torch.zeros(2, 30, 1, 320)).shape
    torch.Size([2, 30, 1])
    """

    def __init__(self, hidden: int = 64, readout: int = 32, beta_theta: float = 0.9, beta_tau: float = 0.3):
        super().__init__()
        grad = surrogate.fast_sigmoid(SLOPE)
        self.cochlea = snn.Leaky(
            beta=BETA, reset_mechanism="zero", spike_grad=surrogate.fast_sigmoid(COCHLEA_SLOPE)
        )
        self.conv = nn.Conv1d(1, N_KERNELS, KERNEL, padding=KERNEL // 2)
        self.edges = Binary(nn.Softplus(), 0.0)
        self.flat = nn.Flatten()
        self.fc1 = nn.Linear(N_KERNELS * N_CHANNELS, hidden)
        self.gate = Binary(torch.sigmoid, 0.0)
        self.periods = Goldilocks(hidden, beta_theta, beta_tau, slope=SLOPE)
        self.trace = snn.Leaky(
            torch.full((hidden,), 0.85), REMEMBERED, learn_beta=True, reset_mechanism="none", spike_grad=grad
        )
        self.fc2 = nn.Linear(hidden, readout)
        self.readout = snn.Leaky(
            torch.full((readout,), 0.9), learn_beta=True, reset_mechanism="zero", spike_grad=grad
        )
        self.fc3 = nn.Linear(readout, 1)
        self.hold = Integrator(1, beta=HOLD).requires_grad_(False)
        with torch.no_grad():  # so that each layer has something to hear before it learns
            self.fc1.bias -= 0.3
            self.fc2.weight *= 3
            self.fc3.bias.zero_()

    def rest(self, events: torch.Tensor) -> Memory:
        """Return the states before the first step; events are (batch, steps, 1, 320)."""
        heard = torch.zeros_like(events[:, 0])
        hidden, readout, last = (heard.new_zeros(len(heard), n) for n in self._sizes())
        return Memory(heard, self.periods.rest(hidden), hidden, readout, last)

    def _sizes(self):
        return self.fc1.out_features, self.fc2.out_features, self.fc3.out_features

    def step(self, x_t: torch.Tensor, memory: Memory) -> tuple[torch.Tensor, Memory]:
        """Take one step of events (batch, 1, 320); return the score, and the states after it."""
        heard, cochlea = self.cochlea(x_t * (1 / EVENTS_PER_UNIT), memory.cochlea)
        edges = self.edges(self.conv(heard))
        gates = self.gate(self.fc1(self.flat(edges)))
        periods, state = self.periods.step(gates, memory.periods)
        recent, trace = self.trace(periods, memory.trace)
        found, readout = self.readout(self.fc2(recent), memory.readout)
        held = self.hold(self.fc3(found) * GAIN, memory.held)
        return held, Memory(cochlea, state, trace, readout, held)

    def forward(self, events: torch.Tensor) -> torch.Tensor:
        """Run all steps from rest.

        Parameters
        ----------
        events : float (batch, steps, 1, 320)
            Whole numbers 0 to 1023, of `front_ends.cochlea`: 512 is a threshold.

        Returns
        -------
        score : float (batch, steps, 1)
            Above 0 where the instrument sounds.
        """
        memory, scores = self.rest(events), []
        for x_t in events.unbind(1):
            score, memory = self.step(x_t, memory)
            scores.append(score)
        for cell in (self.cochlea, self.trace, self.readout, self.periods.inhibitor, self.periods.fire):
            cell.reset_mem()
        return torch.stack(scores, 1)

    def step_sizes(self) -> list[tuple[list[nn.Parameter], float]]:
        """Return which parameters are trained in steps of which size: decays in small ones."""
        learned = {name: p for name, p in self.named_parameters() if p.requires_grad}
        decays = [p for name, p in learned.items() if name.endswith("beta")]
        others = [p for name, p in learned.items() if not name.endswith("beta")]
        return [(decays, 0.1), (others, 1.0)]

    @torch.no_grad()
    def constrain(self) -> None:
        """Keep every decay where a register can hold it; called after every training step."""
        self.periods.constrain()
        for cell in (self.trace, self.readout):
            cell.beta.clamp_(0, MAX_BETA)
