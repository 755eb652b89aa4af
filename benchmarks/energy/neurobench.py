"""Our synaptic operations against NeuroBench's code, on torch modules with a Program's weights and spikes."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
from torch import nn

from lavalier import export
from lavalier.models.digits import DigitNet, load
from lavalier.models.log_mel import N_BANDS
from lavalier.simulate import LIF, Dense, Input, Program, Trace, neurobench_metrics, run
from lavalier.sources import load_source

from ..measure import Figure, point

CLIPS = 20
CALIBRATED_ON = 8
SEED = 0


class Replay(nn.Module):
    """A neuron that fires as a Program's population did."""

    def __init__(self, spikes: np.ndarray) -> None:
        super().__init__()
        self.spikes = torch.as_tensor(spikes, dtype=torch.float64)
        self.step = 0

    def forward(self, x: torch.Tensor, mem: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the spikes of the next step."""
        now = self.spikes[:, self.step]
        self.step += 1
        return now, mem

    def reset_mem(self) -> None:
        """Start again."""
        self.step = 0


class Recurrent(nn.Module):
    """A layer of neurons with an explicit recurrent `nn.Linear`, and weights that read it."""

    def __init__(self, n_in: int, n_hidden: int, n_out: int) -> None:
        super().__init__()
        self.inward = nn.Linear(n_in, n_hidden, bias=False)
        self.recurrent = nn.Linear(n_hidden, n_hidden, bias=False)
        self.outward = nn.Linear(n_hidden, n_out, bias=False)
        self.hidden: nn.Module = nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Run all steps, (batch, steps, n_in)."""
        spikes = x.new_zeros(len(x), self.recurrent.in_features)
        sent = []
        for now in x.unbind(1):
            spikes, _ = self.hidden(self.inward(now) + self.recurrent(spikes), spikes)
            sent.append(self.outward(spikes))
        return torch.stack(sent, 1)


def recurrent_program(n_in: int = 12, n_hidden: int = 20, n_out: int = 4) -> Program:
    """Return a drawn network with a loop, half of its weights zero."""
    rng = np.random.default_rng(SEED)

    def drawn(*shape: int) -> np.ndarray:
        return 2 * rng.integers(-60, 80, shape) * (rng.random(shape) < 0.5)

    return Program(
        inputs={"in": Input((n_in,))},
        populations={"hidden": LIF((n_hidden,), dv=512, vth=200), "out": LIF((n_out,), dv=512, vth=200)},
        connections=(
            Dense("in", "hidden", drawn(n_hidden, n_in)),
            Dense("hidden", "hidden", drawn(n_hidden, n_hidden), delay=1),
            Dense("hidden", "out", drawn(n_out, n_hidden)),
        ),
        outputs=("out",),
    )


def replayed_recurrent(program: Program, trace: Trace) -> nn.Module:
    """Return the torch module of `recurrent_program`, with its weights and its spikes."""
    inward, loop, outward = program.connections
    net = Recurrent(inward.shape[1], *outward.shape[::-1])
    for layer, connection in ((net.inward, inward), (net.recurrent, loop), (net.outward, outward)):
        layer.weight.data = torch.tensor(connection.weights, dtype=torch.float64)
    net.hidden = Replay(trace.spikes["hidden"])
    return net


def digits() -> tuple[Program, np.ndarray]:
    """Return the shipped digits network as a Program, and clips."""
    x = np.asarray(load_source((N_BANDS,), None, None).take(CLIPS).x)
    graph = export.read(str(files("lavalier.models") / "digits.nir"))
    return export.quantize(graph, x[:CALIBRATED_ON]), x


def replayed_digits(program: Program, trace: Trace) -> nn.Module:
    """Return the shipped DigitNet with the Program's weights and spikes."""
    net: DigitNet = load(str(files("lavalier.models") / "digits.pt"))
    first, second, third = program.connections
    for layer, connection in ((net.fc1, first), (net.fc2, second), (net.fc3, third)):
        layer.weight.data = torch.tensor(connection.weights, dtype=torch.float64)
    hidden = list(program.populations)[:2]
    for cell, name in zip(("hidden1", "hidden2"), hidden, strict=True):
        setattr(net, cell, Replay(trace.spikes[name]))
    return net


def by_neurobench(net: nn.Module, x: np.ndarray, dtype: torch.dtype = torch.float64) -> dict[str, float]:
    """Return NeuroBench's synaptic operations of a run, per sample.

    In float64: NeuroBench sums in the module's own type, and float32 loses single operations above 2^24.
    """
    from neurobench.metrics.workload import SynapticOperations
    from neurobench.models import TorchModel

    model = TorchModel(net.to(dtype))
    model.register_hooks()
    given = torch.as_tensor(x, dtype=dtype)
    with torch.no_grad():
        found = SynapticOperations()(model, model(given), (given, given))
    model.cleanup_hooks()
    return {name: float(value) for name, value in found.items()}


def differences(program: Program, x: np.ndarray, net: nn.Module, trace: Trace) -> int:
    """Return how many of the two figures that must be equal are not."""
    ours, theirs = neurobench_metrics(program, trace)["SynapticOperations"], by_neurobench(net, x)
    effective = [f["Effective_ACs"] + f["Effective_MACs"] for f in (ours, theirs)]
    return (effective[0] != effective[1]) + (ours["Dense"] != theirs["Dense"])


def neurobench_mismatches(data: Path | None) -> Iterator[Figure]:
    """Compare the digits network, and a recurrent one."""
    program, x = digits()
    trace = run(program, x, record=program.populations)
    wrong = differences(program, x, replayed_digits(program, trace), trace)
    program = recurrent_program()
    x = np.random.default_rng(SEED).random((CLIPS, 50, 12)) < 0.2
    trace = run(program, x, record=program.populations)
    wrong += differences(program, x, replayed_recurrent(program, trace), trace)
    unit = "of 4 counts unlike NeuroBench 2.3.0's (digits and a recurrent network, effective and dense)"
    yield point("energy.neurobench_mismatches", wrong, unit, 0, "lower")
