"""A recipe that learns in a second: which half of the channels is busier."""

from dataclasses import replace

import numpy as np
import torch
from pydantic import Field
from snntorch import Leaky, surrogate
from torch import nn
from torch.nn import functional

from lavalier.models.neurons import Integrator
from lavalier.models.readout import decide
from lavalier.train.recipes import Options, Recipe, Split, Splits

CHANNELS, STEPS = 6, 8


class ToyOptions(Options):
    """As `Options`, with the size of the hidden layer."""

    epochs: int = 5
    bit_true_epochs: int = 1
    learning_rate: float = 0.03
    hidden: int = Field(5, ge=1)


class Toy(nn.Module):
    """Dropout too, so that what a resumed run draws is tested."""

    def __init__(self, hidden: int):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(CHANNELS, hidden), nn.Linear(hidden, 2)
        self.drop = nn.Dropout(0.2)
        self.cell = Leaky(beta=0.8, reset_mechanism="subtract", spike_grad=surrogate.fast_sigmoid(25))
        self.readout = Integrator(2, beta=0.9)

    def forward(self, x):
        x, out = self.fc1(x), []
        mem, v = torch.zeros_like(x[:, 0]), torch.zeros(len(x), 2, dtype=x.dtype)
        for x_t in self.drop(x).unbind(1):
            spikes, mem = self.cell(x_t, mem)
            v = self.readout(self.fc2(spikes), v)
            out.append(v)
        self.cell.reset_mem()
        return torch.stack(out, 1)

    def constrain(self):
        """Keep the readout's decay a decay."""
        self.readout.beta.clamp_(0, 0.99)


def split(n: int, seed: int) -> Split:
    """Draw events; class 1 is busier in the second half of the channels."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    rates = np.where((np.arange(CHANNELS) >= CHANNELS // 2) == y[:, None], 1.2, 0.3)
    x = rng.poisson(rates[:, None], (n, STEPS, CHANNELS)).astype(np.uint8)
    return Split(x, y.astype(np.int64), tuple(f"toy-{i}" for i in range(n)), ("drawn",))


def splits(data, seed, options) -> Splits:
    """Generated, whatever `data` says."""
    return Splits(split(128, seed), split(32, seed + 1), split(40, seed + 2), f"drawn, seed {seed}")


def ann(options: ToyOptions) -> nn.Module:
    """Rates in, one output for all steps."""
    return nn.Sequential(nn.Linear(CHANNELS, options.hidden), nn.ReLU(), nn.Linear(options.hidden, 2))


TOY = Recipe(
    name="toy",
    summary="which half of the channels is busier",
    metric="accuracy",
    options=ToyOptions,
    splits=splits,
    network=lambda options: Toy(options.hidden),
    loss=lambda output, y: functional.cross_entropy(output.mean(1), y),
    score=lambda output, y: float(np.mean(decide(output) == y)),
    dt_s=lambda options: 0.01,
    decide=decide,
    ann=ann,
    variants={"published": {"hidden": 9}},
)
UNLABELED = replace(TOY, decide=None)
