"""A torch module, run layer by layer where it allows that."""

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from ...export.from_modules.calls import is_neuron
from ...export.from_modules.connections import Connection
from ...export.from_modules.provenance import INPUT
from ...simulate.errors import LavalierError
from .layer import run
from .plan import Loop, Place, Plan, plan_of
from .reading import read
from .synapses import linear

EXAMPLE = (2, 8)  # samples and steps
ROUNDING = 1e-4  # what sums in another order may differ by in float32, relative to 1 or to themselves
RARE = 0.01  # share of values that a spike that rounding moved may change
MAKERS = (nn.Linear, nn.Conv1d, nn.Conv2d)  # their results are theirs alone, and they need them no more

Values = dict[tuple[str, str], torch.Tensor]


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

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        if self._plan is None and self.reason is None:
            self.prepare(x)
        return self.module(x) if self._plan is None else run_plan(self._plan, self.module, x)

    def prepare(self, x: torch.Tensor) -> None:
        """Make the plan, and compare it with the module on the most active steps of some samples.

        The first call does it. Random numbers are left as they are.
        """
        with torch.random.fork_rng(devices=[]):
            self._prepare(_example(x))

    def _prepare(self, few: torch.Tensor) -> None:
        try:
            self._plan = plan_of(self.module, few)
        except LavalierError as error:
            self.reason = str(error)
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


def run_plan(plan: Plan, module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Run a module as planned."""
    layers = dict(module.named_modules())
    values: Values = {(INPUT, "x"): x}
    for place in plan.places:
        given, layer = _sum(place.sources, values, place.input), layers[place.name]
        if is_neuron(layer):
            a_in = given if _may_be_used(place.sources, plan, layers) else given.clone()
            values |= _neurons(place, layers, a_in.flatten(2))
        else:
            values[place.name, "out"] = _stateless(layer, given).unflatten(0, x.shape[:2])
    return _sum(plan.output, values, plan.shape)


def _sum(sources: Sequence[Connection], values: Values, shape: tuple[int, ...]) -> torch.Tensor:
    """Return what arrives, (batch, steps, *shape)."""
    terms = [_late(values[c.source, c.exit], c.lag).flatten(2) for c in sources]
    weighted = [x if c.weight == 1 else c.weight * x for c, x in zip(sources, terms, strict=True)]
    total = weighted[0]
    for term in weighted[1:]:
        total = total + term
    return total.unflatten(2, shape)


def _late(values: torch.Tensor, lag: int) -> torch.Tensor:
    """Return values (batch, steps, ...) so many steps later."""
    if not lag:
        return values
    return torch.cat([torch.zeros_like(values[:, :lag]), values[:, : max(0, values.shape[1] - lag)]], 1)


def _may_be_used(sources: Sequence[Connection], plan: Plan, layers: Mapping[str, nn.Module]) -> bool:
    """Whether nobody else needs the memory of what arrives."""
    if len(sources) > 1:
        return True
    (c,) = sources
    again = [d for d in (*(d for p in plan.places for d in p.sources), *plan.output) if d.source == c.source]
    made = c.source != INPUT and isinstance(layers[c.source], MAKERS)
    return (made and len(again) == 1) or c.lag > 0 or c.weight != 1


def _stateless(layer: nn.Module, given: torch.Tensor) -> torch.Tensor:
    """Run a layer on (batch, steps, *shape); return (batch * steps, *shape)."""
    if isinstance(layer, nn.Linear) and given.ndim == 3:
        return linear(given.flatten(0, 1), layer.weight, layer.bias)
    return layer(given.flatten(0, 1))


def _neurons(place: Place, layers: Mapping[str, nn.Module], a_in: torch.Tensor) -> Values:
    """Run a layer of neurons on what arrives, which is overwritten."""
    neurons, form, bias, gain = read(layers[place.name], place.output)
    mask = None
    if bias is not None:
        a_in = a_in.add_(bias)
    if place.loop:
        inner = layers[place.loop.linear]
        neurons = neurons._replace(weights=inner.weight if gain is None else inner.weight * gain)
        mask = _mask(place.loop, layers, a_in)
        if inner.bias is not None:
            first = 0 if place.loop.from_first else 1
            later = a_in[:, first:]
            later.add_(inner.bias) if mask is None else later.addcmul_(mask[:, first:], inner.bias)
    spikes, mem = run(a_in, neurons, form, mask)
    sent = spikes if gain is None else spikes * gain
    return {(place.name, exit_): x.unflatten(2, place.output) for exit_, x in (("spk", sent), ("mem", mem))}


def _mask(loop: Loop, layers: Mapping[str, nn.Module], a_in: torch.Tensor) -> torch.Tensor | None:
    """Return what dropout multiplies the recurrent input with, if it does."""
    dropout = layers[loop.dropout] if loop.dropout else None
    if dropout is None or not dropout.training or dropout.p == 0:
        return None
    return dropout(torch.ones_like(a_in))
