"""A Program laid out for the compiled loops: flat arrays, each population padded to whole vectors.

A pad neuron rests at 0, has no synapses and never spikes, so that no loop needs a rest. Bytes that are sent
lie in one array too, of the inputs first: eight of them are a word.
"""

import weakref
from collections.abc import Callable, Mapping
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np

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
from .synapse_plan import Laid, lanes_of, largest_sums, lay

WORD = 8  # bytes

LINK = np.dtype(
    [(f, np.int64) for f in ("source", "n_in", "words", "planes", "rows", "fan_out", "first_run")]
    + [(f, np.int64) for f in ("runs", "weights", "halved", "shift", "delay")]
)
LAYER = np.dtype(
    [(f, np.int64) for f in ("start", "sent", "lanes", "size", "planes", "step", "first", "last")]
    + [(f, np.int64) for f in ("spikes", "messages", "u", "v")]
)
# how a population takes a step
PLAIN, LEAN, CALM, SPECIAL, GRADED_LI, GRADED_RELU = range(6)


class Plan(NamedTuple):
    """A Program as flat arrays; lanes are neurons with those that pad each population.

    Attributes
    ----------
    links : LINK (connections)
        `source` is the first word of the source in what is sent, and it has `words` of them in each of
        `planes` bytes of an event (0: a spike); `n_in` channels; `rows` (-1: it has runs), `fan_out`,
        `first_run`, `runs` and `weights` are where its own begin; `halved` is 1 where rows hold half the
        weights; `shift` is weight_exp, `delay` how many steps ago it was sent.
    layers : LAYER (populations)
        `start` is the first of `lanes`, of which `size` are neurons, `sent` the first of their bytes, in
        `planes` (0: spikes); the links `first` to `last` end here. `step` is one of PLAIN, LEAN (u has no
        memory and never wraps), CALM (nor does any neuron rest), SPECIAL (anything beside u and v), GRADED_LI
        and GRADED_RELU. `spikes`, `messages`, `u` and `v` are where the values to keep begin, -1 where none
        are.
    rows, fan_out, first_run, runs, weights
        Of all links, as in `Laid`.
    left_u, left_v : int32 (lanes), 0 to 4096
        4096ths that remain after a step.
    bias : int32 (lanes)
        In units of v, as is the threshold.
    threshold : int32 (lanes)
        Of a population that never spikes, the largest v.
    u0, v0 : int32 (lanes)
        Before the first step.
    left_e, jump, refractory : int32 (lanes)
        Of a SPECIAL step: 4096ths of the raised threshold that remain, by how much it rises, steps of rest.
    drop, kept : int32 (lanes), all bits or none
        Whether the threshold goes from v a step after a spike, and whether v stays at the spike.
    """

    links: np.ndarray
    layers: np.ndarray
    rows: np.ndarray
    fan_out: np.ndarray
    first_run: np.ndarray
    runs: np.ndarray
    weights: np.ndarray
    left_u: np.ndarray
    left_v: np.ndarray
    bias: np.ndarray
    threshold: np.ndarray
    u0: np.ndarray
    v0: np.ndarray
    left_e: np.ndarray
    jump: np.ndarray
    refractory: np.ndarray
    drop: np.ndarray
    kept: np.ndarray

    @classmethod
    def of(cls, program: Program) -> "Plan":
        """Return the plan of a Program, with nothing to keep.

        A Program never changes: its plan is made once, and lives as long as it does.
        """
        key = id(program)
        if key not in _made:
            _made[key] = _build(program)
            weakref.finalize(program, _made.pop, key, None)
        return _made[key]


_made: dict[int, Plan] = {}


class Scratch(NamedTuple):
    """What one thread needs for one sample.

    Attributes
    ----------
    sent, words : uint8, and the same as uint64
        What was sent in this step and, as far back as delays reach, in earlier ones; in turn, a row for
        each. A byte for each channel and plane of the inputs, then for each lane.
    flags, fired, part, total
        Of the link that delivers: events that are not 0, their channels, sums of 16 and of 32 bits.
    a_in, u, v : int32 (lanes)
    e, held, rest : int32 (lanes)
        Of a SPECIAL step: how much the threshold is raised, all bits where it spiked in the step before,
        and steps of rest that are left.
    counted : int32 (4, lanes)
        Spikes, active, wrapped, not cut.
    few : uint8 (4, lanes)
        The same of the last steps, before they are added.
    """

    sent: np.ndarray
    words: np.ndarray
    flags: np.ndarray
    fired: np.ndarray
    part: np.ndarray
    total: np.ndarray
    a_in: np.ndarray
    u: np.ndarray
    v: np.ndarray
    e: np.ndarray
    held: np.ndarray
    rest: np.ndarray
    counted: np.ndarray
    few: np.ndarray

    @classmethod
    def of(cls, plan: Plan) -> "Scratch":
        """Return scratch for a plan; the state in it is not yet 0."""
        lanes, last = plan.bias.size, plan.layers[-1]
        row = last["sent"] + last["lanes"] * max(1, last["planes"])
        # one more word: a null row may look at the byte behind the last
        sent = np.zeros((1 + plan.links["delay"].max(initial=0)) * row + WORD, np.uint8)
        words = sent.view(np.uint64)
        fired = np.empty(row + WORD, np.uint32)
        part = np.empty(lanes, np.int16)
        total, a_in, u, v, e, held, rest = np.empty((7, lanes), np.int32)
        counted = np.empty((4, lanes), np.int32)
        few = np.zeros((4, lanes), np.uint8)
        flags = np.empty_like(words)
        return cls(sent, words, flags, fired, part, total, a_in, u, v, e, held, rest, counted, few)


def event_bytes(program: Program, events: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the events of all inputs as they are sent, lowest byte first.

    Parameters
    ----------
    program : Program
        The network.
    events : {input: uint8 or int32 (batch, steps, channels)}
        As `check_events` returns them.

    Returns
    -------
    uint8 (batch, steps, bytes)
        The only input of one byte comes back itself, without a pad.
    """
    if len(events) == 1 and next(iter(events.values())).dtype == np.uint8:
        return next(iter(events.values()))
    planes = [
        _padded(((x >> 8 * plane) & 255).astype(np.uint8))
        for name, x in events.items()
        for plane in range(max(1, _planes(program.message_bits(name))))
    ]
    return np.concatenate(planes, axis=2)


def _build(program: Program) -> Plan:
    sent = _sent(program)
    registers = [_registers(neuron) for neuron in program.populations.values()]
    laid = [lay(c) for c in program.connections]
    return Plan(
        _links(program, sent, laid),
        _layers(program, sent),
        *(np.concatenate(column) for column in zip(*laid, strict=True)),
        *(np.concatenate(column) for column in zip(*registers, strict=True)),
    )


def _sent(program: Program) -> dict[str, int]:
    """Where the bytes of each input and population begin."""
    names = [*program.inputs, *program.populations]
    sizes = [max(1, _planes(program.message_bits(n))) * lanes_of(program.size(n)) for n in names]
    return dict(zip(names, accumulate(sizes, initial=0), strict=False))


def _links(program: Program, sent: dict[str, int], laid: list[Laid]) -> np.ndarray:
    """The connections, which a Program sorts by their targets."""
    links = np.zeros(len(laid), LINK)
    begins = dict.fromkeys(Laid._fields, 0)
    for link, c, parts in zip(links, program.connections, laid, strict=True):
        n_in, by_rows = c.shape[1], parts.rows.size > 0
        link["source"], link["n_in"] = sent[c.source] // WORD, n_in
        link["words"], link["planes"] = lanes_of(n_in) // WORD, _planes(program.message_bits(c.source))
        link["halved"], link["shift"], link["delay"] = (
            by_rows and c.sign_mode == "mixed",
            c.weight_exp,
            c.delay,
        )
        for field, part in zip(Laid._fields, parts, strict=True):
            link[field] = begins[field] if field != "rows" or by_rows else -1
            begins[field] += part.size
    return links


def _layers(program: Program, sent: dict[str, int]) -> np.ndarray:
    layers, start, first = [], 0, 0
    for name, neuron in program.populations.items():
        lanes, last = lanes_of(neuron.size), first + len(program.incoming(name))
        planes, step = _planes(program.message_bits(name)), FORMS[type(neuron)].step
        if step == PLAIN and _is_lean(program, name):
            step = CALM if neuron.bias.all() else LEAN  # type: ignore[union-attr]
        layers.append((start, sent[name], lanes, neuron.size, planes, step, first, last, -1, -1, -1, -1))
        start, first = start + lanes, last
    return np.array(layers, LAYER)


def _planes(message_bits: int) -> int:
    """Bytes of a graded event; 0 for a spike."""
    return -(-message_bits // 8)


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


def _is_lean(program: Program, name: str) -> bool:
    """Whether u has no memory and never wraps."""
    neuron: Any = program.populations[name]
    no_memory = (neuron.du == DECAY_ONE - 1).all()
    return bool(no_memory and _largest_u(program, name) < U_HALF_RANGE)


def _largest_u(program: Program, name: str) -> int:
    """Return what u cannot exceed, if it has no memory."""
    total = 0
    for c in program.incoming(name):
        event = max(1, 2 ** program.message_bits(c.source) - 1)
        sums = int(largest_sums(c).max(initial=0)) * event
        # shifted down, a negative sum rounds away from zero
        total += sums << c.weight_exp if c.weight_exp > 0 else (sums >> -c.weight_exp) + 1
    return total << V_SHIFT
