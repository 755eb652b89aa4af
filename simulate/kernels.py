"""Compiled inner loops of `fast`: event-driven synapses, branch-free membranes, 32 bits throughout.

They run without the interpreter lock, so that threads share the work; compiled code is cached beside
this file. The casts keep Numba from widening to 64 bits, which would halve the vector width.
"""

from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from numba.core.compiler import CompilerBase, DefaultPassBuilder

from .plan import CALM, GRADED_LI, LEAN, PLAIN, SPECIAL
from .unchecked import (
    borrowed,
    put_eight,
    shift_right,
    sum_16,
    sum_16_wide,
    sum_32,
    sum_64,
    sum_128,
    sum_256,
    window,
)

# of the machine code, which finds what is in a Plan by its place
SOURCES = ("kernels.py", "plan.py", "synapse_plan.py", "unchecked.py")
VERSION = sha256(b"".join(Path(__file__).with_name(f).read_bytes() for f in SOURCES)).hexdigest()[:16]

HALF_RANGE = 1 << 23
V_LIMIT = (1 << 23) - 1

# a weight is -255 to 255: so many of them, or of them times 15, have a sum of 16 bits; twice as many halves
ROWS_IN_16_BITS, ROWS_TIMES_DIGIT_IN_16_BITS = 128, 8

MOST_STEPS = 255  # that a byte can count
LOW_BITS, LOWEST = np.uint64(0x7F7F7F7F7F7F7F7F), np.uint64(0x0101010101010101)
# a word of eight bytes that are 0 or 1, times this, has them as bits in its highest byte
GATHER = np.uint64(0x0102040810204080)
BITS_SET = np.array([f"{byte:b}".count("1") for byte in range(256)], np.int64)
PLACES = np.array([(*(i for i in range(8) if b >> i & 1), *[0] * 8)[:8] for b in range(256)], np.uint8)


class _Apart(CompilerBase):
    """Numba's compiler, told that no two arrays of one call overlap.

    Else every loop over the neurons of one step first tests that at run time, which takes as long.
    """

    def define_pipelines(self) -> list:
        self.state.flags.noalias = True
        return [DefaultPassBuilder.define_nopython_pipeline(self.state)]


OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "pipeline_class": _Apart}
inlined: Any = njit(**OPTIONS, forceinline=True)


def kernel(function: Any) -> Any:
    """Compile, and cache under a name that changes with every source of the code.

    Numba would look for edits in this file alone, and only after it has unpickled what another version left.
    """
    function.__qualname__ += f"-{VERSION}"
    return njit(**OPTIONS, cache=True)(function)


@kernel
def run_samples(
    plan, scratch, begin, end, done, events, spikes, messages, us, vs, link_counts, layer_counts
):  # fmt: skip
    """Run some samples, step by step through all layers. Nothing is checked here.

    Parameters
    ----------
    plan : Plan
        Its layers say where the values to keep begin.
    scratch : Scratch
        Of this plan and of no other thread.
    begin, end : int
        The samples to run, of a batch.
    done : int
        Steps that the one sample of this scratch has taken already; 0: each sample starts anew.
    events : uint8 (batch, steps, bytes)
        As `event_bytes` returns them.
    spikes : uint8
        Receives what layers keep: for each (batch, steps, size).
    messages, us, vs : int32
        As `spikes`; graded events, and states in units of u and v.
    link_counts : int64 (batch, links, 2)
        Events and synapses reached are added.
    layer_counts : int64 (batch, layers, 4)
        Receives the neuron steps that spiked, were active, wrapped, and were not cut.
    """
    plan, scratch = borrowed(plan), borrowed(scratch)
    steps, inputs = events.shape[1:]
    end_of_row = plan.layers[plan.layers.size - 1]
    row = end_of_row.sent + end_of_row.lanes * max(1, end_of_row.planes)
    rows = scratch.sent.size // row  # what is left is less than a row
    for b in range(begin, end):
        scratch.counted[:] = 0
        if done == 0:
            _copy(plan.u0, scratch.u)
            _copy(plan.v0, scratch.v)
            scratch.e[:] = 0
            scratch.held[:] = 0
            scratch.rest[:] = 0
        if done == 0 and rows > 1:
            scratch.sent[:] = 0
        here = (done % rows) * row
        for t in range(steps):
            _copy(window(events, (b * steps + t) * inputs, inputs), window(scratch.sent, here, inputs))
            for p in range(plan.layers.size):
                layer = plan.layers[p]
                for c in range(layer.first, layer.last):
                    link = plan.links[c]
                    counts = window(link_counts, 2 * (b * plan.links.size + c), 2)
                    then = here - link.delay * row
                    then += rows * row if then < 0 else 0
                    _deliver(plan, scratch, link, layer, then, c == layer.first, counts)
                _update(plan, scratch, layer, here)
                _keep(scratch, layer, here, (b * steps + t) * layer.size, spikes, messages, us, vs)
            here = here + row if here + row < rows * row else 0
            if t % MOST_STEPS == MOST_STEPS - 1:
                _count_few(scratch, plan.bias.size)
        _count_few(scratch, plan.bias.size)
        for p in range(plan.layers.size):
            layer = plan.layers[p]
            for k in range(4):
                counted = window(scratch.counted, k * plan.bias.size + layer.start, layer.size)
                layer_counts[b, p, k] = counted.sum()


@inlined
def _deliver(plan, scratch, link, layer, row, first, counts):
    """Add what arrives through one link to a_in, and count it; the first overwrites a_in.

    `row` is where begins what was sent in the step that arrives now.
    """
    n_in, lanes = link.n_in, layer.lanes
    fan_out = window(plan.fan_out, link.fan_out, n_in + 1)
    part, total = window(scratch.part, 0, lanes), window(scratch.total, 0, lanes)
    a_in = window(scratch.a_in, layer.start, lanes)
    words = window(scratch.words, (row >> 3) + link.source, link.words * max(1, link.planes))
    events = window(scratch.sent, row + 8 * link.source, 8 * words.size)
    flags = window(scratch.flags, 0, link.words)
    if link.rows < 0:
        first_run = window(plan.first_run, link.first_run, n_in + 1)
        n, reached = _deliver_runs(
            words, events, flags, first_run, plan.runs, link.runs, plan.weights, link.weights, fan_out,
            link.planes, link.shift, first, scratch.fired, total, a_in,
        )  # fmt: skip
    else:
        rows = window(plan.rows, link.rows, (n_in + 1) * lanes)
        if link.planes:
            n, reached = _deliver_events(
                words, events, flags, rows, fan_out, link.halved, link.shift, first,
                scratch.fired, part, total, a_in,
            )  # fmt: skip
        else:
            n, reached = _deliver_spikes(
                words, rows, fan_out, link.halved, link.shift, first, scratch.fired, a_in
            )
    counts[0] += n
    counts[1] += reached


@inlined
def _count_few(scratch, lanes):
    """Add what the last steps have counted in bytes."""
    few, counted = window(scratch.few, 0, 4 * lanes), window(scratch.counted, 0, 4 * lanes)
    for j in range(few.size):
        counted[j] += np.int32(few[j])
        few[j] = 0


@inlined
def _update(plan, scratch, layer, row):
    """One step of a population from its a_in."""
    at, n, neurons = layer.start, layer.lanes, plan.bias.size
    a_in, v = window(scratch.a_in, at, n), window(scratch.v, at, n)
    left_v, bias = window(plan.left_v, at, n), window(plan.bias, at, n)
    threshold, spikes = window(plan.threshold, at, n), window(scratch.sent, row + layer.sent, n)
    fired, uncut = window(scratch.few, at, n), window(scratch.few, 3 * neurons + at, n)
    u, left_u = window(scratch.u, at, n), window(plan.left_u, at, n)
    active = window(scratch.few, neurons + at, n)
    wraps = window(scratch.few, 2 * neurons + at, n)
    if layer.step == CALM:
        _step_calm(a_in, v, left_v, bias, threshold, spikes, fired, uncut)
    elif layer.step == LEAN:
        _step_lean(a_in, u, v, left_v, bias, threshold, spikes, fired, active, uncut)
    elif layer.step == PLAIN:
        _step(a_in, u, v, left_u, left_v, bias, threshold, spikes, fired, active, wraps, uncut)
    elif layer.step == SPECIAL:
        _step_special(
            a_in, u, v, left_u, left_v, bias, threshold,
            window(scratch.e, at, n), window(scratch.held, at, n), window(scratch.rest, at, n),
            window(plan.left_e, at, n), window(plan.jump, at, n), window(plan.refractory, at, n),
            window(plan.drop, at, n), window(plan.kept, at, n),
            spikes, fired, active, wraps, uncut,
        )  # fmt: skip
    else:
        messages = window(scratch.total, 0, n)
        if layer.step == GRADED_LI:
            _step_graded_li(
                a_in, u, v, left_u, left_v, bias, threshold, messages, fired, active, wraps, uncut
            )
        else:
            _step_graded_relu(a_in, threshold, messages, fired, active, uncut)
        _split(messages, window(scratch.sent, row + layer.sent, n * layer.planes))


@inlined
def _keep(scratch, layer, row, at, spikes, messages, us, vs):
    """Copy the state after a step, the number `at` of its population, to where it is kept."""
    n = layer.size
    if layer.spikes >= 0:
        _copy(window(scratch.sent, row + layer.sent, n), window(spikes, layer.spikes + at, n))
    if layer.messages >= 0:  # still where the step has left them
        _copy(window(scratch.total, 0, n), window(messages, layer.messages + at, n))
    if layer.v >= 0:
        _copy(window(scratch.v, layer.start, n), window(vs, layer.v + at, n))
    if layer.u >= 0 and layer.step == CALM:
        _copy_64_times(window(scratch.a_in, layer.start, n), window(us, layer.u + at, n))
    elif layer.u >= 0:
        _copy(window(scratch.u, layer.start, n), window(us, layer.u + at, n))


@inlined
def _split(messages, planes):
    """Graded events as bytes, a plane for each, lowest first."""
    n = messages.size
    for start in range(0, planes.size, n):
        shift = np.int32(8 * (start // n))
        for j in range(n):
            planes[start + j] = np.uint8((messages[j] >> shift) & 255)


@inlined
def _copy(values, target):
    for j in range(values.size):
        target[j] = values[j]


@inlined
def _copy_64_times(values, target):
    for j in range(values.size):
        target[j] = np.int32(values[j] << 6)


@inlined
def _deliver_spikes(words, rows, fan_out, halved, shift, first, fired, a_in):
    """Add the rows of the channels whose byte is 1, times 2^(halved + shift); return events and synapses.

    `words` are eight bytes each; `fired` is scratch. A tile of lanes stays in registers while all rows pass.
    """
    n, lanes = _list_ones(words, fired), a_in.size
    left, right, kept = halved + max(shift, 0), max(-shift, 0), 0 if first else -1
    at = 0
    if n <= ROWS_IN_16_BITS << halved:
        while at + 256 <= lanes:
            sum_256(a_in, rows, fired, 0, n, lanes, at, left, right, kept)
            at += 256
        if at + 128 <= lanes:
            sum_128(a_in, rows, fired, 0, n, lanes, at, left, right, kept)
            at += 128
        if at + 64 <= lanes:
            sum_64(a_in, rows, fired, 0, n, lanes, at, left, right, kept)
            at += 64
        if at + 32 <= lanes:
            sum_32(a_in, rows, fired, 0, n, lanes, at, left, right, kept)
            at += 32
        if at < lanes:
            sum_16(a_in, rows, fired, 0, n, lanes, at, left, right, kept)
    else:
        while at < lanes:
            sum_16_wide(a_in, rows, fired, 0, n, lanes, at, left, right, kept)
            at += 16
    reached = 0
    for k in range(n):
        reached += fan_out[fired[k]]
    return n, reached


@kernel
def _deliver_events(
    words, events, flags, rows, fan_out, halved, shift, first, fired, part, total, a_in
):  # fmt: skip
    """As `_deliver_spikes`, each row times its event.

    An event is a byte in each plane, lowest first, seen as `words` and as bytes. Its hexadecimal digits
    are summed one after another, so that 16 bits hold the sums.
    """
    planes, null = words.size // flags.size, fan_out.size - 1
    _flag_any(words, flags)
    n = _list_ones(flags, fired)
    _fill_up(fired, n, null)
    total[:] = 0
    reached, most = 0, ROWS_TIMES_DIGIT_IN_16_BITS << halved
    for start in range(0, n, most):
        stop = min(n, start + most)
        for digit in range(2 * planes):
            plane = window(events, (digit >> 1) * 8 * flags.size, null + 1)
            shift_digit = 4 * (digit & 1)
            _add_four_times(part, rows, fired, start, plane, shift_digit, True)
            for k in range(start + 4, stop, 4):
                _add_four_times(part, rows, fired, k, plane, shift_digit, False)
            _collect(total, part, 1 << 4 * digit)
        for k in range(start, stop, 4):
            reached += _sum_four(fan_out, fired, k)
    _put_shifted(a_in, total, halved, shift, first)
    return n, reached


@kernel
def _deliver_runs(
    words, events, flags, first_run, runs, first_of_link, weights, weights_of_link, fan_out,
    planes, shift, first, fired, total, a_in,
):  # fmt: skip
    """As `_deliver_spikes` and `_deliver_events`, for channels with runs of synapses."""
    if planes:
        _flag_any(words, flags)
    n = _list_ones(flags if planes else words, fired)
    total[:] = 0
    reached = 0
    for k in range(n):
        channel = fired[k]
        event = np.int32(1)
        if planes:
            event = _whole_event(events, channel, planes, 8 * flags.size)
        reached += fan_out[channel]
        for r in range(first_of_link + first_run[channel], first_of_link + first_run[channel + 1]):
            run = runs[r]
            row = window(weights, weights_of_link + run.weights, run.length)
            _add_times(window(total, run.target, run.length), row, event)
    _put_shifted(a_in, total, 0, shift, first)
    return n, reached


@inlined
def _whole_event(events, channel, planes, plane):
    event = np.int32(0)
    for p in range(planes):
        event |= np.int32(np.int32(events[p * plane + channel]) << np.int32(8 * p))
    return event


@inlined
def _add_times(total, row, event):
    for j in range(row.size):
        total[j] += np.int32(np.int32(row[j]) * event)


@inlined
def _flag_any(words, flags):
    """Bytes that are 1 where a byte of any plane is not 0."""
    for g in range(flags.size):
        w = words[g]
        for k in range(g + flags.size, words.size, flags.size):
            w |= words[k]
        flags[g] = ((((w & LOW_BITS) + LOW_BITS) | w) >> np.uint64(7)) & LOWEST


@inlined
def _list_ones(words, fired):
    """Channels whose byte is 1; without a branch, for nobody can guess which."""
    n = 0
    for g in range(words.size):
        byte = (words[g] * GATHER) >> np.uint64(56)
        put_eight(fired, n, PLACES, byte, 8 * g)
        n += BITS_SET[byte]
    return n


@inlined
def _fill_up(fired, n, null):
    """The last group of four ends with the row that is 0."""
    for k in range(n, n + 4):
        fired[k] = null


@inlined
def _sum_four(values, fired, k):
    return values[fired[k]] + values[fired[k + 1]] + values[fired[k + 2]] + values[fired[k + 3]]


@inlined
def _add_four_times(part, rows, fired, k, events, shift, first):
    n = part.size
    e0, e1 = _digit(events[fired[k]], shift), _digit(events[fired[k + 1]], shift)
    e2, e3 = _digit(events[fired[k + 2]], shift), _digit(events[fired[k + 3]], shift)
    r0, r1 = window(rows, fired[k] * n, n), window(rows, fired[k + 1] * n, n)
    r2, r3 = window(rows, fired[k + 2] * n, n), window(rows, fired[k + 3] * n, n)
    for j in range(n):
        before = np.int16(0) if first else part[j]
        part[j] = before + np.int16(e0 * r0[j] + e1 * r1[j] + e2 * r2[j] + e3 * r3[j])


@inlined
def _digit(event, shift):
    return np.int16((event >> shift) & 15)


@inlined
def _collect(total, part, times):
    times = np.int32(times)
    for j in range(total.size):
        total[j] += np.int32(np.int32(part[j]) * times)


@inlined
def _put_shifted(a_in, sums, halved, shift, first):
    times, right = np.int32(1 << (halved + max(shift, 0))), np.int32(max(-shift, 0))
    if first:
        for j in range(sums.size):
            a_in[j] = shift_right(np.int32(np.int32(sums[j]) * times), right)
    else:
        for j in range(sums.size):
            a_in[j] += shift_right(np.int32(np.int32(sums[j]) * times), right)


@kernel
def _step(a_in, u, v, left_u, left_v, bias, threshold, spikes, n_spikes, active, wraps, uncut):
    """One step of every neuron; the last four count for each neuron, in bytes: no sums across lanes."""
    for j in range(u.size):
        current = np.int32(decayed(u[j], left_u[j]) + np.int32(a_in[j] << 6))
        wrapped = wrapped_once(current)
        left, s, total, cut = _updated(wrapped, v[j], left_v[j], bias[j], threshold[j])
        active[j] += np.uint8((u[j] | v[j] | wrapped | cut) != 0)
        wraps[j] += np.uint8(wrapped != current)
        uncut[j] += np.uint8(cut == total)
        n_spikes[j] += np.uint8(s)
        u[j], v[j], spikes[j] = wrapped, left, s


@kernel
def _step_lean(a_in, u, v, left_v, bias, threshold, spikes, n_spikes, active, uncut):
    """`_step` where u is 64 a_in: no memory, and never wraps."""
    for j in range(v.size):
        current = np.int32(a_in[j] << 6)
        left, s, total, cut = _updated(current, v[j], left_v[j], bias[j], threshold[j])
        active[j] += np.uint8((u[j] | v[j] | current | cut) != 0)
        uncut[j] += np.uint8(cut == total)
        n_spikes[j] += np.uint8(s)
        u[j], v[j], spikes[j] = current, left, s


@kernel
def _step_calm(a_in, v, left_v, bias, threshold, spikes, n_spikes, uncut):
    """`_step` where u is 64 a_in: no memory, never wraps, and every neuron is active."""
    for j in range(v.size):
        left, s, total, cut = _updated(np.int32(a_in[j] << 6), v[j], left_v[j], bias[j], threshold[j])
        uncut[j] += np.uint8(cut == total)
        n_spikes[j] += np.uint8(s)
        v[j], spikes[j] = left, s


@kernel
def _step_special(
    a_in, u, v, left_u, left_v, bias, threshold, e, held, rest, left_e, jump, refractory, drop, kept,
    spikes, n_spikes, active, wraps, uncut,
):  # fmt: skip
    """`_step` with a threshold that rises, that goes from v, and rest after a spike."""
    for j in range(u.size):
        raised = min(np.int32(decayed(e[j], left_e[j]) + (jump[j] & held[j])), np.int32(V_LIMIT))
        above = np.int32(threshold[j] + raised)
        current = np.int32(decayed(u[j], left_u[j]) + np.int32(a_in[j] << 6))
        wrapped = wrapped_once(current)
        total = np.int32(np.int32(decayed(v[j], left_v[j]) + wrapped) + bias[j])
        total = np.int32(total - (above & held[j] & drop[j]))
        resting = rest[j] > 0
        total = v[j] if resting else total
        cut = min(max(total, np.int32(-V_LIMIT)), np.int32(V_LIMIT))
        fired = (cut > above) & (not resting)
        active[j] += np.uint8((u[j] | v[j] | wrapped | cut) != 0)
        wraps[j] += np.uint8(wrapped != current)
        uncut[j] += np.uint8(cut == total)
        n_spikes[j] += np.uint8(fired)
        rest[j] = np.int32(rest[j] - 1) if resting else (refractory[j] if fired else np.int32(0))
        held[j] = np.int32(-1) if fired else np.int32(0)
        u[j], e[j], spikes[j] = wrapped, raised, fired
        v[j] = cut & kept[j] if fired else cut


@kernel
def _step_graded_li(
    a_in, u, v, left_u, left_v, bias, threshold, messages, n_sent, active, wraps, uncut
):  # fmt: skip
    """One step of every neuron; what is above the threshold is a message in units of a weight."""
    for j in range(u.size):
        current = np.int32(decayed(u[j], left_u[j]) + np.int32(a_in[j] << 6))
        wrapped = wrapped_once(current)
        total = np.int32(np.int32(decayed(v[j], left_v[j]) + wrapped) + bias[j])
        cut = min(max(total, np.int32(-V_LIMIT)), np.int32(V_LIMIT))
        sent = np.int32(cut >> 6) if cut > threshold[j] else np.int32(0)
        active[j] += np.uint8((u[j] | v[j] | wrapped | cut) != 0)
        wraps[j] += np.uint8(wrapped != current)
        uncut[j] += np.uint8(cut == total)
        n_sent[j] += np.uint8(sent != 0)
        u[j], v[j], messages[j] = wrapped, cut, sent


@kernel
def _step_graded_relu(a_in, threshold, messages, n_sent, active, uncut):
    """Input that is above the threshold is the message; nothing is remembered."""
    for j in range(a_in.size):
        sent = a_in[j] if a_in[j] > threshold[j] else np.int32(0)
        active[j] += np.uint8(a_in[j] != 0)
        uncut[j] += np.uint8(1)
        n_sent[j] += np.uint8(sent != 0)
        messages[j] = sent


@inlined
def _updated(u, v, left_v, bias, threshold):
    """One membrane: what is left of v, whether it spiked, v before and after the cut."""
    total = np.int32(np.int32(decayed(v, left_v) + u) + bias)
    cut = min(max(total, np.int32(-V_LIMIT)), np.int32(V_LIMIT))
    spiked = cut > threshold
    return np.int32(0) if spiked else cut, spiked, total, cut


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
