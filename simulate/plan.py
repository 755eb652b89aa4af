"""A Program laid out for the compiled loops: flat arrays, each population padded to whole vectors.

A pad neuron rests at 0, has no synapses and never spikes, so that no loop needs a rest. What is sent in a
step lies side by side, of the inputs first: a bit for each channel, and graded events themselves.
"""

import weakref
from collections.abc import Callable, Mapping
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np

from .components import components
from .connections import Connection
from .layout import (
    BLOCK,
    GRADED_LI,
    GRADED_RELU,
    INPUT,
    LAYER,
    LEAN,
    LINK,
    PAIRS,
    PART,
    PLAIN,
    ROWS,
    RUNS,
    SPECIAL,
    WORD,
    Plan,
    Scratch,
    room_of,
)
from .neurons import (
    ALIF,
    LI,
    LIF,
    PLIF,
    GradedLI,
    GradedReLU,
    LIFNoReset,
    LIFRefractory,
    LIFSubtract,
    Neuron,
)
from .program import Program
from .ranges import DECAY_ONE, U_HALF_RANGE, V_MAX, V_SHIFT
from .synapse_plan import Laid, lanes_of, largest, lay, lowest

FAR = 1 << 31  # beyond all that a register holds


def plan_of(program: Program) -> Plan:
    """Return the plan of a Program, with nothing to keep.

    A Program never changes: its plan is made once, and lives as long as it does.
    """
    return _made_of(program).plan


def scratch_of(program: Program) -> list[Scratch]:
    """Return the scratch of the plan that no thread uses, to take from and to give back to."""
    return _made_of(program).scratch


def keepings_of(program: Program) -> dict[tuple[str, ...], Any]:
    """Return what runs of a Program keep, as far as `keeping` has found it, by the names to record."""
    return _made_of(program).keepings


class _Made(NamedTuple):
    plan: Plan
    scratch: list[Scratch]
    keepings: dict[tuple[str, ...], Any]


_made: dict[int, _Made] = {}


def _made_of(program: Program) -> _Made:
    key = id(program)
    if key not in _made:
        _made[key] = _Made(_build(program), [], {})
        weakref.finalize(program, _made.pop, key, None)
    return _made[key]


def event_arrays(program: Program, events: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the events of all inputs side by side: those up to 255, and larger ones.

    Parameters
    ----------
    program : Program
        The network.
    events : {input: uint8 or int32 (batch, steps, channels)}
        As `check_events` returns them.

    Returns
    -------
    uint8 and int32 (batch, steps, channels)
        The only input of a kind comes back itself.
    """
    batch, steps = next(iter(events.values())).shape[:2]
    small, large = (
        [events[n] for n in program.inputs if events[n].dtype == dtype]
        or [np.zeros((batch, steps, 0), dtype)]
        for dtype in (np.uint8, np.int32)
    )
    return _side_by_side(small), _side_by_side(large)


def _side_by_side(arrays: list[np.ndarray]) -> np.ndarray:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays, axis=2)


def _build(program: Program) -> Plan:
    sent = _sent(program)
    parts = _parts(program)
    laid = [lay(c, program.message_bits(c.source) > 0) for c in program.connections]
    registers = [_registers(neuron) for neuron in program.populations.values()]
    place = {name: i for i, name in enumerate(program.populations)}
    ends = np.cumsum([0, *map(len, parts)])
    return Plan(
        max((c.delay for c in program.connections), default=0),
        sent.mask_row,
        sent.message_row,
        max(sum(lanes_of(program.size(name)) for name in part) for part in parts),
        _inputs(program, sent),
        _links(program, sent, parts, laid),
        _layers(program, sent, parts),
        np.array([(*e, _turn(program, p)) for *e, p in zip(ends, ends[1:], parts, strict=False)], PART),
        np.array([place[name] for part in parts for name in part]),
        *(aligned(np.concatenate(column)) for column in zip(*laid, strict=True)),
        *(aligned(np.concatenate(column)) for column in zip(*registers, strict=True)),
    )


def aligned(values: np.ndarray) -> np.ndarray:
    """Return an array that begins a cache line."""
    room = room_of(values.size, values.dtype)
    room[...] = values
    return room


def _parts(program: Program) -> list[list[str]]:
    """Loops, and populations in none, in an order to run them in."""
    edges = [(c.source, c.target) for c in program.connections if c.source in program.populations]
    return components(program.populations, edges)


def _turn(program: Program, part: list[str]) -> int:
    """How many steps the populations of a part can take before others of it hear of them."""
    back = [
        c.delay for c in program.connections if c.target in part and c.source in part[part.index(c.target) :]
    ]
    return min(back, default=BLOCK)


class _Sent(NamedTuple):
    """Where the masks and the graded events of each input and population begin in a row."""

    mask: dict[str, int]
    message: dict[str, int]
    mask_row: int
    message_row: int


def _sent(program: Program) -> _Sent:
    names = [*program.inputs, *program.populations]
    masks = [*accumulate((words_of(program.size(n)) for n in names), initial=0)]
    graded = [n for n in names if program.message_bits(n)]
    messages = [*accumulate((lanes_of(program.size(n)) for n in graded), initial=0)]
    return _Sent(
        dict(zip(names, masks, strict=False)),
        dict.fromkeys(names, -1) | dict(zip(graded, messages, strict=False)),
        masks[-1],
        messages[-1],
    )


def words_of(size: int) -> int:
    """Return how many words have a bit for each channel."""
    return -(-size // WORD)


def _inputs(program: Program, sent: _Sent) -> np.ndarray:
    inputs, ends = [], {False: 0, True: 0}
    for name, entry in program.inputs.items():
        n, large = entry.size, entry.message_bits > 8
        inputs.append((ends[large], n, sent.mask[name], words_of(n), sent.message[name], large))
        ends[large] += n
    return np.array(inputs, INPUT)


def _links(program: Program, sent: _Sent, parts: list[list[str]], laid: list[Laid]) -> np.ndarray:
    """The connections, which a Program sorts by their targets."""
    links = np.zeros(len(laid), LINK)
    begins = dict.fromkeys(Laid._fields, 0)
    part = {name: i for i, names in enumerate(parts) for name in names}
    arrival = {name: _first_to_arrive(program, part, name) for name in program.populations}
    for link, c, own in zip(links, program.connections, laid, strict=True):
        link["n_in"], link["words"], link["delay"] = c.shape[1], words_of(c.shape[1]), c.delay
        link["mask"], link["message"] = sent.mask[c.source], sent.message[c.source]
        link["mask_row"], link["message_row"] = sent.mask_row, sent.message_row
        link["bits"] = program.message_bits(c.source)
        link["row"] = own.rows.size // c.shape[1]
        link["form"] = ROWS if own.rows.size else PAIRS if own.pairs.size else RUNS
        _put_shifts(link, c, isinstance(program.populations[c.target], GradedReLU))
        link["within"], link["first"] = part.get(c.source) == part[c.target], c is arrival[c.target]
        for field, array in zip(Laid._fields, own, strict=True):
            link[field] = begins[field]
            begins[field] += array.size
    return links


def _put_shifts(link: np.void, connection: Connection, weight_units: bool) -> None:
    """How a sum of what is laid out becomes a sum of weights, shifted, in units of u or of a weight."""
    unit, exponent = 0 if weight_units else V_SHIFT, connection.weight_exp
    up, link["down"], link["back"] = (exponent + unit, 0, 0) if exponent >= 0 else (0, -exponent, unit)
    halved = link["form"] == ROWS and connection.sign_mode == "mixed"
    link["up"] = up + halved
    link["least"] = lowest(connection) << up if link["form"] == ROWS else 0
    most = largest(connection) * max(1, 2 ** int(link["bits"]) - 1) << max(0, exponent)
    # shifted down, a sum below zero is rounded down, too
    reach = ((most >> -exponent) + 2 if exponent < 0 else most) << unit
    link["reach"] = min(reach, FAR)  # times all channels still fits


def _first_to_arrive(program: Program, part: dict[str, int], name: str) -> Connection:
    """Return the connection that is delivered first to a population: what is from within its part waits."""
    return min(program.incoming(name), key=lambda c: part.get(c.source) == part[name])


def _layers(program: Program, sent: _Sent, parts: list[list[str]]) -> np.ndarray:
    layers, start, first = [], 0, 0
    room = {}
    for part in parts:
        lanes = [lanes_of(program.size(name)) for name in part]
        room |= dict(zip(part, accumulate(lanes, initial=0), strict=False))
    for name, neuron in program.populations.items():
        lanes, last = lanes_of(neuron.size), first + len(program.incoming(name))
        step, calm = FORMS[type(neuron)].step, 0
        if step == PLAIN and (neuron.du == DECAY_ONE - 1).all():  # type: ignore[union-attr]
            step = LEAN
            calm = _calm(neuron)
        layers.append(
            (start, lanes, neuron.size, sent.mask[name], sent.message[name], step, first, last, room[name])
            + (program.destinations(name), calm, -1, -1, -1, -1)
        )
        start, first = start + lanes, last
    return np.array(layers, LAYER)


def _calm(neuron: Any) -> int:
    """Return how much may arrive for certain that u does not wrap, and v is not cut above."""
    highest = np.maximum(FORMS[type(neuron)].threshold(neuron), neuron.v0) + np.maximum(neuron.bias, 0)
    return min(U_HALF_RANGE - 1, V_MAX - int(highest.max()))


def _padded(values: np.ndarray) -> np.ndarray:
    """Return an array whose last axis is filled with zeros to a multiple of LANES."""
    n = values.shape[-1]
    padded = np.zeros((*values.shape[:-1], lanes_of(n)), values.dtype)
    padded[..., :n] = values
    return padded


class Form(NamedTuple):
    """How a neuron type is computed.

    Attributes
    ----------
    step : int
        PLAIN, SPECIAL, GRADED_LI or GRADED_RELU.
    threshold : callable (neuron) -> int32 (shape)
        In units of v.
    drop, kept : bool
        Whether the threshold goes from v a step after a spike, and whether v stays at the spike.
    """

    step: int
    threshold: Callable[[Any], np.ndarray]
    drop: bool = False
    kept: bool = False


def _strict(neuron: LIF | GradedLI) -> np.ndarray:
    return neuron.vth << V_SHIFT


def _reached(neuron: PLIF) -> np.ndarray:
    return (neuron.vth << V_SHIFT) - 1


def _never(neuron: LI) -> np.ndarray:
    return np.full(neuron.shape, V_MAX, np.int32)


def _of_input(neuron: GradedReLU) -> np.ndarray:
    return neuron.vth


FORMS: dict[type, Form] = {
    LIF: Form(PLAIN, _strict),
    PLIF: Form(PLAIN, _reached),
    LI: Form(PLAIN, _never),
    LIFSubtract: Form(SPECIAL, _strict, drop=True, kept=True),
    LIFNoReset: Form(SPECIAL, _strict, kept=True),
    LIFRefractory: Form(SPECIAL, _strict),
    ALIF: Form(SPECIAL, _strict, drop=True, kept=True),
    GradedLI: Form(GRADED_LI, _strict),
    GradedReLU: Form(GRADED_RELU, _of_input),
}


def _registers(neuron: Neuron) -> list[np.ndarray]:
    """Return the registers of a population in the order of a Plan, from `left_u` on."""
    form = FORMS[type(neuron)]
    values = [
        DECAY_ONE - (_register(neuron, "du") + 1),
        DECAY_ONE - _register(neuron, "dv"),
        np.zeros(neuron.shape, np.int32) if isinstance(neuron, GradedReLU) else neuron.bias,
        form.threshold(neuron),
        _register(neuron, "u0"),
        _register(neuron, "v0"),
        DECAY_ONE - _register(neuron, "de"),
        _register(neuron, "jump"),
        _register(neuron, "refractory"),
        np.full(neuron.shape, -int(form.drop), np.int32),
        np.full(neuron.shape, -int(form.kept), np.int32),
    ]
    return [_padded(np.ravel(a)) for a in values]


def _register(neuron: Neuron, field: str) -> np.ndarray:
    """Return a register, or zeros where the type has none of that name."""
    return getattr(neuron, field, np.zeros(neuron.shape, np.int32))
