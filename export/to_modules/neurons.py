"""Neurons that snnTorch does not have, to be trained: the recurrences of `simulate.cells` in torch.

Decays and thresholds are learned; gains, leak and v_reset stay what they are. Resets are not followed by
gradients, as in snnTorch.
"""

import numpy as np
import snntorch as snn
import torch
from torch import nn

from ...models.neurons import Integrator
from ...simulate.cells import Dynamics
from ...simulate.policy import Policy
from .parts import number, spike

NEUTRAL = {"w_in": 1, "gain": 1, "leak": 0}


def is_learned(decay: np.ndarray) -> bool:
    """Whether a decay is one to learn: 0 or 1 everywhere says that nothing stays, or leaks."""
    return bool(np.any((decay > 0) & (decay < 1)))


class Charging(nn.Module):
    """How input charges a membrane: u <- alpha u + w_in x; v <- beta v + gain u + leak.

    Source: `simulate.cells.Cell`, to which it is equal in every bit of float64.
    """

    alpha: torch.Tensor | None
    beta: torch.Tensor
    w_in: torch.Tensor | None
    gain: torch.Tensor | None
    leak: torch.Tensor | None

    def hold(self, dynamics: Dynamics, policy: Policy) -> None:
        """Take over the numbers of a node, and the order of u and v."""
        self.policy = policy
        self.beta = nn.Parameter(number(dynamics.beta), requires_grad=is_learned(dynamics.beta))
        self.alpha = None
        if dynamics.alpha is not None:
            self.alpha = nn.Parameter(number(dynamics.alpha), requires_grad=is_learned(dynamics.alpha))
        for name, neutral in NEUTRAL.items():
            values = getattr(dynamics, name)
            self.register_buffer(name, None if np.all(values == neutral) else number(values))
        self.u: torch.Tensor | None = None

    def charge(self, x: torch.Tensor, v: torch.Tensor | None) -> torch.Tensor:
        """Return v after the input of one step, before any reset; None is rest."""
        charged = self.beta.clamp(0, 1) * (torch.zeros_like(x) if v is None else v) + self._current(x)
        return charged if self.leak is None else charged + self.leak

    def _current(self, x: torch.Tensor) -> torch.Tensor:
        """Return what x adds to v in this step."""
        drive = x if self.w_in is None else self.w_in * x
        if self.alpha is not None:
            before = torch.zeros_like(x) if self.u is None else self.u
            alpha, late = self.alpha.clamp(0, 1), self.policy.order == "decay-after-input"
            self.u = after = alpha * (before + drive) if late else alpha * before + drive
            drive = before if self.policy.order == "v-then-i" else after
        return drive if self.gain is None else self.gain * drive


class Membrane(Charging, Integrator):
    """A readout with a gain, a leak or a current; called as Integrator is.

    Parameters
    ----------
    dynamics : Dynamics
    policy : Policy
    """

    def __init__(self, dynamics: Dynamics, policy: Policy) -> None:
        super().__init__(1)
        self.hold(dynamics, policy)

    def reset_mem(self) -> None:
        """Return to rest."""
        self.u = None

    def forward(self, x: torch.Tensor, mem: torch.Tensor) -> torch.Tensor:
        return self.charge(x, mem)


class Neuron(Charging, snn.SpikingNeuron):
    """A spiking neuron with any reset, comparison and order that a policy knows; its states are hidden.

    Parameters
    ----------
    dynamics : Dynamics
        With threshold and reset.
    policy : Policy
    """

    threshold: torch.Tensor
    v_reset: torch.Tensor

    def __init__(self, dynamics: Dynamics, policy: Policy) -> None:
        threshold, v_reset = (np.asarray(a, float) for a in (dynamics.threshold, dynamics.reset))
        options = {"threshold": number(threshold), "learn_threshold": True}
        super().__init__(spike_grad=spike, reset_mechanism="none", **options)  # type: ignore[arg-type]
        self.hold(dynamics, policy)
        self.register_buffer("v_reset", number(v_reset))
        self.reset_mem()

    def reset_mem(self) -> None:
        """Return to rest."""
        self.u = self.v = self._held = None

    @property
    def resets_late(self) -> bool:
        """Whether v is seen before a reset; without a current, a late reset to v_reset does not show."""
        reset = self.policy.reset
        return reset == "subtract-delayed" or (reset == "zero-delayed" and self.alpha is not None)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        v = self.charge(x, self.v)
        held = torch.zeros_like(v) if self._held is None else self._held
        if self.policy.reset == "snntorch-subtract":
            fired = self._fires(self._after(v, held))
            self.v = self._after(v, fired)
            # a residual above the threshold counts against the next spike
            self._held = self._exceeds(self.v)
        elif self.resets_late:
            self.v = self._after(v, held)
            fired = self._held = self._fires(self.v)
        else:
            fired = self._fires(v)
            self.v = self._after(v, fired)
        return fired

    def _exceeds(self, v: torch.Tensor) -> torch.Tensor:
        """Return 1 where v is beyond the threshold, without gradient."""
        beyond = v > self.threshold if self.policy.compare == ">" else v >= self.threshold
        return beyond.to(v.dtype)

    def _fires(self, v: torch.Tensor) -> torch.Tensor:
        if self.policy.spikes == "multiple":
            return _whole_times(v / self.threshold, self.policy.compare)
        margin = v - self.threshold
        # by way of the attribute: from_torch watches it
        fired: torch.Tensor = self.spike_grad(margin)  # type: ignore[operator, assignment]
        return fired if self.policy.compare == ">" else fired + (margin == 0)

    def _after(self, v: torch.Tensor, spikes: torch.Tensor) -> torch.Tensor:
        """Return v after the reset that spikes cause."""
        spikes = spikes.detach()
        if self.policy.reset == "none":
            return v
        if self.policy.reset.startswith("zero"):
            return torch.where(spikes > 0, self.v_reset, v)
        return v - spikes * (self.threshold - self.v_reset)


def _whole_times(times: torch.Tensor, compare: str) -> torch.Tensor:
    """Return how often the threshold fits into v; the gradient is that of v / threshold, where positive."""
    whole = times.floor()
    if compare == ">":
        whole = whole - (whole == times).to(times.dtype)
    ramp = times.clamp(min=0)
    return whole.clamp(min=0).detach() + (ramp - ramp.detach())
