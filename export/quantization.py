"""quantize: float populations into the chip's registers.

One scale for each population serves weights, threshold and bias: weights * 2^weight_exp = S w,
vth = S threshold, bias_mant * 2^bias_exp = 64 S b. S is chosen so that rounding costs least on calibration
data, as large as the registers allow.
"""

from collections.abc import Mapping
from typing import NamedTuple

import nir
import numpy as np

from ..simulate.errors import BadInput, OutOfRange, Unsupported
from ..simulate.interpreter import euler, graph_dt, run_graph
from ..simulate.neurons import LI, LIF, Neuron
from ..simulate.program import Dense, Input, Program, weight_step
from ..simulate.program_nir import from_nir, is_program
from ..simulate.ranges import DECAY_ONE, RANGES, V_MAX, V_SHIFT, fit_register
from .populations import Population, populations

UNIT = 1 << V_SHIFT
V_LIMIT = V_MAX // UNIT  # largest membrane, in weight units
A_IN_LIMIT = 2**15 - 1  # the chip's width of a_in; Lava's CPU models do not enforce it
BIAS_LIMIT = RANGES["bias_mant"][1] << RANGES["bias_exp"][1]
HEADROOM = 2.0  # room above the largest state seen in calibration
CLIPS = 2.0 ** -np.arange(0, 4.25, 0.25)  # shares of the largest weight that may become the largest integer
BLIND_VTH = 1 << 12  # threshold without calibration: 12 bits fine, 5 bits of room above


def quantize(
    graph: nir.NIRGraph,
    calibration: np.ndarray | Mapping[str, np.ndarray] | None = None,
    weight_bits: int = 8,
    weight_scale: float | None = None,
) -> Program:
    """Round a NIR graph to the chip's registers.

    Parameters
    ----------
    graph : nir.NIRGraph
        Feed-forward, of Affine, Linear, Scale, LIF, IF, LI, I, CubaLIF and CubaLI.
    calibration : whole numbers (batch, steps, *shape), or {input name: array}, optional
        Real input: it decides which weights may be clipped, how much room u and v need, and how large
        an event is. Without it the largest weight of a population becomes the largest integer, and
        inputs are as the graph's metadata says, else binary.
    weight_bits : int, 1 to 8
        Bits of a weight with its sign.
    weight_scale : float, optional
        Fixes S of every population: a threshold of 1 becomes vth = S. A graph already on the grid
        keeps its integers (S = 1), and a Program's own graph gives that Program back.

    Returns
    -------
    Program

    Raises
    ------
    BadInput
        The calibration does not fit, or is not whole numbers.
    OutOfRange
        A threshold or bias does not fit its register at any scale.
    Unsupported
        A node has no hardware form (yet).
    """
    bits = int(fit_register("quantize", "num_weight_bits", weight_bits))
    if is_program(graph):
        return from_nir(graph)
    floats = populations(graph)
    if weight_scale is None and all(_on_grid(p, bits) for p in floats):
        weight_scale = 1.0
    observed = None if calibration is None else _observe(graph, floats, calibration)
    neurons, connections = {}, []
    for p in floats:
        scale = _Scale(weight_scale) if weight_scale else _choose_scale(p, observed, bits)
        neurons[p.name] = _neuron(p, scale.value)
        for source, weights in p.weights.items():
            rounded = _round(weights, scale, bits)
            connections.append(Dense(source, p.name, rounded.integers, rounded.exp, bits))
    outputs = [a for a, b in graph.edges if isinstance(graph.nodes[b], nir.Output)]
    for name in outputs:
        if name not in neurons:
            raise Unsupported(f"output '{name}' is not a neuron node; a readout needs an LI or I node")
    return Program(_inputs(graph, observed), neurons, tuple(connections), tuple(outputs), graph_dt(graph))


class _Scale(NamedTuple):
    """S, and the share of the largest weight that becomes the largest integer."""

    value: float
    clip: float = 1.0


class _Rounded(NamedTuple):
    integers: np.ndarray
    exp: int


class _Observed(NamedTuple):
    """What calibration showed: events of each source, and how far each population's a_in and v went."""

    largest_event: dict[str, int]
    moments: dict[str, np.ndarray]  # sum over steps of event x event, (n, n)
    a_in: dict[str, float]
    v: dict[str, float]


def _observe(
    graph: nir.NIRGraph, floats: list[Population], calibration: np.ndarray | Mapping[str, np.ndarray]
) -> _Observed:
    inputs = [n for n, node in graph.nodes.items() if isinstance(node, nir.Input)]
    x = calibration if isinstance(calibration, Mapping) else dict.fromkeys(inputs[:1], calibration)
    for name, values in x.items():
        if not (np.size(values) and np.min(values) >= 0 and np.array_equal(values, np.floor(values))):
            raise BadInput(f"calibration for '{name}' must hold whole numbers, 0 or more")
    trace = run_graph(graph, x, record=[p.name for p in floats])
    sent = {name: np.asarray(values, float) for name, values in x.items()} | dict(trace.spikes)
    events = {name: values.reshape(-1, int(np.prod(values.shape[2:]))) for name, values in sent.items()}
    a_in, v = {}, {}
    for p in floats:
        arriving = sum(events[source] @ w.T for source, w in p.weights.items())
        a_in[p.name] = float(np.max(np.abs(arriving), initial=0))
        current = a_in[p.name]
        if p.name in trace.u:
            gain = euler(graph.nodes[p.name], graph_dt(graph)).gain
            current = float(np.abs(trace.u[p.name] * gain).max())
        # before a reset v is at most what was left, plus the current, plus the bias
        v[p.name] = float(np.abs(trace.v[p.name]).max() + current + np.abs(p.bias).max(initial=0))
    moments = {name: e.T @ e for name, e in events.items()}
    largest = {name: int(np.max(values)) for name, values in x.items()}
    return _Observed(largest, moments, a_in, v)


def _choose_scale(p: Population, observed: _Observed | None, bits: int) -> _Scale:
    """Of the scales that fit, the one whose rounded weights err least on the calibration events."""
    limit = _largest_scale(p, observed)
    largest = max((np.abs(w).max(initial=0) for w in p.weights.values()), default=0)
    if not largest:
        return _Scale(min(limit, float(UNIT)))
    finest = [(clip, _span(bits) / (clip * largest)) for clip in (CLIPS if observed else CLIPS[:1])]
    scales = [_Scale(value, clip) for clip, base in finest if (value := _shifted(base, limit)) is not None]
    if not scales:
        raise OutOfRange(
            f"'{p.name}': threshold, bias or membrane need a scale below {limit:.3g}, which the weights "
            f"of up to {largest:.3g} cannot have; scale the layer's weights and threshold together"
        )
    if observed is None:
        return scales[0]
    errors = [_rounding_error(p, s, bits, observed) for s in scales]
    return scales[int(np.argmin(errors))]


def _span(bits: int) -> int:
    """Integer that the largest weight becomes: the positive end; with 1 bit there is only -256."""
    return 256 - weight_step(bits) if bits > 1 else 256


def _largest_scale(p: Population, observed: _Observed | None) -> float:
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
        limits.append(_span(8) / max((np.abs(w).max(initial=0) for w in p.weights.values()), default=0))
    return min(limits)


def _shifted(scale: float, limit: float) -> float | None:
    """Return scale * 2^weight_exp for the largest exponent within `limit`, or None if there is none."""
    low, high = RANGES["weight_exp"]
    exp = min(high, int(np.floor(np.log2(limit / scale)))) if limit < np.inf else 0
    return scale * 2.0**exp if exp >= low else None


def _rounding_error(p: Population, scale: _Scale, bits: int, observed: _Observed) -> float:
    """Squared error of a_in over the calibration events."""
    error = 0.0
    for source, weights in p.weights.items():
        rounded = _round(weights, scale, bits)
        wrong = np.ldexp(rounded.integers, rounded.exp) / scale.value - weights
        error += float(np.einsum("ij,jk,ik", wrong, observed.moments[source], wrong))
    return error


def _round(weights: np.ndarray, scale: _Scale, bits: int) -> _Rounded:
    """Round S w to integers * 2^exp: exactly if some exponent allows it, else to the nearest."""
    low, high = RANGES["weight_exp"]
    scaled = weights * scale.value
    exact = _exact_exponent(scaled, bits)
    if exact is not None:
        return _Rounded(np.rint(np.ldexp(scaled, -exact)).astype(np.int64), exact)
    step = weight_step(bits)
    reach = scale.clip * np.abs(scaled).max()
    exp = int(np.ceil(np.log2(reach / _span(bits)) - 1e-9))
    if exp > high:
        raise OutOfRange(f"weights of {reach:.3g} at scale {scale.value:.3g} need a weight_exp above {high}")
    exp = max(exp, low)
    integers = np.rint(np.ldexp(scaled, -exp) / step) * step
    return _Rounded(np.clip(integers, -256, 256 - step).astype(np.int64), exp)


def _exact_exponent(scaled: np.ndarray, bits: int) -> int | None:
    low, high = RANGES["weight_exp"]
    for exp in sorted(range(low, high + 1), key=abs):
        integers = np.ldexp(scaled, -exp) / weight_step(bits)
        fits = np.all((integers >= -(2 ** (bits - 1))) & (integers < 2 ** (bits - 1)))
        if fits and _whole(integers):
            return exp
    return None


def _on_grid(p: Population, bits: int) -> bool:
    """Whether S = 1 loses nothing."""
    registers = [p.bias * UNIT, DECAY_ONE * (1 - p.alpha), DECAY_ONE * (1 - p.beta)]
    if p.threshold is not None:
        registers.append(p.threshold)
    if not all(_whole(r) for r in registers) or np.abs(p.bias).max(initial=0) * UNIT > BIAS_LIMIT:
        return False
    mant, exp = _bias(p, 1.0)
    exact_bias = np.array_equal(mant << exp, np.rint(p.bias * UNIT))
    return exact_bias and all(_exact_exponent(w, bits) is not None for w in p.weights.values())


def _whole(values: np.ndarray) -> bool:
    return bool(np.all(np.abs(values - np.rint(values)) < 1e-6))


def _neuron(p: Population, scale: float) -> Neuron:
    mant, exp = _bias(p, scale)
    registers = {
        "du": np.rint(DECAY_ONE * (1 - p.alpha)).astype(int) - 1,
        "dv": np.rint(DECAY_ONE * (1 - p.beta)).astype(int),
        "bias_mant": mant,
        "bias_exp": exp,
    }
    if p.threshold is not None:
        registers["vth"] = np.rint(scale * p.threshold)
    shaped = {field: values.reshape(p.shape) for field, values in registers.items()}
    try:
        return (LI if p.threshold is None else LIF)(p.shape, **shaped)
    except OutOfRange as error:
        raise OutOfRange(f"'{p.name}': {error}; take a smaller weight_scale") from error


def _bias(p: Population, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Mantissa and the smallest exponent that holds 64 S b, for each neuron."""
    target = scale * p.bias * UNIT
    exps = np.arange(RANGES["bias_exp"][1] + 1)
    mants = np.rint(np.ldexp(target[:, None], -exps))
    fits = np.abs(mants) <= RANGES["bias_mant"][1]
    if not fits[:, -1].all():
        raise OutOfRange(
            f"'{p.name}': bias {np.abs(p.bias).max():.3g} at scale {scale:.3g} exceeds {BIAS_LIMIT}"
        )
    exp = fits.argmax(axis=1)
    return mants[np.arange(len(exp)), exp].astype(np.int64), exp


def _inputs(graph: nir.NIRGraph, observed: _Observed | None) -> dict[str, Input]:
    inputs = {}
    for name, node in graph.nodes.items():
        if isinstance(node, nir.Input):
            bits = int((node.metadata or {}).get("message_bits", 0))
            if observed is not None and observed.largest_event[name] > 1:
                bits = max(bits, observed.largest_event[name].bit_length())
            inputs[name] = Input(tuple(node.input_type["input"]), bits)
    return inputs
