"""Compiled inner loops of `fast`: event-driven synapses, branch-free membranes, 32 bits throughout.

They run without the interpreter lock, so that threads share the work; compiled code is cached beside
this file. The casts keep Numba from widening to 64 bits, which would halve the vector width.
"""

from typing import Any

import numpy as np
from numba import njit

HALF_RANGE = 1 << 23
V_LIMIT = (1 << 23) - 1

kernel: Any = njit(nogil=True, cache=True, error_model="numpy")


@kernel
def deliver_spikes(events, rows, total, shift, fan_out, a_in, spikes_in, syn_ops):
    """Add the rows (n_in, n_out) of the channels that fired to a_in (batch, steps, n_out).

    `total` (n_out) is scratch; its type holds every possible sum of rows.
    """
    n_out = rows.shape[1]
    fired = np.empty(rows.shape[0] + 1, np.int64)
    for b in range(events.shape[0]):
        for t in range(events.shape[1]):
            n = _fired(events[b, t], fired)
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
            _add_shifted(a_in[b, t], total, shift)
            spikes_in[b] += n
            syn_ops[b] += _reached(fired, n, fan_out)


@kernel
def deliver_graded(events, rows, total, shift, fan_out, a_in, spikes_in, syn_ops):
    """As `deliver_spikes`, each row times its event; `total` is int32 and wraps there."""
    n_out = rows.shape[1]
    fired = np.empty(rows.shape[0] + 1, np.int64)
    for b in range(events.shape[0]):
        for t in range(events.shape[1]):
            e = events[b, t]
            n = _fired(e, fired)
            total[:] = 0
            k = 0
            while k + 4 <= n:
                i0, i1, i2, i3 = fired[k], fired[k + 1], fired[k + 2], fired[k + 3]
                e0, e1, e2, e3 = np.int32(e[i0]), np.int32(e[i1]), np.int32(e[i2]), np.int32(e[i3])
                r0, r1, r2, r3 = rows[i0], rows[i1], rows[i2], rows[i3]
                for j in range(n_out):
                    first = np.int32(np.int32(e0 * r0[j]) + np.int32(e1 * r1[j]))
                    second = np.int32(np.int32(e2 * r2[j]) + np.int32(e3 * r3[j]))
                    total[j] += np.int32(first + second)
                k += 4
            while k < n:
                event, row = np.int32(e[fired[k]]), rows[fired[k]]
                for j in range(n_out):
                    total[j] += np.int32(event * row[j])
                k += 1
            _add_shifted(a_in[b, t], total, shift)
            spikes_in[b] += n
            syn_ops[b] += _reached(fired, n, fan_out)


@kernel
def _fired(events, fired):
    n = 0
    for i in range(events.size):
        fired[n] = i
        n += events[i] != 0
    return n


@kernel
def _reached(fired, n, fan_out):
    synapses = 0
    for k in range(n):
        synapses += fan_out[fired[k]]
    return synapses


@kernel
def _add_shifted(a_in, total, shift):
    if shift > 0:
        for j in range(total.size):
            a_in[j] += np.int32(np.int32(total[j]) << shift)
    else:
        for j in range(total.size):
            a_in[j] += np.int32(total[j]) >> -shift


@kernel
def integrate(a_in, left_u, left_v, bias, threshold, spikes, u_kept, v_kept, n_spikes, active, wraps, cuts):
    """Run a population over its input a_in (batch, steps, n).

    `left_u`, `left_v` are the 4096ths that remain after a step, `threshold` is in units of v. States are
    kept where `u_kept`, `v_kept` have steps; the last four arrays count for each sample.
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
                u_kept[b, t] = u
            if keep_v:
                v_kept[b, t] = v


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
