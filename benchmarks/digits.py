"""The digits network: speed against its float module and against Lava, and accuracy."""

import tempfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from statistics import median

import numpy as np
import torch

from lavalier import deploy, export
from lavalier.models.digits import DigitNet, load
from lavalier.models.log_mel import STEP_S
from lavalier.models.readout import decide
from lavalier.simulate import Program, compare, fast, reference, run
from lavalier.train.clips import CALIBRATION_CLIPS, EXPORT_CLIPS, Clips, spread
from lavalier.train.digits import load_splits, train_digits

from .measure import Figure, point, ratio, seconds, times_in_turn
from .speed.against import against_snntorch

BATCH = 128
LAVA_CLIPS = (5, 25)  # the difference is what clips cost without the start
LAW_CLIPS = 4  # what the reference runs, for scale
COMPARED = 25
SEED = 0


def shipped() -> DigitNet:
    """Return the network that ships."""
    return load(Path(str(files("lavalier.models") / "digits.pt")))


def _quantized(net: DigitNet, train: Clips) -> Program:
    graph = export.from_torch(net, train.events[:EXPORT_CLIPS], dt=STEP_S)
    return export.quantize(graph, spread(train.events, CALIBRATION_CLIPS))


def speed(data: Path | None) -> Iterator[Figure]:
    """`fast` against the float snnTorch forward of the same batch, the reference, and Lava."""
    train, test = load_splits(None, SEED)
    net, x = shipped().eval(), test.events[:BATCH]
    program = _quantized(net, train)
    unit = f"times faster than snnTorch's float forward, {BATCH} clips, embedded speech"
    yield from against_snntorch("digits.simulate_vs_snntorch", net, program, x, unit, 8)

    torch.set_num_threads(2)

    ours, slow = times_in_turn(3, lambda: fast.run(program, x), lambda: reference.run(program, x[:LAW_CLIPS]))
    ours = [t * LAW_CLIPS / BATCH for t in ours]
    yield ratio("simulate.reference_vs_fast", ours, slow, "times as long per clip, digits", None, "lower")
    if deploy.missing("cpu") is None:
        yield from _against_lava(program, x)


def _against_lava(program: Program, x: np.ndarray) -> Iterator[Figure]:
    few, many = LAVA_CLIPS
    ours, short, long = times_in_turn(
        3,
        lambda: fast.run(program, x),
        lambda: deploy.run(program, x[:few]),
        lambda: deploy.run(program, x[:many]),
    )
    each = [(b - a) / (many - few) for a, b in zip(short, long, strict=True)]
    unit = "ms per clip of 100 steps in Lava's runtime, u, v and s recorded, start not counted"
    in_ms = [1e3 * t for t in each]
    yield Figure("deploy.ms_per_sample", median(in_ms), unit, None, "lower", (min(in_ms), max(in_ms)))
    unit = "times faster per clip than Lava's runtime, start not counted"
    yield ratio("digits.simulate_vs_lava", [t / BATCH for t in ours], each, unit, 500)


def accuracy(data: Path | None) -> Iterator[Figure]:
    """Float and fixed-point accuracy, and Lava against the reference; trains where --data is given."""
    train, test = load_splits(data, SEED)
    if data is None:
        net, unit = shipped(), f"% of {len(test.labels)} embedded clips, shipped weights"
    else:
        net, minutes = _trained(data)
        unit = f"% of {len(test.labels)} recordings in {data.name}, seed {SEED}"
        yield point("digits.train_minutes", minutes, f"minutes to train on {data.name}", 6, "lower")
    program = _quantized(net, train)
    graph = export.from_torch(net, train.events[:EXPORT_CLIPS], dt=STEP_S)
    right = {
        name: 100 * float(np.mean(decide(run(network, test.events).output) == test.labels))
        for name, network in (("float", graph), ("fixed", program))
    }
    yield point("digits.float", right["float"], unit, 97, "higher")
    yield point("digits.fixed", right["fixed"], unit, None, "higher")
    yield point("digits.fixed_loss", right["float"] - right["fixed"], f"points; {unit}", 1, "lower")
    if deploy.missing("cpu") is None:
        yield _lava_mismatches(program, test)


def _trained(data: Path) -> tuple[DigitNet, float]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        taken = seconds(lambda: train_digits(out, data, SEED))
        return load(out / "digits.pt"), taken / 60


def _lava_mismatches(program: Program, test: Clips) -> Figure:
    x = spread(test.events, COMPARED)
    names = tuple(program.populations)
    lava, law = deploy.run(program, x, names), reference.run(program, x, names)
    quick = fast.run(program, x, names)
    found = [compare(lava, law), compare(quick, law)]
    different = sum(row.different for c in found for row in c.rows) + sum(len(c.counters) for c in found)
    unit = f"values of u, v, s that differ of {found[0].values:,}, {COMPARED} clips, Lava and fast"
    return point("digits.lava_mismatches", different, unit, 0, "lower")
