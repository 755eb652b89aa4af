"""What quantisation loses, by max-abs, by the search and after bit-true training: hard cases and digits.

The table is printed; docs/quantization.md shows one. No figure of it stands in results.json.
"""

import tempfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch

from lavalier import export
from lavalier.export.calibration import observe
from lavalier.export.outcomes import Outcome, outcome
from lavalier.export.quantization import Quantization, quantization
from lavalier.export.rounding import Choice
from lavalier.models.readout import decide
from lavalier.simulate import Program, run
from lavalier.train.bit_true import BitTrue
from lavalier.train.clips import CALIBRATION_CLIPS, spread
from lavalier.train.digits import load_splits, train_digits

from .hard_cases import CASES, FIXTURES, Case, braille
from .measure import Figure

BITS = (8, 6, 4, 3)
DIGITS_BITS = (8, 6, 5, 4, 3)
SEEDS = (0, 1, 2)
TUNING_STEPS = 200  # of bit-true training toward the float output
TUNING_RATE = 0.001  # in shares of a layer's weights


def hard_cases(data: Path | None) -> Iterator[Figure]:
    """Print output error and decisions that differ on events that the search has not seen."""
    kinds = ("max-abs", "search", "bit-true")
    print(f"{'case':<26}{'bits':>5}  " + "".join(f"{f'{kind}: error, differ':<26}" for kind in kinds))
    for name, make in CASES.items():
        if make is braille and not FIXTURES.is_dir():
            print(f"{name:<26}not run: needs ../shared")
            continue
        case = make()
        for bits in BITS:
            found = quantization(case.graph, case.calibration, bits)
            outcomes = [*scored(case, found), _score(case, found, tuned(case, found), found.choices)]
            said = [f"{o.error:.4f}  {o.differ:>2} of {o.decisions}" for o in outcomes]
            if any(np.ptp(choice.scale) for choice in found.plain.values()):
                said[0] = "refused: a threshold is 0"
            print(f"{name:<26}{bits:>5}  " + "".join(f"{words:<26}" for words in said), flush=True)
    yield from ()


def scored(case: Case, found: Quantization) -> list[Outcome]:
    """Return what the plain choices and those of the search do to the test events of a case."""
    made = [(found.plain_program, found.plain), (found.program, found.choices)]
    return [_score(case, found, program, choices) for program, choices in made]


def _score(case: Case, found: Quantization, program: Program, choices: dict[str, Choice]) -> Outcome:
    x = {found.network.flat.inputs[0]: case.test}
    observed = observe(case.graph, found.network, found.floats, x, found.program.inputs)
    return outcome(program, found.floats, choices, observed)


def tuned(case: Case, found: Quantization) -> Program:
    """Train weights and biases bit-true toward the float output on the calibration; keep the nearest."""
    module = BitTrue(found)
    x = torch.from_numpy(case.calibration)
    aim = torch.from_numpy(run(case.graph, case.calibration).output).float()
    groups = [{"params": p, "lr": TUNING_RATE * size} for p, size in module.step_sizes()]
    optimizer = torch.optim.Adam(groups)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, TUNING_STEPS)
    least, best = np.inf, found.program
    for _ in range(TUNING_STEPS):
        optimizer.zero_grad()
        loss = (module(x) - aim).square().mean()
        if loss.item() < least:
            least, best = loss.item(), module.program()
        loss.backward()
        optimizer.step()
        falling.step()
        module.constrain()
    return best


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
