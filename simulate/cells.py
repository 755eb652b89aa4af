"""Neurons in floats: a NIR node as the recurrence that a policy makes of it, and its state stepped.

A node may say more in its metadata than NIR has words for: "compare" of its own, and for a spiking LIF
"tau_adaptation" (s) and "adaptation", by which its threshold rises if it spikes in every step; it is then
reset by the threshold one step later. Without the metadata it is a LIF with that threshold at rest.

Source: nir 1.0.8, docstrings of I, IF, LI, LIF, CubaLI, CubaLIF; snnTorch 1.0.0 for its resets.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import nir
import numpy as np

from .errors import BadInput, Unsupported
from .policy import Policy
from .shapes import Shape, spread

ULPS = 4


class Dynamics(NamedTuple):
    """A neuron node in steps: u <- alpha u + w_in x (where it has a current), v <- beta v + gain u + leak.

    Attributes
    ----------
    alpha, beta : float arrays, 0 to 1
        Shares of u and v kept per step; alpha is None where u is the input itself.
    w_in, gain, leak : float arrays
    threshold, reset : float arrays, or None without spikes
    kept_e, jump : float arrays, or None of a threshold that stays
        e <- kept_e e + jump where it spiked in the step before is added to the threshold.
    """

    alpha: np.ndarray | None
    w_in: np.ndarray
    beta: np.ndarray
    gain: np.ndarray
    leak: np.ndarray
    threshold: np.ndarray | None
    reset: np.ndarray | None
    kept_e: np.ndarray | None = None
    jump: np.ndarray | None = None


def policy_at(node: nir.NIRNode, policy: Policy) -> Policy:
    """Return the policy of a node, which may have a comparison of its own."""
    compare = (node.metadata or {}).get("compare")
    return policy if compare is None else replace(policy, compare=str(compare))


def discretize(node: nir.NIRNode, policy: Policy) -> Dynamics:
    """Write a neuron node as its recurrence.

    A float32 decay that was written as a time constant comes back as that float32: what lies within 4
    ulps of one is taken for it.

    Raises
    ------
    Unsupported
        v_leak or v_reset is not 0, or a threshold is not positive, where the convention needs it to be.
    """
    threshold, reset = (_float64(getattr(node, name, None)) for name in ("v_threshold", "v_reset"))
    if policy.spikes == "multiple" and threshold is not None and reset is not None:
        if np.any(reset) or np.any(threshold <= 0):
            raise Unsupported("spikes = 'multiple' needs v_reset = 0 and a positive v_threshold")
    if isinstance(node, (nir.I, nir.IF)):
        one = np.ones(node.r.shape)
        gain = _nearest(node.r * policy.dt) if policy.gain == "stored" else one
        return Dynamics(None, one, one, gain, 0 * one, threshold, reset)
    if policy.gain != "stored" and np.any(node.v_leak):  # type: ignore[attr-defined]
        raise Unsupported(f"v_leak is not 0; the convention gain = '{policy.gain}' knows no such leak")
    cuba = isinstance(node, (nir.CubaLI, nir.CubaLIF))
    beta, share = _decay(node.tau_mem if cuba else node.tau, policy)  # type: ignore[attr-defined]
    alpha, share_in = _decay(node.tau_syn, policy) if cuba else (None, np.ones(1))  # type: ignore[attr-defined]
    r, w_in = node.r, node.w_in if cuba else 1.0  # type: ignore[attr-defined]
    if policy.gain == "unit":
        share, r, share_in, w_in = np.ones(1), 1.0, np.ones(1), 1.0
    elif policy.gain == "norse" and not cuba:
        r = 1.0
    gain = _nearest(r * share)
    if policy.order == "decay-after-input" and not cuba:
        gain = gain * beta
    leak = (1 - beta) * node.v_leak  # type: ignore[attr-defined]
    steps = Dynamics(alpha, _nearest(w_in * share_in), beta, gain, leak, threshold, reset)
    return _adapting(node, policy, steps)


def _adapting(node: nir.NIRNode, policy: Policy, steps: Dynamics) -> Dynamics:
    """Add the adaptation that a node's metadata states."""
    said = node.metadata or {}
    if "adaptation" not in said:
        return steps
    if not isinstance(node, nir.LIF) or "tau_adaptation" not in said or np.any(np.asarray(node.v_reset)):
        raise BadInput("adaptation is for a LIF with tau_adaptation and v_reset = 0")
    tau = np.asarray(said["tau_adaptation"], np.float64)
    if np.any(tau < policy.dt * (1 - 1e-9)):
        raise BadInput(f"tau_adaptation = {tau.min():g} s is below dt = {policy.dt:g} s")
    kept, share = _decay(tau, policy)
    return steps._replace(kept_e=kept, jump=share * np.asarray(said["adaptation"], np.float64))


def _float64(values: np.ndarray | None) -> np.ndarray | None:
    return None if values is None else np.asarray(values, np.float64)


def _decay(tau: np.ndarray, policy: Policy) -> tuple[np.ndarray, np.ndarray]:
    """Return what is kept per step, and the weight of an input."""
    share = policy.dt / np.asarray(tau, np.float64)
    kept = 1 - share if policy.decay == "euler" else np.exp(-share)
    weight = -np.expm1(-share) if policy.decay == "zoh" else share
    # 1 - share is as exact as numbers near 1 are
    return _nearest(np.maximum(kept, 0), of=1.0 if policy.decay == "euler" else 0.0), weight


def _nearest(values: np.ndarray, of: float = 0.0) -> np.ndarray:
    """Return float32 values where those are within 4 ulps, of the value or of a larger number."""
    with np.errstate(over="ignore", invalid="ignore"):
        single = values.astype(np.float32).astype(np.float64)
        return np.where(
            np.abs(values - single) <= ULPS * np.spacing(np.maximum(np.abs(single), of)), single, values
        )


class Cell:
    """The state of one neuron node, for a batch.

    Attributes
    ----------
    u : float (batch, *shape), or None without a current
    v : float (batch, *shape)
        After the reset, unless the reset comes one step later.
    """

    def __init__(self, node: nir.NIRNode, shape: Shape, policy: Policy, batch: int, dtype: np.dtype) -> None:
        full = (None if a is None else spread(a, shape).astype(dtype) for a in discretize(node, policy))
        p = Dynamics(*full)  # type: ignore[arg-type]
        self.alpha, self.beta, self.threshold = p.alpha, p.beta, p.threshold
        self._w_in, self._gain = (None if np.all(a == 1) else a for a in (p.w_in, p.gain))
        self._leak = p.leak if np.any(p.leak) else None
        self.v = np.zeros((batch, *shape), dtype)
        self.u = None if p.alpha is None else np.zeros_like(self.v)
        self._start = self.v  # what decays in the next step
        self._order = policy.order
        if p.threshold is not None and p.reset is not None:
            self._exceeds = policy_at(node, policy).exceeds
            self._finish = RESETS[policy.reset, policy.spikes] if p.jump is None else Cell._adapt
            self._kept_e, self._jump, self._e = p.kept_e, p.jump, np.zeros_like(self.v)
            self._to, self._drop = p.reset, p.threshold - p.reset
            self._held = np.zeros(self.v.shape, bool)

    def step(self, x: np.ndarray) -> np.ndarray:
        """Take one step of input, (batch, *shape); return spikes, or v of a neuron without them."""
        charged = self.beta * self._start + self._current(x)
        if self._leak is not None:
            charged += self._leak
        if self.threshold is None:
            self.v = self._start = charged
            return charged
        return self._finish(self, charged).astype(x.dtype)

    def _current(self, x: np.ndarray) -> np.ndarray:
        """Return what x adds to v in this step."""
        drive = x if self._w_in is None else self._w_in * x
        if self.alpha is not None:
            before = self.u
            if self._order == "decay-after-input":
                self.u = self.alpha * (self.u + drive)
            else:
                self.u = self.alpha * self.u + drive
            drive = before if self._order == "v-then-i" else self.u
        return drive if self._gain is None else self._gain * drive  # type: ignore[return-value]

    def _fires(self, v: np.ndarray) -> np.ndarray:
        return self._exceeds(v, self.threshold)

    def _zero(self, v: np.ndarray) -> np.ndarray:
        fired = self._fires(v)
        self.v = self._start = np.where(fired, self._to, v)
        return fired

    def _zero_delayed(self, v: np.ndarray) -> np.ndarray:
        if self.alpha is None:
            fired = self._fires(v)
            self.v, self._start = v, np.where(fired, self._to, v)
            return fired
        self.v = self._start = np.where(self._held, self._to, v)
        self._held = self._fires(self.v)
        return self._held

    def _subtract(self, v: np.ndarray) -> np.ndarray:
        fired = self._fires(v)
        self.v = self._start = v - fired * self._drop
        return fired

    def _subtract_delayed(self, v: np.ndarray) -> np.ndarray:
        self.v = self._start = v - self._held * self._drop
        self._held = self._fires(self.v)
        return self._held

    def _snntorch_subtract(self, v: np.ndarray) -> np.ndarray:
        fired = self._fires(v - self._held * self._drop)
        self.v = self._start = v - fired * self._drop
        self._held = self._fires(self.v)
        return fired

    def _subtract_multiple(self, v: np.ndarray) -> np.ndarray:
        times = v / self.threshold
        whole = np.floor(times)
        if self._exceeds is np.greater:
            whole -= whole == times
        count = np.maximum(whole, 0)
        self.v = self._start = v - count * self.threshold
        return count

    def _adapt(self, v: np.ndarray) -> np.ndarray:
        self._e = self._kept_e * self._e + self._held * self._jump
        raised = self.threshold + self._e
        self.v = self._start = v - self._held * raised
        self._held = self._exceeds(self.v, raised)
        return self._held

    def _none(self, v: np.ndarray) -> np.ndarray:
        self.v = self._start = v
        return self._fires(v)


RESETS: dict[tuple[str, str], Callable[[Cell, np.ndarray], np.ndarray]] = {
    ("zero", "single"): Cell._zero,
    ("zero-delayed", "single"): Cell._zero_delayed,
    ("subtract", "single"): Cell._subtract,
    ("subtract-delayed", "single"): Cell._subtract_delayed,
    ("snntorch-subtract", "single"): Cell._snntorch_subtract,
    ("subtract", "multiple"): Cell._subtract_multiple,
    ("none", "single"): Cell._none,
}
