"""Timing in pairs, and the form in which a figure is kept."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median

ROUNDS = 15
SETTLE_S = 0.3  # OpenMP's threads spin for 0.2 s after their work, and would take part in the next one's time
WARM_S = 0.02  # a processor that was at rest begins slowly
DISTURBED = 1.5  # a peer whose 2 threads take this much longer than 1 has a busy neighbor


@dataclass(frozen=True)
class Figure:
    """One measured figure.

    Attributes
    ----------
    name : str
    value : float
    unit : str
    goal : float or None
    better : "higher" or "lower"
    spread : [float, float]
        Smallest and largest of the rounds; twice the value where there was one.
    """

    name: str
    value: float
    unit: str
    goal: float | None
    better: str
    spread: tuple[float, float]

    def to_json(self) -> dict:
        """Return the entry of results.json, rounded to what was measured."""
        entry = asdict(self)
        entry["value"] = float(f"{self.value:.4g}")
        entry["spread"] = [float(f"{s:.4g}") for s in self.spread]
        return entry


def point(name: str, value: float, unit: str, goal: float | None, better: str) -> Figure:
    """Return a figure that was measured once."""
    return Figure(name, value, unit, goal, better, (value, value))


class Disturbed(Exception):
    """The machine was busy; the figure is not written."""


def seconds(run: Callable[[], object]) -> float:
    """Return the wall time of one call."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def times_in_turn(rounds: int, *runs: Callable[[], object]) -> list[list[float]]:
    """Time several calls in turn, A B C A B C ...; one list of seconds for each.

    Each call is timed after some that are not: no other thread works, the processor has come to its speed,
    and the caches hold the call's own data.
    """
    taken = [[_settled(run) for run in runs] for _ in range(rounds)]
    return [list(column) for column in zip(*taken, strict=True)]


def _settled(run: Callable[[], object]) -> float:
    time.sleep(SETTLE_S)
    start = time.perf_counter()
    while time.perf_counter() - start < WARM_S:
        run()
    return seconds(run)


def ratio(
    name: str, ours: list[float], peer: list[float], unit: str, goal: float | None, better: str = "higher"
) -> Figure:
    """Return how many times as long the peer takes: the median of the ratios pair by pair."""
    ratios = [p / o for p, o in zip(peer, ours, strict=True)]
    return Figure(name, median(ratios), unit, goal, better, (min(ratios), max(ratios)))


def faster_of(name: str, one_thread: list[float], two_threads: list[float]) -> list[float]:
    """Return the times of a peer with the number of threads that serves it better, if it was undisturbed."""
    check_undisturbed(name, one_thread, two_threads)
    return min(one_thread, two_threads, key=median)


def check_undisturbed(name: str, one_thread: list[float], two_threads: list[float]) -> None:
    """Compare what takes no longer with two threads than with one.

    Raises
    ------
    Disturbed
        Two threads take so much longer than one that something else used the second processor.
    """
    slower = median(two_threads) / median(one_thread)
    if slower > DISTURBED:
        raise Disturbed(f"{name}: 2 threads took {slower:.2f} times as long as 1")
