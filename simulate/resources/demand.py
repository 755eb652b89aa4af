"""Demand: what some neurons take of a core; demands on one core add up."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from .limits import Device
from .needs import Group, Needs
from .synapse_lists import Width


@dataclass(frozen=True)
class Demand:
    """What some neurons take of a core.

    Attributes
    ----------
    neurons, synapses : int
        Synapses as they are stored: a kernel once.
    synapse_bits, neuron_bytes : int
        Under the layout of the device.
    axons_in, axons_out : int
        In: a list for each source neuron and link. Out: a target core for each neuron and link, and the host.
    formats, profiles, thresholds : frozenset
        That occur.
    longest_delay : int, in steps
    """

    neurons: int = 0
    synapses: int = 0
    synapse_bits: int = 0
    neuron_bytes: int = 0
    axons_in: int = 0
    axons_out: int = 0
    formats: frozenset = frozenset()
    profiles: frozenset = frozenset()
    thresholds: frozenset = frozenset()
    longest_delay: int = 0

    def __add__(self, other: "Demand") -> "Demand":
        return Demand(
            self.neurons + other.neurons,
            self.synapses + other.synapses,
            self.synapse_bits + other.synapse_bits,
            self.neuron_bytes + other.neuron_bytes,
            self.axons_in + other.axons_in,
            self.axons_out + other.axons_out,
            self.formats | other.formats,
            self.profiles | other.profiles,
            self.thresholds | other.thresholds,
            max(self.longest_delay, other.longest_delay),
        )

    @property
    def synapse_bytes(self) -> int:
        """Whole bytes of synapses."""
        return -(-self.synapse_bits // 8)

    @cached_property
    def measures(self) -> dict[str, int]:
        """Every figure that a limit can be for, by the limit's name without `_per_core`."""
        return {
            "neurons": self.neurons,
            "synapse_bytes": self.synapse_bytes,
            "memory_bytes": self.synapse_bytes + self.neuron_bytes,
            "axons_in": self.axons_in,
            "axons_out": self.axons_out,
            "formats": len(self.formats),
            "profiles": len(self.profiles),
            "thresholds": len(self.thresholds),
        }

    def over(self, device: Device) -> dict[str, int]:
        """Return the figures above their limit, by the limit's name; a limit is inclusive."""
        named = {f"{name}_per_core": value for name, value in self.measures.items()}
        return {n: v for n, v in named.items() if n in device.limits and v > device.limits[n].value}


class Demands:
    """What neurons of a network take of a device's cores; every piece is counted once."""

    def __init__(self, needs: Needs, device: Device) -> None:
        self.needs, self.device = needs, device
        self._known: dict[tuple[str, int, int], Demand] = {}

    def of(self, name: str, low: int, high: int, axons_out: np.ndarray) -> Demand:
        """Return what neurons `low` to `high` (not included, in its order) of a group take.

        Parameters
        ----------
        name, low, high
            The neurons.
        axons_out : int (size)
            Of each neuron of the group, in its order.
        """
        piece = name, low, high
        if piece not in self._known:
            self._known[piece] = self._count(*piece)
        return replace(self._known[piece], axons_out=int(axons_out[low:high].sum()))

    def _count(self, name: str, low: int, high: int) -> Demand:
        group, layout = self.needs.groups[name], self.device.layout
        links = [(link, link.synapses.of(low, high)) for link in self.needs.incoming[name]]
        links = [(link, lists) for link, lists in links if lists.reached.any()]
        return Demand(
            neurons=high - low,
            synapses=sum(int(lists.lengths.sum()) for _, lists in links),
            synapse_bits=sum(
                Width(layout, link.weight_bits, link.delayed).of_lists(
                    lists.lengths, high - low if link.synapses.named else 0
                )
                for link, lists in links
            ),
            neuron_bytes=(high - low) * group.words * layout.neuron_word_bytes,
            axons_in=sum(int(np.count_nonzero(lists.reached)) for _, lists in links),
            formats=frozenset(link.format for link, _ in links),
            profiles=frozenset(_profiles(group, low, high)),
            thresholds=frozenset(np.unique(group.thresholds[low:high]).tolist()),
            longest_delay=max((max(link.delays) for link, _ in links), default=0),
        )


def least_cores(needs: Needs, device: Device) -> int:
    """Return the cores below which no placement goes: neurons, or weights with nothing beside them."""
    neurons = sum(group.size for group in needs.groups.values())
    bits = sum(
        link.synapses.stored * Width(device.layout, link.weight_bits, False).fixed for link in needs.links
    )
    limits = device.limits
    by_neurons = -(-neurons // limits["neurons_per_core"].value)
    return max(by_neurons, -(-bits // (8 * limits["synapse_bytes_per_core"].value)))


def _profiles(group: Group, low: int, high: int) -> list[tuple]:
    """Return the rows of the group's profiles that differ, the type with them."""
    first = np.unique(group.profile_numbers[low:high], return_index=True)[1]
    return [(group.kind, *row) for row in group.profiles[low + first].tolist()]
