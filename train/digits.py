"""Train the spoken-digit network into a run folder: weights, card, metrics, checkpoints."""

import hashlib
import io
import platform
import shlex
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from ..export import from_torch, write
from ..export.quantization import quantization
from ..models.digits import DigitNet
from ..models.log_mel import STEP_S
from ..models.readout import decide
from ..simulate import run
from ..simulate.errors import BadInput
from ..simulate.files import atomic, write_json
from .augment import augment
from .clips import CALIBRATION_CLIPS, EXPORT_CLIPS, Clips, spread
from .evidence import FOLDERS, NETWORKS, hashes, write_evidence
from .fit import classify, fit
from .learner import Settings
from .recordings import load_recordings
from .run_folder import check_folder, check_resumed, start_run
from .speech import speech_clips

N_TRAIN, N_TEST = 2000, 500  # clips of the generator
EPOCHS = Settings.epochs
WRITES = ("digits.pt", "graph.nir", "program.nir", "card.json", "metrics.json", "checkpoints", *FOLDERS)


def train_digits(
    out: Path,
    data: Path | None = None,
    seed: int = 0,
    epochs: int = EPOCHS,
    force: bool = False,
    resume: bool = False,
    progress: bool = True,
) -> dict:
    """Train the network, score it on the test split, and write both into a folder.

    Parameters
    ----------
    out : path
        Gets `digits.pt` (state_dict), `graph.nir`, `program.nir`, `card.json`, `metrics.json`,
        `settings.json`, `checkpoints/`, and `traces/` and `audio/` of a few samples.
    data : path, optional
        Recordings in FSDD's layout; without it the embedded generator speaks.
    seed : int, 0 or more
        Of weights, order, augmentation and generated speech.
    epochs : int, 1 or more
        Passes over the training clips.
    force : bool
        Replace an earlier run in `out`; other files there are left alone.
    resume : bool
        Go on with the run in `out`; the result is that of a run that was never stopped.
    progress : bool
        Print one line per epoch on stderr.

    Returns
    -------
    metrics : dict
        accuracy in floats and fixed_accuracy in the chip's integers (0 to 1), n_test, n_train, data, notes,
        and what `write_evidence` returns, as in `metrics.json`.

    Raises
    ------
    BadInput
        `out` is in use, is to be resumed with other settings or from a damaged checkpoint;
        recordings are missing or bad; `seed` or `epochs` is out of range.
    """
    out = Path(out)
    if epochs < 1 or seed < 0:
        raise BadInput(f"epochs = {epochs}, seed = {seed}; epochs must be at least 1, seed at least 0")
    check_folder(out, force, resume)
    train, test = load_splits(data, seed)
    settings = Settings(epochs=epochs, seed=seed)
    decisive = {**asdict(settings), "data": digest(train)}
    check_resumed(out, decisive) if resume else start_run(out, decisive, WRITES)

    torch.manual_seed(seed)
    net = fit(DigitNet(), train.events, train.labels, settings, out / "checkpoints", progress, augment)

    graph = from_torch(net, train.events[:EXPORT_CLIPS], dt=STEP_S)
    rounded = quantization(graph, spread(train.events, CALIBRATION_CLIPS))
    in_floats, in_integers = run(graph, test.events), run(rounded.program, test.events)
    metrics = {
        "accuracy": float(np.mean(classify(net, test.events) == test.labels)),
        "fixed_accuracy": float(np.mean(decide(in_integers.output) == test.labels)),
        "n_test": len(test.labels),
        "n_train": len(train.labels),
        "data": _source(data, seed),
        "notes": {"train": list(train.notes), "test": list(test.notes)},
        **write_evidence(out, rounded, graph, test, in_floats.output, in_integers),
    }
    weights = io.BytesIO()
    torch.save(net.state_dict(), weights)
    with atomic(out / "digits.pt") as temporary:
        temporary.write_bytes(weights.getvalue())
    write(graph, out / "graph.nir")
    rounded.program.save(out / "program.nir")
    write_json(out / "metrics.json", metrics)
    card = _card(net, weights.getvalue(), data, settings, metrics)
    write_json(out / "card.json", {**card, "files": hashes(out, NETWORKS)})
    return metrics


def load_splits(data: Path | None, seed: int) -> tuple[Clips, Clips]:
    """Return the train and the test split: of recordings where given, else of generated speech.

    Raises
    ------
    BadInput
        The directory is not what `load_recordings` reads.
    """
    if data is None:
        return speech_clips(N_TRAIN, seed, "train"), speech_clips(N_TEST, seed, "test")
    return load_recordings(data, "train"), load_recordings(data, "test")


def digest(clips):
    """Fingerprint of events and labels."""
    return hashlib.sha256(clips.events.tobytes() + clips.labels.tobytes()).hexdigest()[:16]


def _source(data, seed):
    """Say where the clips came from."""
    if data is None:
        return f"embedded generator of digit-like speech, seed {seed}"
    return f"recordings: {Path(data).name}"


def _card(net, weights, data, settings, metrics):
    """What anyone who gets the weights must know of them."""
    command = ["lavalier", "train", "digits", "--seed", str(settings.seed)]
    command += ["--epochs", str(settings.epochs)]
    if data is not None:
        command += ["--data", str(data)]
    linears = (net.fc1, net.fc2, net.fc3)
    sizes = "-".join(str(n) for n in (net.fc1.in_features, *(fc.out_features for fc in linears)))
    return {
        "name": "digits",
        "network": f"{sizes}, snn.Leaky with zero reset, integrator readout",
        "data": metrics["data"],
        "licence": "BSD-3-Clause" if data is None else "that of the recordings",
        "seed": settings.seed,
        "seeds": {"weights, order, augmentation" + ", speech" * (data is None): settings.seed},
        "epochs": settings.epochs,
        "accuracy": metrics["accuracy"],
        "n_test": metrics["n_test"],
        "sha256": hashlib.sha256(weights).hexdigest(),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("lavalier", "torch", "snntorch", "lightning", "numpy")},
        },
        "command": shlex.join(command),
    }
