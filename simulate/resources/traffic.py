"""Traffic: messages between cores, and the hops they take, for spikes that were recorded."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ..errors import BadInput
from .needs import Needs
from .placement import Placement


class Traffic(NamedTuple):
    """What a population sends to cores; int64 (batch).

    Attributes
    ----------
    messages : one for each spike, link and core that it reaches.
    hops_x, hops_y : tiles passed east or west, then north or south, within a chip.
    between_chips : messages that leave their chip; their hops are not counted.
    """

    messages: np.ndarray
    hops_x: np.ndarray
    hops_y: np.ndarray
    between_chips: np.ndarray


def traffic(needs: Needs, placement: Placement, spikes: Mapping[str, np.ndarray]) -> dict[str, Traffic]:
    """Return the traffic of each population; what the host sends and gets is not in it.

    Parameters
    ----------
    needs, placement
        The network and where it is.
    spikes : {population: (batch, steps, *shape)}
        Of every population that sends.

    Raises
    ------
    BadInput
        The device has no published mesh, or a population was not recorded.

    Source: x-y routing as in SANA-FE; core i of a chip is in tile i // cores_per_tile, tiles row by row.
    """
    device = placement.device
    if device.mesh is None:
        raise BadInput(f"no mesh of {device.title} is published: hops cannot be counted")
    senders = {link.source for link in needs.links}
    return {name: _of(needs, placement, name, spikes) for name in needs.groups if name in senders}


def _of(needs: Needs, placement: Placement, name: str, spikes: Mapping[str, np.ndarray]) -> Traffic:
    if name not in spikes:
        raise BadInput(f"the spikes of '{name}' are not in the trace; record them")
    recorded = spikes[name] != 0
    fired = recorded.reshape(*recorded.shape[:2], -1).sum(axis=1, dtype=np.int64)
    sums = np.zeros((4, len(fired)), np.int64)
    for link in (link for link in needs.links if link.source == name):
        for target in placement.of[link.target]:
            reached = link.synapses.of(target.low, target.high).reached
            there = placement.place(target.core)
            for source in placement.of[name]:
                some = needs.groups[name].order[source.low : source.high]
                messages = fired[:, some] @ reached[some].astype(np.int64)
                here = placement.place(source.core)
                leaves = here.chip != there.chip  # type: ignore[union-attr]
                hops = (0, 0) if leaves else (abs(here.x - there.x), abs(here.y - there.y))  # type: ignore[union-attr]
                sums += np.array([[1], [hops[0]], [hops[1]], [leaves]]) * messages
    return Traffic(*sums)
