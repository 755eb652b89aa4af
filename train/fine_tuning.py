"""Fine-tune any network bit-true: from a float graph to the Program whose accuracy training has seen."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import nir
import numpy as np

from ..export import from_torch, read
from ..export.quantization import quantization
from ..models import digits
from ..models.log_mel import STEP_S
from ..models.readout import decide
from ..simulate import Program, run
from ..simulate.errors import BadInput
from ..simulate.files import write_json
from .augment import augment
from .bit_true import BitTrue
from .clips import CALIBRATION_CLIPS, EXPORT_CLIPS, Clips, spread
from .digits import digest, load_splits, train_digits
from .fit import fit
from .labeled import load_labeled
from .learner import Settings, Vary
from .run_folder import SETTINGS, check_folder, check_resumed, start_run

DIGITS = "digits"
# chosen on recordings 5 to 13 of each speaker and digit in FSDD, with a network trained on 14 to 49
FINE = Settings(epochs=15, learning_rate=0.02, average=0.98)
STAGE = "bit_true"  # folder of its settings and checkpoints, beside those of a float run
WRITES = ("checkpoints",)


def fine_tune(
    graph: nir.NIRGraph,
    clips: Clips,
    bits: int = 8,
    settings: Settings = FINE,
    folder: Path = Path(STAGE),
    progress: bool = True,
    vary: Vary | None = None,
) -> tuple[Program, Program]:
    """Quantize a float graph and train its weights and biases in the chip's integers.

    Parameters
    ----------
    graph : nir.NIRGraph
        One that `quantize` takes, with one input, and one output that has a channel for each class.
    clips : Clips
        What it learns from; part of it calibrates the quantization.
    bits : int, 1 to 8
        Of a weight with its sign.
    settings : Settings
        The learning rate is in shares of a layer's weights.
    folder, progress, vary
        As in `fit`.

    Returns
    -------
    before, after : Program
        As quantized, and as trained: the average over the last steps.

    Raises
    ------
    BadInput
        The network does not take the clips or has no class for a label; or as in `fit`.
    OutOfRange, Unsupported
        As in `quantize`.
    """
    module = BitTrue(quantization(graph, spread(clips.events, CALIBRATION_CLIPS), bits))
    before = module.program()
    if len(before.outputs) > 1:
        raise BadInput(f"the network has {len(before.outputs)} outputs; training takes one")
    (shape,) = (before.shape(name) for name in before.outputs)
    if len(shape) != 1 or clips.labels.min() < 0 or clips.labels.max() >= shape[0]:
        raise BadInput(f"labels are {clips.labels.min()} to {clips.labels.max()}; the output is {shape}")
    trained = fit(module, clips.events, clips.labels, settings, folder, progress, vary)
    assert isinstance(trained, BitTrue)
    return before, trained.program()


def train_bit_true(
    what: str,
    out: Path,
    source: Path | None = None,
    data: Path | None = None,
    samples: Path | None = None,
    bits: int = 8,
    seed: int = 0,
    epochs: int = FINE.epochs,
    force: bool = False,
    resume: bool = False,
    progress: bool = True,
    policy: Mapping | None = None,
) -> dict:
    """Fine-tune a network bit-true into a run folder.

    Parameters
    ----------
    what : str
        "digits", whose clips are varied, or a NIR file.
    out : path
        Gets `program.nir`, `metrics.json` and `bit_true/` with settings and checkpoints.
    source : path, optional
        Weights (.pt) or a NIR graph to begin with, for digits; default: the float run in `out`, which is
        trained first if there is none.
    data : path, optional
        Recordings in FSDD's layout; without them, and without samples, the embedded speech.
    samples : path, optional
        An .npz of events `x`, labels `y`, and `x_test`, `y_test` to score on.
    bits : int, 1 to 8
        Of a weight with its sign.
    seed, epochs, force, resume, progress
        As in `train_digits`; a float run in `out` is kept.
    policy : mapping, optional
        Options of `export.read`.

    Returns
    -------
    metrics : dict
        accuracy in floats, fixed_accuracy as quantized, bit_true_accuracy (0 to 1); names of the clips lost
        and won by bit-true against floats; scored_on, weight_bits, n_test, n_train, notes; as in
        `metrics.json`.

    Raises
    ------
    BadInput
        `out` is in use, or is to be resumed with other settings; a file is missing or bad; an option is
        out of range.
    """
    out, stage = Path(out), Path(out) / STAGE
    if epochs < 1 or seed < 0:
        raise BadInput(f"epochs = {epochs}, seed = {seed}; epochs must be at least 1, seed at least 0")
    if what == DIGITS and source is None:
        source = _float_run(out, data, seed, force, resume, progress)
        check_folder(stage, force, resume and (stage / SETTINGS).is_file())
    else:
        check_folder(stage if resume else out, force, resume)
        source = Path(what) if source is None else source
    train, test = load_splits(data, seed) if samples is None else load_labeled(samples)
    scored = train if test is None else test
    graph = _graph(source, train, policy or {})
    settings = replace(FINE, epochs=epochs, seed=seed)
    origin = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    decisive = {**asdict(settings), "weight_bits": bits, "source": origin, "data": digest(train)}
    if resume and (stage / SETTINGS).is_file():
        check_resumed(stage, decisive)
    else:
        start_run(stage, decisive, WRITES)
    vary = augment if what == DIGITS else None
    before, after = fine_tune(graph, train, bits, settings, stage / "checkpoints", progress, vary)
    metrics = _metrics(graph, before, after, scored)
    metrics |= {"scored_on": "train" if test is None else "test", "weight_bits": bits}
    metrics |= {"n_test": 0 if test is None else len(test.labels), "n_train": len(train.labels)}
    metrics["notes"] = {"train": list(train.notes), "test": [] if test is None else list(test.notes)}
    after.save(out / "program.nir")
    write_json(out / "metrics.json", metrics)
    return metrics


def _float_run(out: Path, data: Path | None, seed: int, force: bool, resume: bool, progress: bool) -> Path:
    """Return the weights of the float run in a folder, trained now if they are not there."""
    weights = out / "digits.pt"
    if not weights.is_file():
        begun = resume and (out / SETTINGS).is_file()
        train_digits(out, data, seed, force=force, resume=begun, progress=progress)
    return weights


def _graph(source: Path, clips: Clips, policy: Mapping) -> nir.NIRGraph:
    """Return the float graph in a file."""
    if source.suffix != ".pt":
        return read(source, **policy)
    try:
        net = digits.load(source)
    except ValueError as error:
        raise BadInput(str(error)) from error
    return from_torch(net, clips.events[:EXPORT_CLIPS], dt=STEP_S)


def _metrics(graph: nir.NIRGraph, before: Program, after: Program, clips: Clips) -> dict:
    """Score floats, the quantized and the trained Program, and name what the training changed."""
    networks = {"accuracy": graph, "fixed_accuracy": before, "bit_true_accuracy": after}
    right = {name: decide(run(n, clips.events).output) == clips.labels for name, n in networks.items()}
    floats, trained = right["accuracy"], right["bit_true_accuracy"]
    metrics: dict = {name: float(np.mean(r)) for name, r in right.items()}
    names = np.array(clips.names)
    metrics |= {"lost": names[floats & ~trained].tolist(), "won": names[trained & ~floats].tolist()}
    return metrics
