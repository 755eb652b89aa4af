"""The networks whose speed is measured, with hidden activity near 5 %, and their Programs."""

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import snntorch as snn
import torch
from torch import nn

from lavalier import export, simulate
from lavalier.simulate import Program

BATCH, STEPS = 128, 100
HIDDEN_ACTIVITY = 0.05
BETA = 0.875  # every peer can say it: Xylo's decays are shifts
TUNED_ON = 16  # samples
HALVINGS = 14
THRESHOLDS = 2.0**-6, 2.0**6
SEED = 0


class Feedforward(nn.Module):
    """Weights and LIF neurons in turn."""

    def __init__(self, *weights: nn.Module) -> None:
        super().__init__()
        self.weights = nn.ModuleList(weights)
        self.neurons = nn.ModuleList(snn.Leaky(BETA, reset_mechanism="zero") for _ in weights)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Run all steps, (batch, steps, *shape)."""
        mems = [neuron.reset_mem() for neuron in self.neurons]  # pyright: ignore[reportCallIssue]
        sent = []
        for spikes in x.unbind(1):
            for i, (weights, neuron) in enumerate(zip(self.weights, self.neurons, strict=True)):
                spikes, mems[i] = neuron(weights(spikes), mems[i])
            sent.append(spikes)
        return torch.stack(sent, 1)


class Recurrent(nn.Module):
    """A layer of LIF neurons with weights among themselves, and LIF neurons that read it."""

    def __init__(self, n_in: int, n_hidden: int, n_out: int) -> None:
        super().__init__()
        self.inward, self.outward = _linear(n_in, n_hidden), _linear(n_hidden, n_out)
        self.hidden = snn.RLeaky(BETA, linear_features=n_hidden, reset_mechanism="zero", reset_delay=False)
        self.hidden.recurrent = _linear(n_hidden, n_hidden)
        self.last = snn.Leaky(BETA, reset_mechanism="zero")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Run all steps, (batch, steps, n_in)."""
        (spikes, hidden), last = self.hidden.reset_mem(), self.last.reset_mem()
        sent = []
        for now in x.unbind(1):
            spikes, hidden = self.hidden(self.inward(now), spikes, hidden)
            out, last = self.last(self.outward(spikes), last)
            sent.append(out)
        return torch.stack(sent, 1)


def dense(*sizes: int, bias: bool = False) -> Feedforward:
    """Return layers of these sizes, the first of which is the input."""
    return Feedforward(*(_linear(n_in, n_out, bias) for n_in, n_out in pairwise(sizes)))


def convolution() -> Feedforward:
    """Return 28 x 28 pixels, two convolutions and ten outputs."""
    first, second = nn.Conv2d(1, 8, 5, stride=2, bias=False), nn.Conv2d(8, 16, 3, stride=2, bias=False)
    return Feedforward(first, second, nn.Sequential(nn.Flatten(), _linear(400, 10)))


def _linear(n_in: int, n_out: int, bias: bool = False) -> nn.Linear:
    layer = nn.Linear(n_in, n_out, bias)
    nn.init.normal_(layer.weight, std=n_in**-0.5)
    return layer


class Case(NamedTuple):
    """A float network, its Program, and what both run.

    Attributes
    ----------
    module : torch.nn.Module
    program : Program
    x : uint8 (batch, steps, *shape)
    activity : str
        Of inputs and hidden layers, as measured on the Program.
    """

    module: nn.Module
    program: Program
    x: np.ndarray
    activity: str


def case(build: Callable[[], nn.Module], shape: tuple[int, ...], density: float) -> Case:
    """Return a network whose thresholds let 5 % of the hidden neurons spike in a step.

    Parameters
    ----------
    build : callable () -> torch.nn.Module
        Returns it with random weights.
    shape : tuple of int
        Of its input in one step.
    density : float
        Share of the inputs that spike in a step, drawn independently.
    """
    torch.set_num_threads(1)  # a busy neighbor makes two 20 times slower
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        module = build().eval()
        x = (torch.rand(BATCH, STEPS, *shape) < density).to(torch.uint8)
    few = x[:TUNED_ON].float()
    tune(module, few)
    graph = export.from_torch(module, few[:2], dt=1e-3)
    program = export.quantize(graph, few.numpy())
    return Case(module, program, x.numpy(), measured(program, x.numpy()))


def tune(module: nn.Module, x: torch.Tensor) -> None:
    """Find the thresholds, layer by layer from the input, by bisection."""
    neurons = [part for part in module.modules() if isinstance(part, snn.SpikingNeuron)]
    for neuron in neurons:
        low, high = THRESHOLDS
        for _ in range(HALVINGS):
            middle = (low * high) ** 0.5
            neuron.threshold.fill_(middle)
            low, high = (middle, high) if _activity(module, neuron, x) > HIDDEN_ACTIVITY else (low, middle)


def _activity(module: nn.Module, neuron: nn.Module, x: torch.Tensor) -> float:
    """Return the share of the neurons of one layer that spike in a step."""
    shares: list[float] = []
    hook = neuron.register_forward_hook(lambda _, given, sent: shares.append(sent[0].mean().item()))
    with torch.inference_mode():
        module(x)
    hook.remove()
    return sum(shares) / len(shares)


def measured(program: Program, x: np.ndarray) -> str:
    """Return the activity of the inputs and the hidden layers in words."""
    spikes = simulate.run(program, x).counts.spikes_out
    hidden = [n for n in program.populations if n not in program.outputs]
    shares = [spikes[n].sum() / (len(x) * x.shape[1] * program.size(n)) for n in hidden]
    return f"inputs {x.mean():.1%}, hidden " + ", ".join(f"{share:.1%}" for share in shares)
