"""Bit-true training: a module whose forward pass is the Program's integer arithmetic.

Float weights stand behind the integers; every forward rounds them anew, and gradients pass the rounding as if
it were not there. Scales, exponents and bits are those of the quantization.
"""

from collections.abc import Collection, Iterator, Mapping

import numpy as np
import torch
from torch import nn

from ..export.assembly import connections_of
from ..export.quantization import Quantization
from ..simulate.errors import BadInput
from ..simulate.program import Program
from ..simulate.ranges import UNIT
from .cells import TRAINED, Cells
from .steps import State
from .unrolling import run_all

SLOPE = 5.0  # as models/digits has it


class BitTrue(nn.Module):
    """The network of a quantization, in the chip's integers, ready to be trained.

    Parameters
    ----------
    quantization : Quantization
        Of any graph that `quantize` takes; see `export.quantization.quantization`.
    train : subset of "weights", "biases", "thresholds", "decays"
        What becomes a parameter that learns.
    slope : float
        Of the fast sigmoid in place of a spike's derivative, over v in units of the threshold.

    Raises
    ------
    BadInput
        `train` names something else, or the slope is not positive.
    Unsupported
        No gradient is known for a type of neurons.

    Source: fast sigmoid, Zenke and Ganguli 2018, Neural Computation 30:1514; straight-through rounding,
    Bengio et al. 2013, arXiv:1308.3432.

    >>> import nir
    >>> from ..export.quantization import quantization
    >>> integrator = nir.LI(tau=np.array([2e-3]), r=np.array([2.0]), v_leak=np.zeros(1))
    >>> nodes = {"in": nir.Input(np.array([2])), "w": nir.Linear(np.array([[3.0, -1.0]])), "v": integrator}
    >>> nodes["out"] = nir.Output(np.array([1]))
    >>> graph = nir.NIRGraph(nodes, [("in", "w"), ("w", "v"), ("v", "out")], metadata={"dt": 1e-3})
    >>> module = BitTrue(quantization(graph))
    >>> module(torch.ones(1, 3, 2)).flatten().tolist()
    [2.0, 3.0, 3.5]
    >>> module.program().populations["v"].dv
    array([2048], dtype=int32)
    """

    def __init__(
        self,
        quantization: Quantization,
        train: Collection[str] = ("weights", "biases"),
        slope: float = SLOPE,
    ) -> None:
        super().__init__()
        if unknown := set(train) - set(TRAINED):
            raise BadInput(f"train = {sorted(unknown)}: must be of {', '.join(TRAINED)}")
        if not 0 < slope < np.inf:
            raise BadInput(f"slope = {slope}: must be a positive number")
        self._quantization = quantization
        program = quantization.program
        largest = dict.fromkeys(program.populations, 1) | {n: i.largest for n, i in program.inputs.items()}
        by_name = {p.name: p for p in quantization.floats}
        chosen = quantization.choices
        self.cells = nn.ModuleList(
            Cells(by_name[name], chosen[name], neuron, largest, slope, train)
            for name, neuron in program.populations.items()
        )

    def forward(self, x: torch.Tensor | Mapping[str, torch.Tensor]) -> torch.Tensor | dict[str, torch.Tensor]:
        """Run the Program on events.

        Parameters
        ----------
        x : tensor, or {input name: tensor}
            Whole numbers (batch, steps, *shape).

        Returns
        -------
        output : float (batch, steps, *shape), or {population: tensor} if there are several
            A readout's membrane in the units of the float network, v / 64 / S; else spikes, 0 or 1.

        Raises
        ------
        BadInput
            x does not fit the inputs.
        """
        ran = run_all(list(self._cells()), self._events(x))
        program, outputs = self._quantization.program, {}
        for cells in self._cells():
            if cells.name in program.outputs:
                state = ran[cells.name]
                values = state.s if cells.form.sends else state.v / (UNIT * cells.scale)
                outputs[cells.name] = values.unflatten(2, cells.shape)
        return outputs if len(outputs) > 1 else next(iter(outputs.values()))

    @torch.no_grad()
    def states(self, x: torch.Tensor | Mapping[str, torch.Tensor]) -> dict[str, State]:
        """Run the Program on events; return u, v (after its reset) and s of every population, int64."""
        found = {}
        ran = run_all(list(self._cells()), self._events(x))
        for cells in self._cells():
            state = ran[cells.name]
            v = torch.where(state.s > 0, 0, state.v) if cells.form.clears else state.v
            shaped = (y.to(torch.int64).unflatten(2, cells.shape) for y in (state.u, v, state.s))
            found[cells.name] = State(*shaped)
        return found

    def program(self) -> Program:
        """Return the Program that `forward` runs: the network as it is now."""
        made = self._quantization
        neurons, connections = {}, []
        by_name = {p.name: p for p in made.floats}
        for cells in self._cells():
            name, choice = cells.name, made.choices[cells.name]
            rounded = {key: s.rounded() for key, s in zip(cells.keys, cells.synapses, strict=True)}
            neurons[name] = cells.neuron()
            connections += connections_of(by_name[name], choice._replace(weights=rounded))
        was = made.program
        return Program(was.inputs, neurons, tuple(connections), was.outputs, was.dt)

    def constrain(self) -> None:
        """Keep every float where its register holds it; to be called after every step of an optimizer."""
        for cells in self._cells():
            cells.constrain()

    def step_sizes(self) -> list[tuple[list[nn.Parameter], float]]:
        """Return the parameters that are trained, in groups, and how large a step each takes."""
        return [group for cells in self._cells() for group in cells.step_sizes()]

    def _cells(self) -> Iterator[Cells]:
        for cells in self.cells:
            assert isinstance(cells, Cells)
            yield cells

    def _events(self, x: torch.Tensor | Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Check events and flatten what is behind batch and steps."""
        inputs = self._quantization.program.inputs
        given = dict(x) if isinstance(x, Mapping) else dict.fromkeys(list(inputs)[:1], x)
        if given.keys() != inputs.keys():
            raise BadInput(f"x is for {', '.join(given)}; the inputs are {', '.join(inputs)}")
        if len({values.shape[:2] for values in given.values()}) > 1:
            raise BadInput("x must have the same batch and steps for every input")
        found = {}
        for name, entry in inputs.items():
            values = given[name].float()
            if values.shape[2:] != entry.shape or 0 in values.shape:
                raise BadInput(f"x for '{name}' is {tuple(values.shape)}, not (batch, steps, *{entry.shape})")
            if not bool(((values >= 0) & (values <= entry.largest) & (values == values.floor())).all()):
                raise BadInput(f"x for '{name}' must hold whole numbers, 0 to {entry.largest}")
            found[name] = values.flatten(2)
        return found
