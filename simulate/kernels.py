"""Compiled inner loops of `fast`: event-driven synapses, branch-free membranes, 32 bits throughout.

They run without the interpreter lock, so that threads share the work; compiled code is cached beside
this file. The casts keep Numba from widening to 64 bits, which would halve the vector width.
"""

from typing import Any

import numpy as np
from numba import njit

HALF_RANGE = 1 << 23
V_LIMIT = (1 << 23) - 1

# a word of eight bytes that are 0 or 1, times this, has them as bits in its highest byte
GATHER = np.uint64(0x0102040810204080)
# Leiserson, Prokop, Randall 1998: the highest 6 bits of 2^i times this are different for every i
DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
PLACE_OF_BIT = np.zeros(64, np.int64)
for _i in range(64):
    PLACE_OF_BIT[((int(DE_BRUIJN) << _i) % 2**64) >> 58] = _i

kernel: Any = njit(nogil=True, cache=True, error_model="numpy")


@kernel
def deliver_spikes(words, rows, total, shift, fan_out, first, a_in, spikes_in, syn_ops):
    """Sum the rows (n_in, n_out) that fired, times 2^(shift + 1), into a_in (batch, steps, n_out).

    `words` (batch, steps, n_in / 8) are the spikes, a byte each, seen eight at a time. The first
    connection of a population overwrites a_in, the others add. `total` (n_out) is scratch; its type holds
    every possible sum of rows.
    """
    n_out = rows.shape[1]
    fired = np.empty(8 * words.shape[2] + 1, np.int64)
    for b in range(words.shape[0]):
        for t in range(words.shape[1]):
            n = _set_bytes(words[b, t], fired)
            total[:] = 0
            k = 0
            while k + 4 <= n:  # four rows for each load and store of the sum
                r0, r1 = rows[fired[k]], rows[fired[k + 1]]
                r2, r3 = rows[fired[k + 2]], rows[fired[k + 3]]
                for j in range(n_out):
                    total[j] += r0[j] + r1[j] + r2[j] + r3[j]
                k += 4
            while k < n:
                row = rows[fired[k]]
                for j in range(n_out):
                    total[j] += row[j]
                k += 1
            _put_shifted(a_in[b, t], total, shift, first)
            spikes_in[b] += n
            syn_ops[b] += _reached(fired, n, fan_out)


@kernel
def deliver_graded(events, rows, total, shift, fan_out, first, a_in, spikes_in, syn_ops):
    """As `deliver_spikes`, of events (batch, steps, n_in), each row times its event; `total` is int32.

    The type of rows holds every product.
    """
    kind = rows.dtype.type
    n_out = rows.shape[1]
    fired = np.empty(rows.shape[0] + 1, np.int64)
    for b in range(events.shape[0]):
        for t in range(events.shape[1]):
            e = events[b, t]
            n = _nonzero(e, fired)
            total[:] = 0
            k = 0
            while k + 4 <= n:
                i0, i1, i2, i3 = fired[k], fired[k + 1], fired[k + 2], fired[k + 3]
                e0, e1, e2, e3 = kind(e[i0]), kind(e[i1]), kind(e[i2]), kind(e[i3])
                r0, r1, r2, r3 = rows[i0], rows[i1], rows[i2], rows[i3]
                for j in range(n_out):
                    low = np.int32(np.int32(kind(e0 * r0[j])) + np.int32(kind(e1 * r1[j])))
                    high = np.int32(np.int32(kind(e2 * r2[j])) + np.int32(kind(e3 * r3[j])))
                    total[j] += np.int32(low + high)
                k += 4
            while k < n:
                event, row = kind(e[fired[k]]), rows[fired[k]]
                for j in range(n_out):
                    total[j] += np.int32(kind(event * row[j]))
                k += 1
            _put_shifted(a_in[b, t], total, shift, first)
            spikes_in[b] += n
            syn_ops[b] += _reached(fired, n, fan_out)


@kernel
def _nonzero(events, fired):
    n = 0
    for i in range(events.size):
        fired[n] = i
        n += events[i] != 0
    return n


@kernel
def _set_bytes(words, fired):
    """Channels whose byte is 1, eight to a word: as bits, a long silence costs one comparison."""
    n = 0
    for start in range(0, words.size, 8):
        bits = np.uint64(0)
        for g in range(min(8, words.size - start)):
            byte = (words[start + g] * GATHER) >> np.uint64(56)
            bits |= byte << np.uint64(8 * g)
        while bits:
            rest = bits & (bits - np.uint64(1))
            fired[n] = 8 * start + PLACE_OF_BIT[((bits ^ rest) * DE_BRUIJN) >> np.uint64(58)]
            n += 1
            bits = rest
    return n


@kernel
def _reached(fired, n, fan_out):
    synapses = 0
    for k in range(n):
        synapses += fan_out[fired[k]]
    return synapses


@kernel
def _put_shifted(a_in, total, shift, first):
    left, right = max(shift, 0) + 1, max(-shift, 0)  # rows are half the weights
    if first:
        for j in range(total.size):
            a_in[j] = np.int32(np.int32(total[j]) << left) >> right
    else:
        for j in range(total.size):
            a_in[j] += np.int32(np.int32(total[j]) << left) >> right


@kernel
def integrate(a_in, left_u, left_v, bias, threshold, spikes, u_kept, v_kept, n_spikes, active, wraps, cuts):
    """Run a population over its input a_in (batch, steps, n).

    `left_u`, `left_v` are the 4096ths that remain after a step, `threshold` is in units of v. States are
    kept where `u_kept`, `v_kept` have steps, as many neurons as they have; the last four arrays count for
    each sample.
    """
    batch, steps, n = a_in.shape
    memoryless = not left_u.any()
    keep_u, keep_v = u_kept.shape[1] > 0, v_kept.shape[1] > 0
    u = np.empty(n, np.int32)
    v = np.empty(n, np.int32)
    for b in range(batch):
        u[:] = 0
        v[:] = 0
        for t in range(steps):
            a, s = a_in[b, t], spikes[b, t]
            if memoryless:
                counted = _step_memoryless(a, u, v, left_v, bias, threshold, s)
            else:
                counted = _step(a, u, v, left_u, left_v, bias, threshold, s)
            n_spikes[b] += counted[0]
            active[b] += counted[1]
            wraps[b] += counted[2]
            cuts[b] += counted[3]
            if keep_u:
                for j in range(u_kept.shape[2]):
                    u_kept[b, t, j] = u[j]
            if keep_v:
                for j in range(v_kept.shape[2]):
                    v_kept[b, t, j] = v[j]


@kernel
def spikes_layer(
    words, rows, total, shift, fan_out, first, a_in, spikes_in, syn_ops,
    left_u, left_v, bias, threshold, spikes, u_kept, v_kept, n_spikes, active, wraps, cuts,
):  # fmt: skip
    """`deliver_spikes`, then `integrate`, sample by sample: a_in stays in the cache.

    Where this connection is the first, a_in (1, steps, n) is room for one sample; else it holds what the
    others have put there, (batch, steps, n).
    """
    for b in range(words.shape[0]):
        one = slice(b, b + 1)
        a = a_in if first else a_in[one]
        deliver_spikes(words[one], rows, total, shift, fan_out, first, a, spikes_in[one], syn_ops[one])
        integrate(
            a, left_u, left_v, bias, threshold, spikes[one], u_kept[one], v_kept[one],
            n_spikes[one], active[one], wraps[one], cuts[one],
        )  # fmt: skip


@kernel
def graded_layer(
    events, rows, total, shift, fan_out, first, a_in, spikes_in, syn_ops,
    left_u, left_v, bias, threshold, spikes, u_kept, v_kept, n_spikes, active, wraps, cuts,
):  # fmt: skip
    """`deliver_graded`, then `integrate`, as in `spikes_layer`."""
    for b in range(events.shape[0]):
        one = slice(b, b + 1)
        a = a_in if first else a_in[one]
        deliver_graded(events[one], rows, total, shift, fan_out, first, a, spikes_in[one], syn_ops[one])
        integrate(
            a, left_u, left_v, bias, threshold, spikes[one], u_kept[one], v_kept[one],
            n_spikes[one], active[one], wraps[one], cuts[one],
        )  # fmt: skip


@kernel
def _step_memoryless(a_in, u, v, left_v, bias, threshold, spikes):
    fired, active, wraps, cuts = np.int32(0), np.int32(0), np.int32(0), np.int32(0)
    for j in range(u.size):
        c = np.int32(a_in[j] << 6)
        u[j], v[j], s, a, w, k = _updated(c, u[j], v[j], left_v[j], bias[j], threshold[j])
        spikes[j] = s
        fired, active = np.int32(fired + s), np.int32(active + a)
        wraps, cuts = np.int32(wraps + w), np.int32(cuts + k)
    return fired, active, wraps, cuts


@kernel
def _step(a_in, u, v, left_u, left_v, bias, threshold, spikes):
    fired, active, wraps, cuts = np.int32(0), np.int32(0), np.int32(0), np.int32(0)
    for j in range(u.size):
        c = np.int32(_decayed(u[j], left_u[j]) + np.int32(a_in[j] << 6))
        u[j], v[j], s, a, w, k = _updated(c, u[j], v[j], left_v[j], bias[j], threshold[j])
        spikes[j] = s
        fired, active = np.int32(fired + s), np.int32(active + a)
        wraps, cuts = np.int32(wraps + w), np.int32(cuts + k)
    return fired, active, wraps, cuts


@kernel
def _updated(current, u, v, left_v, bias, threshold):
    """One neuron: u, v, whether it spiked, was active, wrapped, was cut."""
    wrapped = _wrapped(current)
    total = np.int32(np.int32(_decayed(v, left_v) + wrapped) + bias)
    cut = min(max(total, np.int32(-V_LIMIT)), np.int32(V_LIMIT))
    spiked = cut > threshold
    active = (u | v | wrapped | cut) != 0
    left = np.int32(0) if spiked else cut
    return wrapped, left, spiked, active, wrapped != current, cut != total


@kernel
def _wrapped(current):
    w = np.int32(current - 2 * HALF_RANGE) if current > HALF_RANGE else current
    return np.int32(current + 2 * HALF_RANGE) if w <= -HALF_RANGE else w


@kernel
def _decayed(x, left):
    # x * left / 4096 toward zero, for every 32-bit x and left <= 4096, without a 64-bit product
    size = np.uint32(-x if x < 0 else x)
    left = np.uint32(left)
    low = np.uint32((size & np.uint32(4095)) * left) >> np.uint32(12)
    kept = np.int32(np.uint32(np.uint32((size >> np.uint32(12)) * left) + low))
    return np.int32(-kept) if x < 0 else kept
