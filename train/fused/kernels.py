"""Compiled time in floats: all steps of a layer of neurons, and the way back for its gradients.

The arithmetic is that of `layer.Form`. Samples `low` to `high` are run, so that threads can share a batch.
"""

import numpy as np

from ...simulate.compiled import inlined, kernel
from ...simulate.unchecked import prefetch, window
from .compress import places_above
from .surrogates import ATAN, FAST_SIGMOID

LINE = 16  # floats that the memory brings at once
AHEAD = 2  # steps that the way back asks for early: memory that is read backwards comes late


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
    _, _, drops, clears = rates
    for j in range(m.size):
        due = _due(m[j], last[j], threshold[j], rates)
        after[j] = m[j] - due * (drops * threshold[j] + clears * m[j])


@inlined
def _due(m, last, threshold, rates):
    """Return 1 where a reset acts at once, less 1 where the step before asked for one."""
    one, none = rates.dtype.type(1), rates.dtype.type(0)
    return (one if m > threshold else none) - (one if last > threshold else none)


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
    h, from_s, learn = np.empty(n, mem.dtype), np.empty(n, mem.dtype), sums.size > 0
    for b in range(low, high):
        back, at = window(later, b * n, n), b * 3 * n if learn else 0
        from_beta, from_alpha = window(sums, at, n), window(sums, at + n, n)
        from_threshold = window(sums, at + 2 * n, n)
        for t in range(top - 1, bottom - 1, -1):
            at = (b * steps + t) * n
            _ask(mem, at - (AHEAD + 1) * n, n)
            if gs.size:
                _ask(gs, at - AHEAD * n, n)
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
            if once and learn:
                _learn_reset(m, last, threshold, rates, back, from_threshold)
            if once:
                _undo_reset(m, last, h, wanting, threshold, rates, back)
            else:
                _times(wanting, h)
            if learn:
                _subtract(h, from_threshold)
            _add(h, back)
            if learn:
                _learn_step(last, threshold, rates, back, from_beta, from_threshold)
            _undo_step(last, beta, threshold, rates, ga_t, back)
            if wide:
                _undo_charge(alpha, ga_t, window(later_syn, b * n, n))
            if wide and learn:
                _add_product(ga_t, _before(rest, syn, at, t if syn.size else 0), from_alpha)


@inlined
def _ask(states, at, n):
    for j in range(0, n, LINE):
        prefetch(states, at + j)


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
def _subtract(x, to):
    for j in range(to.size):
        to[j] -= x[j]


@inlined
def _times(x, to):
    for j in range(to.size):
        to[j] *= x[j]


@inlined
def _add_product(x, y, to):
    for j in range(to.size):
        to[j] += x[j] * y[j]


@inlined
def _learn_reset(m, last, threshold, rates, back, from_threshold):
    for j in range(back.size):
        from_threshold[j] -= rates[2] * _due(m[j], last[j], threshold[j], rates) * back[j]


@inlined
def _undo_reset(m, last, h, from_s, threshold, rates, back):
    """Make `h` what comes through the spikes, and `back` what comes through the membranes."""
    one = rates.dtype.type(1)
    _, _, drops, clears = rates
    for j in range(back.size):
        h[j] *= from_s[j] - (drops * threshold[j] + clears * m[j]) * back[j]
        back[j] *= one - _due(m[j], last[j], threshold[j], rates) * clears


@inlined
def _learn_step(last, threshold, rates, back, from_beta, from_threshold):
    one, none = rates.dtype.type(1), rates.dtype.type(0)
    forgets, wipes, drops, _ = rates
    for j in range(back.size):
        r = one if last[j] > threshold[j] else none
        from_beta[j] += back[j] * (one - r * wipes) * last[j] * (one - r * forgets)
        from_threshold[j] -= drops * r * back[j]


@inlined
def _undo_step(last, beta, threshold, rates, ga, back):
    one, none = rates.dtype.type(1), rates.dtype.type(0)
    forgets, wipes, _, _ = rates
    for j in range(back.size):
        r = one if last[j] > threshold[j] else none
        kept = back[j] * (one - r * wipes)
        ga[j] = kept
        back[j] = beta[j] * kept * (one - r * forgets)


@inlined
def _undo_charge(alpha, ga, back_syn):
    for j in range(ga.size):
        ga[j] += back_syn[j]
        back_syn[j] = alpha[j] * ga[j]
