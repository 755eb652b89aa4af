"""Compiled inner loops of `fast`: event-driven synapses, branch-free membranes, 32 bits throughout.

They run without the interpreter lock, so that threads share the work; compiled code is cached beside
this file. The casts keep Numba from widening to 64 bits, which would halve the vector width.
"""

from typing import Any

import numpy as np
from numba import njit
from numba.core.compiler import CompilerBase, DefaultPassBuilder

HALF_RANGE = 1 << 23
V_LIMIT = (1 << 23) - 1

# a word of eight bytes that are 0 or 1, times this, has them as bits in its highest byte
GATHER = np.uint64(0x0102040810204080)
# Leiserson, Prokop, Randall 1998: the highest 6 bits of 2^i times this are different for every i
DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
PLACE_OF_BIT = np.zeros(64, np.int64)
for _i in range(64):
    PLACE_OF_BIT[((int(DE_BRUIJN) << _i) % 2**64) >> 58] = _i


class _Apart(CompilerBase):
    """Numba's compiler, told that no two arrays of one call overlap.

    Else every loop over the neurons of one step first tests that at run time, which takes as long.
    """

    def define_pipelines(self) -> list:
        self.state.flags.noalias = True
        return [DefaultPassBuilder.define_nopython_pipeline(self.state)]


kernel: Any = njit(nogil=True, cache=True, error_model="numpy", pipeline_class=_Apart)


@kernel
def deliver_spikes(words, rows, total, shift, fan_out, first, a_in, spikes_in, syn_ops):
    """Sum the rows (n_in + 1, n_out) that fired, times 2^(shift + 1), into a_in (batch, steps, n_out).

    `words` (batch, steps, n_in / 8) are the spikes, a byte each, seen eight at a time. The last row is 0
    and fills the last group of four. The first connection of a population overwrites a_in, the others
    add. `total` (n_out) is scratch; its type holds every possible sum of rows.
    """
    fired = np.empty(8 * words.shape[2] + 4, np.int64)
    for b in range(words.shape[0]):
        for t in range(words.shape[1]):
            n = _set_bytes(words[b, t], fired)
            fired[n : n + 4] = rows.shape[0] - 1
            total[:] = 0
            for k in range(0, n, 4):  # four rows for each load and store of the sum
                _add_four(total, rows, fired, k)
            _put_shifted(a_in[b, t], total, shift, first)
            spikes_in[b] += n
            syn_ops[b] += _reached(fired, n, fan_out)


@kernel
def deliver_graded(events, rows, total, shift, fan_out, first, a_in, spikes_in, syn_ops):
    """As `deliver_spikes`, of events (batch, steps, n_in), each row times its event; `total` is int32.

    The type of rows holds every product.
    """
    fired = np.empty(rows.shape[0] + 4, np.int64)
    sizes = np.empty(fired.size, rows.dtype)
    for b in range(events.shape[0]):
        for t in range(events.shape[1]):
            n = _nonzero(events[b, t], fired, sizes)
            fired[n : n + 4] = rows.shape[0] - 1
            total[:] = 0
            for k in range(0, n, 4):
                _add_four_times(total, rows, fired, sizes, k)
            _put_shifted(a_in[b, t], total, shift, first)
            spikes_in[b] += n
            syn_ops[b] += _reached(fired, n, fan_out)


@kernel
def _add_four(total, rows, fired, k):
    r0, r1 = rows[fired[k]], rows[fired[k + 1]]
    r2, r3 = rows[fired[k + 2]], rows[fired[k + 3]]
    for j in range(total.size):
        total[j] += r0[j] + r1[j] + r2[j] + r3[j]


@kernel
def _add_four_times(total, rows, fired, sizes, k):
    kind = rows.dtype.type
    e0, e1, e2, e3 = sizes[k], sizes[k + 1], sizes[k + 2], sizes[k + 3]
    r0, r1 = rows[fired[k]], rows[fired[k + 1]]
    r2, r3 = rows[fired[k + 2]], rows[fired[k + 3]]
    for j in range(total.size):
        low = np.int32(np.int32(kind(e0 * r0[j])) + np.int32(kind(e1 * r1[j])))
        high = np.int32(np.int32(kind(e2 * r2[j])) + np.int32(kind(e3 * r3[j])))
        total[j] += np.int32(low + high)


@kernel
def _nonzero(events, fired, sizes):
    n = 0
    for i in range(events.size):
        fired[n], sizes[n] = i, events[i]
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
def integrate(
    a_in, left_u, left_v, bias, threshold, calm, spikes, u_kept, v_kept, n_spikes, active, wraps, cuts
):
    """Run a population over its input a_in (batch, steps, n).

    `left_u`, `left_v` are the 4096ths that remain after a step, `threshold` is in units of v. `calm` is
    how many neurons there are, if u has no memory, never wraps, and none of them rests; else 0. States
    are kept where `u_kept`, `v_kept` have steps, as many neurons as they have; the last four arrays count
    for each sample.
    """
    batch, steps, n = a_in.shape
    keep_u, keep_v = u_kept.shape[1] > 0, v_kept.shape[1] > 0
    u = np.empty(n, np.int32)
    v = np.empty(n, np.int32)
    counted = np.empty((4, n), np.int32)  # for each neuron
    fired, moved, over, cut = counted[0], counted[1], counted[2], counted[3]
    for b in range(batch):
        u[:] = 0
        v[:] = 0
        counted[:] = 0
        for t in range(steps):
            a, s = a_in[b, t], spikes[b, t]
            if calm:
                _step_calm(a, v, left_v, bias, threshold, s, fired, cut)
            else:
                _step(a, u, v, left_u, left_v, bias, threshold, s, fired, moved, over, cut)
            if keep_u:
                for j in range(u_kept.shape[2]):
                    u_kept[b, t, j] = np.int32(a[j] << 6) if calm else u[j]
            if keep_v:
                for j in range(v_kept.shape[2]):
                    v_kept[b, t, j] = v[j]
        n_spikes[b] += fired.sum()
        active[b] += moved.sum() + calm * steps
        wraps[b] += over.sum()
        cuts[b] += cut.sum()


@kernel
def spikes_layer(
    words, rows, total, shift, fan_out, first, a_in, spikes_in, syn_ops,
    left_u, left_v, bias, threshold, calm, spikes, u_kept, v_kept, n_spikes, active, wraps, cuts,
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
            a, left_u, left_v, bias, threshold, calm, spikes[one], u_kept[one], v_kept[one],
            n_spikes[one], active[one], wraps[one], cuts[one],
        )  # fmt: skip


@kernel
def graded_layer(
    events, rows, total, shift, fan_out, first, a_in, spikes_in, syn_ops,
    left_u, left_v, bias, threshold, calm, spikes, u_kept, v_kept, n_spikes, active, wraps, cuts,
):  # fmt: skip
    """`deliver_graded`, then `integrate`, as in `spikes_layer`."""
    for b in range(events.shape[0]):
        one = slice(b, b + 1)
        a = a_in if first else a_in[one]
        deliver_graded(events[one], rows, total, shift, fan_out, first, a, spikes_in[one], syn_ops[one])
        integrate(
            a, left_u, left_v, bias, threshold, calm, spikes[one], u_kept[one], v_kept[one],
            n_spikes[one], active[one], wraps[one], cuts[one],
        )  # fmt: skip


@kernel
def _step(a_in, u, v, left_u, left_v, bias, threshold, spikes, n_spikes, active, wraps, cuts):
    """One step of every neuron; the last four count for each neuron, which needs no sums across lanes."""
    for j in range(u.size):
        current = np.int32(_decayed(u[j], left_u[j]) + np.int32(a_in[j] << 6))
        wrapped = _wrapped(current)
        left, s, total, cut = _updated(wrapped, v[j], left_v[j], bias[j], threshold[j])
        active[j] += np.int32((u[j] | v[j] | wrapped | cut) != 0)
        wraps[j] += np.int32(wrapped != current)
        cuts[j] += np.int32(cut != total)
        n_spikes[j] += np.int32(s)
        u[j], v[j], spikes[j] = wrapped, left, s


@kernel
def _step_calm(a_in, v, left_v, bias, threshold, spikes, n_spikes, cuts):
    """`_step` where u is 64 a_in: no memory, never wraps, and every neuron is active."""
    for j in range(v.size):
        left, s, total, cut = _updated(np.int32(a_in[j] << 6), v[j], left_v[j], bias[j], threshold[j])
        cuts[j] += np.int32(cut != total)
        n_spikes[j] += np.int32(s)
        v[j], spikes[j] = left, s


@kernel
def _updated(u, v, left_v, bias, threshold):
    """One membrane: what is left of v, whether it spiked, v before and after the cut."""
    total = np.int32(np.int32(_decayed(v, left_v) + u) + bias)
    cut = min(max(total, np.int32(-V_LIMIT)), np.int32(V_LIMIT))
    spiked = cut > threshold
    return np.int32(0) if spiked else cut, spiked, total, cut


@kernel
def _wrapped(current):
    w = np.int32(current - 2 * HALF_RANGE) if current > HALF_RANGE else current
    return np.int32(current + 2 * HALF_RANGE) if w <= -HALF_RANGE else w


@kernel
def _decayed(x, left):
    # x * left / 4096 toward zero, for every 32-bit x and left <= 4096, without a 64-bit product:
    # the upper 20 bits times left, and the lower 12, which round up where x is negative
    up = np.int32(np.int32(x >> 31) & np.int32(4095))
    low = np.int32(np.int32(np.int32(x & np.int32(4095)) * left) + up)
    return np.int32(np.int32(np.int32(x >> 12) * left) + np.int32(low >> 12))
