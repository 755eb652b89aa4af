"""Bit-true training: what a step costs, and what it keeps of the accuracy on recordings."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from lavalier import deploy, export
from lavalier.export.quantization import quantization
from lavalier.models.digits import load
from lavalier.models.log_mel import STEP_S
from lavalier.models.readout import decide
from lavalier.simulate import Program, run
from lavalier.simulate.errors import BadInput
from lavalier.simulate.files import write_json
from lavalier.train.augment import augment
from lavalier.train.bit_true import BitTrue
from lavalier.train.clips import CALIBRATION_CLIPS, EXPORT_CLIPS, Clips, spread
from lavalier.train.digits import load_splits, train_digits
from lavalier.train.fine_tuning import FINE, fine_tune
from lavalier.train.fit import fit

from .digits import shipped
from .measure import ROUNDS, Figure, point, ratio, times_in_turn

BATCH = 128
SEEDS = (0, 1, 2)
DEPLOYED = 0  # the seed whose bit-true Program runs on Lava
# a step of `DigitNet.step_sizes` that is as large a share of the weights as a bit-true one
FLOAT_SHARE = 0.2
TABLE = Path(__file__).with_name("fine_tuning.json")


def step_time(data: Path | None) -> Iterator[Figure]:
    """One step on a batch, bit-true and of the float module it came from; one thread, as in `fit`."""
    train, _ = load_splits(data, 0)
    net = shipped()
    module = BitTrue(quantization(_exported(net, train), spread(train.events, CALIBRATION_CLIPS)))
    x, y = torch.from_numpy(train.events[:BATCH]).float(), torch.from_numpy(train.labels[:BATCH])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    floats, ours = times_in_turn(ROUNDS, _step(net, x, y), _step(module, x, y))
    torch.set_num_threads(threads)
    unit = f"times as long as a float training step of the snnTorch module, digits, batch {BATCH}"
    yield ratio("train.bit_true_vs_float", floats, ours, unit, 2, "lower")


def _step(net: nn.Module, x: torch.Tensor, y: torch.Tensor):
    """Return a function that takes one step of Adam."""
    net.train()
    optimizer = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=1e-5)

    def step() -> None:
        optimizer.zero_grad()
        functional.cross_entropy(net(x).mean(1), y).backward()
        optimizer.step()
        net.constrain()  # type: ignore[operator]

    return step


def accuracy(data: Path | None) -> Iterator[Figure]:
    """Recordings that integers lose, before and after fine-tuning, over three seeds; needs --data."""
    if data is None:
        raise BadInput("bit-true accuracy is measured on recordings: give --data")
    train, test = load_splits(data, 0)
    runs: dict[int, dict[str, tuple[np.ndarray, np.ndarray]]] = {}
    mismatches = None
    for seed in SEEDS:
        networks, programs = _networks(data, seed, train)
        right = {
            k: decide(run(network, test.events).output) == test.labels for k, network in networks.items()
        }
        runs[seed] = {name: (right[name], right[BEFORE[name]]) for name in right}
        if seed == DEPLOYED and deploy.missing("cpu") is None:
            mismatches = _mismatches(programs, test)
    names = np.array(test.names)
    write_json(
        TABLE, [_row(s, name, *pair, names) for s, found in runs.items() for name, pair in found.items()]
    )
    n = len(SEEDS) * len(names)
    of = f"{n} decisions, {data.name}, seeds {SEEDS[0]} to {SEEDS[-1]}"

    def right_in(name: str) -> int:
        return sum(int(runs[seed][name][0].sum()) for seed in SEEDS)

    def lost(name: str) -> int:
        return right_in(BEFORE[name]) - right_in(name)

    yield point(
        "digits.bit_true", 100 * right_in("bit-true 8") / n, f"% of {of}, 8 bits, fine-tuned", None, "higher"
    )
    yield point(
        "digits.fixed_4bit",
        100 * right_in("bit-true 4") / n,
        f"% of {of}, 4 bits, fine-tuned",
        None,
        "higher",
    )
    against = "recordings lost, net, against floats"
    yield point("digits.fixed_lost", lost("quantized 8"), f"{against}; of {of}, 8 bits", 3, "lower")
    longer = f"{against} with as many epochs"
    yield point("digits.bit_true_lost", lost("bit-true 8"), f"{longer}; of {of}, 8 bits", 1, "lower")
    yield point("digits.fixed_4bit_lost", lost("bit-true 4"), f"{longer}; of {of}, 4 bits", 11, "lower")
    unit = f"{against}; of {of}, 4 bits, not fine-tuned"
    yield point("digits.quantized_4bit_lost", lost("quantized 4"), unit, None, "lower")
    if mismatches is not None:
        unit = f"decisions of Lava and of training that differ, of {len(names)} recordings, 8 and 4 bits"
        yield point("digits.bit_true_mismatches", mismatches, unit, 0, "lower")


# what each network is compared with
BEFORE = {
    "float": "float",
    "float, longer": "float",
    "quantized 8": "float",
    "bit-true 8": "float, longer",
    "quantized 4": "float",
    "bit-true 4": "float, longer",
}


def _networks(data: Path, seed: int, train: Clips) -> tuple[dict, dict[int, Program]]:
    """Train a float network and fine-tune it; return all by name, and the bit-true Programs by bits."""
    settings = replace(FINE, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        train_digits(at / "run", data, seed)
        net = load(at / "run" / "digits.pt")
        graph = _exported(net, train)
        floats = replace(settings, learning_rate=FLOAT_SHARE * settings.learning_rate)
        longer = fit(net, train.events, train.labels, floats, at / "longer", vary=augment)
        networks = {"float": graph, "float, longer": _exported(longer, train)}
        programs = {}
        for bits in (8, 4):
            before, after = fine_tune(graph, train, bits, settings, at / str(bits), vary=augment)
            networks |= {f"quantized {bits}": before, f"bit-true {bits}": after}
            programs[bits] = after
    return networks, programs


def _exported(net: nn.Module, train: Clips):
    return export.from_torch(net, train.events[:EXPORT_CLIPS], dt=STEP_S)


def _mismatches(programs: dict[int, Program], test: Clips) -> int:
    """Count decisions on Lava that are not those of the Program."""
    pairs = [(deploy.run(p, test.events), run(p, test.events)) for p in programs.values()]
    return sum(int((decide(lava.output) != decide(ours.output)).sum()) for lava, ours in pairs)


def _row(seed: int, name: str, right: np.ndarray, before: np.ndarray, names: np.ndarray) -> dict:
    changed = {"lost": names[before & ~right].tolist(), "won": names[right & ~before].tolist()}
    of = {"right": int(right.sum()), "of": len(right)}
    return {"seed": seed, "network": name, **of, "compared_with": BEFORE[name], **changed}
