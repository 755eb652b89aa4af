"""Compiled steps of neurons: some at once, whose state stays in registers for a block of steps.

Branch-free, and 32 bits throughout. A block is first taken as if registers had no end, which is faster,
and once more, exactly, where one was left.
"""

from typing import NamedTuple

import numpy as np

from .compiled import inlined, kernel
from .lanes import TOWARD_ZERO, bits_of, bits_outside, dot, load, share, store, where, zeros
from .layout import LANES
from .unchecked import anew, ones_in

HALF_RANGE = 1 << 23
V_LIMIT = (1 << 23) - 1
WIDE = 2 * LANES


class Left(NamedTuple):
    """What a block of steps leaves of each step.

    Attributes
    ----------
    masks : uint32
        A bit for each neuron, whether it sent something; from the first mask of the block on.
    words : int
        From a step to the next in `masks`.
    u, v : int32
        From the first of the block on.
    row_u, row_v : int
        From a step to the next in `u` and `v`; 0 where only the last step is of use.
    counts : int64 (4)
        Neuron steps that sent something, were active, wrapped and were cut are added.
    """

    masks: np.ndarray
    words: int
    u: np.ndarray
    v: np.ndarray
    row_u: int
    row_v: int
    counts: np.ndarray


@kernel
def step(steps, a_in, u, v, left_u, left_v, bias, threshold, left):
    """Let every neuron take some steps.

    Parameters
    ----------
    steps : int
        How many.
    a_in : int32 (steps, lanes)
        What arrives, in units of u.
    u, v : int32 (lanes)
        The state.
    left_u, left_v, bias, threshold : int32 (lanes)
        As in a Plan.
    left : Left
        Receives what each step leaves.
    """
    for at in range(0, u.size, LANES):
        if not _step_within(steps, at, a_in, u, v, left_u, left_v, bias, threshold, left):
            _step_exactly(steps, at, a_in, u, v, left_u, left_v, bias, threshold, left)


@kernel
def step_lean(steps, a_in, u, v, left_u, left_v, bias, threshold, left):
    """`step` where u has no memory, and what arrives is too little to wrap it, or for v to be cut above."""
    at = 0
    while at + WIDE <= u.size:
        if not _step_lean_within(zeros(32, WIDE), steps, at, a_in, u, v, left_v, bias, threshold, left):
            _step_exactly(steps, at, a_in, u, v, left_u, left_v, bias, threshold, left)
            _step_exactly(steps, at + LANES, a_in, u, v, left_u, left_v, bias, threshold, left)
        at += WIDE
    if at < u.size and not _step_lean_within(
        zeros(32, LANES), steps, at, a_in, u, v, left_v, bias, threshold, left
    ):
        _step_exactly(steps, at, a_in, u, v, left_u, left_v, bias, threshold, left)


@inlined
def _step_within(steps, at, a_in, u, v, left_u, left_v, bias, threshold, left):
    """Let some neurons take steps as if registers had no end; return whether all stayed within, else undo."""
    none = zeros(32, LANES)
    u_j, v_j = load(none, u, at), load(none, v, at)
    more, above = load(none, bias, at), load(none, threshold, at)
    awake = anew(bits_of(more != 0))
    low_u, high_u, low, high = u_j, u_j, none, none
    fired, active = 0, 0
    for t in range(steps):
        current = _decayed_24(u_j, left_u, at) + load(none, a_in, t * u.size + at)
        total = _decayed_24(v_j, left_v, at) + (current + more)
        low_u, high_u = _at_most(current, low_u), _at_least(current, high_u)
        low, high = _at_most(total, low), _at_least(total, high)
        active += ones_in(bits_of((u_j | v_j | current) != 0) | awake)
        u_j, v_j, spiked = current, *_reset(total, above)
        fired += ones_in(spiked)
        _leave(left, t, at, spiked, u_j, v_j)
    if _beyond(low_u, high_u, 1 - HALF_RANGE, HALF_RANGE) or _beyond(low, high, -V_LIMIT, V_LIMIT):
        return False
    store(u, at, u_j)
    store(v, at, v_j)
    _count(left, fired, active, 0, 0)
    return True


@inlined
def _step_lean_within(none, steps, at, a_in, u, v, left_v, bias, threshold, left):
    """`_step_within` for `step_lean`; v is all that may leave its register, downward."""
    u_j, v_j = load(none, u, at), load(none, v, at)
    more, above = load(none, bias, at), load(none, threshold, at)
    awake, low = anew(bits_of(more != 0)), none
    fired, active = 0, 0
    for t in range(steps):
        current = load(none, a_in, t * u.size + at)
        total = _decayed_24(v_j, left_v, at) + (current + more)
        low = _at_most(total, low)
        active += ones_in(bits_of((u_j | v_j | current) != 0) | awake)
        u_j, v_j, spiked = current, *_reset(total, above)
        fired += ones_in(spiked)
        _leave(left, t, at, spiked, u_j, v_j)
    if _ones(low < -V_LIMIT):
        return False
    store(u, at, u_j)
    store(v, at, v_j)
    _count(left, fired, active, 0, 0)
    return True


@kernel
def _step_exactly(steps, at, a_in, u, v, left_u, left_v, bias, threshold, left):
    """Let some neurons take steps; u wraps, v is cut."""
    none = zeros(32, LANES)
    fired, active, wraps, cuts = 0, 0, 0, 0
    u_j, v_j = load(none, u, at), load(none, v, at)
    decay_u = load(none, left_u, at)
    more, above = load(none, bias, at), load(none, threshold, at)
    for t in range(steps):
        current = _decayed(u_j, decay_u) + load(none, a_in, t * u.size + at)
        wrapped = _wrapped(current)
        total = _decayed_24(v_j, left_v, at) + wrapped + more
        cut = _cut(total)
        spiked = cut > above
        active += _ones((u_j | v_j | wrapped | cut) != 0)
        wraps += _ones(wrapped != current)
        cuts += _ones(cut != total)
        fired += _ones(spiked)
        u_j, v_j = wrapped, where(spiked, none, cut)
        _leave(left, t, at, bits_of(spiked), u_j, v_j)
    store(u, at, u_j)
    store(v, at, v_j)
    _count(left, fired, active, wraps, cuts)


@kernel
def step_special(
    steps, a_in, u, v, left_u, left_v, bias, threshold, e, held, rest, left_e, jump, refractory, drop, kept,
    left,
):  # fmt: skip
    """`step` with a threshold that rises, that goes from v, and rest after a spike."""
    none = zeros(32, LANES)
    fired, active, wraps, cuts = 0, 0, 0, 0
    for at in range(0, u.size, LANES):
        u_j, v_j, e_j = load(none, u, at), load(none, v, at), load(none, e, at)
        held_j, rest_j = load(none, held, at), load(none, rest, at)
        decay_u = load(none, left_u, at)
        for t in range(steps):
            raised = _at_most(_decayed_24(e_j, left_e, at) + (load(none, jump, at) & held_j), V_LIMIT)
            above = load(none, threshold, at) + raised
            current = _decayed(u_j, decay_u) + load(none, a_in, t * u.size + at)
            wrapped = _wrapped(current)
            total = _decayed_24(v_j, left_v, at) + wrapped + load(none, bias, at)
            total = total - (above & held_j & load(none, drop, at))
            resting = rest_j > 0
            total = where(resting, v_j, total)
            cut = _cut(total)
            spiked = cut > above  # not at rest, where v is 0
            active += _ones((u_j | v_j | wrapped | cut) != 0)
            wraps += _ones(wrapped != current)
            cuts += _ones(cut != total)
            fired += _ones(spiked)
            rest_j = where(resting, rest_j - 1, where(spiked, load(none, refractory, at), none))
            held_j = where(spiked, -1, none)
            u_j, v_j, e_j = wrapped, where(spiked, cut & load(none, kept, at), cut), raised
            _leave(left, t, at, bits_of(spiked), u_j, v_j)
        store(u, at, u_j)
        store(v, at, v_j)
        store(e, at, e_j)
        store(held, at, held_j)
        store(rest, at, rest_j)
    _count(left, fired, active, wraps, cuts)


@kernel
def step_graded_li(steps, a_in, u, v, left_u, left_v, bias, threshold, messages, row, left):
    """`step`; what is above the threshold is a message in units of a weight, int32 (steps, row)."""
    none = zeros(32, LANES)
    fired, active, wraps, cuts = 0, 0, 0, 0
    for at in range(0, u.size, LANES):
        u_j, v_j = load(none, u, at), load(none, v, at)
        decay_u = load(none, left_u, at)
        more, above = load(none, bias, at), load(none, threshold, at)
        for t in range(steps):
            current = _decayed(u_j, decay_u) + load(none, a_in, t * u.size + at)
            wrapped = _wrapped(current)
            total = _decayed_24(v_j, left_v, at) + wrapped + more
            cut = _cut(total)
            sent = where(cut > above, cut >> 6, none)
            active += _ones((u_j | v_j | wrapped | cut) != 0)
            wraps += _ones(wrapped != current)
            cuts += _ones(cut != total)
            fired += _ones(sent != 0)
            u_j, v_j = wrapped, cut
            store(messages, t * row + at, sent)
            _leave(left, t, at, bits_of(sent != 0), u_j, v_j)
        store(u, at, u_j)
        store(v, at, v_j)
    _count(left, fired, active, wraps, cuts)


@kernel
def step_graded_relu(steps, a_in, threshold, messages, row, left):
    """Input that is above the threshold is the message; nothing is remembered. Input in units of a weight."""
    none = zeros(32, LANES)
    fired, active = 0, 0
    for at in range(0, threshold.size, LANES):
        above = load(none, threshold, at)
        for t in range(steps):
            current = load(none, a_in, t * threshold.size + at)
            sent = where(current > above, current, none)
            active += _ones(current != 0)
            fired += _ones(sent != 0)
            store(messages, t * row + at, sent)
            _leave(left, t, at, bits_of(sent != 0), none, none)
    _count(left, fired, active, 0, 0)


@inlined
def _reset(total, above):
    """Return v after a step, 0 where it was above the threshold, and a bit for each neuron where it was."""
    silent = total <= above
    return where(silent, total, 0), bits_outside(silent)


@inlined
def _beyond(low, high, least, most):
    return _ones(low < least) + _ones(high > most) > 0


@inlined
def _leave(left, t, at, sent, u, v):
    store(left.masks, t * left.words + at // LANES, sent)
    store(left.u, t * left.row_u + at, u)
    store(left.v, t * left.row_v + at, v)


@inlined
def _count(left, fired, active, wraps, cuts):
    left.counts[0] += fired
    left.counts[1] += active
    left.counts[2] += wraps
    left.counts[3] += cuts


@inlined
def _ones(mask):
    return np.int64(ones_in(bits_of(mask)))


@inlined
def _at_most(x, limit):
    return where(x > limit, limit, x)


@inlined
def _at_least(x, limit):
    return where(x < limit, limit, x)


@inlined
def _cut(total):
    high = where(total > V_LIMIT, V_LIMIT, total)
    return where(high < -V_LIMIT, -V_LIMIT, high)


@inlined
def _wrapped(current):
    w = where(current > HALF_RANGE, current - 2 * HALF_RANGE, current)
    return where(w < 1 - HALF_RANGE, current + 2 * HALF_RANGE, w)


@inlined
def _decayed(x, left):
    # x * left / 4096 toward zero, for every 32-bit x and left <= 4096, without a 64-bit product:
    # the upper 20 bits times left, and the lower 12, which round up where x is negative
    low = (x & 4095) * left
    low = where(x < 0, low + 4095, low)
    return (x >> 12) * left + (low >> 12)


if TOWARD_ZERO:

    @inlined
    def _decayed_24(x, left, at):
        """As `_decayed` for |x| < 2^24."""
        return share(x, load(x, left, at))

else:

    @inlined
    def _decayed_24(x, left, at):
        # the parts of x are halves of 32 bits; the other half of `left` is 0
        decay = load(x, left, anew(at))  # beside its use, else LLVM does not know it for a half
        low = dot(x & ~0xF000, decay)
        low = where(x < 0, low + 4095, low)
        return dot(x >> 12, decay) + (low >> 12)
