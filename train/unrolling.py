"""Populations run in order: outside of loops all steps at once, a loop step by step."""

from collections.abc import Mapping

import torch

from ..simulate.components import components
from .cells import Cells
from .steps import State


def run_all(cells: list[Cells], events: Mapping[str, torch.Tensor]) -> dict[str, State]:
    """Run every population over all steps.

    Parameters
    ----------
    cells : list of Cells
        In an order in which a step can compute them.
    events : {input: float (batch, steps, n)}
        Whole numbers.

    Returns
    -------
    ran : {population: State}, each (batch, steps, n)
    """
    sent, ran = dict(events), {}
    for part in _parts(cells):
        inside = {c.name for c in part}
        loop = any(source in inside for c in part for source, _ in c.keys)
        found = _loop(part, sent) if loop else {part[0].name: _whole(part[0], sent)}
        ran |= found
        sent |= {name: state.s for name, state in found.items()}
    return ran


def _parts(cells: list[Cells]) -> list[list[Cells]]:
    """Return the populations, sources first: each alone, or those of a loop together."""
    by_name = {c.name: c for c in cells}
    edges = [(source, c.name) for c in cells for source, _ in c.keys if source in by_name]
    return [[by_name[name] for name in part] for part in components(list(by_name), edges)]


def _whole(cells: Cells, sent: Mapping[str, torch.Tensor]) -> State:
    """Run a population outside of loops, all steps at once."""
    a_in = cells.sum_of(_arriving(cells, sent))
    return cells.steps(a_in, cells.at_rest(len(a_in)), cells.registers())


def _arriving(cells: Cells, sent: Mapping[str, torch.Tensor]) -> list[torch.Tensor]:
    """Return what arrives from each source that has run, (batch, steps, n)."""
    found = []
    for (source, delay), synapses in zip(cells.keys, cells.synapses, strict=True):
        if source in sent:
            events = sent[source]
            a_in = synapses.arriving(events.flatten(0, 1), synapses.integers())
            found.append(_late(a_in.unflatten(0, events.shape[:2]), delay))
    return found


def _late(values: torch.Tensor, delay: int) -> torch.Tensor:
    """Return values (batch, steps, n) `delay` steps later."""
    before = torch.zeros_like(values[:, :delay])
    return torch.cat([before, values[:, : max(0, values.shape[1] - delay)]], 1) if delay else values


def _loop(part: list[Cells], sent: Mapping[str, torch.Tensor]) -> dict[str, State]:
    """Run the populations of a loop together, step by step."""
    batch, steps, _ = next(iter(sent.values())).shape
    runs = [_Stepping(cells, sent, {c.name for c in part}, batch) for cells in part]
    inside: dict[str, list[torch.Tensor]] = {cells.name: [] for cells in part}
    for t in range(steps):
        for run in runs:
            inside[run.cells.name].append(run.step(t, inside))
    return {run.cells.name: State(*(torch.cat(x, 1) for x in zip(*run.states, strict=True))) for run in runs}


class _Stepping:
    """A population of a loop, on its way."""

    def __init__(self, cells: Cells, sent: Mapping[str, torch.Tensor], inside: set[str], batch: int) -> None:
        self.cells, self.registers, self.batch = cells, cells.registers(), batch
        outside = _arriving(cells, sent)
        self.outside = cells.sum_of(outside) if outside else None
        pairs = zip(cells.keys, cells.synapses, strict=True)
        self.links = [(source, delay, s, s.integers()) for (source, delay), s in pairs if source in inside]
        self.last, self.states = cells.at_rest(batch), []

    def step(self, t: int, inside: Mapping[str, list[torch.Tensor]]) -> torch.Tensor:
        """Take one step; return the spikes."""
        arriving = [] if self.outside is None else [self.outside[:, t]]
        for source, delay, synapses, integers in self.links:
            if delay <= t:
                arriving.append(synapses.arriving(inside[source][t - delay], integers))
        a_in = self.cells.sum_of(arriving or [torch.zeros_like(self.last.v)])
        state = self.cells.steps(a_in[:, None], self.last, self.registers)
        self.states.append(state)
        self.last = State(*(x[:, 0] for x in state))
        return self.last.s
