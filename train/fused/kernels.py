"""Compiled time in floats: all steps of a layer of neurons, and the way back for its gradients.

The arithmetic is that of `layer.Form`. Samples `low` to `high` are run, so that threads can share a batch.
"""

import numpy as np

from ...simulate.compiled import inlined, kernel
from .surrogates import ATAN, FAST_SIGMOID


@kernel
def advance(a_in, beta, alpha, threshold, rates, weights, block, mask, syn, after, spikes, low, high):
    """Run all steps of some samples.

    Parameters
    ----------
    a_in : float (batch, steps, n)
        What arrives; replaced by the membranes, before a reset that acts at once.
    beta, threshold : float (n)
        As in `layer.Neurons`.
    alpha : float (n), or nothing
        Of neurons with a synaptic current.
    rates : float (4)
        Of a reset: `layer.Form.rates`.
    weights : float (n, n), or nothing
        From neuron (row) to neuron, one step later.
    block : int
        Columns of them that stay in a core's cache.
    mask : float (batch, steps, n), or nothing
        What they bring is multiplied with it.
    syn : float (batch, steps or 1, n), or nothing
        Receives the currents; with one step, only the last is kept.
    after : float (batch, steps, n), or nothing
        Receives the membranes after a reset that acts at once.
    spikes : float (batch, steps, n)
        Receives them.
    low, high : int
        Samples.
    """
    steps, n = a_in.shape[1:]
    recurrent, wide, once = weights.size > 0, alpha.size > 0, after.size > 0
    rest, together = np.zeros(n, a_in.dtype), high - low if recurrent else 1
    fired, counts = np.empty((together, n), np.int32), np.zeros(together, np.int64)
    for first in range(low, high, together):
        for t in range(steps):
            if recurrent and t:
                _arrive(weights, block, fired, counts, mask, a_in, first, t)
            for b in range(first, first + together):
                m, s = a_in[b, t], spikes[b, t]
                last = rest if t == 0 else (after if once else a_in)[b, t - 1]
                x = m
                if wide:
                    depth = syn.shape[1]
                    x = syn[b, t % depth]
                    _charge(rest if t == 0 else syn[b, (t - 1) % depth], m, alpha, x)
                _step(last, x, beta, threshold, rates, m, s)
                if once:
                    _reset(last, m, threshold, rates, after[b, t])
                if recurrent:
                    counts[b - first] = _found(s, fired[b - first])


@inlined
def _charge(before, a_in, alpha, syn):
    for j in range(syn.size):
        syn[j] = alpha[j] * before[j] + a_in[j]


@inlined
def _step(last, x, beta, threshold, rates, m, s):
    one, none = rates.dtype.type(1), rates.dtype.type(0)
    forgets, wipes, drops, _ = rates
    for j in range(m.size):
        r = one if last[j] > threshold[j] else none
        total = beta[j] * (last[j] * (one - r * forgets)) + x[j]
        total = total * (one - r * wipes) - r * drops * threshold[j]
        m[j] = total
        s[j] = one if total > threshold[j] else none


@inlined
def _reset(last, m, threshold, rates, after):
    one, none = rates.dtype.type(1), rates.dtype.type(0)
    _, _, drops, clears = rates
    for j in range(m.size):
        due = (one if m[j] > threshold[j] else none) - (one if last[j] > threshold[j] else none)
        after[j] = m[j] - due * (drops * threshold[j] + clears * m[j])


@inlined
def _found(s, fired):
    count = 0
    for j in range(s.size):
        fired[count] = j
        count += s[j] > 0
    return count


@inlined
def _arrive(weights, block, fired, counts, mask, a_in, first, t):
    n = weights.shape[1]
    arrived = np.empty(block, a_in.dtype)
    for begin in range(0, n, block):
        end = min(begin + block, n)
        for i in range(counts.size):
            row = arrived[: end - begin]
            row[:] = 0
            _add_rows(weights, fired[i], counts[i], begin, end, row)
            to = a_in[first + i, t, begin:end]
            if mask.size:
                times = mask[first + i, t, begin:end]
                for j in range(row.size):
                    to[j] += times[j] * row[j]
            else:
                for j in range(row.size):
                    to[j] += row[j]


@inlined
def _add_rows(weights, fired, count, begin, end, row):
    k = 0
    while k + 4 <= count:
        w0, w1 = weights[fired[k], begin:end], weights[fired[k + 1], begin:end]
        w2, w3 = weights[fired[k + 2], begin:end], weights[fired[k + 3], begin:end]
        for j in range(row.size):
            row[j] += (w0[j] + w1[j]) + (w2[j] + w3[j])
        k += 4
    while k < count:
        w0 = weights[fired[k], begin:end]
        for j in range(row.size):
            row[j] += w0[j]
        k += 1


@kernel
def retreat(
    mem, after, syn, gs, gm, returned, slopes, beta, alpha, threshold, rates, surrogate, steepness,
    ga, later, later_syn, sums, low, high, top, bottom,
):  # fmt: skip
    """Carry gradients back through the steps `top` - 1 to `bottom` of some samples.

    Parameters
    ----------
    mem, after, syn, beta, alpha, threshold, rates, low, high
        As `advance` got and gave them; syn of all steps, or nothing if alpha does not learn.
    gs, gm : float (batch, steps, n), or nothing
        Gradients of spikes and membranes.
    returned : float (batch, n), or nothing
        Gradient that the spikes of step `top` - 1 get from the recurrent weights.
    slopes : float (batch, steps, n), or nothing
        Derivatives of spikes, where `surrogate` is neither FAST_SIGMOID nor ATAN.
    surrogate : int
        By its number.
    steepness : float
        Of the surrogate.
    ga : float (batch, steps, n)
        Receives the gradient of a_in.
    later, later_syn : float (batch, n)
        Gradients that membranes and currents get from the step after; replaced by those from `bottom`.
    sums : float (batch, 3, n), or nothing
        Gradients of beta, alpha and threshold are added.
    top, bottom : int
        Steps.
    """
    n = mem.shape[2]
    one, none, half = rates.dtype.type(1), rates.dtype.type(0), rates.dtype.type(0.5)
    quarter = rates.dtype.type(np.pi / 2)
    forgets, wipes, drops, clears = rates
    rest, once = np.zeros(n, mem.dtype), after.size > 0
    h, from_s, nowhere = np.empty(n, mem.dtype), np.empty(n, mem.dtype), np.zeros((3, n), mem.dtype)
    for b in range(low, high):
        wanted = sums[b] if sums.size else nowhere
        back, back_syn = later[b], later_syn[b] if alpha.size else rest
        for t in range(top - 1, bottom - 1, -1):
            m, ga_t = mem[b, t], ga[b, t]
            last = rest if t == 0 else (after if once else mem)[b, t - 1]
            if surrogate == FAST_SIGMOID:
                for j in range(n):
                    far = one + steepness * abs(m[j] - threshold[j])
                    h[j] = one / (far * far)
            elif surrogate == ATAN:
                for j in range(n):
                    far = quarter * steepness * (m[j] - threshold[j])
                    h[j] = half * steepness / (one + far * far)
            else:
                h[:] = slopes[b, t]
            from_s[:] = gs[b, t] if gs.size else rest
            if returned.size:
                from_s += returned[b]
            if gm.size:
                back += gm[b, t]
            for j in range(n):
                r = one if last[j] > threshold[j] else none
                due = ((one if m[j] > threshold[j] else none) - r) if once else none
                now = one if once else none
                taken = drops * threshold[j] + clears * m[j]
                spike = h[j] * (from_s[j] - now * taken * back[j])
                total = back[j] * (one - due * clears) + spike
                kept = total * (one - r * wipes)
                held = last[j] * (one - r * forgets)
                wanted[0, j] += kept * held
                wanted[2, j] -= spike + drops * (due * back[j] + r * total)
                ga_t[j] = kept
                back[j] = beta[j] * kept * (one - r * forgets)
            if alpha.size:
                before = rest if t == 0 or not syn.size else syn[b, t - 1]
                for j in range(n):
                    ga_t[j] += back_syn[j]
                    wanted[1, j] += ga_t[j] * before[j]
                    back_syn[j] = alpha[j] * ga_t[j]
