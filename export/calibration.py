"""The scale of a population: as large as registers and observed states allow, and rounding least."""

from collections.abc import Mapping
from typing import NamedTuple

import nir
import numpy as np

from ..simulate.cells import discretize
from ..simulate.errors import BadInput, OutOfRange
from ..simulate.interpreter import recordable, run_graph
from ..simulate.network import Network
from ..simulate.ranges import RANGES, UNIT, V_MAX
from .linear_maps import Full, LinearMap
from .populations import Population
from .rounding import BIAS_LIMIT, Scale, rounded, span

V_LIMIT = V_MAX // UNIT  # largest membrane, in weight units
A_IN_LIMIT = 2**15 - 1  # the chip's width of a_in; Lava's CPU models do not enforce it
HEADROOM = 2.0  # room above the largest state seen in calibration
CLIPS = 2.0 ** -np.arange(0, 4.25, 0.25)  # shares of the largest weight that may become the largest integer
MOST_MOMENTS = 4096  # channels of a source whose events are squared
MOST_SAMPLED = 2**26  # synapses that sampled events may pass to find a rounding error
BLIND_VTH = 1 << 12  # threshold without calibration: 12 bits fine, 5 bits of room above


class Observed(NamedTuple):
    """What calibration showed: events of each source, and how far each population's a_in and v went."""

    largest_event: dict[str, int]
    events: dict[str, np.ndarray]  # (batch * steps, n)
    moments: dict[str, np.ndarray]  # sum over steps of event x event, (n, n), of those that fill a matrix
    a_in: dict[str, float]
    v: dict[str, float]


def observe(
    graph: nir.NIRGraph,
    network: Network,
    floats: list[Population],
    calibration: np.ndarray | Mapping[str, np.ndarray],
) -> Observed:
    inputs = network.flat.inputs
    x = calibration if isinstance(calibration, Mapping) else dict.fromkeys(inputs[:1], calibration)
    for name, values in x.items():
        if np.asarray(values).dtype.kind not in "biuf":
            raise BadInput(f"calibration for '{name}' holds {np.asarray(values).dtype}, not numbers")
        if not (np.size(values) and np.min(values) >= 0 and np.array_equal(values, np.floor(values))):
            raise BadInput(f"calibration for '{name}' must hold whole numbers, 0 or more")
    names = {name for p in floats for name in (p.name, p.membrane, f"{p.name}_synapse")}
    trace = run_graph(graph, x, record=names & set(recordable(network)))
    sent = {name: np.asarray(values, float) for name, values in x.items()} | dict(trace.spikes)
    events = {name: values.reshape(*values.shape[:2], -1) for name, values in sent.items()}
    a_in, v = {}, {}
    for p in floats:
        arriving = sum(_arriving(w, _late(events[source], delay)) for (source, delay), w in p.weights.items())
        a_in[p.name] = float(np.max(np.abs(arriving), initial=0))
        current = a_in[p.name]
        if p.name in trace.u:
            gain = discretize(network.flat.nodes[p.name], network.policy).gain
            current = float(np.abs(trace.u[p.name] * gain).max())
        elif f"{p.name}_synapse" in trace.v:
            current = float(np.abs(trace.v[f"{p.name}_synapse"]).max())
        # before a reset v is at most what was left, plus the current, plus the bias
        left = float(np.abs(trace.v[p.membrane]).max()) if p.membrane in trace.v else 0.0
        v[p.name] = left + current + float(np.abs(p.bias).max(initial=0))
    flat = {name: values.reshape(-1, values.shape[2]) for name, values in events.items()}
    dense = {s for p in floats for (s, _), w in p.weights.items() if isinstance(w, Full)}
    moments = {n: e.T @ e for n, e in flat.items() if n in dense and e.shape[1] <= MOST_MOMENTS}
    largest = {name: int(np.max(values)) for name, values in x.items()}
    return Observed(largest, flat, moments, a_in, v)


def _arriving(linear: LinearMap, events: np.ndarray) -> np.ndarray:
    return linear.apply(events.reshape(-1, events.shape[2])).reshape(*events.shape[:2], -1)


def _late(events: np.ndarray, delay: int) -> np.ndarray:
    """Return events (batch, steps, n) as they arrive `delay` steps later."""
    before = np.zeros_like(events[:, :delay])
    return np.concatenate([before, events[:, : events.shape[1] - delay]], axis=1) if delay else events


def choose_scale(p: Population, observed: Observed | None, bits: int) -> Scale:
    """Of the scales that fit, the one whose rounded weights err least on the calibration events."""
    limit = _largest_scale(p, observed)
    largest = max((np.abs(w.stored).max(initial=0) for w in p.weights.values()), default=0)
    if not largest:
        return Scale(min(limit, float(UNIT)))
    finest = [(clip, span(bits) / (clip * largest)) for clip in (CLIPS if observed else CLIPS[:1])]
    scales = [Scale(value, clip) for clip, base in finest if (value := _shifted(base, limit)) is not None]
    if not scales:
        raise OutOfRange(
            f"'{p.name}': threshold, bias or membrane need a scale below {limit:.3g}, which the weights "
            f"of up to {largest:.3g} cannot have; scale the layer's weights and threshold together"
        )
    if observed is None:
        return scales[0]
    errors = [_rounding_error(p, s, bits, observed) for s in scales]
    return scales[int(np.argmin(errors))]


def _largest_scale(p: Population, observed: Observed | None) -> float:
    """Upper limit of S from every register it fills, and from the states seen."""
    limits = [BIAS_LIMIT / UNIT / np.abs(p.bias).max(initial=0) if np.any(p.bias) else np.inf]
    if p.threshold is not None and np.any(p.threshold):
        limits.append((RANGES["vth"][1] if observed else BLIND_VTH) / p.threshold.max())
    if observed is not None:
        limits += [
            room / HEADROOM / seen
            for room, seen in ((A_IN_LIMIT, observed.a_in[p.name]), (V_LIMIT, observed.v[p.name]))
            if seen
        ]
    elif p.threshold is None:
        limits.append(span(8) / max((np.abs(w.stored).max(initial=0) for w in p.weights.values()), default=0))
    return min(limits)


def _shifted(scale: float, limit: float) -> float | None:
    """Return scale * 2^weight_exp for the largest exponent within `limit`, or None if there is none."""
    low, high = RANGES["weight_exp"]
    exp = min(high, int(np.floor(np.log2(limit / scale)))) if limit < np.inf else 0
    return scale * 2.0**exp if exp >= low else None


def _rounding_error(p: Population, scale: Scale, bits: int, observed: Observed) -> float:
    """Squared error of a_in over the calibration events."""
    error, choice = 0.0, rounded(p, scale, bits)
    for key, weights in p.weights.items():
        source, scaled = key[0], weights.scaled(choice.scale)
        integers, exp = choice.weights[key]
        wrong = scaled.replaced(np.ldexp(integers, exp) - scaled.stored).scaled(1 / choice.scale)
        if isinstance(wrong, Full) and source in observed.moments:
            error += float(np.einsum("ij,jk,ik", wrong.values, observed.moments[source], wrong.values))
        else:
            error += _sampled_error(wrong, observed.events[source])
    return error


def _sampled_error(wrong: LinearMap, events: np.ndarray) -> float:
    """Squared error over all events, from as many of them as there is time for, taken evenly."""
    matrix = wrong.matrix
    synapses = max(1, np.count_nonzero(matrix) if isinstance(matrix, np.ndarray) else matrix.nnz)
    taken = events[:: max(1, len(events) * synapses // MOST_SAMPLED)]
    return float(np.sum((matrix @ taken.T) ** 2)) * len(events) / len(taken)
