"""A population of a Program that can be trained: floats behind every register, and its steps in integers."""

from collections.abc import Collection, Mapping

import numpy as np
import torch
from torch import nn

from ..export.populations import Population
from ..export.rounding import Choice
from ..simulate.errors import Unsupported
from ..simulate.neurons import LI, LIF, PLIF, LIFNoReset, LIFSubtract, Neuron
from ..simulate.ranges import DECAY_ONE, RANGES, UNIT
from .steps import Form, State, Steps
from .straight_through import FLOAT32, through
from .synapses import EDGE, KINDS, Synapses

KINDS_TRAINED = (LIF, PLIF, LIFSubtract, LIFNoReset, LI)
TRAINED = ("weights", "biases", "thresholds", "decays")


class Cells(nn.Module):
    """A population and the synapses that end in it.

    Parameters
    ----------
    p : Population
        In floats.
    choice : Choice
        Its scale and integers.
    neuron : Neuron
        Its registers.
    largest : {source: int}
        The largest event of each.
    slope : float
        Of the surrogate.
    trained : subset of "weights", "biases", "thresholds", "decays"

    Raises
    ------
    Unsupported
        No gradient is known for the type of the neurons.
    """

    scale: torch.Tensor
    u0: torch.Tensor
    most_u: torch.Tensor
    most_v: torch.Tensor

    def __init__(
        self,
        p: Population,
        choice: Choice,
        neuron: Neuron,
        largest: Mapping[str, int],
        slope: float,
        trained: Collection[str],
    ) -> None:
        super().__init__()
        if type(neuron) not in KINDS_TRAINED:
            raise Unsupported(f"'{p.name}': no bit-true training of {type(neuron).__name__} yet")
        self.name, self.shape, self.kind, self.keys = p.name, p.shape, type(neuron), list(p.weights)
        self.synapses = nn.ModuleList(
            _synapses(w.scaled(choice.scale), choice, key, largest[key[0]], "weights" in trained)
            for key, w in p.weights.items()
        )
        scale = np.asarray(choice.scale, float)
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float32))
        sends = self.kind is not LI
        vth = np.ravel(neuron.vth) if sends else np.zeros(len(scale))  # type: ignore[union-attr]
        threshold = p.threshold if p.threshold is not None else vth
        left_u, left_v = DECAY_ONE - 1 - np.ravel(neuron.du), DECAY_ONE - np.ravel(neuron.dv)  # type: ignore[union-attr]
        bias, step = np.ravel(neuron.bias), 2.0 ** _exponent(torch.from_numpy(np.ravel(neuron.bias))).numpy()
        self.bias = _master(UNIT * scale, p.bias, bias, step, "biases" in trained)
        self.threshold = _master(scale, threshold, vth, 1, sends and "thresholds" in trained)
        self.alpha = _master(DECAY_ONE, p.alpha, left_u, 1, "decays" in trained and bool(left_u.any()))
        self.beta = _master(DECAY_ONE, p.beta, left_v, 1, "decays" in trained)
        self.register_buffer("u0", torch.tensor(np.ravel(neuron.u0), dtype=torch.float32))  # type: ignore[union-attr]
        self.register_buffer("most_u", _most(left_u))
        self.register_buffer("most_v", _most(left_v))
        width = UNIT * np.where(vth > 0, vth, scale).astype(np.float32)
        clears, drops = self.kind in (LIF, PLIF), self.kind is LIFSubtract
        self.form = Form(self.kind is not PLIF, sends, clears, drops, slope, width)
        reaches, limits = zip(*((s.reach, s.limit) for s in self.synapses), strict=True)
        # one sum keeps its digits however far it is shifted; several are added
        small = reaches[0] < FLOAT32 if len(limits) == 1 else sum(limits) < FLOAT32
        self._exact = torch.float32 if small else torch.float64

    def registers(self) -> dict[str, torch.Tensor]:
        """Return left_u, left_v, bias and vth, as the chip holds them."""
        bias = UNIT * self.scale * self.bias
        step = 2.0 ** _exponent(bias)
        exact = {
            "alpha": DECAY_ONE * self.alpha,
            "beta": DECAY_ONE * self.beta,
            "vth": self.scale * self.threshold,
        }
        whole = {name: through(x, torch.round(x)) for name, x in exact.items()}
        bias = through(bias, torch.round(bias / step) * step)
        return {"left_u": whole["alpha"], "left_v": whole["beta"], "bias": bias, "vth": whole["vth"]}

    @torch.no_grad()
    def neuron(self) -> Neuron:
        """Return the registers for a Program."""
        held = {name: x.to(torch.int64) for name, x in self.registers().items()}
        exp = _exponent(held["bias"])
        fields = {"du": DECAY_ONE - 1 - held["left_u"], "dv": DECAY_ONE - held["left_v"]}
        fields |= {"bias_mant": held["bias"] >> exp, "bias_exp": exp, "u0": self.u0.to(torch.int64)}
        if self.form.sends:
            fields["vth"] = held["vth"]
        return self.kind(self.shape, **{f: x.numpy().reshape(self.shape) for f, x in fields.items()})  # type: ignore[arg-type]

    def at_rest(self, batch: int) -> State:
        """Return the state before the first step."""
        zero = torch.zeros(batch, len(self.scale))
        return State(self.u0.expand(batch, -1), zero, zero)

    def sum_of(self, arriving: list[torch.Tensor]) -> torch.Tensor:
        """Add what several synapses bring, exactly."""
        total = arriving[0].to(self._exact)
        for more in arriving[1:]:
            total = total + more.to(self._exact)
        return total

    def steps(self, a_in: torch.Tensor, before: State, registers: Mapping[str, torch.Tensor]) -> State:
        """Run on from a state; a_in (batch, steps, n) in units of a weight."""
        return State(*Steps.apply(a_in, *before, *registers.values(), self.form))  # type: ignore[misc]

    def step_sizes(self) -> list[tuple[list[nn.Parameter], float]]:
        """Return the parameters that are trained, in steps of the size of what they are."""
        weights = [s.weights for s in self.synapses]
        groups = [([*weights, self.bias], _rms(*weights)), ([self.threshold], _rms(self.threshold))]
        groups.append(([self.alpha, self.beta], _rms(1 - self.beta)))
        learning = (([p for p in group if p.requires_grad], size) for group, size in groups)
        return [(group, size) for group, size in learning if group]

    @torch.no_grad()
    def constrain(self) -> None:
        """Keep every float where a register holds it."""
        for synapses in self.synapses:
            synapses.constrain()
        most = RANGES["bias_mant"][1] << RANGES["bias_exp"][1]
        _clamp(self.bias, UNIT * self.scale, -most, most)
        _clamp(self.threshold, self.scale, *RANGES["vth"])
        _clamp(self.alpha, DECAY_ONE, 0, self.most_u)
        _clamp(self.beta, DECAY_ONE, 0, self.most_v)


def _synapses(linear, choice: Choice, key, largest: int, trained: bool) -> Synapses:
    return KINDS[type(linear)](linear, choice.scale, choice.weights[key], choice.bits, largest, trained)


def _rms(*values: torch.Tensor) -> float:
    return float(torch.cat([v.detach().flatten() for v in values]).square().mean().sqrt()) or 1.0


def _master(scale, floats: np.ndarray, register: np.ndarray, step, trained: bool) -> nn.Parameter:
    """Return floats that round to a register: as they are, or as near as they may be."""
    begin = np.clip(floats * scale, register - EDGE * step, register + EDGE * step) / scale
    return nn.Parameter(torch.tensor(begin, dtype=torch.float32), requires_grad=trained)  # type: ignore[return-value]


def _most(left: np.ndarray) -> torch.Tensor:
    """Return what a decay may leave: nothing remains nothing and all remains all, else a leak stays."""
    return torch.tensor(np.where(np.isin(left, (0, DECAY_ONE)), left, DECAY_ONE - 1), dtype=torch.float32)


def _clamp(values: nn.Parameter, scale, low, high) -> None:
    low, high = (torch.as_tensor(limit, dtype=torch.float32) for limit in (low, high))
    values.copy_(torch.clamp(values * scale, low, high) / scale)


def _exponent(bias: torch.Tensor) -> torch.Tensor:
    """Return the smallest exponent whose mantissa holds each bias."""
    exps = torch.arange(RANGES["bias_exp"][1])
    mants = torch.round(bias.detach().double() / 2.0 ** exps[:, None])
    return (mants.abs() > RANGES["bias_mant"][1]).sum(0)
