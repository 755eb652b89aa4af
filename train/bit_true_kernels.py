"""Compiled time: every step of a population in the chip's integers, and the way back for its gradients.

What depends on one step alone (synapses, rounding) is done for all steps at once, elsewhere. The arithmetic
is that of `simulate/stepping.py`; gradients take rounding and wrapping for the identity, and a reset for a
constant, as snnTorch does.
"""

import numpy as np

from ..simulate.compiled import inlined, kernel
from ..simulate.ranges import U_HALF_RANGE as HALF_RANGE
from ..simulate.ranges import V_MAX as V_LIMIT

AWAY = np.int32(2**31 - 1)  # a threshold that v does not reach


@kernel
def advance(a_in, u0, v0, s0, left_u, left_v, bias, vth, strict, sends, clears, drops, u, v, s):
    """Run all steps of a population.

    Parameters
    ----------
    a_in : int32 (batch, steps, n)
        In units of a weight.
    u0, v0, s0 : float (batch, n)
        u, v before its reset, and spikes of the step before the first.
    left_u, left_v : int32 (n)
        What a step leaves of u and v, in 4096ths.
    bias, vth : int32 (n)
        In units of v; in units of a weight.
    strict, sends, clears, drops : bool
        Whether it spikes above its threshold only; whether it spikes; whether a spike clears v, or takes the
        threshold from it one step later.
    u, v, s : float (batch, steps, n)
        Receive whole numbers: u, v before its reset, and spikes. Float32 holds v; and u, unless it has
        wrapped once and is still outside its range.
    """
    batch, steps, n = a_in.shape
    above = np.empty(n, np.int32)
    for j in range(n):
        above[j] = np.int32(np.int32(vth[j] << 6) - np.int32(not strict)) if sends else AWAY
    current, membrane, fired = np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.int32)
    kept, drop = np.int32(0 if clears else -1), np.int32(-1 if drops else 0)
    for b in range(batch):
        for j in range(n):
            current[j], membrane[j] = np.int32(u0[b, j]), np.int32(v0[b, j])
            fired[j] = np.int32(-1) if s0[b, j] > 0 else np.int32(0)
        for t in range(steps):
            arrives, u_t, v_t, s_t = a_in[b, t], u[b, t], v[b, t], s[b, t]
            for j in range(n):
                now = wrapped_once(np.int32(decayed(current[j], left_u[j]) + np.int32(arrives[j] << 6)))
                before = np.int32(membrane[j] & (~fired[j] | kept))
                total = np.int32(np.int32(decayed(before, left_v[j]) + now) + bias[j])
                total = np.int32(total - (np.int32(vth[j] << 6) & fired[j] & drop))
                cut = min(max(total, np.int32(-V_LIMIT)), np.int32(V_LIMIT))
                spiked = cut > above[j]
                current[j], membrane[j] = now, cut
                fired[j] = np.int32(-1) if spiked else np.int32(0)
                u_t[j], v_t[j], s_t[j] = now, cut, spiked


@kernel
def retreat(
    u, v, s, u0, v0, s0, gu, gv, gs, left_u, left_v, vth, width, slope, sends, clears, drops,
    ga, gu0, gv0, registers,
):  # fmt: skip
    """Carry gradients back through all steps.

    Parameters
    ----------
    u, v, s, u0, v0, s0, sends, clears, drops
        As `advance` got and gave them, in float32.
    gu, gv, gs : float32 (batch, steps, n), or nothing
        Gradients of u, v before its reset, and spikes.
    left_u, left_v, vth : float32 (n)
        As in `advance`.
    width : float32 (n)
        The unit of v in which the slope counts.
    slope : float
        Of the fast sigmoid that stands for a spike.
    ga : float32 (batch, steps, n)
        Receives the gradient of a_in.
    gu0, gv0 : float32 (batch, n)
        Receive those of the state before.
    registers : float64 (4, n)
        Those of left_u, left_v, bias and vth are added.
    """
    batch, steps, n = v.shape
    none, one = np.zeros(n, np.float32), np.float32(1)
    share, limit, unit = np.float32(1 / 4096), np.float32(V_LIMIT), np.float32(64)
    steep, gain = np.float32(slope), one / width
    kept, drop = np.float32(0 if clears else 1), np.float32(64 if drops else 0)
    sum_u, sum_v = np.empty(n, np.float32), np.empty(n, np.float32)
    sum_bias, sum_vth = np.empty(n, np.float32), np.empty(n, np.float32)
    for b in range(batch):
        later_u, later_v = gu0[b], gv0[b]
        later_u[:], later_v[:] = 0, 0
        sum_u[:], sum_v[:], sum_bias[:], sum_vth[:] = 0, 0, 0, 0
        for t in range(steps - 1, -1, -1):
            from_u = gu[b, t] if gu.size else none
            from_v = gv[b, t] if gv.size else none
            from_s = gs[b, t] if gs.size and sends else none
            v_t, ga_t = v[b, t], ga[b, t]
            u_before = u[b, t - 1] if t else u0[b]
            v_before = v[b, t - 1] if t else v0[b]
            fired = s[b, t - 1] if t else s0[b]
            for j in range(n):
                far = one + steep * abs(v_t[j] - unit * vth[j]) * gain[j]
                spike = from_s[j] * gain[j] / (far * far)
                back = later_v[j] + from_v[j] + spike
                back = back if abs(v_t[j]) < limit else np.float32(0)
                keeps = one - fired[j] * (one - kept)
                sum_v[j] += back * keeps * v_before[j] * share
                sum_bias[j] += back
                sum_vth[j] -= unit * spike + drop * fired[j] * back
                later_v[j] = back * keeps * left_v[j] * share
                back_u = back + later_u[j] + from_u[j]
                ga_t[j] = unit * back_u
                sum_u[j] += back_u * u_before[j] * share
                later_u[j] = back_u * left_u[j] * share
        for j in range(n):
            registers[0, j] += sum_u[j]
            registers[1, j] += sum_v[j]
            registers[2, j] += sum_bias[j]
            registers[3, j] += sum_vth[j]


@kernel
def entry_gradients(events, g, starts, columns, entries):
    """Gradient of each entry of a sparse matrix: what its channel sent times what its neuron wants.

    Parameters
    ----------
    events, g : float (n_in, moments), float (n_out, moments)
        Whole rows lie together.
    starts, columns : int32
        Of a CSR matrix (n_out, n_in).
    entries : float (nnz)
        Receives the gradients.
    """
    for i in range(starts.size - 1):
        wanted = g[i]
        for k in range(starts[i], starts[i + 1]):
            entries[k] = np.dot(wanted, events[columns[k]])


@inlined
def wrapped_once(current):
    w = np.int32(current - 2 * HALF_RANGE) if current > HALF_RANGE else current
    return np.int32(current + 2 * HALF_RANGE) if w <= -HALF_RANGE else w


@inlined
def decayed(x, left):
    # x * left / 4096 toward zero, for every 32-bit x and left <= 4096, without a 64-bit product:
    # the upper 20 bits times left, and the lower 12, which round up where x is negative
    up = np.int32(np.int32(x >> 31) & np.int32(4095))
    low = np.int32(np.int32(np.int32(x & np.int32(4095)) * left) + up)
    return np.int32(np.int32(np.int32(x >> 12) * left) + np.int32(low >> 12))
