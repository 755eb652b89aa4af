"""SANA-FE's own spike trace of 700-256-20, priced by us with its constants, against its own energies."""

import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lavalier.simulate import Counts, Dense, Input, Program, Trace, counts_by_step, energy
from lavalier.simulate.cost.amounts import parts_of
from lavalier.simulate.cost.entries import Entry
from lavalier.simulate.cost.tables import device_tables
from lavalier.simulate.errors import NotAvailable
from lavalier.simulate.neurons import LIF

from ..measure import Figure, point
from ..peers import environment
from ..speed import networks
from . import tables

STEPS = 500
SIZES = 700, 256, 20
DENSITY = 0.02
TILE_CORES, TILE_ROWS = 4, 4  # of SANA-FE's Loihi: tiles are numbered column by column
PLACES = (0,), (36, 64), (101,)  # cores of the inputs, of the halves of the hidden layer, of the output
SYNAPSE = ("syn_ops",)
SOMA = ("dendrite_updates_active", "dendrite_updates_inactive", "spikes_out")


class Sent(NamedTuple):
    """What a population sends between cores, as a placement counts it; (batch)."""

    messages: np.ndarray
    hops_x: np.ndarray
    hops_y: np.ndarray


def network() -> tuple[Program, np.ndarray]:
    """Return the Program, in SANA-FE's time: a spike is added one step after it was sent; and an input."""
    case = networks.case(lambda: networks.dense(*SIZES), SIZES[:1], DENSITY)
    populations = list(case.program.populations.items())
    first, second = case.program.connections
    names = ["in", "layer1", "layer2"]
    program = Program(
        inputs={"in": Input(SIZES[:1])},
        populations={
            n: LIF(p.shape, dv=p.dv, vth=p.vth) for n, (_, p) in zip(names[1:], populations, strict=True)
        },  # type: ignore[union-attr]
        connections=tuple(
            Dense(s, t, c.weights, c.weight_exp, c.num_weight_bits, delay=1)
            for s, t, c in zip(names, names[1:], (first, second), strict=False)
        ),
        outputs=("layer2",),
    )
    samples = case.x[: -(-STEPS // case.x.shape[1])]
    return program, samples.reshape(-1, SIZES[0])[:STEPS]


def cores_of(layer: int) -> np.ndarray:
    """Return the core of each neuron."""
    halves = np.array_split(np.arange(SIZES[layer]), len(PLACES[layer]))
    return np.concatenate([np.full(len(h), core) for h, core in zip(halves, PLACES[layer], strict=True)])


def by_sanafe(program: Program, x: np.ndarray) -> dict[str, np.ndarray]:
    """Let SANA-FE run the network; return its spikes, potentials and energies."""
    python = environment(Path(__file__).with_name("sanafe.txt"))
    given = {f"cores_{k}": cores_of(k) for k in range(3)} | {"x": x.astype(np.uint8)}
    for k, (name, c) in enumerate(zip(program.populations, program.connections, strict=True), 1):
        neuron = program.populations[name]
        given |= {f"weights_{k}": c.weights * 2.0**c.weight_exp, f"threshold_{k}": neuron.vth.flat[0]}  # type: ignore[union-attr]
        given["leak_decay"] = 1 - neuron.dv.flat[0] / 4096  # type: ignore[union-attr]
    with tempfile.TemporaryDirectory() as folder:
        network, seen = Path(folder) / "network.npz", Path(folder) / "seen.npz"
        np.savez(network, **given)  # pyright: ignore[reportArgumentType]
        script = Path(__file__).with_name("sanafe_peer.py")
        done = subprocess.run([python, script, network, seen], capture_output=True, text=True)
        if done.returncode:
            raise NotAvailable(f"SANA-FE has ended ({done.returncode}): {done.stderr.strip()[-300:]}")
        return dict(np.load(seen))


def as_trace(program: Program, seen: dict[str, np.ndarray]) -> Trace:
    """Return what SANA-FE ran as a Trace of the Program; of u and v only whether they are 0 matters here."""
    spikes = {f"layer{k}": seen[f"spikes_{k}"][None] for k in (1, 2)}
    sent = {"in": seen["spikes_0"][None], **spikes}
    u = {c.target: _arriving(c, sent[c.source]) for c in program.connections}
    v1, v2 = np.split((seen["potential"] != 0).astype(np.int32)[None], [SIZES[1]], axis=2)
    counted = Trace(spikes["layer2"], spikes, u, {"layer1": v1, "layer2": v2})
    steps = counts_by_step(program, sent["in"], counted)
    names = ("spikes_in", "spikes_out", "axon_out", *SYNAPSE, *SOMA[:2])
    whole = {n: {k: v.sum(axis=1) for k, v in getattr(steps, n).items()} for n in names}
    return Trace(counted.output, spikes, counts=Counts(**whole))


def _arriving(connection: Dense, sent: np.ndarray) -> np.ndarray:
    late = np.zeros((*sent.shape[:2], connection.shape[0]), np.int32)
    late[:, 1:] = sent[:, :-1].astype(np.int32) @ connection.weights.T
    return late


def traffic(program: Program, seen: dict[str, np.ndarray]) -> dict[str, Sent]:
    """Return messages and hops from core to core, of the inputs too; one a spike and core it reaches."""
    found = {}
    for k, c in enumerate(program.connections):
        fired, here, there = seen[f"spikes_{k}"].sum(axis=0), cores_of(k), cores_of(k + 1)
        sums = np.zeros(3, np.int64)
        for core in np.unique(there):
            reached = np.any(c.weights[there == core] != 0, axis=0)
            for own in np.unique(here):
                messages = int(fired[reached & (here == own)].sum())
                (x0, y0), (x1, y1) = (divmod(int(n) // TILE_CORES, TILE_ROWS) for n in (own, core))
                sums += np.array([messages, messages * abs(x0 - x1), messages * abs(y0 - y1)])
        found[c.source] = Sent(*sums[:, None])
    return found


def components(program: Program, trace: Trace, sent: dict[str, Sent]) -> dict[str, float]:
    """Return our price of each component that SANA-FE tells apart, in joules."""
    (table,) = device_tables("loihi1-sanafe")
    parts = parts_of(program, trace.counts, sent)

    constants: Mapping[str, Entry] = table.constants

    def price(counters: tuple[str, ...]) -> float:
        return sum(constants[c].low * float(p.amounts[c].sum()) for p in parts for c in counters)

    flows = {
        "axon_out": sum(s.messages.sum() for s in sent.values()),
        "hops_x": sum(s.hops_x.sum() for s in sent.values()),
        "hops_y": sum(s.hops_y.sum() for s in sent.values()),
    }
    found = {
        "synapse": price(SYNAPSE),
        "soma": price(SOMA),
        "network": price(("spikes_in",)) + sum(constants[c].low * float(n) for c, n in flows.items()),
    }
    return found | {"total": sum(found.values())}


def vs_sanafe(data: Path | None) -> Iterator[Figure]:
    """Compare component by component; the figure is the largest relative difference."""
    program, x = network()
    seen = by_sanafe(program, x)
    trace, sent = as_trace(program, seen), traffic(program, seen)
    ours = components(program, trace, sent)
    apart = {part: 100 * abs(value / float(seen[f"energy_{part}"]) - 1) for part, value in ours.items()}
    rows = [
        [part, f"{1e6 * float(seen[f'energy_{part}']):.3f}", f"{1e6 * value:.3f}", f"{apart[part]:.3f} %"]
        for part, value in ours.items()
    ]
    as_printed = energy(program, trace, "loihi1-sanafe").per_inference
    assert as_printed
    rows.append(["`lavalier energy`, without a placement", "", f"{1e6 * as_printed.high:.3f}", ""])
    tables.put("sanafe", ["component", "SANA-FE 2.2.9, uJ", "ours, uJ", "difference"], rows)
    unit = f"% apart at most (synapse, soma, network, total; {'-'.join(map(str, SIZES))}, {STEPS} steps)"
    yield point("energy.vs_sanafe", max(apart.values()), unit, 1, "lower")
