"""Compiled delivery of events: what arrives at each neuron through one connection, for a block of steps.

Only channels that sent something are looked at.
"""

import numpy as np

from .compiled import inlined, kernel
from .lanes import dot, load, store, widened, zeros
from .layout import HALF, LANES
from .unchecked import ones_in, window, zeros_below

# a byte is up to 255: so many of them have a sum of 16 bits
ROWS_IN_16_BITS = 257
DIGIT = 15  # bits of an event that are taken at once: a half of 32 bits has a sign
EVEN = np.uint64(0x5555555555555555)
AT_ONCE = 4  # bits of a mask, taken without asking whether there are so many


@kernel
def deliver_rows(steps, link, masks, rows, fan_out, fired, total, a_in, counts):
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
    fired, total
        Scratch; `total` is as long as a row.
    a_in : int32 (steps, lanes)
        The first link of a population overwrites it.
    counts : int64 (2)
        Is added to.
    """
    lanes = total.size
    for t in range(steps):
        n = _list_ones(window(masks, t * link.mask_row, link.words), fired)
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
                reached = _add_rows(zeros(16, 16), link, rows, fan_out, fired, n, into, at)
        else:
            reached = _add_many_rows(link, rows, fan_out, fired, n, into, total)
        counts[0] += n
        counts[1] += reached


@kernel
def deliver_pairs(steps, link, masks, messages, pairs, fan_out, fired, lanes, a_in, counts):
    """As `deliver_rows`, each row times its event, two channels at a time; events are int32 (steps, row)."""
    arrived, reached = 0, 0
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
    counts[0] += arrived
    counts[1] += reached


@kernel
def deliver_runs(steps, link, masks, messages, first_run, runs, weights, fan_out, fired, total, a_in, counts):
    """As `deliver_rows` and `deliver_pairs`, for channels with runs of synapses."""
    lanes = total.size
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
            _put(link, load(none, total, at), 0, into, at)
        counts[0] += n


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


@inlined
def _list_bits(mask, first, fired, n):
    at, end = n, n + np.int64(ones_in(mask))
    while mask:
        for _ in range(AT_ONCE):
            fired[at] = first + zeros_below(mask)
            mask &= mask - np.uint64(1)
            at += 1
    return end


@inlined
def _add_rows(none, link, rows, fan_out, fired, n, into, at):
    """Sum some lanes of rows in 16 bits, a pair of bytes at a time, and return how many synapses rows have.

    Words are summed as they are, and their upper bytes alone; what those have added is taken off again.
    """
    both, high, reached = none, none, 0
    for k in range(n):
        channel = np.int64(fired[k])
        words = load(none, rows, channel * link.row + at)
        both, high = both + words, high + (words >> 8)
        reached += fan_out[channel]
    _put(link, widened(both - (high << 8), high, HALF), n, into, at)
    return reached


@inlined
def _add_many_rows(link, rows, fan_out, fired, n, into, total):
    """As `_add_rows` for all lanes, where 16 bits do not hold the sums of all rows."""
    none, reached = zeros(16, HALF), 0
    total[:] = 0
    for start in range(0, n, ROWS_IN_16_BITS):
        for at in range(0, total.size, LANES):
            both, high = none, none
            for k in range(start, min(n, start + ROWS_IN_16_BITS)):
                words = load(none, rows, np.int64(fired[k]) * link.row + at)
                both, high = both + words, high + (words >> 8)
            sums = widened(both - (high << 8), high, HALF)
            store(total, at, load(sums, total, at) + sums)
    for at in range(0, total.size, LANES):
        _put(link, load(zeros(32, LANES), total, at), n, into, at)
    for k in range(n):
        reached += fan_out[fired[k]]
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
    _put(link, total, 0, into, at)


@inlined
def _digit(event, low):
    return (event >> low) & ((1 << DIGIT) - 1)


@inlined
def _put(link, sums, rows, into, at):
    """Shift the sums of so many rows, and add them to what arrived through other links."""
    value = (sums << link.up) + rows * link.least
    if link.down:
        value = value >> link.down << link.back
    if not link.first:
        value = value + load(value, into, at)
    store(into, at, value)


@inlined
def _add_times(total, row, event):
    for j in range(row.size):
        total[j] += np.int32(np.int32(row[j]) * event)
