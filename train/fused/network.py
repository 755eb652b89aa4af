"""A torch module, run layer by layer where it allows that."""

import torch
from torch import nn

from ...simulate.errors import LavalierError
from .execution import run_plan
from .plan import Plan, plan_of

EXAMPLE = (2, 8)  # samples and steps
ROUNDING = 1e-4  # what sums in another order may differ by in float32, relative to 1 or to themselves
RARE = 0.01  # share of values that a spike that rounding moved may change


class Fused:
    """Calls a module, all steps of a layer at once; or the module itself, where that is not possible.

    What it computes is the same, up to rounding; dropout is drawn in another order. Layers keep no states
    behind a run, and every run starts from rest.

    Parameters
    ----------
    module : nn.Module
        float (batch, steps, *shape) -> float (batch, steps, *shape).

    Attributes
    ----------
    module : nn.Module
        The same; its parameters are those that learn.
    reason : str or None
        After the first call: why the module itself is called.

    >>> import snntorch as snn
    >>> class Net(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.fc, self.lif = nn.Linear(3, 2), snn.Leaky(0.5)
    ...     def forward(self, x):
    ...         mem, spikes = self.lif.reset_mem(), []
    ...         for t in range(x.shape[1]):
    ...             spike, mem = self.lif(self.fc(x[:, t]), mem)
    ...             spikes.append(spike)
    ...         return torch.stack(spikes, 1)
    >>> net = Net()
    >>> run_fused, x = Fused(net), torch.ones(4, 10, 3)
    >>> torch.equal(run_fused(x), net(x)), run_fused.reason
    (True, None)
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.reason: str | None = None
        self._plan: Plan | None = None
        self._prepared: set[bool] = set()  # for training, for evaluation

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        if self.reason is None and self.module.training not in self._prepared:
            self.prepare(x)
        return self.module(x) if self._plan is None else run_plan(self._plan, self.module, x)

    def prepare(self, x: torch.Tensor) -> None:
        """Make the plan, and compare it with the module on the most active steps of some samples.

        The first call in training and the first in evaluation do it. Random numbers are left as they are.
        """
        self._prepared.add(self.module.training)
        with torch.random.fork_rng(devices=[]):
            self._prepare(_example(x))

    def _prepare(self, few: torch.Tensor) -> None:
        try:
            self._plan = plan_of(self.module, few)
        except LavalierError as error:
            self._plan, self.reason = None, str(error)
            return
        training = self.module.training
        self.module.eval()
        with torch.no_grad():
            expected, got = self.module(few), run_plan(self._plan, self.module, few)
        self.module.train(training)
        if expected.shape != got.shape or _share_that_differs(expected, got) > RARE:
            self._plan, self.reason = None, "layer by layer it gives something else on an example"


def _example(x: torch.Tensor) -> torch.Tensor:
    """Return the most active steps of the first samples; where there are too few steps, several times."""
    samples, steps = EXAMPLE
    few = x.detach()[:samples]
    few = few.repeat(1, -(-steps // few.shape[1]), *[1] * (few.ndim - 2))
    chosen = few.abs().flatten(2).sum((0, 2)).topk(steps).indices.sort().values
    return few[:, chosen] if few.is_floating_point() else few[:, chosen].float()


def _share_that_differs(a: torch.Tensor, b: torch.Tensor) -> float:
    return ((a - b).abs() > ROUNDING * (1 + a.abs())).double().mean().item()
