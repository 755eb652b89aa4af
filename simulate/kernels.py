"""The compiled run of `fast`: samples through a whole network, a block of steps at a time.

A population that is in no loop takes all steps of a block before the next one starts; those of a loop take
turns, as many steps at a time as the shortest way round it lasts.
"""

import numpy as np

from .compiled import inlined, kernel
from .lanes import bits_of, load, store, zeros
from .layout import BLOCK, GRADED_LI, LEAN, PAIRS, ROWS, SPECIAL
from .stepping import Left, step, step_graded_li, step_graded_relu, step_lean, step_special
from .sums import deliver_pairs, deliver_rows, deliver_runs
from .unchecked import add_one, borrowed, read_shared, window

COUNTERS = 7  # of a layer
ONES = np.uint64(0x0101010101010101)


@kernel
def run_samples(plan, scratch, taken, most, done, small, large, spikes, messages, us, vs, counts):
    """Run some samples, block by block through all layers. Nothing is checked here.

    Parameters
    ----------
    plan : Plan
        Its layers say which values are kept.
    scratch : Scratch
        Of this plan and of no other thread.
    taken : int64 (1)
        How many samples of the batch threads have taken; is added to.
    most : int
        Samples to take at most.
    done : int
        Steps that the one sample of this scratch has taken already; 0: each sample starts anew.
    small, large : uint8 and int32 (batch, steps, channels)
        As `event_arrays` returns them.
    spikes : uint8
        Receives what layers keep: for each (batch, steps, size).
    messages, us, vs : int32
        As `spikes`; graded events, and states in units of u and v.
    counts : int64 (batch, links + 7 layers)
        Receives synapses reached by each link; of each layer, neuron steps that sent something, were active,
        wrapped, were cut and were at rest, events received and messages sent.

    Returns
    -------
    bool
        Whether a byte that should be a spike is neither 0 nor 1.
    """
    plan, scratch = borrowed(plan), borrowed(scratch)
    steps, whole = small.shape[1], small.shape[0] * small.shape[1]
    blocks = -(-steps // BLOCK)
    beyond = False
    for _ in range(most):
        b = add_one(taken)
        if b >= small.shape[0]:
            break
        scratch.link_counts[:] = 0
        scratch.layer_counts[:] = 0
        if done == 0:
            _start(plan, scratch)
        for i in range(blocks):
            first, last = steps * i // blocks, steps * (i + 1) // blocks
            at, some = b * steps + first, last - first
            if _take(plan, scratch, small, large, at, some):
                beyond = True
            following = at + some if last < steps else steps * read_shared(taken)  # or the next to be taken
            ahead = window(small, following * small.shape[2], small.shape[2])
            for p in range(plan.parts.size):
                _run_part(plan, scratch, plan.parts[p], some, ahead)
                _keep_part(plan, scratch, plan.parts[p], whole, at, some, spikes, messages, us, vs)
            _shift(plan, scratch, some)
        _count(plan, scratch, steps, counts[b])
    return beyond


@inlined
def _start(plan, scratch):
    for j in range(plan.u0.size):
        scratch.u[j], scratch.v[j] = plan.u0[j], plan.v0[j]
        scratch.e[j] = scratch.held[j] = scratch.rest[j] = 0
    for j in range(plan.reach * plan.mask_row):
        scratch.masks[j] = 0


@inlined
def _take(plan, scratch, small, large, at, steps):
    """Bring the events of some steps into the form in which all is sent; return whether one is beyond."""
    seen = zeros(8, 64)
    for i in range(plan.inputs.size):
        entry = plan.inputs[i]
        for t in range(steps):
            row = plan.reach + t
            masks = window(scratch.masks, row * plan.mask_row + entry.mask, entry.words)
            channels = large.shape[2] if entry.large else small.shape[2]
            given = (at + t) * channels + entry.channel
            if entry.message < 0:
                seen = _mark_bytes(window(small, given, entry.size), masks, seen)
            else:
                messages = window(scratch.messages, row * plan.message_row + entry.message, entry.size)
                if entry.large:
                    _copy(window(large, given, entry.size), messages)
                else:
                    _copy(window(small, given, entry.size), messages)
                _mark(messages, masks)
    return bits_of((seen & ~1) != 0) != 0


@inlined
def _mark_bytes(events, masks, seen):
    """A bit for each byte that is not 0; return all bits that were seen.

    The last 64 bytes are looked at once more where they fill no word.
    """
    whole, rest = events.size >> 6, events.size & 63
    for g in range(whole):
        some = load(seen, events, 64 * g)
        seen = seen | some
        masks[g] = bits_of(some != 0)
    if rest and whole:
        some = load(seen, events, events.size - 64)
        seen = seen | some
        masks[whole] = bits_of(some != 0) >> np.uint64(64 - rest)
    elif rest:
        for j in range(rest):
            seen = seen | events[j]
        _mark(events, masks)
    return seen


@inlined
def _mark(events, masks):
    for g in range(masks.size):
        mask = np.uint64(0)
        for j in range(min(64, events.size - 64 * g)):
            mask |= np.uint64(events[64 * g + j] != 0) << np.uint64(j)
        masks[g] = mask


@inlined
def _run_part(plan, scratch, part, steps, ahead):
    """Let the populations of a loop, or one that is in none, take a block of steps."""
    for i in range(part.first, part.last):
        layer = plan.layers[plan.order[i]]
        scratch.bound[i] = _deliver(plan, scratch, layer, False, 0, steps, ahead)
    for done in range(0, steps, part.steps):
        some = min(part.steps, steps - done)
        for i in range(part.first, part.last):
            number = plan.order[i]
            layer = plan.layers[number]
            bound = scratch.bound[i]
            bound += _deliver(plan, scratch, layer, True, done, some, ahead)
            counts = window(scratch.layer_counts, 4 * number, 4)
            _step(plan, scratch, layer, done, some, bound, counts)


@inlined
def _deliver(plan, scratch, layer, within, done, steps, ahead):
    """Let arrive what comes from within the same part, or from elsewhere; return how much at most."""
    lanes, bound = layer.lanes, 0
    a_in = window(scratch.a_in, BLOCK * layer.room + done * lanes, steps * lanes)
    total = window(scratch.total, 0, lanes)
    for c in range(layer.first, layer.last):
        link = plan.links[c]
        if link.within == within:
            row = plan.reach + done - link.delay
            masks = window(scratch.masks, row * plan.mask_row + link.mask, steps * plan.mask_row)
            messages = window(
                scratch.messages, row * plan.message_row + link.message, steps * plan.message_row
            )
            counts = window(scratch.link_counts, 2 * c, 2)
            fan_out = window(plan.fan_out, link.fan_out, link.n_in + (link.n_in & 1))
            if link.form == ROWS:
                rows = window(plan.rows, link.rows, link.n_in * link.row)
                coming = window(ahead, 0, ahead.size * (c == plan.links.size - 1))  # once is enough
                most = deliver_rows(
                    steps, link, masks, rows, fan_out, coming, scratch.fired, total, a_in, counts
                )
            elif link.form == PAIRS:
                pairs = window(plan.pairs, link.pairs, fan_out.size * lanes)
                most = deliver_pairs(
                    steps, link, masks, messages, pairs, fan_out, scratch.fired, lanes, a_in, counts
                )
            else:
                first_run = window(plan.first_run, link.first_run, link.n_in + 1)
                runs = window(plan.runs, link.runs, plan.runs.size - link.runs)
                weights = window(plan.weights, link.weights, plan.weights.size - link.weights)
                most = deliver_runs(
                    steps, link, masks, messages, first_run, runs, weights, fan_out, scratch.fired, total,
                    a_in, counts,
                )  # fmt: skip
            bound += most * link.reach
    return bound


@inlined
def _step(plan, scratch, layer, done, steps, bound, counts):
    at, n = layer.start, layer.lanes
    row = plan.reach + done
    masks = window(scratch.halves, 2 * (row * plan.mask_row + layer.mask), 2 * steps * plan.mask_row)
    row_u, row_v = n * (layer.u >= 0), n * (layer.v >= 0)
    room = BLOCK * layer.room
    us, vs = (
        window(scratch.us, room + done * row_u, steps * n),
        window(scratch.vs, room + done * row_v, steps * n),
    )
    left = Left(masks, 2 * plan.mask_row, us, vs, row_u, row_v, counts)
    a_in = window(scratch.a_in, room + done * n, steps * n)
    u, v = window(scratch.u, at, n), window(scratch.v, at, n)
    left_u, left_v = window(plan.left_u, at, n), window(plan.left_v, at, n)
    bias, threshold = window(plan.bias, at, n), window(plan.threshold, at, n)
    messages = window(scratch.messages, row * plan.message_row + layer.message, steps * plan.message_row)
    if layer.step == LEAN and bound <= layer.calm:
        step_lean(steps, a_in, u, v, left_u, left_v, bias, threshold, left)
    elif layer.step <= LEAN:
        step(steps, a_in, u, v, left_u, left_v, bias, threshold, left)
    elif layer.step == SPECIAL:
        step_special(
            steps, a_in, u, v, left_u, left_v, bias, threshold,
            window(scratch.e, at, n), window(scratch.held, at, n), window(scratch.rest, at, n),
            window(plan.left_e, at, n), window(plan.jump, at, n), window(plan.refractory, at, n),
            window(plan.drop, at, n), window(plan.kept, at, n), left,
        )  # fmt: skip
    elif layer.step == GRADED_LI:
        step_graded_li(steps, a_in, u, v, left_u, left_v, bias, threshold, messages, plan.message_row, left)
    else:
        step_graded_relu(steps, a_in, threshold, messages, plan.message_row, left)


@inlined
def _keep_part(plan, scratch, part, whole, at, steps, spikes, messages, us, vs):
    """Copy what the populations of a part have sent, and their states, to where they are kept.

    The `whole` are the steps of all samples; one population's come after all of another.
    """
    for i in range(part.first, part.last):
        layer = plan.layers[plan.order[i]]
        n = layer.size
        for t in range(steps):
            to, here = (at + t) * n, BLOCK * layer.room + t * layer.lanes
            if layer.spikes >= 0:
                mask = (plan.reach + t) * plan.mask_row + layer.mask
                _spread(
                    window(scratch.masks, mask, -(-n // 64)), window(spikes, layer.spikes * whole + to, n)
                )
            if layer.messages >= 0:
                message = (plan.reach + t) * plan.message_row + layer.message
                _copy(window(scratch.messages, message, n), window(messages, layer.messages * whole + to, n))
            if layer.u >= 0:
                _copy(window(scratch.us, here, n), window(us, layer.u * whole + to, n))
            if layer.v >= 0:
                _copy(window(scratch.vs, here, n), window(vs, layer.v * whole + to, n))


@inlined
def _spread(masks, spikes):
    """A byte for each bit."""
    end = spikes.size & ~7
    for j in range(0, end, 8):
        store(spikes, j, _eight(masks, j))
    if spikes.size > end:
        rest = _eight(masks, end)
        if spikes.size & 4:
            store(spikes, end, np.uint32(rest))
            rest, end = rest >> np.uint64(32), end + 4
        if spikes.size & 2:
            store(spikes, end, np.uint16(rest))
            rest, end = rest >> np.uint64(16), end + 2
        if spikes.size & 1:
            store(spikes, end, np.uint8(rest))


@inlined
def _eight(masks, j):
    """The bytes of 8 bits: of the byte that holds them one for each, of which a bit is left, and moved."""
    each = (masks[j >> 6] >> np.uint64(j & 63) & np.uint64(255)) * ONES & np.uint64(0x8040201008040201)
    return (each + np.uint64(127) * ONES) >> np.uint64(7) & ONES


@inlined
def _count(plan, scratch, steps, counts):
    """Put down the counts of a sample; not before, lest threads write side by side all the time."""
    links = plan.links.size
    for c in range(links):
        counts[c] = scratch.link_counts[c, 1]
    for number in range(plan.layers.size):
        layer, own = plan.layers[number], scratch.layer_counts[number]
        here = window(counts, links + number * COUNTERS, COUNTERS)
        here[:4] = own
        here[4] = steps * layer.size - own[1]
        for c in range(layer.first, layer.last):
            here[5] += scratch.link_counts[c, 0]
        here[6] = own[0] * layer.destinations


@inlined
def _copy(values, target):
    for j in range(values.size):
        target[j] = values[j]


@inlined
def _shift(plan, scratch, steps):
    """Of what was sent, keep the last steps that a delay reaches: before the next block."""
    for j in range(plan.reach * plan.mask_row):
        scratch.masks[j] = scratch.masks[j + steps * plan.mask_row]
    for j in range(plan.reach * plan.message_row):
        scratch.messages[j] = scratch.messages[j + steps * plan.message_row]
