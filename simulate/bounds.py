"""What a_in, u and v of each neuron cannot exceed, whatever enters: from the integers of a Program alone.

Every update is monotone in what it adds and in what it decays, rounding toward zero included. So the ends of
an interval follow the law of arithmetic themselves, and where they come to rest stands in closed form
(`membranes`). Spikes go round loops: at first nobody sends anything, and whoever can send is added until
nobody else can.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .connections import Connection, Dense
from .membranes import Interval, highest, lowest, membrane
from .neurons import LI, LIF, GradedLI, GradedReLU
from .program import Program
from .ranges import U_HALF_RANGE, UNIT, V_MAX, V_SHIFT

INT32 = 1 << 31
PATIENCE = 64  # rounds through loops, after which whatever still grows counts as the largest event


@dataclass(frozen=True)
class Bounds:
    """What the neurons of a population cannot exceed after any step.

    Attributes
    ----------
    a_in, u, v : Interval
        v after its reset.
    sends : int64 (shape)
        The largest event that a neuron can send; 0 if it never sends.
    no_wrap, no_saturation : bool (shape)
        Whether it is impossible that u wraps, and that v is cut.
    """

    a_in: Interval
    u: Interval
    v: Interval
    sends: np.ndarray
    no_wrap: np.ndarray
    no_saturation: np.ndarray

    @property
    def overflow_impossible(self) -> bool:
        """Whether no neuron can leave its registers."""
        return bool(self.no_wrap.all() and self.no_saturation.all())

    def to_json(self) -> dict[str, Any]:
        """Return the ends over all neurons, and how many neurons can overflow."""
        ends = {"a_in": self.a_in, "u": self.u, "v": self.v}
        return {
            **{name: [int(i.low.min()), int(i.high.max())] for name, i in ends.items()},
            "neurons": self.sends.size,
            "may_wrap": int((~self.no_wrap).sum()),
            "may_saturate": int((~self.no_saturation).sum()),
            "never_send": int((self.sends == 0).sum()),
        }

    def __str__(self) -> str:
        said = self.to_json()
        ends = ", ".join(f"{name} {said[name][0]}..{said[name][1]}" for name in ("a_in", "u", "v"))
        if self.overflow_impossible:
            return f"{ends}; overflow impossible"
        may = {"u wraps": said["may_wrap"], "v saturates": said["may_saturate"]}
        worst = " and ".join(f"{what} in {n} of {said['neurons']} neurons" for what, n in may.items() if n)
        return f"{ends}; at worst {worst}"


def bounds(program: Program) -> dict[str, Bounds]:
    """Bound a_in, u and v of every neuron for any input that the inputs allow, however long.

    Parameters
    ----------
    program : Program
        The network.

    Returns
    -------
    {population: Bounds}
        No run leaves them. What grows without end goes to the end of its register. A bound of a first
        layer is reached where all inputs may come at once; behind it, spikes that exclude each other count
        as possible together.

    >>> from lavalier.simulate import LIF, Dense, Input, Program
    >>> program = Program(
    ...     inputs={"input": Input((2,))},
    ...     populations={"hidden": LIF((1,), dv=2048, vth=50)},
    ...     connections=[Dense("input", "hidden", [[4, -6]])],
    ...     outputs=["hidden"],
    ... )
    >>> print(bounds(program)["hidden"])  # v comes to rest at twice what arrives: it never fires
    a_in -6..4, u -384..256, v -767..511; overflow impossible
    """
    largest = {name: entry.largest for name, entry in program.inputs.items()}
    sends = {name: np.full(program.size(name), event, np.int64) for name, event in largest.items()}
    sends |= {name: np.zeros(neuron.size, np.int64) for name, neuron in program.populations.items()}
    found: dict[str, Bounds] = {}
    waiting, rounds = set(program.populations), 0
    while waiting:
        for name in program.populations:
            if name not in waiting:
                continue
            waiting.discard(name)
            found[name] = _population(program, name, sends)
            more = found[name].sends.ravel() > sends[name]
            if more.any():
                raised = found[name].sends.ravel() if rounds < PATIENCE else _largest_event(program, name)
                sends[name] = np.where(more, raised, sends[name])
                waiting |= {c.target for c in program.outgoing(name)}
        rounds += 1
    return found


def to_text(found: Mapping[str, Bounds]) -> str:
    """Return a line for each population."""
    return "".join(f"bounds      {name}  {bound}\n" for name, bound in found.items())


def _largest_event(program: Program, name: str) -> int:
    return max(1, 2 ** program.message_bits(name) - 1)


def _population(program: Program, name: str, sends: dict[str, np.ndarray]) -> Bounds:
    neuron: Any = program.populations[name]
    arriving = [_arriving(c, sends[c.source]) for c in program.incoming(name)]
    a_in = _within_int32(Interval(*(sum(ends) for ends in zip(*arriving, strict=True))))  # type: ignore[arg-type]
    a_in = Interval(*(end.reshape(neuron.shape) for end in a_in))
    if isinstance(neuron, GradedReLU):
        rest, never = np.zeros(neuron.shape, np.int64), np.ones(neuron.shape, bool)
        sent = np.where(a_in.high > neuron.vth, a_in.high, 0)
        return Bounds(a_in, Interval(rest, rest), Interval(rest, rest), sent, never, never)
    u, no_wrap = _current(neuron, a_in)
    reached = membrane(neuron, u)
    v = Interval(*(np.clip(end, -V_MAX, V_MAX) for end in reached.v))
    no_saturation = (reached.peak.low >= -V_MAX) & (reached.peak.high <= V_MAX)
    sent = np.where(reached.fires, v.high >> V_SHIFT if isinstance(neuron, GradedLI) else 1, 0)
    return Bounds(a_in, u, v, sent, no_wrap, no_saturation)


def _arriving(connection: Connection, events: np.ndarray) -> Interval:
    """Return what events of up to some size can give each neuron; int64 (n_out)."""
    stored = connection.weights if isinstance(connection, Dense) else connection.matrix
    both, net = abs(stored) @ events, stored @ events
    sums = _within_int32(Interval((net - both) // 2, (net + both) // 2))
    exp = connection.weight_exp
    return _within_int32(Interval(*(end << exp if exp > 0 else end >> -exp for end in sums)))


def _within_int32(ends: Interval) -> Interval:
    """What leaves 32 bits wraps, to anywhere."""
    fits = (ends.low >= -INT32) & (ends.high < INT32)
    return Interval(np.where(fits, ends.low, -INT32), np.where(fits, ends.high, INT32 - 1))


def _current(neuron: LIF | LI, a_in: Interval) -> tuple[Interval, np.ndarray]:
    """Return u, and whether it cannot wrap."""
    u0, lost = np.asarray(neuron.u0, np.int64), np.asarray(neuron.du, np.int64) + 1
    low, high = lowest(u0, UNIT * a_in.low, lost), highest(u0, UNIT * a_in.high, lost)
    no_wrap = (low > -U_HALF_RANGE) & (high <= U_HALF_RANGE)
    # one wrap brings u back if no more than the whole range was added
    back = (UNIT * a_in.low >= -2 * U_HALF_RANGE) & (UNIT * a_in.high <= 2 * U_HALF_RANGE)
    low = np.where(no_wrap, low, np.where(back, 1 - U_HALF_RANGE, -INT32))
    high = np.where(no_wrap, high, np.where(back, U_HALF_RANGE, INT32 - 1))
    return Interval(low, high), no_wrap
