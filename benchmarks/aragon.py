"""The instrument systems: what every recipe has, and what each of these claims for itself."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from lavalier import deploy
from lavalier.export import from_torch, quantize
from lavalier.models.cochlea import HEARD
from lavalier.models.learned_fft import LearnedFFT, dft_matrix, from_first_sample, magnitudes
from lavalier.simulate import LIF, Dense, Input, Program, compare, fast, merge, run
from lavalier.simulate.errors import BadInput
from lavalier.train.generate.trains import LONGEST, SHORTEST, period_train
from lavalier.train.note_sets import Sound, in_noise, sounds_of, to_split
from lavalier.train.recipes import cochlea as cochlea_recipe
from lavalier.train.recipes import flute as flute_recipe
from lavalier.train.recipes import goldilocks as goldilocks_recipe
from lavalier.train.recipes import load
from lavalier.train.recipes.learning import fused, outputs
from lavalier.train.recipes.recipe import Options, Recipe, Splits
from lavalier.train.recipes.run import train_recipe

from .measure import Figure, point
from .recipes import SEED, figures_of

AMPLITUDES = (1.0, 0.01)
SNRS_DB = (20, 15, 10, 5, 0)
WEIGHT_BITS = (8, 7, 6, 5, 4, 3)


@dataclass(frozen=True)
class Ran:
    """A recipe after its one command."""

    recipe: Recipe
    options: Any
    metrics: dict
    net: nn.Module
    program: Program
    splits: Splits

    def score(self, x: np.ndarray, y: np.ndarray, fixed: bool) -> float:
        """Return the score on other samples."""
        return self.recipe.score(self.output(x, fixed), y)

    def output(self, x: np.ndarray, fixed: bool) -> np.ndarray:
        """Return what the network gives, in floats or in integers."""
        if fixed:
            return np.asarray(fast.run(self.program, np.asarray(self.program.encode(x))).output)
        return outputs(fused(self.net), x)


@contextmanager
def ran(name: str, data: Path | None = None, **changes: Any) -> Iterator[Ran]:
    """Run a recipe, with Lava where there is one."""
    recipe = load(name)
    options: Options = recipe.chosen(None, changes)
    lava = None if deploy.missing("cpu") else deploy.run
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        metrics = train_recipe(recipe, out, data, SEED, options, lava, say=print)
        net = recipe.network(options)
        net.load_state_dict(torch.load(out / "net.pt", weights_only=True))
        program = Program.load(out / "program.nir")
        yield Ran(recipe, options, metrics, net.eval(), program, recipe.splits(data, SEED, options))


def goldilocks(data: Path | None) -> Iterator[Figure]:
    """Accuracy on every period at three phases; which periods are heard is printed."""
    with ran("goldilocks") as done:
        yield from figures_of(done.recipe, done.metrics)
        accuracy = 100 * min(done.metrics["float"], done.metrics["fixed"])
        n = done.metrics["n_test"]
        unit = f"% of {n} trains, periods 2 to 100 at 3 phases, the worse of float and fixed"
        yield point("goldilocks.accuracy", accuracy, unit, 100, "higher")
        periods = np.arange(SHORTEST, LONGEST + 1)
        x = np.stack([period_train(p, 0) for p in periods])[:, :, None]
        for fixed in (False, True):
            spikes = done.output(x, fixed).sum((1, 2)).astype(int)
            told = ", ".join(f"{p}: {n}" for p, n in zip(periods, spikes, strict=True) if n)
            print(f"goldilocks, {'fixed' if fixed else 'float'}: spikes in 1,000 steps by period: {told}")
            found = periods[goldilocks_recipe.decide(done.output(x, fixed)) == 1]
            print(f"goldilocks, {'fixed' if fixed else 'float'}: heard are periods {found[0]} to {found[-1]}")


def cochlea(data: Path | None) -> Iterator[Figure]:
    """Accuracy at two amplitudes, with the front end of `flute` beside it; the knife edge is printed."""
    for line in knife_edge():
        print(line)
    with ran("cochlea") as done:
        yield from figures_of(done.recipe, done.metrics)
        seconds = cochlea_recipe.SKIPPED_S + done.options.seconds
        encode = cochlea_recipe.encoder(done.options)
        found = _at_amplitudes(done, seconds, encode, done.options.test_notes)
        worst = max(abs(found[AMPLITUDES[0], fixed] - found[AMPLITUDES[1], fixed]) for fixed in (False, True))
        n = done.options.test_notes
        unit = f"points between amplitudes 1 and 0.01, {n} generated notes, the worse of float and fixed"
        yield point("cochlea.amplitude_points", 100 * worst, unit, 2, "lower")
        yield from _amplitude_figures("cochlea", found)


def _at_amplitudes(done: Ran, seconds: float, encode: Callable, n: int) -> dict[tuple[float, bool], float]:
    """Score the test notes, their loudest sample brought to each amplitude."""
    sounds, _ = sounds_of(None, SEED, "test", n, "flute", seconds)
    found = {}
    for amplitude in AMPLITUDES:
        test = to_split(_brought_to(sounds, amplitude), seconds, encode)
        for fixed in (False, True):
            found[amplitude, fixed] = done.score(test.x, test.y, fixed)
    return found


def _amplitude_figures(name: str, found: dict[tuple[float, bool], float]) -> Iterator[Figure]:
    for (amplitude, fixed), score in found.items():
        if fixed:
            unit = f"accuracy, %, fixed, generated notes of amplitude {amplitude:g}"
            yield point(f"{name}.amplitude_{amplitude:g}", 100 * score, unit, None, "higher")


def _brought_to(sounds: Sequence[Sound], amplitude: float) -> list[Sound]:
    return [(name, amplitude * x / np.abs(x).max(), y) for name, x, y in sounds]


def flute(data: Path | None) -> Iterator[Figure]:
    """Accuracy, precision and recall; two amplitudes; segments of 300 ms; noise from 20 to 0 dB."""
    with ran("flute") as done:
        yield from figures_of(done.recipe, done.metrics)
        yield from _decisions(done)
        n = done.options.test_notes
        yield from _amplitude_figures(
            "flute", _at_amplitudes(done, flute_recipe.SECONDS, flute_recipe.encode, n)
        )
        yield from _in_noise("flute", done)
    with ran("flute", noisy=0.7) as hardened:
        yield from _in_noise("flute.learned_in_noise", hardened)


def _decisions(done: Ran) -> Iterator[Figure]:
    test = done.splits.test
    notes = f"{len(test)} generated notes, seed {SEED}"
    for fixed in (False, True):
        said = "fixed" if fixed else "float"
        decided = flute_recipe.decide_score(done.output(test.x, fixed))
        hits = int(np.sum(decided & test.y))
        precision, recall = hits / max(1, decided.sum()), hits / test.y.sum()
        yield point(f"flute.precision.{said}", 100 * precision, f"%, {notes}", None, "higher")
        yield point(f"flute.recall.{said}", 100 * recall, f"%, {notes}", None, "higher")
        x, y = flute_recipe.segments(test.x, test.y, np.random.default_rng(SEED))
        unit = f"accuracy, %, {len(y)} segments of 300 ms"
        yield point(f"flute.segments.{said}", 100 * done.score(x, y, fixed), unit, None, "higher")


def _in_noise(name: str, done: Ran) -> Iterator[Figure]:
    """Score the test notes in noise, in integers."""
    sounds, _ = sounds_of(None, SEED, "test", done.options.test_notes, "flute", flute_recipe.SECONDS)
    for snr_db in SNRS_DB:
        noisy = in_noise(sounds, snr_db, np.random.default_rng(SEED))
        test = to_split(noisy, flute_recipe.SECONDS, flute_recipe.encode)
        unit = f"accuracy, %, fixed, {len(test)} notes in babble, white, vibration or engine at {snr_db} dB"
        yield point(f"{name}.snr_{snr_db}db", 100 * done.score(test.x, test.y, True), unit, None, "higher")


def learned_fft(data: Path | None) -> Iterator[Figure]:
    """Loss and weights against the transform; the error of integers by bits."""
    with ran("learned-fft") as done:
        yield from figures_of(done.recipe, done.metrics)
        assert isinstance(done.net, LearnedFFT)
        test = (
            load("learned-fft").splits(None, SEED + 1, done.options).train.take(np.arange(done.options.batch))
        )
        with torch.no_grad():
            output = done.net(torch.tensor(test.x))
            loss = float(done.recipe.loss(output, torch.tensor(test.y)))
        unit = f"summed over {len(test)} new windows of {done.options.n} samples, as published"
        yield point("learned-fft.loss", loss, unit, 1e-6, "lower")
        weight = from_first_sample(done.net.transform.weight.detach().double())
        differs = float((weight - dft_matrix(done.options.n)).abs().max())
        unit = "largest difference of a weight, phases counted from the first sample"
        yield point("learned-fft.weights", differs, unit, 1e-3, "lower")
        chip = done.recipe.on_chip(done.net, test.x)
        x, expected = chip.encode(test.x), magnitudes(output[:, 0]).numpy()
        graph = from_torch(chip.module, x[:20], dt=done.recipe.dt_s(done.options))
        for bits in WEIGHT_BITS:
            program = quantize(graph, x, weight_bits=bits, input_bits=chip.input_bits)
            integers = np.asarray(fast.run(program, np.asarray(program.encode(x))).output, np.float64)
            got = magnitudes(torch.tensor(integers[:, 0])).numpy()
            error = np.linalg.norm(got * np.sum(got * expected) / np.sum(got**2) - expected)
            unit = f"relative error of magnitudes, {bits}-bit weights, {chip.input_bits}-bit events"
            yield point(
                f"learned-fft.error_{bits}_bits", float(error / np.linalg.norm(expected)), unit, None, "lower"
            )


def instrument(data: Path | None) -> Iterator[Figure]:
    """Two binary recognisers, each in its figures, and merged into one of two labels on Lava."""
    programs, test = {}, None
    for family in ("flute", "reed"):
        with ran("instrument", family=family) as done:
            if family == "flute":
                yield from figures_of(done.recipe, done.metrics)
                test = done.splits.test
            programs[family] = done.program
            print(f"instrument, {family}: window accuracy {done.metrics['fixed']:.4f} in integers")
    assert test is not None
    both, x = merge(programs), test.x[:2, :200]
    merged = fast.run(both, x)
    for family, program in programs.items():
        alone = fast.run(program, test.x[:2, :200]).output
        if not np.array_equal(np.asarray(merged.output[f"{family}_hold"]), alone):
            raise BadInput(f"instrument: '{family}' decides otherwise when merged")
    if deploy.missing("cpu") is None:
        names = tuple(both.populations)
        found = compare(deploy.run(both, x, names), fast.run(both, x, names))
        unit = "differences in u, v, s between Lava and fast, two recognisers merged, 2 pieces of 200 steps"
        yield point("instrument.merged.lava_mismatches", 0 if found.equal else 1, unit, 0, "lower")


def knife_edge() -> list[str]:
    """Return when a constant of 0.15 is first heard, for each way of rounding beta, threshold and current."""
    lines = ["cochlea: first spike of a constant 0.15 (32 in exact arithmetic, 33 in snnTorch)"]
    for dv in (610, 611):
        lines.append(
            f"  dv {dv}, vth 100000, current of 15000 by synapses: step {_first(dv, 100_000, event=7_500)}"
        )
    for bits in (7, 8, 10, 11, 12):
        current = round(HEARD * 2**bits)
        step = _first(611, 2**bits // 64, bias=current)
        lines.append(f"  dv 611, threshold 2^{bits}, current {current / 2**bits:.5f}: step {step or 'never'}")
    return lines


def _first(dv: int, vth: int, event: int = 0, bias: int = 0) -> int | None:
    neuron = LIF((1,), dv=dv, vth=vth, bias_mant=bias)
    synapse = Dense("sound", "layer", np.array([[2]]))
    program = Program({"sound": Input((1,), message_bits=16)}, {"layer": neuron}, (synapse,), ("layer",))
    spikes = np.asarray(run(program, np.full((1, 100, 1), event)).output)[0, :, 0]
    return int(np.flatnonzero(spikes)[0]) + 1 if spikes.any() else None


BENCHMARKS = {
    "goldilocks": goldilocks,
    "cochlea": cochlea,
    "flute": flute,
    "learned-fft": learned_fft,
    "instrument": instrument,
}
