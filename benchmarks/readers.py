"""Other people's readers: do snnTorch and Norse give the spikes of the files that we write?

`python -m benchmarks.readers` exports every network of NETWORKS, lets the readers load and run the files
in an environment of their own (.peers/readers), compares with our run, and writes the table in
docs/readers.md.
"""

import json
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import nir
import numpy as np
import snntorch as snn
import torch
from torch import nn

from lavalier import export
from lavalier.models.neurons import Integrator
from lavalier.simulate import run
from lavalier.simulate.errors import NotAvailable

from .peers import ROOT, environment

DOCS = ROOT / "docs" / "readers.md"
MARKS = "<!-- readers -->", "<!-- /readers -->"
REQUIREMENTS = Path(__file__).with_name("readers.txt")
INPUTS, HIDDEN, OUTPUTS = 8, 12, 6
BATCH, STEPS, DENSITY = 4, 100, 0.4


class Chain(nn.Module):
    """Layers one after the other."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Run all steps, (batch, steps, *shape)."""
        return torch.stack([self.layers(x_t) for x_t in x.unbind(1)], 1)


class Stepped(nn.Module):
    """Layers joined by hand: step(layers, x, kept of the last step) returns the output and what it keeps."""

    def __init__(self, step: Callable, kept: int, neuron: Callable, bias: bool = True) -> None:
        super().__init__()
        self.step, self.kept = step, kept
        self.fc, self.hidden = linear(INPUTS, HIDDEN), neuron(HIDDEN)
        self.inner, self.beside = linear(HIDDEN, HIDDEN, bias), linear(HIDDEN, HIDDEN)
        self.second, self.back = neuron(HIDDEN), linear(OUTPUTS, HIDDEN, bias)
        self.out, self.last, self.readout = linear(HIDDEN, OUTPUTS), neuron(OUTPUTS), Integrator(OUTPUTS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Run all steps, (batch, steps, inputs)."""
        kept, sent = torch.zeros(len(x), self.kept), []
        for x_t in x.unbind(1):
            out, kept = self.step(self, x_t, kept)
            sent.append(out)
        return torch.stack(sent, 1)


def linear(n_in: int, n_out: int, bias: bool = True) -> nn.Module:
    """Return weights for a layer."""
    return lively(nn.Linear(n_in, n_out, bias), 0.05)


def lively(layer: nn.Linear | nn.Conv2d, mean: float) -> nn.Module:
    """Draw weights that let neurons fire now and then."""
    nn.init.normal_(layer.weight, mean, 0.5)
    return layer


def spread(low: float, high: float, n: int | tuple[int, ...]) -> torch.Tensor:
    """Return a parameter that differs from neuron to neuron."""
    return low + (high - low) * torch.rand(n)


def leaky(n: int | tuple[int, ...], **options: Any) -> nn.Module:
    """Return Leaky neurons, reset to zero and with a beta each unless told otherwise."""
    defaults = {"beta": spread(0.6, 0.9, n), "reset_mechanism": "zero", "init_hidden": True}
    return snn.Leaky(**{**defaults, **options})


def synaptic(n: int, **options: Any) -> nn.Module:
    """Return Synaptic neurons, reset to zero at once unless told otherwise."""
    decays = {"alpha": spread(0.2, 0.6, n), "beta": spread(0.6, 0.9, n)}
    defaults = {"reset_mechanism": "zero", "reset_delay": False, "init_hidden": True}
    return snn.Synaptic(**{**decays, **defaults, **options})


def stack(*neurons: Callable) -> Chain:
    """Return layers of such neurons, each with weights before it."""
    sizes = [INPUTS, *[HIDDEN] * (len(neurons) - 1), OUTPUTS]
    layers: list[nn.Module] = []
    for neuron, (n_in, n_out) in zip(neurons, pairwise(sizes), strict=True):
        layers += [linear(n_in, n_out), neuron(n_out)]
    return Chain(*layers)


def two(neuron: Callable, **options: Any) -> Chain:
    """Return two layers of the same kind."""
    layer = partial(neuron, **options)
    return stack(layer, layer)


def image(*pools: nn.Module) -> Chain:
    """Return a convolution of one channel of 8 x 8 pixels, and a dense layer."""
    features = 3 * 6 * 6 // 4 ** len(pools)
    convolution = (lively(nn.Conv2d(1, 3, 3), 0.3), leaky((3, 6, 6)), *pools, nn.Flatten())
    return Chain(*convolution, linear(features, OUTPUTS), leaky(OUTPUTS))


def skip(net: Stepped, x: torch.Tensor, kept: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Add what the hidden layer sends to what the inner weights make of it."""
    z = net.hidden(net.fc(x))
    return net.last(net.out(net.second(net.inner(z) + z))), kept


def side_by_side(net: Stepped, x: torch.Tensor, kept: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Add two paths of equal length."""
    z = net.hidden(net.fc(x))
    return net.last(net.out(net.second(net.inner(z) + net.beside(z)))), kept


def recurrent(net: Stepped, x: torch.Tensor, spikes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Weigh the hidden layer's last spikes back into it."""
    spikes = net.hidden(net.fc(x) + net.inner(spikes))
    return net.last(net.out(spikes)), spikes


def recurrent_current(net: Stepped, x: torch.Tensor, current: torch.Tensor) -> tuple:
    """The same loop, which keeps what the weights made of the spikes."""
    spikes = net.hidden(net.fc(x) + current)
    return net.last(net.out(spikes)), net.inner(spikes)


def feedback(net: Stepped, x: torch.Tensor, spikes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Weigh the output's last spikes back into the hidden layer."""
    spikes = net.last(net.out(net.hidden(net.fc(x) + net.back(spikes))))
    return spikes, spikes


def integrate(net: Stepped, x: torch.Tensor, mem: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Read the hidden spikes out without spiking."""
    mem = net.readout(net.out(net.hidden(net.fc(x))), mem)
    return mem, mem


class Network(NamedTuple):
    """A row of the table.

    Attributes
    ----------
    title : str
    build : returns a torch module
    plain : bool
        Reset to zero and nothing else: what every reader that loads it must run alike.
    shape : tuple of int
        Of its input in one step.
    """

    title: str
    build: Callable[[], nn.Module]
    plain: bool = True
    shape: tuple[int, ...] = (INPUTS,)


def rleaky(n: int) -> nn.Module:
    """Return neurons with weights among themselves, reset as snnTorch resets them by default."""
    return snn.RLeaky(0.8, linear_features=n, reset_mechanism="zero", init_hidden=True)


def thresholds(n: int) -> nn.Module:
    """Return Leaky neurons with a threshold each."""
    return leaky(n, threshold=spread(0.7, 1.3, n))


NETWORKS = (
    Network("Leaky, zero, one beta", lambda: two(leaky, beta=0.8)),
    Network("Leaky, zero, beta per neuron", lambda: two(leaky)),
    Network("Leaky, zero, threshold per neuron", lambda: two(thresholds)),
    Network("Leaky, zero, beta 1", lambda: two(leaky, beta=1.0)),
    Network("Synaptic, zero, reset_delay=False", lambda: two(synaptic)),
    Network("Leaky with beta 1, Leaky, Synaptic", lambda: stack(partial(leaky, beta=1.0), leaky, synaptic)),
    Network("skip connection", lambda: Stepped(skip, 0, leaky)),
    Network("two paths side by side", lambda: Stepped(side_by_side, 0, leaky)),
    Network("Conv2d, Flatten", image, shape=(1, 8, 8)),
    Network("Conv2d, AvgPool2d, Flatten", lambda: image(nn.AvgPool2d(2)), shape=(1, 8, 8)),
    Network("recurrent Leaky, no bias", lambda: Stepped(recurrent, HIDDEN, leaky, bias=False)),
    Network("recurrent Leaky, bias", lambda: Stepped(recurrent, HIDDEN, leaky)),
    Network("recurrent Leaky, current kept", lambda: Stepped(recurrent_current, HIDDEN, leaky, bias=False)),
    Network("recurrent Synaptic, bias", lambda: Stepped(recurrent, HIDDEN, synaptic)),
    Network("feedback over two layers, no bias", lambda: Stepped(feedback, OUTPUTS, leaky, bias=False)),
    Network("feedback over two layers, bias", lambda: Stepped(feedback, OUTPUTS, leaky)),
    Network("Leaky, subtract (default)", lambda: two(leaky, reset_mechanism="subtract"), False),
    Network(
        "Leaky, subtract, reset_delay=False",
        lambda: two(leaky, reset_mechanism="subtract", reset_delay=False),
        False,
    ),
    Network("Leaky, none", lambda: two(leaky, reset_mechanism="none"), False),
    Network(
        "Synaptic, subtract (default)",
        lambda: two(synaptic, reset_mechanism="subtract", reset_delay=True),
        False,
    ),
    Network("RLeaky, zero", lambda: two(rleaky), False),
    Network(
        "Leaky, zero, last spikes of size 2",
        lambda: stack(leaky, partial(leaky, graded_spikes_factor=2.0)),
        False,
    ),
    Network(
        "Leaky, zero, first spikes of size 2",
        lambda: stack(partial(leaky, graded_spikes_factor=2.0), leaky),
        False,
    ),
    Network("Leaky, zero, Integrator readout", lambda: Stepped(integrate, OUTPUTS, leaky), False),
)


def exported(network: Network) -> tuple[nir.NIRGraph, np.ndarray]:
    """Return a network's graph, and input for it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = network.build()
        x = (torch.rand(BATCH, STEPS, *network.shape) < DENSITY).float()
    return export.from_torch(module, x), x.double().numpy()


class Row(NamedTuple):
    """What the readers made of one file, in words.

    Attributes
    ----------
    network, nodes, nir, snntorch, norse : str
        The cells of the table.
    default_dt : str
        As norse, with its own dt.
    """

    network: str
    nodes: str
    nir: str
    snntorch: str
    norse: str
    default_dt: str


def compare(python: Path) -> tuple[list[Row], dict[str, str]]:
    """Export every network and let the readers run it; return a row for each, and the readers' versions."""
    with tempfile.TemporaryDirectory() as name:
        paths = {network: Path(name) / f"{i}.nir" for i, network in enumerate(NETWORKS)}
        for network, path in paths.items():
            graph, x = exported(network)
            export.write(graph, path)
            np.save(path.with_suffix(".npy"), x)
        peer = Path(__file__).with_name("readers_peer.py")
        done = subprocess.run([python, peer, name], capture_output=True, text=True)
        if done.returncode:
            raise NotAvailable(f"the peers cannot be asked: {done.stderr.strip()}")
        said = json.loads((Path(name) / "said.json").read_text())
        rows = [_row(network, path, said["files"][path.stem]) for network, path in paths.items()]
    return rows, said["versions"]


def _row(network: Network, path: Path, said: dict[str, Any]) -> Row:
    kinds = Counter(type(node).__name__ for node in export.read(path).nodes.values())
    nodes = ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items()) if kind not in ("Input", "Output"))
    readers = [_verdict(path, name, said[name]) for name in ("snnTorch", "Norse", "Norse without dt")]
    return Row(network.title, nodes, f"refused: `{said['nir']}`" if said["nir"] else "reads", *readers)


def _verdict(path: Path, reader: str, said: dict[str, Any]) -> str:
    """Say what a reader made of a file; where it differs, which convention of its own explains all of it."""
    if "refused" in said:
        return f"does not load: `{said['refused']}`"
    warns = "; warns: " * bool(said["warnings"]) + ", ".join(f"`{warning}`" for warning in said["warnings"])
    graph = export.read(path)
    if said.get("left_out"):
        names = {name.replace(".", "_"): node for name, node in graph.nodes.items()}
        kinds = {type(names[name]).__name__ for name in said["left_out"]}
        return f"loads in part: **leaves out {', '.join(sorted(kinds))}**{warns}"
    if said.get("ends_at"):
        return f"loads, **wrong**: returns what node `{said['ends_at']}` sends{warns}"
    if "failed" in said:
        return f"loads, does not run: `{said['failed']}`{warns}"
    sent, x = np.load(path.with_suffix(f".{reader}.npy")), np.load(path.with_suffix(".npy"))
    alone = "" if said["batched"] else ", one sample at a time"
    ours = run(graph, x).output
    if np.array_equal(sent, ours):
        return f"equal ({np.count_nonzero(ours):,} spikes){alone}{warns}"
    same = (reason for reason, other in _conventions(path) if np.array_equal(sent, run(other, x).output))
    different = f"**{np.count_nonzero(sent != ours):,} of {ours.size:,} differ**"
    return f"loads, {different}: {next(same, 'unexplained')}{alone}{warns}"


def _conventions(path: Path) -> Iterator[tuple[str, nir.NIRGraph]]:
    """Yield what a reader may do to a file, and the graph that it computes then."""
    late = "a loop's bias comes one step late, as in our preset norse"
    yield late, export.read(path, preset="norse")
    yield "ignores r of LIF", _without_r(export.read(path))
    yield f"ignores r of LIF; {late}", _without_r(export.read(path, preset="norse"))


def _without_r(graph: nir.NIRGraph) -> nir.NIRGraph:
    for node in graph.nodes.values():
        if isinstance(node, nir.LIF):
            node.r = np.ones_like(node.r)
    return graph


def table(rows: list[Row], versions: dict[str, str]) -> str:
    """Return the table in Markdown, and below it what was compared."""
    head = ("network", "nodes", "nir.read", "snnTorch", "Norse")
    lines = [head, ["---"] * len(head), *(row[: len(head)] for row in rows)]
    right = [row for row in rows if row.norse.startswith("equal")]
    as_well = sum(row.default_dt.startswith("equal") for row in right)
    below = (
        f"{BATCH} samples of {STEPS} steps each, dt=1e-4. Norse is equal in {len(right)} networks; "
        f"with its default dt of 1e-3, in {as_well} of them.",
        "Versions: " + ", ".join(f"{name} {version}" for name, version in versions.items()) + ".",
    )
    return "\n".join([*("| " + " | ".join(line) + " |" for line in lines), "", *below])


def main() -> None:
    """Write the table into the docs."""
    text = table(*compare(environment(REQUIREMENTS)))
    before, _, rest = DOCS.read_text().partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    DOCS.write_text(f"{before}{MARKS[0]}\n{text}\n{MARKS[1]}{after}")
    print(text)


if __name__ == "__main__":
    main()
