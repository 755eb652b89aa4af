"""Needs: what a network asks of a chip, whatever it comes from; nothing in it is checked.

Taken from a Program (`from_program`), or from a description of sizes (`description`), which may say what
no Program can hold.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from .synapse_lists import Synapses


@dataclass(frozen=True)
class Group:
    """What a population asks for.

    Attributes
    ----------
    name, kind : str
        The kind is a neuron type.
    size : int
        Neurons.
    registers : {register: (lowest, highest)}
    order : int (size)
        In which neurons are placed: their numbers in C order.
    thresholds : int (size)
        Of each neuron, in that order.
    profiles : int (size, registers)
        Decays and what else a core keeps in a table, of each neuron, in that order.
    words : int
        States, and registers that differ between its neurons.
    at_rest : bool
        Starts from u = v = 0; what does not needs an own process.
    listened : bool
        The host takes its spikes.
    """

    name: str
    kind: str
    size: int
    registers: Mapping[str, tuple[int, int]]
    order: np.ndarray
    thresholds: np.ndarray
    profiles: np.ndarray
    words: int = 2
    at_rest: bool = True
    listened: bool = False

    @cached_property
    def profile_numbers(self) -> np.ndarray:
        """A number for each profile that occurs, of each neuron; int (size)."""
        return np.unique(self.profiles, axis=0, return_inverse=True)[1].ravel()


@dataclass(frozen=True)
class Link:
    """What connections of one format between the same two ends ask for.

    Attributes
    ----------
    name, source, target : str
    synapses : AllPairs, SomePairs, EvenPairs or Kernel
    weight_bits, weight_exp, message_bits : int
    sign_mode : str
    delays : tuple of int, in steps
        Those that occur, on hardware: what events wait beyond the step that a synapse takes.
    """

    name: str
    source: str
    target: str
    synapses: Synapses
    weight_bits: int = 8
    weight_exp: int = 0
    sign_mode: str = "mixed"
    delays: tuple[int, ...] = (0,)
    message_bits: int = 0

    @property
    def format(self) -> tuple[int, int, str]:
        """What a core keeps in a table of weight formats: bits, exponent, signs."""
        return self.weight_bits, self.weight_exp, self.sign_mode

    @property
    def delayed(self) -> bool:
        """Whether its synapses hold a delay."""
        return any(self.delays)


class Problem(NamedTuple):
    """What no chip can run, in words."""

    part: str
    what: str
    value: str
    limit: str
    source: str
    suggestion: str


@dataclass(frozen=True)
class Needs:
    """What a network asks of a chip.

    Attributes
    ----------
    inputs : {name: channels}
        Sent by the host; they take no core.
    groups : {name: Group}
        Input to output.
    links : tuple of Link
    problems : tuple of Problem
        What no chip can run, whatever its sizes.
    """

    inputs: Mapping[str, int]
    groups: Mapping[str, Group]
    links: tuple[Link, ...]
    problems: tuple[Problem, ...] = ()

    @cached_property
    def incoming(self) -> dict[str, list[Link]]:
        """Links that end in each group."""
        found: dict[str, list[Link]] = {name: [] for name in self.groups}
        for link in self.links:
            found[link.target].append(link)
        return found
