"""DPSNN cut in two: its separator as a NIR graph for the chip, the rest as host stages around a Program."""

import copy
from collections.abc import Iterator

import nir
import numpy as np
import torch

from ..models.dpsnn import ADAPTATION, DPSNN, EPS, HOP, RATE, THRESHOLD, WINDOW
from ..simulate.errors import Mismatch
from ..simulate.hybrid.hybrid import Hybrid
from ..simulate.hybrid.stages import Dequantize, Filters, Frames, Mask, OverlapAdd, Stage, UnitVariance
from ..simulate.interpreter import run_graph
from ..simulate.neurons import GradedLI
from ..simulate.program import Program
from .quantization import Calibration, Quantization, quantization

DT = HOP / RATE  # a step is a frame
INPUT_BITS = 10  # of an event: features in floats have no range of their own
READOUT = "readout"


def chip_graph(net: DPSNN, features: np.ndarray) -> nir.NIRGraph:
    """Return the separator of a network as a graph, verified by running both.

    The affine part of a normalization is in its first weights; of a LayerNorm also the mean, so that the host
    divides by the deviation and nothing else. The readout is there before its suppression, which is its
    threshold on the chip.

    Parameters
    ----------
    net : DPSNN
        Trained.
    features : float (batch, frames, n)
        What `features_of` gives for real sound, to verify with.

    Raises
    ------
    Mismatch
        A layer does not do what it does in torch.
    """
    graph = _graph(net)
    verified = [name for name in ("proj", "scnn", "srnn") if name in graph.nodes]
    ours = run_graph(graph, np.asarray(features, np.float64), verified)
    for name, theirs in _layers(net, features).items():
        found = ours.output if name == READOUT else ours.spikes[name]
        if (far := np.abs(found - theirs).max()) > 1e-9:
            raise Mismatch(f"'{name}' of the graph differs from torch by up to {far:.3g}")
    return graph


@torch.no_grad()
def features_of(net: DPSNN, samples: np.ndarray) -> np.ndarray:
    """Return what the host hands over, before it is rounded; float32 (batch, frames, n), none below 0."""
    filtered, _ = net.before(torch.as_tensor(np.asarray(samples, np.float32)))
    if net.sizes.norm == "layer":
        filtered = filtered / (filtered.var(-1, keepdim=True, correction=0) + EPS).sqrt()
    return filtered.numpy()


def quantized(net: DPSNN, samples: np.ndarray, weight_bits: int = 8) -> tuple[Quantization, np.ndarray]:
    """Round the separator of a network, calibrated on sound.

    Parameters
    ----------
    net : DPSNN
        Trained.
    samples : float (batch, n)
        Real sound, 16 kHz.
    weight_bits : int, 1 to 8
        Of a weight with its sign.

    Returns
    -------
    Quantization
        Its readout is the membrane of an LI; `hybrid` makes it send what exceeds the suppression.
    features : float (batch, frames, n)
        What it was calibrated on.
    """
    features = features_of(net, samples)
    graph = chip_graph(net, features[:1])
    calibration: Calibration = features
    return quantization(graph, calibration, weight_bits, input_bits=INPUT_BITS), features


def hybrid(net: DPSNN, program: Program, scale: np.ndarray) -> Hybrid:
    """Return host stages around a quantized separator.

    Parameters
    ----------
    net : DPSNN
        Its encoder, mask and decoder.
    program : Program
        Its separator.
    scale : float (n)
        S of the readout: `Quantization.choices["readout"].scale`.
    """
    suppression = float(net.separator.suppression.detach())
    before: list[Stage] = [
        Frames(WINDOW, HOP),
        Filters(_array(net.encoder.weight), _array(net.encoder.bias)),
    ]
    if net.sizes.norm == "layer":
        before.append(UnitVariance(net.sizes.n, EPS))
    after = (
        Dequantize(scale),
        Mask(_array(net.mask.weight), _array(net.mask.bias)),
        OverlapAdd(_array(net.decoder.weight), float(net.offset.detach()), HOP),
    )
    return Hybrid(tuple(before), _sending(program, np.rint(scale * suppression)), after, RATE)


def _sending(program: Program, vth: np.ndarray) -> Program:
    """Return a Program whose readout sends its membrane where it exceeds vth."""
    membrane = program.populations[READOUT]
    registers = {field: getattr(membrane, field) for field in membrane.registers()}
    sends = GradedLI(membrane.shape, **registers, vth=vth)
    populations = {**program.populations, READOUT: sends}
    return Program(program.inputs, populations, program.connections, program.outputs, program.dt)


def _graph(net: DPSNN) -> nir.NIRGraph:
    part, n = net.separator, net.sizes.n
    ones, share = np.ones(n), 1 - _array(part.kept)
    weight, bias = _first(net)
    nodes: dict[str, nir.NIRNode] = {
        "input": nir.Input({"input": np.array([n])}),
        "proj_fc": nir.Affine(weight, bias),
        "proj": nir.Threshold(0 * ones),
        "scnn": nir.LIF(
            tau=DT / share, r=ones, v_leak=_array(part.taps_bias), v_threshold=ones, v_reset=0 * ones
        ),
    }
    nodes["scnn"].metadata = {"compare": ">="}
    edges = [("input", "proj_fc"), ("proj_fc", "proj")]
    for late, taps in enumerate(_array(part.taps).T[::-1]):
        nodes[f"tap_{late}"] = nir.Scale(taps.copy())
        source = "proj"
        if late:
            source = f"late_{late}"
            nodes[source] = nir.Delay(ones * late * DT)
            edges.append(("proj", source))
        edges += [(source, f"tap_{late}"), (f"tap_{late}", "scnn")]
    last = "scnn"
    for name, node, ends in _recurrent(net):
        nodes[name] = node
        edges += ends
        last = "srnn"
    nodes["readout_fc"] = nir.Affine(_array(part.readout.weight), _array(part.readout.bias))
    kept = _array(torch.sigmoid(part.alpha.double()))
    nodes[READOUT] = nir.LI(tau=DT / (1 - kept), r=ones, v_leak=0 * ones)
    nodes["output"] = nir.Output({"output": np.array([n])})
    edges += [(last, "readout_fc"), ("readout_fc", READOUT), (READOUT, "output")]
    return nir.NIRGraph(nodes, edges, metadata={"dt": DT})


def _recurrent(net: DPSNN) -> Iterator[tuple[str, nir.NIRNode, list[tuple[str, str]]]]:
    """The adaptive layer, if there is one: nodes, and the edges that come with each."""
    dense, cells = net.separator.dense, net.separator.adaptive
    if dense is None or cells is None:
        return
    ones = np.ones(net.sizes.n)
    bias = _array(dense.bias) + _array(cells.recurrent.bias)  # both from the first frame on
    yield "srnn_fc", nir.Affine(_array(dense.weight), bias), [("scnn", "srnn_fc"), ("srnn_fc", "srnn")]
    yield (
        "srnn_loop",
        nir.Linear(_array(cells.recurrent.weight)),
        [("srnn", "srnn_loop"), ("srnn_loop", "srnn")],
    )
    kept, kept_e = (_array(torch.sigmoid(p.double())) for p in (cells.alpha, cells.rho))
    tau = DT / (1 - kept)
    lif = nir.LIF(tau=tau, r=ones, v_leak=0 * ones, v_threshold=THRESHOLD * ones, v_reset=0 * ones)
    lif.metadata = {"adaptation": ADAPTATION * ones, "tau_adaptation": DT / (1 - kept_e)}
    yield "srnn", lif, []


def _first(net: DPSNN) -> tuple[np.ndarray, np.ndarray]:
    """Weight and bias of proj with the normalization in them."""
    part, norm = net.separator, net.norm
    weight, bias = _array(part.proj.weight), _array(part.proj.bias)
    bias = bias - (0 if part.theta is None else float(part.theta.detach()))
    if isinstance(norm, torch.nn.LayerNorm):
        bias = bias + weight @ _array(norm.bias)
        weight = weight * _array(norm.weight)
        weight = weight - weight.mean(1, keepdims=True)  # what it does to a mean
    elif isinstance(norm, torch.nn.BatchNorm1d):
        assert norm.running_mean is not None and norm.running_var is not None
        gain = _array(norm.weight) / np.sqrt(_array(norm.running_var) + norm.eps)
        bias = bias + weight @ (_array(norm.bias) - gain * _array(norm.running_mean))
        weight = weight * gain
    return weight, bias


@torch.no_grad()
def _layers(net: DPSNN, features: np.ndarray) -> dict[str, np.ndarray]:
    """What torch's separator does in float64, its first layer as the graph has it."""
    part = copy.deepcopy(net.separator).double()
    weight, bias = (torch.from_numpy(a) for a in _first(net))
    part.proj.weight.data, part.proj.bias.data = weight, bias
    part.theta = None
    _, layers = part(torch.from_numpy(np.asarray(features, np.float64)))
    return {name: values.numpy() for name, values in layers.items()}


def _array(values: torch.Tensor) -> np.ndarray:
    return values.detach().double().numpy()
