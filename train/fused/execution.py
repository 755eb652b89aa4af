"""Run a module as planned: its layers in order, each through all steps of the batch."""

from collections.abc import Sequence

import torch
from torch import nn

from ...export.from_modules.calls import is_neuron
from ...export.from_modules.connections import Connection
from ...export.from_modules.provenance import INPUT
from .events import Events, dense
from .layer import Synapses, run
from .plan import Place, Plan
from .reading import Read, read
from .synapses import DENSE, linear, sparse

MAKERS = (nn.Linear, nn.Conv1d, nn.Conv2d)  # what they return is nobody else's, and they need it no more


def run_plan(plan: Plan, module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Run a module on x (batch, steps, *shape), as planned."""
    return _Run(plan, module, x).output()


class _Run:
    """What the layers have sent so far."""

    def __init__(self, plan: Plan, module: nn.Module, x: torch.Tensor) -> None:
        self.plan, self.layers = plan, dict(module.named_modules())
        self.values = {(INPUT, "x"): x}
        self.events: dict[tuple[str, str], Events] = {}  # of values that are mostly zeros
        self.takers: dict[str, list[tuple[Connection, Place | None]]] = {}
        for place in plan.places:
            for c in place.sources:
                self.takers.setdefault(c.source, []).append((c, place))
        for c in plan.output:
            self.takers.setdefault(c.source, []).append((c, None))

    def output(self) -> torch.Tensor:
        """Run the layers; return what the last of them sent."""
        for place in self.plan.places:
            layer = self.layers[place.name]
            if is_neuron(layer):
                self._run_neurons(place)
            elif not self._is_joined(place):
                given = self._sum(place.sources, place.input)
                self.values[place.name, "out"] = self._stateless(place, given).unflatten(0, given.shape[:2])
        return self._sum(self.plan.output, self.plan.shape)

    def _is_joined(self, place: Place) -> bool:
        """Whether a layer is Linear, and run with the only layer that takes what it returns: neurons."""
        takers = self.takers.get(place.name, [])
        if not _is_linear(place, self.layers) or len(takers) > 1:
            return False
        c, taker = takers[0]
        return taker is not None and _plain(c, taker) and is_neuron(self.layers[taker.name])

    def _stateless(self, place: Place, given: torch.Tensor) -> torch.Tensor:
        """Run a layer on (batch, steps, *shape); return (batch * steps, *shape)."""
        layer = self.layers[place.name]
        if not _is_linear(place, self.layers):
            return layer(given.flatten(0, 1))
        assert isinstance(layer, nn.Linear)
        events = self._events_of(place, given, layer.weight)
        if events is None or events.density > DENSE:
            return nn.functional.linear(self._filled(place, given, events), layer.weight, layer.bias)
        return linear(given.flatten(0, 1), layer.weight, layer.bias, events)

    def _events_of(self, place: Place, given: torch.Tensor, weight: torch.Tensor) -> Events | None:
        """Return the events that arrive at a Linear layer; None where they are many."""
        c = place.sources[0]
        if not _plain(c, place):
            return sparse(given.flatten(0, 1), weight)
        if (c.source, c.exit) not in self.events:
            found = sparse(given.flatten(0, 1), weight)
            if found is None:
                return None
            self.events[c.source, c.exit] = found
        return self.events[c.source, c.exit]

    def _filled(self, place: Place, given: torch.Tensor, events: Events | None) -> torch.Tensor:
        """Return (batch * steps, n) with its values, which a layer that sends only events left out."""
        rows = given.flatten(0, 1)
        c = place.sources[0]
        if events is None or not (_plain(c, place) and self._sends_events(c.source)):
            return rows
        return rows + torch.from_numpy(dense(events, rows.detach().numpy().dtype))

    def _sends_events(self, name: str) -> bool:
        """Whether all that anybody takes of a layer of neurons is its spikes, for Linear layers."""
        return name != INPUT and all(
            taker is not None and c.exit == "spk" and _plain(c, taker) and _is_linear(taker, self.layers)
            for c, taker in self.takers[name]
        )

    def _run_neurons(self, place: Place) -> None:
        """Run a layer of neurons."""
        found = read(self.layers[place.name], place.output)
        neurons, gain = found.neurons, found.gain
        mask = None
        if place.loop:
            inner = self.layers[place.loop.linear].weight
            neurons = neurons._replace(weights=inner if gain is None else inner * gain)
            mask = self._mask(place)
        arriving = self._arriving(place, found, mask)
        only_events = gain is None and self._sends_events(place.name)
        sent = run(arriving, neurons, found.form, mask, only_events)
        spikes = sent.spikes if gain is None else sent.spikes * gain
        self.values[place.name, "spk"] = spikes.unflatten(2, place.output)
        self.values[place.name, "mem"] = sent.mem.unflatten(2, place.output)
        if gain is None:
            self.events[place.name, "spk"] = sent.events

    def _arriving(self, place: Place, found: Read, mask: torch.Tensor | None) -> torch.Tensor | Synapses:
        """Return what arrives at neurons, with the biases of their loops."""
        loop = place.loop
        late = self.layers[loop.linear].bias if loop else None
        at_once = late is not None and loop is not None and loop.from_first and mask is None
        biases = [b for b in (found.bias, late if at_once else None) if b is not None]
        before = self._joined_before(place)
        if before is not None:
            layer, given = self.layers[before.name], self._sum(before.sources, before.input)
            events = self._events_of(before, given, layer.weight)
            few = events is not None and events.density <= DENSE
            if events is not None and few and (late is None or at_once):
                several = [b for b in (layer.bias, *biases) if b is not None]
                bias = sum(several[1:], several[0]) if several else None
                return Synapses(given, events, layer.weight, bias)
            a_in = self._stateless(before, given).unflatten(0, given.shape[:2])
        else:
            a_in = self._sum(place.sources, place.input).flatten(2)
            a_in = a_in if self._is_free(place.sources) else a_in.clone()
        for bias in biases:
            a_in = a_in.add_(bias)
        if late is not None and loop is not None and not at_once:
            first = 0 if loop.from_first else 1
            part = a_in[:, first:]
            part.add_(late) if mask is None else part.addcmul_(mask[:, first:], late)
        return a_in

    def _joined_before(self, place: Place) -> Place | None:
        """Return the Linear layer that is run with these neurons, if there is one."""
        if len(place.sources) != 1 or place.sources[0].source == INPUT:
            return None
        (before,) = [p for p in self.plan.places if p.name == place.sources[0].source]
        return before if not is_neuron(self.layers[before.name]) and self._is_joined(before) else None

    def _mask(self, place: Place) -> torch.Tensor | None:
        """Return what dropout multiplies the recurrent input with, if it does."""
        dropout = self.layers[place.loop.dropout] if place.loop and place.loop.dropout else None
        if dropout is None or not dropout.training or dropout.p == 0:
            return None
        x = self.values[INPUT, "x"]
        return dropout(torch.ones(*x.shape[:2], *place.output).flatten(2))

    def _is_free(self, sources: Sequence[Connection]) -> bool:
        """Whether nobody else needs the memory of what arrives."""
        if len(sources) > 1:
            return True
        (c,) = sources
        made = c.source != INPUT and isinstance(self.layers[c.source], MAKERS)
        return (made and len(self.takers[c.source]) == 1) or c.lag > 0 or c.weight != 1

    def _sum(self, sources: Sequence[Connection], shape: tuple[int, ...]) -> torch.Tensor:
        """Return what arrives, (batch, steps, *shape)."""
        terms = [_late(self.values[c.source, c.exit], c.lag).flatten(2) for c in sources]
        weighted = [x if c.weight == 1 else c.weight * x for c, x in zip(sources, terms, strict=True)]
        return sum(weighted[1:], weighted[0]).unflatten(2, shape)


def _is_linear(place: Place, layers: dict[str, nn.Module]) -> bool:
    """Whether a layer is Linear and takes rows."""
    return isinstance(layers[place.name], nn.Linear) and len(place.input) == 1


def _plain(c: Connection, taker: Place) -> bool:
    """Whether a connection is all that a layer takes, at once and as it is."""
    return len(taker.sources) == 1 and c.lag == 0 and c.weight == 1


def _late(values: torch.Tensor, lag: int) -> torch.Tensor:
    """Return values (batch, steps, ...) so many steps later."""
    if not lag:
        return values
    return torch.cat([torch.zeros_like(values[:, :lag]), values[:, : max(0, values.shape[1] - lag)]], 1)
