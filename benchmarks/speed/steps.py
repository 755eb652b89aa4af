"""A training step (forward, loss, backward) layer by layer: against snnTorch's loop, and the bare products.

The products are those that a step takes when nothing is sparse: dense matrices of the same sizes, all steps
at once, forward, for the weights' gradients, and for those of the inputs of all but the first layer.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

import snntorch as snn
import torch
from snntorch import surrogate
from torch import nn
from torch.nn import functional

from lavalier.train.fused import Fused

from ..measure import ROUNDS, Figure, check_undisturbed, point, ratio, times_in_turn
from .networks import BATCH, BETA, SEED, STEPS, TUNED_ON, tune

DENSITIES = {"": 0.05, ".2_percent": 0.02}  # of inputs, by the end of the figure's name
SIZES = 700, 256, 256, 20
RECURRENT = 700, 873, 20
SLOPE = 25


class Spikes64(surrogate.FastSigmoid):
    """snnTorch's surrogate with spikes in float64, which its own gives in float32."""

    @staticmethod
    def forward(ctx, input_, slope):
        return surrogate.FastSigmoid.forward(ctx, input_, slope).to(input_.dtype)


class Network(nn.Module):
    """Linear layers and snnTorch's neurons in turn, the loop over steps as its users write it.

    `depth` is of how many layers; it returns the spikes of the last.
    """

    def __init__(self, sizes: tuple[int, ...], recurrent: bool) -> None:
        super().__init__()
        pairs = list(zip(sizes, sizes[1:], strict=False))
        self.linears = nn.ModuleList(nn.Linear(*pair) for pair in pairs)
        grad = surrogate.fast_sigmoid(SLOPE)
        hidden = [snn.RLeaky(BETA, linear_features=n, spike_grad=grad) for _, n in pairs[: int(recurrent)]]
        others = [snn.Leaky(BETA, spike_grad=grad) for _ in pairs[int(recurrent) :]]
        self.neurons = nn.ModuleList([*hidden, *others])
        self.recurrent, self.depth = recurrent, len(pairs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Run all steps, (batch, steps, n_in); return spikes."""
        linears, neurons = list(self.linears)[: self.depth], list(self.neurons)[: self.depth]
        states = [neuron.reset_mem() for neuron in neurons]  # pyright: ignore[reportCallIssue]
        sent = []
        for now in x.unbind(1):
            for i, (linear, neuron) in enumerate(zip(linears, neurons, strict=True)):
                if i == 0 and self.recurrent:
                    states[0] = neuron(linear(now), *states[0])
                    now = states[0][0]
                else:
                    now, states[i] = neuron(linear(now), states[i])
            sent.append(now)
        return torch.stack(sent, 1)


class Case(NamedTuple):
    """A network with hidden activity near 5 %, a batch, and the activity in words."""

    network: Network
    x: torch.Tensor
    y: torch.Tensor
    words: str


def case(sizes: tuple[int, ...], recurrent: bool, density: float) -> Case:
    """Return a network and a batch of random events."""
    torch.set_num_threads(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        network = Network(sizes, recurrent)
        x = (torch.rand(BATCH, STEPS, sizes[0]) < density).float()
        y = torch.randint(sizes[-1], (BATCH,))
    tune(network, x[:TUNED_ON])
    hidden = ", ".join(f"{spikes.mean():.1%}" for spikes in of_layers(network, network, x)[:-1])
    shape = f"{'-'.join(map(str, sizes))}, {BATCH} samples of {STEPS} steps"
    return Case(network, x, y, f"{shape}, inputs {x.mean():.1%}, hidden {hidden}")


@torch.no_grad()
def of_layers(
    network: Network, run: Callable[[torch.Tensor], torch.Tensor] | None, x: torch.Tensor
) -> list[torch.Tensor]:
    """Return the spikes of every layer, from `run`, or layer by layer where there is none."""
    whole, found = network.depth, []
    for network.depth in range(1, whole + 1):
        if run is None:
            fused = Fused(network)
            found.append(fused(x))
            assert fused.reason is None, fused.reason
        else:
            found.append(run(x))
    return found


def step(run: Callable[[torch.Tensor], torch.Tensor], given: Case) -> None:
    """Forward, loss, backward."""
    given.network.zero_grad()
    functional.cross_entropy(run(given.x).mean(1), given.y).backward()


def vs_snntorch(data: Path | None) -> Iterator[Figure]:
    """700-256-256-20, `snn.Leaky`: against the loop and the bare products, with one and with two threads."""
    for end, density in DENSITIES.items():
        given = case(SIZES, False, density)
        yield from _times(given, "train.vs_snntorch", end, 4, "train.vs_products")


def recurrent_vs_snntorch(data: Path | None) -> Iterator[Figure]:
    """700-873-20, `snn.RLeaky`."""
    for end, density in DENSITIES.items():
        given = case(RECURRENT, True, density)
        yield from _times(given, "train.recurrent_vs_snntorch", end, 2.5, None)


def _times(given: Case, name: str, end: str, goal: float, products: str | None) -> Iterator[Figure]:
    """Times of the loop and of the products over ours, number of threads by number of threads."""
    fused = Fused(given.network)
    fused.prepare(given.x)
    assert fused.reason is None, fused.reason
    kinds = [lambda: step(fused, given), lambda: step(given.network, given), _products(given)]
    kinds = kinds[: 3 if products else 2]
    runs = [_with_threads(n, run) for run in kinds for n in (1, 2)]
    try:
        times = times_in_turn(ROUNDS, *runs)
    finally:
        torch.set_num_threads(1)
    ours, loop, *bare = zip(times[::2], times[1::2], strict=True)
    for title, (one, two) in zip(("snnTorch", "the products"), (loop, *bare), strict=False):
        check_undisturbed(title, one, two)
    for n, mine, theirs in zip((1, 2), ours, loop, strict=True):
        unit = (
            f"times faster than snnTorch's loop, {n} threads each, {1e3 * median(mine):.0f} ms, {given.words}"
        )
        yield ratio(f"{name}{end}.{n}_thread{'s' * (n > 1)}", mine, theirs, unit, goal)
    best = [min(pair, key=median) for pair in (ours, loop, *bare)]
    unit = (
        f"times faster than snnTorch's loop, one training step, each with its better threads, {given.words}"
    )
    yield ratio(f"{name}{end}", best[0], best[1], unit, goal)
    if products:
        for n, mine, theirs in zip((1, 2), ours, bare[0], strict=True):
            unit = f"times the bare dense products of the same step, {n} threads each, {given.words}"
            yield ratio(f"{products}{end}.{n}_thread{'s' * (n > 1)}", theirs, mine, unit, 1, "lower")
        unit = f"times the bare dense products of the same step, each with its better threads, {given.words}"
        yield ratio(f"{products}{end}", best[2], best[0], unit, 1, "lower")


def _with_threads(n: int, run: Callable[[], object]) -> Callable[[], None]:
    def with_threads() -> None:
        torch.set_num_threads(n)
        run()

    return with_threads


def _products(given: Case) -> Callable[[], None]:
    sizes = [given.x.shape[2], *(linear.out_features for linear in given.network.linears)]
    values = [torch.rand(BATCH * STEPS, n) for n in sizes]

    def products() -> None:
        for i, linear in enumerate(given.network.linears):
            weight = linear.weight.detach()
            torch.mm(values[i], weight.t())
            torch.mm(values[i + 1].t(), values[i])
            if i:
                torch.mm(values[i + 1], weight)

    return products


def gradient_error(data: Path | None) -> Iterator[Figure]:
    """How far the gradients are from those of snnTorch's loop, where all spikes of a sample are equal."""
    found: dict[torch.dtype, list[tuple[float, float]]] = {torch.float32: [], torch.float64: []}
    for sizes, recurrent in ((SIZES, False), (RECURRENT, True)):
        for density in DENSITIES.values():
            for dtype, pairs in found.items():
                pairs.append(_error(case(sizes, recurrent, density), dtype))
    nets = f"{'-'.join(map(str, SIZES))} and recurrent {'-'.join(map(str, RECURRENT))}, inputs at 5 and 2 %"
    for dtype, end, goal in ((torch.float32, "", 1e-5), (torch.float64, ".float64", 1e-9)):
        unit = f"norm of the difference from snnTorch's gradients over their norm, worst parameter, {nets}"
        worst = max(error for error, _ in found[dtype])
        yield point(f"train.gradient_error{end}", worst, unit, goal, "lower")
        share = max(share for _, share in found[dtype])
        unit = (
            f"share of spikes that differ from snnTorch's, samples with any left out of the gradients, {nets}"
        )
        yield point(f"train.gradient_error.spikes{end}", share, unit, None, "lower")


def _error(given: Case, dtype: torch.dtype) -> tuple[float, float]:
    """Return the largest error of a parameter's gradient, and the share of spikes that differ."""
    network, x = given.network.to(dtype), given.x.to(dtype)
    if dtype == torch.float64:
        for neuron in network.neurons:
            neuron.spike_grad = lambda x: Spikes64.apply(x, SLOPE)  # type: ignore[assignment]
    ours, loop = (torch.cat(of_layers(network, run, x), 2) for run in (None, network))
    differ = ours != loop
    same = ~differ.flatten(1).any(1)
    given = given._replace(network=network, x=x[same], y=given.y[same])
    gradients = []
    for run in (Fused(network), network):
        step(run, given)
        gradients.append([p.grad.clone() for p in network.parameters() if p.grad is not None])
    errors = [((a - b).norm() / b.norm()).item() for a, b in zip(*gradients, strict=True)]
    return max(errors), differ.double().mean().item()


def memory(data: Path | None) -> Iterator[Figure]:
    """Most memory that a step takes beyond network and batch, in a process of its own."""
    for end, sizes, recurrent in (("", SIZES, False), (".recurrent", RECURRENT, True)):
        ours, loop = (_peak(which, sizes, recurrent) for which in ("fused", "loop"))
        shape = f"{'-'.join(map(str, sizes))}, {BATCH} samples of {STEPS} steps"
        unit = f"times what snnTorch's loop takes ({loop / 2**20:.0f} MiB) in a training step, {shape}"
        yield point(f"train.memory_vs_snntorch{end}", ours / loop, unit, 1, "lower")


PEAK = """
import sys
import torch
from benchmarks.speed.steps import Fused, case, held, step
which, recurrent, *sizes = sys.argv[1:]
given = case(tuple(map(int, sizes)), recurrent == "True", 0.05)
run = Fused(given.network) if which == "fused" else given.network
step(run, given._replace(x=given.x[:2], y=given.y[:2]))  # machine code is in memory before
given.network.zero_grad()
before = held()
step(run, given)
print(held("VmHWM") - before)
"""


def held(kind: str = "VmRSS") -> int:
    """Return bytes of memory in use now, after forgetting the peak, or the peak (VmHWM) since then; Linux."""
    status = Path("/proc/self/status").read_text().splitlines()
    (line,) = [line for line in status if line.startswith(kind)]
    if kind == "VmRSS":
        Path("/proc/self/clear_refs").write_text("5")
    return int(line.split()[1]) * 1024


def _peak(which: str, sizes: tuple[int, ...], recurrent: bool) -> int:
    command = [sys.executable, "-c", PEAK, which, str(recurrent), *map(str, sizes)]
    return int(subprocess.run(command, check=True, capture_output=True).stdout)
