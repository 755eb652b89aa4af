"""Placing: cut populations into pieces, and give each piece a core.

`greedy` fills one core after the other, population after population; `balanced` gives each population
cores of its own, as few as it fits on, with equally many neurons on each.
"""

from collections.abc import Callable, Mapping

import numpy as np

from .demand import Demand, Demands
from .limits import Device
from .needs import Needs
from .placement import Piece, Placement

Axons = Mapping[str, np.ndarray]  # out-axons of each neuron of each population


def place(needs: Needs, device: Device, pinned: Mapping[str, int], way: str = "greedy") -> Placement:
    """Place every neuron of a network; the same needs give the same placement.

    Out-axons depend on where the targets are. They are taken from the pass before, never fewer than in any
    pass before, until none has more: then the last pass held to as many as there are.

    Parameters
    ----------
    needs, device
        The network and the chip.
    pinned : {population: core}
        Whole populations that sit on a core, whether they fit there or not.
    way : str
        "greedy" or "balanced".
    """
    demands = Demands(needs, device)
    axons: Axons = {name: np.zeros(group.size, np.int64) for name, group in needs.groups.items()}
    while True:
        pieces = _WAYS[way](demands, pinned, axons)
        now = axons_out(needs, pieces)
        more = any(np.any(now[name] > axons[name]) for name in axons)
        if not more or "axons_out_per_core" not in device.limits:
            break
        axons = {name: np.maximum(axons[name], now[name]) for name in axons}
    return Placement({p: demands.of(p.population, p.low, p.high, now[p.population]) for p in pieces}, device)


def axons_out(needs: Needs, pieces: list[Piece]) -> dict[str, np.ndarray]:
    """Return out-axons: one for each core and link a neuron reaches, one for a host that listens.

    Of each neuron of each group, in its order.
    """
    found = {name: np.full(g.size, int(g.listened), np.int64) for name, g in needs.groups.items()}
    for p in pieces:
        for link in needs.incoming[p.population]:
            if link.source in found:
                found[link.source] += link.synapses.of(p.low, p.high).reached
    return {name: axons[needs.groups[name].order] for name, axons in found.items()}


def _greedy(demands: Demands, pinned: Mapping[str, int], axons: Axons) -> list[Piece]:
    pieces, taken = _pin(demands, pinned, axons)
    core = 0
    for name, group in demands.needs.groups.items():
        low = guess = 0
        while name not in pinned and low < group.size:
            room = taken.get(core)
            high = _reach(demands, name, low, room or Demand(), axons[name], guess)
            if high == low and room is None:
                high = low + 1  # no core takes this neuron: it has one alone, and is reported
            if high > low:
                taken[core] = (room or Demand()) + demands.of(name, low, high, axons[name])
                pieces.append(Piece(name, low, high, core))
            core += high < group.size
            low, guess = high, high - low
    return sorted(pieces, key=lambda p: p.core)  # stable


def _balanced(demands: Demands, pinned: Mapping[str, int], axons: Axons) -> list[Piece]:
    pieces, taken = _pin(demands, pinned, axons)
    core = 0
    for name in demands.needs.groups:
        for low, high in _equal_cuts(demands, name, axons[name]) if name not in pinned else ():
            while core in taken:
                core += 1
            pieces.append(Piece(name, low, high, core))
            core += 1
    return sorted(pieces, key=lambda p: p.core)


_WAYS: dict[str, Callable] = {"greedy": _greedy, "balanced": _balanced}
WAYS = tuple(_WAYS)


def _pin(demands: Demands, pinned: Mapping[str, int], axons: Axons) -> tuple[list[Piece], dict[int, Demand]]:
    groups = demands.needs.groups
    pieces = [Piece(name, 0, g.size, pinned[name]) for name, g in groups.items() if name in pinned]
    taken: dict[int, Demand] = {}
    for p in pieces:
        more = demands.of(p.population, p.low, p.high, axons[p.population])
        taken[p.core] = taken.get(p.core, Demand()) + more
    return pieces, taken


def _equal_cuts(demands: Demands, name: str, axons: np.ndarray) -> list[tuple[int, int]]:
    """Cut a population into as few equal pieces as fit on cores; unequal where a neuron fits on none."""
    size, cuts = demands.needs.groups[name].size, []
    while not cuts or cuts[-1][1] < size:
        low, guess = (cuts[-1][1], cuts[-1][1] - cuts[-1][0]) if cuts else (0, 0)
        high = _reach(demands, name, low, Demand(), axons, guess)
        if high == low:
            return cuts + [(n, n + 1) for n in range(low, size)]
        cuts.append((low, high))
    for n_pieces in range(len(cuts), size + 1):
        ends = [size * i // n_pieces for i in range(n_pieces + 1)]
        equal = list(zip(ends, ends[1:], strict=False))
        if not any(demands.of(name, *cut, axons).over(demands.device) for cut in equal):
            return equal
    return cuts


def _reach(demands: Demands, name: str, low: int, room: Demand, axons: np.ndarray, guess: int) -> int:
    """Return how far a piece from `low` reaches on a core of which `room` is taken; `low` if not one fits.

    A piece is likely as long as the one before: `guess` is tried first.
    """
    device = demands.device

    def fits(high: int) -> bool:
        return not (room + demands.of(name, low, high, axons)).over(device)

    left = device.limits["neurons_per_core"].value - room.neurons
    top = min(demands.needs.groups[name].size, low + max(left, 0))
    if "axons_out_per_core" in device.limits:  # these add up without a look at synapses
        left = device.limits["axons_out_per_core"].value - room.axons_out
        top = low + int(np.searchsorted(np.cumsum(axons[low:top]), left, side="right"))
    good, bad = low, top + 1
    tries = [bad - 1, low + guess, low + guess + 1]
    while bad - good > 1:
        middle = tries.pop(0) if tries else (good + bad) // 2
        if good < middle < bad:
            good, bad = (middle, bad) if fits(middle) else (good, middle)
    return good
