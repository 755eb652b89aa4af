"""What the compiled loops find in memory: the arrays of a Program, and those that a run needs.

Machine code finds a value by its place: what is changed here is compiled anew.
"""

from typing import NamedTuple

import numpy as np

LANES = 32  # neurons are padded to a multiple of these
HALF = LANES // 2
CACHE_LINE = 64  # bytes
BLOCK = 64  # steps that a population takes before the next one
WORD = 64  # channels in a mask

INPUT = np.dtype([(f, np.int64) for f in ("channel", "size", "mask", "words", "message", "large")])
LINK = np.dtype(
    [(f, np.int64) for f in ("n_in", "mask", "words", "mask_row", "message", "message_row", "bits", "form")]
    + [(f, np.int64) for f in ("rows", "pairs", "row", "fan_out", "first_run", "runs", "weights")]
    + [(f, np.int64) for f in ("up", "least", "down", "back", "reach", "first", "within", "delay")]
)
LAYER = np.dtype(
    [(f, np.int64) for f in ("start", "lanes", "size", "mask", "message", "step", "first", "last", "room")]
    + [(f, np.int64) for f in ("destinations", "calm", "spikes", "messages", "u", "v")]
)
RUN = np.dtype([(f, np.int32) for f in ("target", "length", "weights")])
PART = np.dtype([(f, np.int64) for f in ("first", "last", "steps")])
# how a connection is laid out
ROWS, PAIRS, RUNS = range(3)
# how a population takes a step
PLAIN, LEAN, SPECIAL, GRADED_LI, GRADED_RELU = range(5)


class Plan(NamedTuple):
    """A Program as flat arrays; lanes are neurons with those that pad each population.

    Attributes
    ----------
    reach : int
        The longest delay.
    mask_row, message_row : int
        Words of masks, and graded events, that all inputs and populations send in a step.
    lanes : int
        Of the part that has the most.
    inputs : INPUT (inputs)
        Its first of `size` channels in the array of events up to 255, or of `large` ones; where its masks of
        `words` words and its graded events begin (-1: spikes) in what is sent.
    links : LINK (connections)
        `n_in` channels; `mask`, `words` and `message` of its source, as in INPUT, a row of which is sent in a
        step; `bits` of an event (0: a spike); `form` ROWS, PAIRS or RUNS; where its own `rows`, `pairs`,
        `fan_out`, `first_run`, `runs` and `weights` begin, with `row` bytes for each channel. A sum is
        shifted `up`, for each row `least` is added, and it is shifted `down` and then `back`; a channel adds
        no more than `reach` to it, either sign. It is the `first` that arrives at its target, comes from
        `within` the same part, and was sent `delay` steps ago.
    layers : LAYER (populations)
        `start` is the first of `lanes`, of which `size` are neurons, `mask` and `message` where what it sends
        begins; the links `first` to `last` end here; `room` is the first of its lanes among those of its
        part. What it sends goes to so many `destinations`. `step` is one of PLAIN, LEAN (u has no memory),
        SPECIAL (anything beside u and v), GRADED_LI and GRADED_RELU. While what arrives stays within
        +-`calm`, LEAN neurons neither wrap nor are cut above. `spikes`, `messages`, `u` and `v`:
        how many neurons come before its own where those are kept, -1 where its own are not.
    parts : PART
        Populations, in `order` from `first` to `last`, that form a loop and take so many `steps` in turn, or
        one that is in none. What they hear was sent by themselves, by inputs and by parts before.
    order : int64 (populations)
        Numbers of populations.
    rows, pairs, fan_out, first_run, runs, weights
        Of all links, as in `synapse_plan.Laid`.
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

    reach: int
    mask_row: int
    message_row: int
    lanes: int
    inputs: np.ndarray
    links: np.ndarray
    layers: np.ndarray
    parts: np.ndarray
    order: np.ndarray
    rows: np.ndarray
    pairs: np.ndarray
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


class Scratch(NamedTuple):
    """What one thread needs for one sample.

    Attributes
    ----------
    masks, halves : uint64, and the same as uint32
        Which channels sent something: a row for each step that delays reach back, and for each of a block.
    messages : int32
        Graded events, in rows likewise; of use where the bit is 1.
    fired, total
        Of the link that delivers: channels that sent something, and sums.
    a_in, us, vs : int32
        Of a part: input in units of u, and u and v after a step; for each layer (BLOCK, lanes).
    bound : int64 (populations)
        What arrives from outside of the part is within plus and minus this.
    link_counts : int64 (connections, 2)
        Of the sample: events, and synapses that they reached.
    layer_counts : int64 (populations, 4)
        Neuron steps that sent something, were active, wrapped and were cut.
    u, v : int32 (lanes)
    e, held, rest : int32 (lanes)
        Of a SPECIAL step: how much the threshold is raised, all bits where it spiked in the step before,
        and steps of rest that are left.
    """

    masks: np.ndarray
    halves: np.ndarray
    messages: np.ndarray
    fired: np.ndarray
    total: np.ndarray
    a_in: np.ndarray
    us: np.ndarray
    vs: np.ndarray
    bound: np.ndarray
    link_counts: np.ndarray
    layer_counts: np.ndarray
    u: np.ndarray
    v: np.ndarray
    e: np.ndarray
    held: np.ndarray
    rest: np.ndarray

    @classmethod
    def of(cls, plan: Plan) -> "Scratch":
        """Return scratch for a plan; the state in it is not yet 0."""
        lanes, rows = plan.bias.size + LANES, plan.reach + BLOCK
        masks = room_of(rows * plan.mask_row, np.uint64)
        messages = room_of(rows * plan.message_row, np.int32)
        fired = room_of(WORD * (1 + plan.mask_row), np.uint32)
        a_in, us, vs = (room_of(BLOCK * plan.lanes, np.int32) for _ in range(3))
        bound = room_of(plan.layers.size, np.int64)
        link_counts = room_of(2 * plan.links.size, np.int64).reshape(-1, 2)
        layer_counts = room_of(4 * plan.layers.size, np.int64).reshape(-1, 4)
        total, u, v, e, held, rest = (room_of(lanes, np.int32) for _ in range(6))
        return cls(
            masks, masks.view(np.uint32), messages, fired, total, a_in, us, vs, bound,
            link_counts, layer_counts, u, v, e, held, rest,
        )  # fmt: skip


def room_of(size: int, dtype: type | np.dtype) -> np.ndarray:
    """Return zeros that begin a cache line, so that no vector of a row lies in two of them."""
    room = np.zeros(size * np.dtype(dtype).itemsize + CACHE_LINE, np.uint8)
    start = -room.ctypes.data % CACHE_LINE
    return room[start : room.size - CACHE_LINE + start].view(dtype)
