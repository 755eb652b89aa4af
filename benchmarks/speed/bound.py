"""How close `fast` comes to what the machine could do at best.

The bound is a time: the bytes of weights that the events of the run reach, at the bandwidth at which both
threads stream a buffer of that size over and over (from the cache in which the weights sit), plus the
neurons' steps at the rate of a loop that does the least that a LIF neuron needs (decay, add, compare,
reset, in 32 bits, all in the first cache; no saturation, wrap, rounding toward zero or counter). All of
it is measured in turn with `fast`. To find the events, to leave the interpreter and to make the arrays is
not in the bound.

A weight has 8 bits, so a byte is the least that must be read; it is also what `fast` keeps.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numba import njit

from lavalier.simulate import fast
from lavalier.simulate.layout import room_of
from lavalier.simulate.together import together

from ..measure import ROUNDS, Figure, check_undisturbed, ratio, times_in_turn
from .against import DENSITIES, three_layers
from .networks import Case

THREADS = 2
BYTES_STREAMED, NEURON_STEPS = 2**30, 2**26  # by a thread in a measurement
compiled: Any = njit(nogil=True)


@compiled
def stream(words: np.ndarray, times: int) -> np.uint64:
    """Read all words so many times."""
    total = np.uint64(0)
    for _ in range(times):
        for i in range(words.size):  # not `for word in words`, which is compiled to no vectors
            total += words[i]
    return total


@compiled
def least_steps(v: np.ndarray, a_in: np.ndarray, spikes: np.ndarray, times: int) -> None:
    """Let every neuron take so many steps."""
    for _ in range(times):
        for j in range(v.size):
            total = np.int32(np.int32(np.int32(v[j] * np.int32(7)) >> np.int32(3)) + a_in[j])
            spiked = total > np.int32(4000)
            v[j] = np.int32(0) if spiked else total
            spikes[j] = spiked


def bound_factor(data: Path | None) -> Iterator[Figure]:
    """Time of `fast` over the bound, and how many synapses a second that is."""
    for end, density in DENSITIES.items():
        yield from _of(end, three_layers(density))


def _of(end: str, network: Case) -> Iterator[Figure]:
    program, x = network.program, network.x
    reached = sum(int(n.sum()) for n in fast.run(program, x).counts.syn_ops.values())
    neurons = sum(neuron.size for neuron in program.populations.values())
    weights = sum(connection.weights.size for connection in program.connections)
    ours, alone, streamed, stepped = times_in_turn(
        ROUNDS,
        lambda: fast.run(program, x, threads=THREADS),
        _streaming(weights, 1),
        _streaming(weights, THREADS),
        _stepping(neurons),
    )
    check_undisturbed("streaming of a buffer by each thread", alone, streamed)
    reading = [reached * t / (THREADS * BYTES_STREAMED) for t in streamed]
    updates = [len(x) * x.shape[1] * neurons * t / (THREADS * NEURON_STEPS) for t in stepped]
    words = (
        f"bytes of weights {1e3 * median(reading):.2f} ms, neurons {1e3 * median(updates):.2f} ms; "
        f"{network.activity}"
    )
    bound = [r + u for r, u in zip(reading, updates, strict=True)]
    unit = f"times the machine's bound, 2 threads; {words}"
    yield ratio(f"simulate.bound_factor{end}", bound, ours, unit, 2.5, "lower")
    rates = [reached / t for t in ours]
    unit = f"synapses reached a second, 700-256-256-20, 2 threads, {network.activity}"
    yield Figure(f"simulate.synops_per_s{end}", median(rates), unit, None, "higher", (min(rates), max(rates)))


def _streaming(size: int, threads: int) -> Callable[[], None]:
    words = room_of(size // 8, np.uint64)
    return lambda: together(lambda: stream(words, BYTES_STREAMED // words.nbytes), threads)


def _stepping(size: int) -> Callable[[], None]:
    def step() -> None:
        v, a_in, spikes = (room_of(size, dtype) for dtype in (np.int32, np.int32, np.uint8))
        a_in[:] = range(size)
        least_steps(v, a_in, spikes, NEURON_STEPS // size)

    return lambda: together(step, THREADS)
