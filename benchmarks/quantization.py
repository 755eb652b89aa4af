"""What quantisation loses, by max-abs and by the search: hard cases and the digits network.

The table is printed; docs/quantization.md shows one. No figure of it stands in results.json.
"""

import tempfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import numpy as np

from lavalier import export
from lavalier.export.calibration import observe
from lavalier.export.outcomes import Outcome, outcome
from lavalier.export.quantization import Quantization, quantization
from lavalier.models.readout import decide
from lavalier.simulate import Program, run
from lavalier.train.clips import CALIBRATION_CLIPS, spread
from lavalier.train.digits import load_splits, train_digits

from .hard_cases import CASES, FIXTURES, Case, braille
from .measure import Figure

BITS = (8, 6, 4, 3)
DIGITS_BITS = (8, 6, 5, 4, 3)
SEEDS = (0, 1, 2)


def hard_cases(data: Path | None) -> Iterator[Figure]:
    """Print output error and decisions that differ on events that the search has not seen."""
    print(f"{'case':<26}{'bits':>5}  {'max-abs: error, differ':<26}{'search: error, differ':<26}")
    for name, make in CASES.items():
        if make is braille and not FIXTURES.is_dir():
            print(f"{name:<26}not run: needs ../shared")
            continue
        case = make()
        for bits in BITS:
            found = quantization(case.graph, case.calibration, bits)
            before, after = (f"{o.error:.4f}  {o.differ:>2} of {o.decisions}" for o in scored(case, found))
            if any(np.ptp(choice.scale) for choice in found.plain.values()):
                before = "refused: a threshold is 0"
            print(f"{name:<26}{bits:>5}  {before:<26}{after:<26}", flush=True)
    yield from ()


def scored(case: Case, found: Quantization) -> tuple[Outcome, Outcome]:
    """Return what the plain choices and those of the search do to a case's test events."""
    x = {found.network.flat.inputs[0]: case.test}
    observed = observe(case.graph, found.network, found.floats, x, found.program.inputs)
    return (
        outcome(found.plain_program, found.floats, found.plain, observed),
        outcome(found.program, found.floats, found.choices, observed),
    )


def digits(data: Path | None) -> Iterator[Figure]:
    """Print recordings that max-abs and the search lose and win; trains three seeds where --data is given."""
    print(f"{'seed':<6}{'bits':>5}  {'float':<12}{'max-abs: net, differ':<24}{'search: net, differ':<24}")
    for seed, graph in _graphs(data):
        train, test = load_splits(data, seed)
        floats = decide(run(graph, test.events).output)
        right = int(np.sum(floats == test.labels))
        for bits in DIGITS_BITS:
            found = quantization(graph, spread(train.events, CALIBRATION_CLIPS), bits)
            said = [_lost(p, test, floats) for p in (found.plain_program, found.program)]
            print(f"{seed:<6}{bits:>5}  {right} of {len(floats):<5}{said[0]:<24}{said[1]:<24}", flush=True)
    yield from ()


def _graphs(data: Path | None):
    """Return seed and float graph of each network: the shipped one, or those trained on the data."""
    if data is None:
        yield 0, export.read(Path(str(files("lavalier.models") / "digits.nir")))
        return
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as folder:
            train_digits(Path(folder) / "run", data, seed)
            yield seed, export.read(Path(folder) / "run" / "graph.nir")


def _lost(program: Program, test, floats: np.ndarray) -> str:
    fixed = decide(run(program, test.events).output)
    net = int(np.sum(fixed == test.labels)) - int(np.sum(floats == test.labels))
    return f"{net:+d}, {np.sum(fixed != floats)} differ"
