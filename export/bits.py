"""The bits of each population's weights: as asked for, or the fewest within a loss."""

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

from ..simulate.errors import BadInput
from ..simulate.ranges import fit_register
from .searching import Choices, Searching

Bits = int | Mapping[str, int] | Literal["auto"]
MOST = 8


class Row(NamedTuple):
    """What some bits cost.

    Attributes
    ----------
    bits : {population: int}
    memory : int
        Bits of all weights that are stored.
    loss : float
        Share of decisions that differ, or the error of the output.
    error : float
        Of the output.
    kept : bool
        Whether it lies within the loss that was allowed.
    """

    bits: dict[str, int]
    memory: int
    loss: float
    error: float
    kept: bool


def bits_of(asked: int | Mapping[str, int], names: list[str]) -> dict[str, int]:
    """Return the bits of each population.

    Raises
    ------
    BadInput
        A population is missing, or does not exist.
    OutOfRange
        Bits are not 1 to 8.
    """
    given = asked if isinstance(asked, Mapping) else dict.fromkeys(names, asked)
    if not isinstance(asked, Mapping):
        fit_register("quantize", "num_weight_bits", asked)
    if sorted(given) != sorted(names):
        raise BadInput(f"weight_bits names {sorted(given)}; the populations are {sorted(names)}")
    return {name: int(fit_register(name, "num_weight_bits", bits)) for name, bits in given.items()}


def fewest_bits(
    searching: Searching, max_loss: float, progress: Callable[[int, int], None]
) -> tuple[Choices, list[Row]]:
    """Take a bit away where it costs least for each bit of memory, as long as the loss allows.

    Returns
    -------
    choices, table
        The table ends with what would cost too much.
    """
    floats = searching.floats
    weights = {p.name: sum(w.stored.size for w in p.weights.values()) for p in floats}
    bits = dict.fromkeys(weights, MOST)
    choices = searching.best(searching.plain(bits), searching.searched(bits, progress))
    sent = searching.sent(choices, floats)
    last = choices
    fewer: Choices = {}  # each population with one bit less than now

    def row() -> Row:
        now = searching.outcome(choices)
        memory = sum(n * bits[name] for name, n in weights.items())
        return Row(dict(bits), memory, now.loss, now.error, now.loss <= max_loss)

    table, total = [row()], len(floats) * (MOST - 1)
    while table[-1].kept and any(n > 1 for n in bits.values()):
        progress(sum(MOST - n for n in bits.values()), total)
        costs = {}
        for p in floats:
            if bits[p.name] > 1:
                if p.name not in fewer:
                    fewer[p.name] = searching.of_one(p, bits[p.name] - 1, choices, sent)
                then = searching.outcome({**choices, p.name: fewer[p.name]})
                worse = (then.loss - table[-1].loss, then.error - table[-1].error)
                costs[p.name] = (then.loss > max_loss, *(w / max(1, weights[p.name]) for w in worse))
        name = min(costs, key=costs.__getitem__)
        last, choices = choices, {**choices, name: fewer.pop(name)}
        bits[name] -= 1
        table.append(row())
    if not table[-1].kept and len(table) > 1:
        choices = last
    bits = {name: choice.bits for name, choice in choices.items()}
    again = searching.searched(bits, progress)  # each makes up for the fewer bits before it
    kept, anew = searching.outcome(choices), searching.outcome(again)
    return (again if (anew.loss, anew.error) < (kept.loss, kept.error) else choices), table
