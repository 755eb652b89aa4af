"""quantize: float populations into the chip's registers.

One scale for each neuron serves weights, threshold and bias: weights * 2^weight_exp = S w,
vth = S threshold, bias_mant * 2^bias_exp = 64 S b. With calibration S, exponents, rounding and decays are
searched for; what is returned is never further from the float run than the plain choice, in which the largest
weight of a population is the largest integer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import nir
import numpy as np

from ..simulate.errors import BadInput, OutOfRange
from ..simulate.network import Network, network_of
from ..simulate.program import Program
from ..simulate.program_nir import from_nir, is_program
from .assembly import assembled
from .bits import Bits, Row, bits_of, fewest_bits
from .calibration import check_calibration, observe
from .input_scales import for_events, inputs_of
from .layers import Layer, layer_of
from .outcomes import Outcome, outcome
from .populations import Population, populations
from .rounding import Choice, Scale, on_grid, rounded
from .scales import max_abs
from .searching import Searching

Calibration = np.ndarray | Mapping[str, np.ndarray]
MAX_LOSS = 0.01  # share of the decisions that fewer bits may change


@dataclass(frozen=True)
class Quantization:
    """A Program, and how it came from floats.

    Attributes
    ----------
    network : Network
        The graph, checked.
    floats : list of Population
        Sources first; weights are those of an event.
    choices : {population: Choice}
        How each was rounded.
    program : Program
    layers : list of Layer
        The same in numbers.
    plain : {population: Choice}
        Those that make the largest weight of each the largest integer; empty if nothing was searched for.
    before, after : Outcome, or None without calibration
        What the plain choices and these do to the calibration.
    table : tuple of Row
        What fewer bits cost; empty unless they were searched for.
    """

    network: Network
    floats: list[Population]
    choices: dict[str, Choice]
    program: Program
    layers: list[Layer]
    plain: dict[str, Choice] = field(default_factory=dict)
    before: Outcome | None = None
    after: Outcome | None = None
    table: tuple[Row, ...] = ()

    @property
    def plain_program(self) -> Program:
        """The Program of the plain choices."""
        return assembled(self.network, self.floats, self.plain, self.program.inputs)


def quantize(
    graph: nir.NIRGraph,
    calibration: Calibration | None = None,
    weight_bits: Bits = 8,
    weight_scale: float | None = None,
    input_bits: int | None = None,
    max_loss: float = MAX_LOSS,
) -> Program:
    """Round a NIR graph to the chip's registers.

    Parameters
    ----------
    graph : nir.NIRGraph
        Populations of LIF, IF, CubaLIF, Threshold, and LI, I, CubaLI as readouts, reset to zero, by delayed
        subtraction or not at all; joined, also in loops, by Affine, Linear, Scale, Conv, pools, Flatten and
        Delay. A convolution alone becomes a Conv; several nodes in a row are multiplied into one matrix.
    calibration : numbers from 0 on (batch, steps, *shape), or {input name: array}, optional
        Real input; whole numbers, unless `input_bits` says what others are rounded to. It decides which
        weights may be clipped, how they are rounded, how much room u and v need, and how large an event is.
        Without it the largest weight of a population becomes the largest integer, and inputs are as the
        graph's metadata says, else binary.
    weight_bits : int, 1 to 8, {population: int}, or "auto"
        Bits of a weight with its sign; "auto" finds the fewest of each population within `max_loss`.
    weight_scale : float, optional
        Fixes S of every population: a threshold of 1 becomes vth = S. Without it, a graph already on
        the grid keeps its integers (S = 1), and a Program's own graph gives that Program back, whatever
        its bits.
    input_bits : int, 1 to 24, optional
        Bits of an event for float input. Its scale is chosen on the calibration, stands in the Program
        (`Input.scale`), and `Program.encode` applies it.
    max_loss : float, 0 to 1
        For "auto": the share of the calibration's decisions that may differ from the float network's; of an
        output that is no vector of classes, the relative error.

    Returns
    -------
    Program

    Raises
    ------
    BadInput
        The calibration does not fit, or is not whole numbers.
    OutOfRange
        A threshold or bias does not fit its register at any scale, or an option is out of range.
    Unsupported
        A node has no hardware form (yet).
    """
    if is_program(graph) and weight_scale is None:
        if not isinstance(weight_bits, str):
            bits_of(weight_bits, [])
        return from_nir(graph)
    return quantization(graph, calibration, weight_bits, weight_scale, input_bits, max_loss).program


def quantization(
    graph: nir.NIRGraph,
    calibration: Calibration | None = None,
    weight_bits: Bits = 8,
    weight_scale: float | None = None,
    input_bits: int | None = None,
    max_loss: float = MAX_LOSS,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Quantization:
    """Round a float graph as `quantize` does, and keep what was chosen; `progress` hears how far it is."""
    if weight_scale is not None and not 0 < weight_scale < np.inf:
        raise OutOfRange(f"weight_scale = {weight_scale} must be a positive number")
    network = network_of(graph)
    floats = populations(network)
    x = None if calibration is None else check_calibration(network, calibration, whole=input_bits is None)
    inputs = inputs_of(network, floats, x, input_bits)
    floats = for_events(floats, inputs)
    observed = None if x is None else observe(graph, network, floats, x, inputs)
    if weight_bits == "auto":
        if observed is None or weight_scale is not None:
            raise BadInput("weight_bits 'auto' needs calibration, and finds the scale itself")
        searching = Searching(network, floats, inputs, observed)
        choices, table = fewest_bits(searching, max_loss, progress)
        return _searched(searching, choices, tuple(table))
    bits = bits_of(weight_bits, [p.name for p in floats])
    if weight_scale is None and all(on_grid(p, bits[p.name]) for p in floats):
        weight_scale = 1.0
    if weight_scale is None and observed is not None:
        searching = Searching(network, floats, inputs, observed)
        plain = searching.plain(bits)
        return _searched(searching, searching.best(plain, searching.searched(bits, progress)))
    choices = {}
    for p in floats:
        scale = Scale(weight_scale) if weight_scale is not None else max_abs(p, observed, bits[p.name])
        choices[p.name] = rounded(p, scale, bits[p.name])
    program = assembled(network, floats, choices, inputs)
    layers = [layer_of(p, choices[p.name], None, None) for p in floats]
    after = None if observed is None else outcome(program, floats, choices, observed)
    return Quantization(network, floats, choices, program, layers, {}, None, after)


def _searched(searching: Searching, choices: dict[str, Choice], table: tuple[Row, ...] = ()) -> Quantization:
    """Return what a search found, beside the plain choice at the same bits."""
    plain = searching.plain({name: choice.bits for name, choice in choices.items()})
    before, after = searching.distances(plain), searching.distances(choices)
    layers = [layer_of(p, choices[p.name], before[p.name], after[p.name]) for p in searching.floats]
    return Quantization(
        searching.network,
        searching.floats,
        choices,
        searching.program(choices),
        layers,
        plain,
        searching.outcome(plain, whole=True),
        searching.outcome(choices, whole=True),
        table,
    )
