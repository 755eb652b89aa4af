"""`fast` against peers on the same networks: times in turn, medians of ratios pair by pair.

Everyone computes the same layers from the same random weights on the same inputs, with LIF neurons of one
decay; the activity that was measured stands in the unit. snnTorch runs the float network that the Program was
quantized from; the others get the Program's integers (`peers/`), and Lava runs the Program.
"""

from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from lavalier import deploy
from lavalier.simulate import Program, fast
from lavalier.simulate.errors import NotAvailable

from ..measure import ROUNDS, Disturbed, Figure, faster_of, ratio, times_in_turn
from ..peers import Peer
from .networks import BATCH, HIDDEN_ACTIVITY, STEPS, Case, Recurrent, case, convolution, dense

PEERS = Path(__file__).with_name("peers")
DENSITIES = {"": 0.05, ".2_percent": 0.02}  # of inputs, by the end of the figure's name
SAMPLES = 4  # that a peer runs which takes one at a time
LAVA_SAMPLES = 2, 6  # the difference is what samples cost without the start
LAVA_ROUNDS = 3
COMPARABLE = 1.5  # a peer's hidden layers may be so many times as active

three_layers = cache(partial(case, partial(dense, 700, 256, 256, 20), (700,)))
two_layers = cache(partial(case, partial(dense, 700, 256, 20), (700,)))


def vs_snntorch(data: Path | None) -> Iterator[Figure]:
    """700-256-256-20 without biases, as all peers run it; and with, as snnTorch has it by default."""
    for end, density in DENSITIES.items():
        yield from _snntorch(f"simulate.vs_snntorch{end}", three_layers(density), 20)
    biased = case(partial(dense, 700, 256, 256, 20, bias=True), (700,), DENSITIES[""])
    yield from _snntorch("simulate.vs_snntorch.biases", biased, None)


def recurrent_vs_snntorch(data: Path | None) -> Iterator[Figure]:
    """700-1024-20, `snn.RLeaky`."""
    for end, density in DENSITIES.items():
        network = case(partial(Recurrent, 700, 1024, 20), (700,), density)
        yield from _snntorch(f"simulate.recurrent_vs_snntorch{end}", network, None)


def conv_vs_snntorch(data: Path | None) -> Iterator[Figure]:
    """28 x 28 pixels, two `Conv2d` with a stride of 2, ten outputs."""
    for end, density in DENSITIES.items():
        network = case(convolution, (1, 28, 28), density)
        yield from _snntorch(f"simulate.conv_vs_snntorch{end}", network, None)


def vs_slayer(data: Path | None) -> Iterator[Figure]:
    """700-256-256-20, lava-dl slayer's quantised forward pass of the whole batch."""
    for end, density in DENSITIES.items():
        yield _slayer(f"simulate.vs_slayer{end}", three_layers(density))


def vs_lava(data: Path | None) -> Iterator[Figure]:
    """700-256-256-20 in Lava's runtime, which hands back the output alone; its start is not counted."""
    missing = deploy.missing("cpu")
    if missing is not None:
        raise NotAvailable(missing)
    for end, density in DENSITIES.items():
        yield _lava(f"simulate.vs_lava{end}", three_layers(density))


def vs_nengo_loihi(data: Path | None) -> Iterator[Figure]:
    """700-256-20 in nengo-loihi's emulator, per sample and step."""
    yield from _one_at_a_time("simulate.vs_nengo_loihi", "loihi_emulator", "nengo-loihi's emulator")


def vs_xylosim(data: Path | None) -> Iterator[Figure]:
    """700-256-20 in XyloSim, per sample and step."""
    yield from _one_at_a_time("simulate.vs_xylosim", "xylo", "XyloSim")


def _snntorch(name: str, network: Case, goal: float | None) -> Iterator[Figure]:
    unit = f"times faster than snnTorch's eager float forward, {_words(network)}"
    yield from against_snntorch(name, network.module, network.program, network.x, unit, goal)


def against_snntorch(
    name: str, module: torch.nn.Module, program: Program, x: np.ndarray, unit: str, goal: float | None
) -> Iterator[Figure]:
    """Time `fast`, with its better number of threads and with one, against a module's float forward."""
    floats = torch.tensor(x, dtype=torch.float32)

    def forward(threads: int) -> None:
        torch.set_num_threads(threads)
        with torch.inference_mode():
            module(floats)

    ours_1, ours_2, torch_1, torch_2 = times_in_turn(
        ROUNDS,
        lambda: fast.run(program, x, threads=1),
        lambda: fast.run(program, x, threads=2),
        lambda: forward(1),
        lambda: forward(2),
    )
    peer = faster_of("snnTorch", torch_1, torch_2)
    yield ratio(name, min(ours_1, ours_2, key=median), peer, unit, goal)
    yield ratio(f"{name}.1_thread", ours_1, peer, f"{unit}, fast with 1 thread", None)


def _slayer(name: str, network: Case) -> Figure:
    with Peer(PEERS / "slayer.py", _integers(network, BATCH)) as peer:
        _check_comparable("slayer", peer())
        ours, peer_1, peer_2 = times_in_turn(
            ROUNDS, lambda: fast.run(network.program, network.x), lambda: peer(1), lambda: peer(2)
        )
    unit = f"times faster than lava-dl slayer's quantised forward, {_words(network)}"
    return ratio(name, ours, faster_of("slayer", peer_1, peer_2), unit, 50)


def _lava(name: str, network: Case) -> Figure:
    program, x = network.program, network.x
    few, many = LAVA_SAMPLES
    ours, short, long = times_in_turn(
        LAVA_ROUNDS,
        lambda: fast.run(program, x),
        lambda: deploy.run(program, x[:few]),
        lambda: deploy.run(program, x[:many]),
    )
    each = [(b - a) / (many - few) for a, b in zip(short, long, strict=True)]
    unit = f"times faster per sample than Lava's runtime, start not counted, {_words(network)}"
    return ratio(name, [t / BATCH for t in ours], each, unit, 1500)


def _one_at_a_time(name: str, script: str, title: str) -> Iterator[Figure]:
    for end, density in DENSITIES.items():
        yield _alone(f"{name}{end}", script, title, two_layers(density))


def _alone(name: str, script: str, title: str, network: Case) -> Figure:
    with Peer(PEERS / f"{script}.py", _integers(network, SAMPLES)) as peer:
        _check_comparable(title, peer())
        ours, theirs = times_in_turn(ROUNDS, lambda: fast.run(network.program, network.x), peer)
    rate = SAMPLES * STEPS / median(theirs)
    unit = f"times faster per sample and step than {title} ({rate:,.0f} steps a second), {_words(network)}"
    return ratio(name, [t / BATCH for t in ours], [t / SAMPLES for t in theirs], unit, 400)


def _integers(network: Case, samples: int) -> dict[str, np.ndarray]:
    """Return what peers run: weights of 8 bits, and thresholds in units of them, rounded."""
    program = network.program
    given = {
        "layers": np.array(len(program.populations)),
        "x": network.x[:samples],
        "activity": np.array(HIDDEN_ACTIVITY),
    }
    for i, connection in enumerate(program.connections):
        neuron: Any = program.populations[connection.target]
        given[f"weights_{i}"] = connection.weights
        given[f"vth_{i}"] = np.round(neuron.vth[0] / 2.0**connection.weight_exp)
        given["dv"] = neuron.dv[0]
    return given


def _check_comparable(title: str, activity: list[float]) -> None:
    for share in activity:
        if not HIDDEN_ACTIVITY / COMPARABLE < share < HIDDEN_ACTIVITY * COMPARABLE:
            raise Disturbed(f"{title}: {share:.1%} of a hidden layer spike, not {HIDDEN_ACTIVITY:.0%}")


def _words(network: Case) -> str:
    sizes = [network.x[0, 0].size, *(neuron.size for neuron in network.program.populations.values())]
    return f"{'-'.join(map(str, sizes))}, {BATCH} samples of {STEPS} steps, {network.activity}"
