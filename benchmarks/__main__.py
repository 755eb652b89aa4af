"""Run benchmarks, print the table, and keep the figures in results.json."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from lavalier.simulate.errors import LavalierError
from lavalier.simulate.files import write_json

from . import aragon, digits, dpsnn, interchange, quantization, recipes, report, start, training
from .energy import keyword_spotting, neurobench, sanafe_prices
from .measure import Disturbed, Figure
from .speed import against, bound, cost, steps

RESULTS = Path(__file__).with_name("results.json")
BENCHMARKS: dict[str, Callable[[Path | None], Iterator[Figure]]] = {
    "start": start.start,
    "digits.speed": digits.speed,
    "digits.accuracy": digits.accuracy,
    "quantization.hard_cases": quantization.hard_cases,
    "quantization.digits": quantization.digits,
    "export.read_1m_s": interchange.read_1m,
    "export.interpreter_vs_torch": interchange.interpreter_vs_torch,
    "training.bit_true_vs_float": training.step_time,
    "training.accuracy": training.accuracy,
    "train.vs_snntorch": steps.vs_snntorch,
    "train.recurrent_vs_snntorch": steps.recurrent_vs_snntorch,
    "train.gradient_error": steps.gradient_error,
    "train.memory_vs_snntorch": steps.memory,
    "dpsnn": dpsnn.accuracy,
    "stream": dpsnn.stream,
    "report.bytes": report.size,
    "report.ready_s": report.ready,
    "simulate.vs_snntorch": against.vs_snntorch,
    "simulate.vs_slayer": against.vs_slayer,
    "simulate.vs_lava": against.vs_lava,
    "simulate.vs_nengo_loihi": against.vs_nengo_loihi,
    "simulate.vs_xylosim": against.vs_xylosim,
    "simulate.recurrent_vs_snntorch": against.recurrent_vs_snntorch,
    "simulate.conv_vs_snntorch": against.conv_vs_snntorch,
    "simulate.bound_factor": bound.bound_factor,
    "simulate.cost": cost.cost,
    "simulate.first_call_s": cost.first_call,
    "simulate.peak_gib": cost.peak,
    "energy.neurobench_mismatches": neurobench.neurobench_mismatches,
    "energy.vs_sanafe": sanafe_prices.vs_sanafe,
    "energy.keyword_spotting": keyword_spotting.keyword_spotting,
    **recipes.BENCHMARKS,
    **aragon.BENCHMARKS,
}
# figures that do not begin with the name of the benchmark that measures them
MEASURED_BY = {
    "digits.simulate_vs_snntorch": "digits.speed",
    "digits.simulate_vs_lava": "digits.speed",
    "simulate.reference_vs_fast": "digits.speed",
    "simulate.synops_per_s": "simulate.bound_factor",
    "deploy.ms_per_sample": "digits.speed",
    "digits.float": "digits.accuracy",
    "digits.fixed": "digits.accuracy",
    "digits.fixed_loss": "digits.accuracy",
    "digits.lava_mismatches": "digits.accuracy",
    "digits.train_minutes": "digits.accuracy",
    "train.bit_true_vs_float": "training.bit_true_vs_float",
    "train.vs_products": "train.vs_snntorch",
    "whale-1d": "whale",
    "whale-2d": "whale",
    "digits.bit_true": "training.accuracy",
    "digits.bit_true_lost": "training.accuracy",
    "digits.bit_true_mismatches": "training.accuracy",
    "digits.fixed_lost": "training.accuracy",
    "digits.fixed_4bit": "training.accuracy",
    "digits.fixed_4bit_lost": "training.accuracy",
    "digits.quantized_4bit_lost": "training.accuracy",
    "energy.keyword_spotting_low": "energy.keyword_spotting",
    "energy.keyword_spotting_high": "energy.keyword_spotting",
}


def benchmark_of(name: str) -> str | None:
    """Return the benchmark that is called so, or that measures a figure of this name; None if none does."""
    for known, benchmark in [*MEASURED_BY.items(), *((b, b) for b in BENCHMARKS)]:
        if name == known or name.startswith(f"{known}."):
            return benchmark
    return None


def benchmarks_of(name: str) -> list[str]:
    """Return the benchmark of a figure, or all whose names begin with this stage, as `simulate`."""
    benchmark = benchmark_of(name)
    return [benchmark] if benchmark else [b for b in BENCHMARKS if b.startswith(f"{name}.")]


def main() -> int:
    """Run those named, or all; exit 1 if one could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    known = f"a figure, a stage, or one of {', '.join(BENCHMARKS)}; default all"
    parser.add_argument("names", nargs="*", metavar="NAME", help=known)
    parser.add_argument("--data", type=Path, help="recordings in FSDD's layout, to train and score on")
    options = parser.parse_args()
    chosen: dict[str, None] = {}
    for name in options.names or BENCHMARKS:
        found = benchmarks_of(name)
        if not found:
            parser.error(f"no benchmark {name}; there are {', '.join(BENCHMARKS)}")
        chosen |= dict.fromkeys(found)
    failed = False
    for name in chosen:
        try:
            figures = list(BENCHMARKS[name](options.data))
        except (Disturbed, LavalierError) as error:
            print(f"{name}: not written: {error}", file=sys.stderr)
            failed = True
            continue
        for figure in figures:
            print(_line(figure), flush=True)
        _keep(figures)
    return int(failed)


def _line(figure: Figure) -> str:
    entry = figure.to_json()
    goal = "" if figure.goal is None else f"goal {figure.goal:g}"
    low, high = entry["spread"]
    spread = "" if low == high else f"({low:g} to {high:g})"
    return f"{figure.name:<38}{entry['value']:>10g}  {spread:<20}{goal:<10}{figure.unit}"


def _keep(figures: list[Figure]) -> None:
    """Replace these figures in results.json and leave the others."""
    kept = {e["name"]: e for e in json.loads(RESULTS.read_text())} if RESULTS.exists() else {}
    kept |= {figure.name: figure.to_json() for figure in figures}
    write_json(RESULTS, [kept[name] for name in sorted(kept)])


if __name__ == "__main__":
    sys.exit(main())
