"""Compiled time in floats: all steps of a layer of neurons, and the way back for its gradients.

The arithmetic is that of `layer.Form`. Samples `low` to `high` are run, so that threads can share a batch.
"""

import numpy as np

from ...simulate.compiled import inlined, kernel
from ...simulate.unchecked import window
from .compress import places_above
from .surrogates import ATAN, FAST_SIGMOID


@kernel
def advance(
    a_in, beta, alpha, threshold, rates, weights, block, mask, syn, after, spikes, starts, ends, fired,
    low, high,
):  # fmt: skip
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
    spikes : float (batch, steps, n), or nothing
        Receives them.
    starts, ends : int64 (batch * steps)
        Receive where the spikes of a step are in `fired`.
    fired : int32 (batch * steps * n)
        Receives their neurons.
    low, high : int
        Samples.
    """
    steps, n = a_in.shape[1:]
    recurrent, wide, once = weights.size > 0, alpha.size > 0, after.size > 0
    rest, together, arrived = (
        np.zeros(n, a_in.dtype),
        high - low if recurrent else 1,
        np.empty(block, a_in.dtype),
    )
    for first in range(low, high, together):
        for t in range(steps):
            if recurrent and t:
                _arrive(weights, block, starts, ends, fired, mask, a_in, first, first + together, t, arrived)
            for b in range(first, first + together):
                row = b * steps + t
                at = row * n
                m = window(a_in, at, n)
                last = _before(rest, after, at, t) if once else _before(rest, a_in, at, t)
                if wide:
                    depth = syn.shape[1]
                    x = window(syn, (b * depth + t % depth) * n, n)
                    was = _before(rest, syn, (b * depth + (t + depth - 1) % depth) * n + n, t)
                    _charge(was, m, alpha, x)
                    _step(last, x, beta, threshold, rates, m)
                else:
                    _step(last, m, beta, threshold, rates, m)
                if once:
                    _reset(last, m, threshold, rates, window(after, at, n))
                if spikes.size:
                    _spikes(m, threshold, window(spikes, at, n))
                starts[row] = ends[row - 1] if t else at
                ends[row] = places_above(m, threshold, fired, starts[row])


@inlined
def _before(rest, states, at, t):
    """Return the row of `states` before the one that begins at `at`; `rest` before the first step."""
    n = rest.size
    return window(states, at - n, n) if t else window(rest, 0, n)


@inlined
def _charge(before, a_in, alpha, syn):
    for j in range(syn.size):
        syn[j] = alpha[j] * before[j] + a_in[j]


@inlined
def _step(last, x, beta, threshold, rates, m):
    one, none = rates.dtype.type(1), rates.dtype.type(0)
    forgets, wipes, drops, _ = rates
    for j in range(m.size):
        r = one if last[j] > threshold[j] else none
        total = beta[j] * (last[j] * (one - r * forgets)) + x[j]
        m[j] = total * (one - r * wipes) - r * drops * threshold[j]


@inlined
def _spikes(m, threshold, s):
    for j in range(m.size):
        s[j] = m[j] > threshold[j]


@inlined
def _reset(last, m, threshold, rates, after):
    one, none = rates.dtype.type(1), rates.dtype.type(0)
    _, _, drops, clears = rates
    for j in range(m.size):
        due = (one if m[j] > threshold[j] else none) - (one if last[j] > threshold[j] else none)
        after[j] = m[j] - due * (drops * threshold[j] + clears * m[j])


@inlined
def _arrive(weights, block, starts, ends, fired, mask, a_in, first, last, t, arrived):
    steps, n = a_in.shape[1:]
    for begin in range(0, n, block):
        size = min(block, n - begin)
        for b in range(first, last):
            row, at = window(arrived, 0, size), (b * steps + t) * n + begin
            for j in range(size):
                row[j] = 0
            before = b * steps + t - 1
            count = ends[before] - starts[before]
            _add_rows(weights, window(fired, starts[before], count), count, begin, row)
            if mask.size:
                _add_masked(window(mask, at, size), row, window(a_in, at, size))
            else:
                _add(row, window(a_in, at, size))


@inlined
def _add_masked(mask, row, to):
    for j in range(to.size):
        to[j] += mask[j] * row[j]


@inlined
def _add_rows(weights, fired, count, begin, row):
    n, size, k = weights.shape[1], row.size, 0
    while k + 4 <= count:
        w0, w1 = window(weights, fired[k] * n + begin, size), window(weights, fired[k + 1] * n + begin, size)
        w2 = window(weights, fired[k + 2] * n + begin, size)
        w3 = window(weights, fired[k + 3] * n + begin, size)
        _add_four(w0, w1, w2, w3, row)
        k += 4
    while k < count:
        _add(window(weights, fired[k] * n + begin, size), row)
        k += 1


@inlined
def _add_four(w0, w1, w2, w3, to):
    for j in range(to.size):
        to[j] += (w0[j] + w1[j]) + (w2[j] + w3[j])


@kernel
def retreat(
    mem, after, syn, gs, gm, returned, slopes, beta, alpha, threshold, rates, surrogate, steepness,
    ga, origin, later, later_syn, sums, low, high, top, bottom,
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
    ga : float (samples, steps, n)
        Receives the gradient of a_in, of the samples from `origin` on.
    origin : int
        The first sample in it.
    later, later_syn : float (batch, n)
        Gradients that membranes and currents get from the step after; replaced by those from `bottom`.
    sums : float (batch, 3, n), or nothing
        Gradients of beta, alpha and threshold are added.
    top, bottom : int
        Steps.
    """
    steps, n = mem.shape[1:]
    rest, once, wide = np.zeros(n, mem.dtype), after.size > 0, alpha.size > 0
    h, from_s, nowhere = np.empty(n, mem.dtype), np.empty(n, mem.dtype), np.zeros(3 * n, mem.dtype)
    for b in range(low, high):
        learns, back = sums.size > 0, window(later, b * n, n)
        wanted = window(sums, b * 3 * n, 3 * n) if learns else window(nowhere, 0, 3 * n)
        from_beta, from_alpha = window(wanted, 0, n), window(wanted, n, n)
        from_threshold = window(wanted, 2 * n, n)
        for t in range(top - 1, bottom - 1, -1):
            at = (b * steps + t) * n
            m, ga_t = window(mem, at, n), window(ga, at - origin * steps * n, n)
            last = _before(rest, after, at, t) if once else _before(rest, mem, at, t)
            if surrogate == FAST_SIGMOID:
                _fast_sigmoid(m, threshold, steepness, h)
            elif surrogate == ATAN:
                _atan(m, threshold, steepness, h)
            else:
                _copy(window(slopes, at, n), h)
            wanting = window(gs, at, n) if gs.size else window(rest, 0, n)
            if returned.size:
                _sum(wanting, window(returned, b * n, n), from_s)
                wanting = window(from_s, 0, n)
            if gm.size:
                _add(window(gm, at, n), back)
            if once:
                _undo_reset(m, last, h, wanting, threshold, rates, back, from_threshold)
            else:
                _add_times(h, wanting, back, from_threshold)
            _undo_step(last, beta, threshold, rates, ga_t, back, from_beta, from_threshold)
            if wide:
                before = _before(rest, syn, at, t if syn.size else 0)
                _undo_charge(before, alpha, ga_t, window(later_syn, b * n, n), from_alpha)


@inlined
def _fast_sigmoid(m, threshold, steepness, h):
    one = h.dtype.type(1)
    for j in range(h.size):
        far = one + steepness * abs(m[j] - threshold[j])
        h[j] = one / (far * far)


@inlined
def _atan(m, threshold, steepness, h):
    one, scale = h.dtype.type(1), h.dtype.type(np.pi / 2) * steepness
    for j in range(h.size):
        far = scale * (m[j] - threshold[j])
        h[j] = h.dtype.type(0.5) * steepness / (one + far * far)


@inlined
def _copy(x, to):
    for j in range(to.size):
        to[j] = x[j]


@inlined
def _sum(x, y, to):
    for j in range(to.size):
        to[j] = x[j] + y[j]


@inlined
def _add(x, to):
    for j in range(to.size):
        to[j] += x[j]


@inlined
def _add_times(h, from_s, back, from_threshold):
    for j in range(back.size):
        spike = h[j] * from_s[j]
        back[j] += spike
        from_threshold[j] -= spike


@inlined
def _undo_reset(m, last, h, from_s, threshold, rates, back, from_threshold):
    one, none = rates.dtype.type(1), rates.dtype.type(0)
    _, _, drops, clears = rates
    for j in range(back.size):
        due = (one if m[j] > threshold[j] else none) - (one if last[j] > threshold[j] else none)
        spike = h[j] * (from_s[j] - (drops * threshold[j] + clears * m[j]) * back[j])
        from_threshold[j] -= spike + drops * due * back[j]
        back[j] = back[j] * (one - due * clears) + spike


@inlined
def _undo_step(last, beta, threshold, rates, ga, back, from_beta, from_threshold):
    one, none = rates.dtype.type(1), rates.dtype.type(0)
    forgets, wipes, drops, _ = rates
    for j in range(back.size):
        r = one if last[j] > threshold[j] else none
        kept, keeps = back[j] * (one - r * wipes), one - r * forgets
        from_beta[j] += kept * last[j] * keeps
        from_threshold[j] -= drops * r * back[j]
        ga[j] = kept
        back[j] = beta[j] * kept * keeps


@inlined
def _undo_charge(before, alpha, ga, back_syn, from_alpha):
    for j in range(ga.size):
        total = ga[j] + back_syn[j]
        ga[j] = total
        from_alpha[j] += total * before[j]
        back_syn[j] = alpha[j] * total
