"""One command: data, training, export, integers, Lava, scores, energy and fit, in one run folder."""

import hashlib
import io
import json
import platform
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import nir
import numpy as np
import torch

from ...export import from_torch, write
from ...export.quantization import Quantization, quantization
from ...simulate import fast
from ...simulate import fit as fit_on
from ...simulate.comparison import compare
from ...simulate.errors import BadInput, Mismatch
from ...simulate.files import atomic, write_json
from ...simulate.program import Program
from ...simulate.trace import Trace
from ..bit_true import BitTrue
from ..clips import CALIBRATION_CLIPS, EXPORT_CLIPS, Clips, spread
from ..evidence import DEVICES, FOLDERS, NETWORKS, OnLava, Reading, hashes, write_evidence
from ..fine_tuning import FINE
from ..fit import fit
from ..run_folder import check_folder, check_resumed, start_run
from .learning import learn, outputs
from .recipe import OnChip, Options, Recipe, Split, Splits

LAVA_SAMPLES = 10
TRIED = 2  # samples that show whether a network can be exported
WRITES = (
    "net.pt",
    "graph.nir",
    "program.nir",
    "bit_true.nir",
    "card.json",
    "metrics.json",
    "checkpoints",
    "model",
    *FOLDERS,
)
Lava = Callable[[Program, np.ndarray, tuple[str, ...]], Trace]


@dataclass(frozen=True)
class Deployed:
    """A trained network on its way to the chip.

    Attributes
    ----------
    on_chip : OnChip
    graph : nir.NIRGraph
        Verified: no spike differs from the module's.
    rounded : Quantization
    """

    on_chip: OnChip
    graph: nir.NIRGraph
    rounded: Quantization


def train_recipe(
    recipe: Recipe,
    out: Path,
    data: Path | None = None,
    seed: int = 0,
    options: Options | None = None,
    lava: Lava | None = None,
    force: bool = False,
    resume: bool = False,
    progress: bool = True,
    say: Callable[[str], None] = lambda line: None,
) -> dict:
    """Train a recipe, take it to integers and to Lava, score it, and write everything into a folder.

    Parameters
    ----------
    recipe : Recipe
        What is trained.
    out : path
        Gets `net.pt` (state_dict), `graph.nir`, `program.nir`, `card.json`, `metrics.json`, `settings.json`,
        `checkpoints/`, and `traces/` and `audio/` of a few samples; `model/` (a Hybrid, from sound to
        labels) of a recipe that has one.
    data : path, optional
        Recordings in the recipe's official layout; generated where it is not given.
    seed : int, 0 or more
        Of weights, order, dropout, and generated data.
    options : Options, optional
        Of the recipe; its defaults where not given.
    lava : callable (program, x, names) -> Trace, optional
        `deploy.run`; without it `lava_mismatches` is None.
    force, resume, progress
        As in `train_digits`.
    say : callable
        Told of each stage.

    Returns
    -------
    metrics : dict
        As in `metrics.json`: float, fixed, bit_true and ann in the recipe's metric, lava_mismatches,
        export_differences, valid_scores, train_seconds, fits, n_train, n_valid, n_test, data, notes, and what
        `write_evidence` returns.

    Raises
    ------
    BadInput
        `out` is in use or cannot be resumed; data are missing or bad; an option is out of range.
    Mismatch
        Export or Lava differs; the first difference is named.
    """
    out, options = Path(out), cast(Options, recipe.chosen() if options is None else options)
    if seed < 0:
        raise BadInput(f"seed = {seed}: must be at least 0")
    check_folder(out, force, resume)
    say(f"data: {'generating' if data is None else f'reading {data}'}")
    splits = recipe.splits(data, seed, options)
    decisive = {
        **options.model_dump(mode="json"),
        "recipe": recipe.name,
        "seed": seed,
        "data": digest(splits.train),
    }
    check_exportable(recipe, options, splits.train)
    check_resumed(out, decisive) if resume else start_run(out, decisive, WRITES)

    say(f"train: {len(splits.train)} samples, {options.epochs} epochs")
    begun = time.perf_counter()
    net = train_network(recipe, options, splits, seed, out / "checkpoints", progress)
    seconds = time.perf_counter() - begun
    baseline = _baseline(recipe, options, splits, seed, out / "checkpoints" / "ann", progress, say)

    say("export: to NIR, verified by running both; 8-bit weights, searched on calibration data")
    deployed = to_chip(recipe, net, splits.train, options)
    program, x = deployed.rounded.program, deployed.on_chip.encode(splits.test.x)
    events, floats = encoded(program, x), outputs(net, splits.test.x)
    say(f"simulate: {len(events)} test samples in fixed point")
    fixed = fast.run(program, events)
    ran = None if lava is None else _on_lava(program, events, lava, say)
    reading = Reading(recipe.decide, splits.test.sample_rate, 0.0, 0.0, deployed.on_chip.host)
    test = Clips(x, splits.test.y, splits.test.names, splits.test.notes, splits.test.sounds)
    tuned = None
    if options.bit_true_epochs:
        say(f"train: {options.bit_true_epochs} epochs in the chip's integers")
        folder = out / "checkpoints" / "bit_true"
        tuned = bit_true(recipe, deployed, splits, options, seed, folder, progress)
        if tuned is program:
            say("train: no better on validation; the rounded network stays")
        tuned.save(out / "bit_true.nir")
    if recipe.hybrid is not None:
        recipe.hybrid(tuned or program, options).save(out / "model")
    metrics = {
        "recipe": recipe.name,
        "metric": recipe.metric,
        "unit": recipe.unit,
        "scale": recipe.scale,
        "float": recipe.score(floats, splits.test.y),
        "fixed": recipe.score(fixed.output, splits.test.y),
        "bit_true": tuned and recipe.score(fast.run(tuned, events).output, splits.test.y),
        "ann": baseline,
        "export_differences": 0,  # from_torch raises at the first
        "lava_mismatches": None if ran is None else 0,  # as does the comparison
        "lava_samples": 0 if ran is None else len(ran.clips),
        "valid_scores": net.valid_scores,
        "train_seconds": seconds,
        "parameters": sum(p.numel() for p in net.parameters() if p.requires_grad),
        "n_train": len(splits.train),
        "n_valid": len(splits.valid),
        "n_test": len(splits.test),
        "data": splits.source,
        "notes": {name: list(getattr(splits, name).notes) for name in ("train", "valid", "test")},
        "fits": {device: fit_on(program, device).fits for device in DEVICES},
        **write_evidence(out, deployed.rounded, deployed.graph, test, floats, fixed, ran, reading),
    }
    _write(out, recipe, options, seed, data, net, deployed, metrics)
    return metrics


def check_exportable(recipe: Recipe, options: Options, train: Split) -> None:
    """Refuse a network before it is trained for nothing.

    Raises
    ------
    Unsupported
        What is to go on the chip has no exact form there; the message names the layer.
    """
    net, few = recipe.network(options).eval(), spread(train.x, TRIED)
    on_chip = recipe.on_chip(net, few)
    from_torch(on_chip.module, np.array(on_chip.encode(few)), dt=recipe.dt_s(options))


def train_network(
    recipe: Recipe, options: Options, splits: Splits, seed: int, folder: Path, progress: bool = True
) -> torch.nn.Module:
    """Make the network of a recipe from the seed, and train it."""
    torch.manual_seed(seed)
    net = recipe.network(options)
    return learn(recipe, net, options, splits.train, splits.valid, seed, folder, progress)


def to_chip(recipe: Recipe, net: torch.nn.Module, train: Split, options: Options) -> Deployed:
    """Export what goes on the chip, verified, and round it to 8-bit weights.

    Raises
    ------
    Mismatch
        The graph does not do what the module does.
    """
    some = spread(train.x, CALIBRATION_CLIPS)
    on_chip = recipe.on_chip(net, some)
    calibration = on_chip.encode(some)
    example = np.array(spread(calibration, EXPORT_CLIPS))  # a copy that torch may hold
    graph = from_torch(on_chip.module, example, dt=recipe.dt_s(options))
    if calibration.dtype == np.uint8 and calibration.max() > 1:  # counts that were not seen may be larger
        for entry in (node for node in graph.nodes.values() if isinstance(node, nir.Input)):
            entry.metadata["message_bits"] = 8
    rounded = quantization(graph, calibration, input_bits=on_chip.input_bits)
    return Deployed(on_chip, graph, rounded)


def bit_true(
    recipe: Recipe,
    deployed: Deployed,
    splits: Splits,
    options: Options,
    seed: int,
    folder: Path,
    progress: bool,
) -> Program:
    """Train on in the chip's integers; return what scores better on validation, as trained or as rounded."""
    rounded, encode = deployed.rounded.program, deployed.on_chip.encode
    events, heard = (encoded(rounded, encode(split.x)) for split in (splits.train, splits.valid))
    settings = replace(FINE, epochs=options.bit_true_epochs, batch=options.batch, seed=seed)
    loss = partial(_loss, recipe, options)
    trained = fit(BitTrue(deployed.rounded), events, splits.train.y, settings, folder, progress, loss=loss)
    assert isinstance(trained, BitTrue)
    found = trained.program(), rounded
    return max(found, key=lambda program: recipe.score(fast.run(program, heard).output, splits.valid.y))


def _loss(recipe: Recipe, options: Options, output: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return recipe.loss(options.gain * output, y)


def encoded(program: Program, x: np.ndarray) -> np.ndarray:
    """Return the events of a Program with one input."""
    events = program.encode(x)
    assert isinstance(events, np.ndarray)
    return events


def _baseline(recipe, options, splits, seed, folder, progress, say) -> float | None:
    """Train the conventional network of the same shape; return its score on the test split."""
    if recipe.ann is None:
        return None
    say("train: the conventional network of the same shape")
    torch.manual_seed(seed)
    options = options.model_copy(update={"gain": 1.0})
    net = learn(recipe, recipe.ann(options), options, splits.train, splits.valid, seed, folder, progress)
    return recipe.score(outputs(net, splits.test.x), splits.test.y)


def _on_lava(program: Program, events: np.ndarray, lava: Lava, say) -> OnLava:
    """Run a few samples on Lava; every u, v and s must equal those of `fast`."""
    chosen = spread(np.arange(len(events)), LAVA_SAMPLES)
    say(f"deploy: {len(chosen)} samples in one run of Lava's simulator")
    names = tuple(program.populations)
    trace = lava(program, events[chosen], names)
    found = compare(trace, fast.run(program, events[chosen], names))
    if not found.equal:
        raise Mismatch(f"Lava differs from fast: {found.difference}")
    return OnLava(chosen, trace)


def digest(split: Split) -> str:
    """Fingerprint of what is learned from."""
    return hashlib.sha256(split.x.tobytes() + split.y.tobytes()).hexdigest()[:16]


def _write(out, recipe, options, seed, data, net, deployed, metrics) -> None:
    weights = io.BytesIO()
    torch.save(net.state_dict(), weights)
    with atomic(out / "net.pt") as temporary:
        temporary.write_bytes(weights.getvalue())
    write(deployed.graph, out / "graph.nir")
    deployed.rounded.program.save(out / "program.nir")
    write_json(out / "metrics.json", metrics)
    write_json(out / "card.json", _card(out, recipe, options, seed, data, weights.getvalue(), metrics))


def _card(out, recipe, options, seed, data, weights, metrics) -> dict[str, Any]:
    """What anyone who gets the weights must know of them."""
    command = ["lavalier", "train", recipe.name, "--seed", str(seed)]
    command += ["--data", str(data)] if data is not None else []
    defaults = recipe.chosen().model_dump(mode="json")
    for name, value in options.model_dump(mode="json").items():
        if value != defaults[name]:
            command += ["--set", f"{name}={json.dumps(value)}"]
    parts = ("lavalier", "torch", "snntorch", "lightning", "numpy", "nir")
    return {
        "name": recipe.name,
        "summary": recipe.summary,
        "data": metrics["data"],
        "licence": "BSD-3-Clause" if data is None else "that of the recordings",
        "seed": seed,
        "seeds": {"weights, order, dropout" + ", data" * (data is None): seed},
        "options": options.model_dump(mode="json"),
        "sha256": hashlib.sha256(weights).hexdigest(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in parts}},
        "command": shlex.join(command),
        "files": hashes(out, NETWORKS),
    }
