"""Compiled delivery of events: what arrives at each neuron through one connection, for a block of steps.

Only channels that sent something are looked at.
"""

import numpy as np

from .compiled import inlined, kernel
from .lanes import COMPRESSES, dot, in_turn, load, paired, places_of, store, widened, zeros
from .layout import CACHE_LINE, HALF, LANES, WORD
from .unchecked import anew, ones_in, prefetch, window, zeros_below

# a byte is up to 255: so many of them have a sum of 16 bits
ROWS_IN_16_BITS = 257
HALF_16 = 1 << 15  # sums begin below zero by so much: a half of 32 bits has a sign
DIGIT = 15  # bits of an event that are taken at once: a half of 32 bits has a sign
EVEN = np.uint64(0x5555555555555555)
FEW = 8  # places of bits: what is twice as wide mostly lies in two lines of the cache
AT_ONCE = 6  # bits of a mask, taken without asking whether there are so many


@kernel
def deliver_rows(steps, link, masks, rows, fan_out, ahead, fired, total, a_in, counts):
    """Add the rows of the channels that spiked; count events and synapses.

    Parameters
    ----------
    steps : int
        How many.
    link : LINK
        The connection.
    masks : uint64
        Of all that is sent, from the first word of the source and step on.
    rows, fan_out
        Of the link.
    ahead : uint8
        The first step of what will soon be read; it and the steps behind it are on their way meanwhile.
    fired, total
        Scratch; `total` is as long as a row.
    a_in : int32 (steps, lanes)
        The first link of a population overwrites it.
    counts : int64 (2)
        Is added to.

    Returns
    -------
    int
        Events of the step that has the most.
    """
    lanes, arrived, all_reached, most = total.size, 0, 0, 0
    for t in range(steps):
        n = _list_ones(window(masks, t * link.mask_row, link.words), fired)
        for j in range(0, ahead.size, CACHE_LINE):
            prefetch(ahead, t * ahead.size + j)
        into = window(a_in, t * lanes, lanes)
        reached, at = 0, 0
        if n <= ROWS_IN_16_BITS:
            while at + 256 <= lanes:
                reached = _add_rows(zeros(16, 128), link, rows, fan_out, fired, n, into, at)
                at += 256
            if at + 128 <= lanes:
                reached = _add_rows(zeros(16, 64), link, rows, fan_out, fired, n, into, at)
                at += 128
            if at + 64 <= lanes:
                reached = _add_rows(zeros(16, 32), link, rows, fan_out, fired, n, into, at)
                at += 64
            if at < lanes:
                even, odd, reached = _sum_rows(zeros(16, 32), link, rows, fan_out, fired, 0, n, at)
                _put(link, _halves(even, link.up) + _grown(link, n), into, at)
        else:
            reached = _add_many_rows(link, rows, fan_out, fired, n, into, total)
        arrived += n
        all_reached += reached
        most = max(most, n)
    counts[0] += arrived
    counts[1] += all_reached
    return most


@kernel
def deliver_pairs(steps, link, masks, messages, pairs, fan_out, fired, lanes, a_in, counts):
    """As `deliver_rows`, each row times its event, two channels at a time; events are int32 (steps, row)."""
    arrived, reached, most = 0, 0, 0
    for t in range(steps):
        n = _list_pairs(window(masks, t * link.mask_row, link.words), fired)
        events = window(messages, t * link.message_row, fan_out.size)
        into = window(a_in, t * lanes, lanes)
        at = 0
        while at + 128 <= lanes:
            _add_pairs(zeros(32, 128), link, pairs, events, fired, n, lanes, into, at)
            at += 128
        while at < lanes:
            _add_pairs(zeros(32, LANES), link, pairs, events, fired, n, lanes, into, at)
            at += LANES
        for k in range(n):
            channel = np.int64(fired[k])
            first, second = events[channel] != 0, events[channel + 1] != 0
            arrived += first + second
            reached += first * fan_out[channel] + second * fan_out[channel + 1]
        most = max(most, 2 * n)
    counts[0] += arrived
    counts[1] += reached
    return most


@kernel
def deliver_runs(steps, link, masks, messages, first_run, runs, weights, fan_out, fired, total, a_in, counts):
    """As `deliver_rows` and `deliver_pairs`, for channels with runs of synapses."""
    lanes, most = total.size, 0
    none = zeros(32, LANES)
    for t in range(steps):
        n = _list_ones(window(masks, t * link.mask_row, link.words), fired)
        total[:] = 0
        for k in range(n):
            channel = fired[k]
            event = messages[t * link.message_row + channel] if link.bits else np.int32(1)
            counts[1] += fan_out[channel]
            for r in range(first_run[channel], first_run[channel + 1]):
                run = runs[r]
                row = window(weights, run.weights, run.length)
                _add_times(window(total, run.target, run.length), row, event)
        into = window(a_in, t * lanes, lanes)
        for at in range(0, lanes, LANES):
            _put(link, load(none, total, at) << link.up, into, at)
        counts[0] += n
        most = max(most, n)
    return most


@inlined
def _list_ones(masks, fired):
    """Channels whose bit is 1; some places behind the last are overwritten too."""
    n = 0
    for g in range(masks.size):
        n = _list_bits(masks[g], 64 * g, fired, n)
    return n


@inlined
def _list_pairs(masks, fired):
    """The even channels of pairs of which one has the bit 1."""
    n = 0
    for g in range(masks.size):
        n = _list_bits((masks[g] | masks[g] >> np.uint64(1)) & EVEN, 64 * g, fired, n)
    return n


if COMPRESSES:

    @inlined
    def _list_bits(mask, first, fired, n):
        ones = np.int64(ones_in(mask))
        places = places_of(mask)
        store(fired, n, widened(places, FEW) + first)
        if ones > FEW:
            store(fired, n, widened(places, WORD) + first)
        return n + ones

else:

    @inlined
    def _list_bits(mask, first, fired, n):
        end = n + np.int64(ones_in(mask))
        for k in range(AT_ONCE):
            fired[n + k] = first + zeros_below(mask)
            mask &= mask - np.uint64(1)
        while mask:
            n += AT_ONCE
            for k in range(AT_ONCE):
                fired[n + k] = first + zeros_below(mask)
                mask &= mask - np.uint64(1)
        return end


@inlined
def _sum_rows(none, link, rows, fan_out, fired, begin, end, at):
    """Sum bytes of some rows in 16 bits, the even and the odd ones, and count the synapses that rows have.

    Words are summed as they are, and their upper bytes alone; what those have added is taken off again.
    """
    both, high, reached = none + HALF_16, none + HALF_16, 0
    for k in range(begin, end):
        channel = np.int64(fired[k])
        words = load(none, rows, channel * link.row + at)
        both, high = both + words, high + (words >> 8)
        reached += fan_out[channel]
    return both - (high << 8), high, reached


@inlined
def _halves(sums, up):
    """Return sums of 16 bits, shifted, in 32 bits: of 32 lanes first the even ones."""
    pairs = paired(sums)
    # were it known that a half is 0, LLVM would not find the instruction for both
    one, other = anew(np.int32(1 << up)), anew(np.int32(1 << up + 16))
    first, second = dot(pairs, (pairs & 0) + one), dot(pairs, (pairs & 0) + other)
    return in_turn(first, second, HALF)


@inlined
def _in_32(even, odd, up):
    first, second = _halves(even, up), _halves(odd, up)
    return in_turn(first, second, LANES)


@inlined
def _grown(link, n):
    """What sums of so many rows lack: what they began below, and what bytes count from."""
    return (HALF_16 << link.up) + n * link.least


@inlined
def _add_rows(none, link, rows, fan_out, fired, n, into, at):
    """Let the sums of some lanes of rows arrive; return how many synapses the rows have."""
    even, odd, reached = _sum_rows(none, link, rows, fan_out, fired, 0, n, at)
    _put(link, _in_32(even, odd, link.up) + _grown(link, n), into, at)
    return reached


@inlined
def _add_many_rows(link, rows, fan_out, fired, n, into, total):
    """As `_add_rows` for all lanes, where 16 bits do not hold the sums of all rows."""
    none = zeros(16, LANES)
    reached = 0
    for at in range(0, total.size, CACHE_LINE):
        sums = zeros(32, CACHE_LINE)
        reached = 0
        for begin in range(0, n, ROWS_IN_16_BITS):
            end = min(n, begin + ROWS_IN_16_BITS)
            even, odd, some = _sum_rows(none, link, rows, fan_out, fired, begin, end, at)
            sums = sums + (_in_32(even, odd, 0) + HALF_16)
            reached += some
        store(total, at, sums)
    for at in range(0, total.size, LANES):
        value = load(zeros(32, LANES), total, at) << link.up
        _put(link, value + n * link.least, into, at)
    return reached


@inlined
def _add_pairs(none, link, pairs, events, fired, n, lanes, into, at):
    total = none
    for low in range(0, link.bits, DIGIT):
        part = none
        for k in range(n):
            channel = np.int64(fired[k])
            first, second = _digit(events[channel], low), _digit(events[channel + 1], low)
            part = part + dot(load(none, pairs, channel * lanes + 2 * at), none + (first | second << 16))
        total = total + (part << low)
    _put(link, total << link.up, into, at)


@inlined
def _digit(event, low):
    return (event >> low) & ((1 << DIGIT) - 1)


@inlined
def _put(link, value, into, at):
    """Shift sums down, and add them to what arrived through other links."""
    if link.down:
        value = value >> link.down << link.back
    if not link.first:
        value = value + load(value, into, at)
    store(into, at, value)


@inlined
def _add_times(total, row, event):
    for j in range(row.size):
        total[j] += np.int32(np.int32(row[j]) * event)
