"""dpsnn: one command from speech in noise to an enhancer on host and chip, scored in floats and integers."""

import io
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from ..export.dpsnn import READOUT, chip_graph, hybrid, quantized
from ..export.nir_graphs import write
from ..models.dpsnn import DPSNN, MEDIUM, RATE, Sizes
from ..simulate import Hybrid, energy, fit, run
from ..simulate.comparison import compare
from ..simulate.cost.result import Energy
from ..simulate.cost.text import joules
from ..simulate.errors import Mismatch
from ..simulate.files import atomic, write_json
from ..simulate.hybrid.account import account, to_text
from ..simulate.trace import Trace
from .dpsnn_data import Data, data_of
from .enhancement import enhancer, gains, train
from .enhancement_bit_true import fine_tune
from .enhancement_settings import FINE, Settings
from .generate.mixtures import draw
from .run_folder import check_folder, check_resumed, start_run
from .sound_metrics import quality, si_snr
from .threads import threads

WRITES = ("net.pt", "graph.nir", "fixed", "model", "metrics.json", "account.json", "checkpoint.pt", "audio")
CALIBRATION = 16  # excerpts
LAVA_S = 1.0  # of the first test recording
DEVICES = ("loihi1", "loihi2")
COARSE = Settings()

Lava = Callable[[Hybrid, np.ndarray, tuple[str, ...]], Trace]


@threads(1)
def train_dpsnn(
    out: Path,
    data: Path | None = None,
    speech: Path | None = None,
    sizes: Sizes = MEDIUM,
    settings: Settings = COARSE,
    fine: Settings | None = FINE,
    lava: Lava | None = None,
    force: bool = False,
    resume: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Train DPSNN, cut it, take its chip part to integers and to Lava, score it, and write a folder.

    Parameters
    ----------
    out : path
        Gets `net.pt` (state_dict), `graph.nir` (chip part in floats), `fixed/` and `model/` (hybrid models,
        as rounded and as trained on), `metrics.json`, `account.json`, `checkpoint.pt` and `audio/`.
    data, speech : paths, optional
        As in `data_of`.
    sizes : Sizes
        Of the network.
    settings, fine : Settings
        Of training in floats, and on in integers; None for no more.
    lava : callable (hybrid, x, names) -> Trace, optional
        `deploy.run`; without it `lava_mismatches` is None.
    force, resume
        As in `train_digits`.
    say : callable
        Told of each stage.

    Returns
    -------
    metrics : dict
        As in `metrics.json`: SI-SNR gains in dB, mean and of each test file, in floats, as rounded and
        trained on in integers; lava_mismatches, seconds of training, parameters, notes.

    Raises
    ------
    BadInput
        `out` is in use or cannot be resumed, or data are missing or bad.
    Mismatch
        The graph differs from torch, or Lava from `fast`; the first difference is named.
    """
    check_folder(out, force, resume)
    heard = data_of(data, speech, settings.seed)
    decisive = {
        "sizes": asdict(sizes),
        "settings": asdict(settings),
        "data": str(data),
        "speech": str(speech),
    }
    check_resumed(out, decisive) if resume else start_run(out, decisive, WRITES)
    for note in heard.material.notes:
        say(f"note: {note}")

    torch.manual_seed(settings.seed)
    net, begun = DPSNN(sizes), time.perf_counter()
    say(f"train: {sum(p.numel() for p in net.parameters()):,} parameters, {settings.steps} steps")
    train(net, heard.material, settings, _teller(say), out / "checkpoint.pt")
    seconds = time.perf_counter() - begun
    floats = gains(enhancer(net), heard.test)
    say(f"float: {np.mean(floats):.2f} dB on {len(heard.test)} test recordings")

    say("quantize: 8-bit weights, searched on mixtures")
    rng = np.random.default_rng([settings.seed, 5])
    calibration, _ = draw(heard.material.speech, heard.material.noises, CALIBRATION, settings.seconds, rng)
    made, features = quantized(net, calibration)
    fixed = hybrid(net, made.program, made.choices[READOUT].scale)
    rounded = gains(on_chip(fixed), heard.test)
    say(f"fixed: {np.mean(rounded):.2f} dB")
    model, trained_on = fixed, None
    if fine is not None and not sizes.recurrent:
        say(f"bit-true: {fine.steps} steps in the chip's integers")
        model = fine_tune(net, made, heard.material, fine, _teller(say))
        trained_on = gains(on_chip(model), heard.test)
        say(f"bit-true: {np.mean(trained_on):.2f} dB")

    trace = run(model, heard.test[0][0][None])
    accounted, priced = account(model, trace), {device: _priced(model, trace, device) for device in DEVICES}
    say(to_text(accounted).rstrip())
    for device, found in priced.items():
        per_second = found.per_inference and joules(found.per_inference.times(1 / found.seconds))
        say(f"energy of the chip part on {device}: {per_second} a second of sound, host not priced")
    mismatches = None if lava is None else lava_mismatches(model, heard.test[0][0], lava, say)
    metrics = {
        "recipe": "dpsnn",
        "metric": "SI-SNR gain",
        "unit": "dB",
        "scale": 1.0,
        "ann": None,
        "data": heard.source,
        "float": float(np.mean(floats)),
        "fixed": float(np.mean(rounded)),
        "bit_true": None if trained_on is None else float(np.mean(trained_on)),
        "noisy_si_snr": [float(si_snr(*pair)) for pair in heard.test],
        "names": heard.names,
        "gains": {"float": floats, "fixed": rounded, "bit_true": trained_on},
        "quality": _quality(model, heard),
        "lava_mismatches": mismatches,
        "lava_samples": 0 if mismatches is None else 1,
        "train_seconds": seconds,
        "parameters": sum(p.numel() for p in net.parameters()),
        "fits": {device: fit(model.program, device).fits for device in DEVICES},
        "energy": {device: found.to_json() for device, found in priced.items()},
        "n_test": len(heard.test),
        "notes": {"train": list(heard.material.notes)},
    }
    fixed.save(out / "fixed")
    model.save(out / "model")
    _write(out, net, chip_graph(net, features[:1]), model, heard, metrics)
    write_json(out / "account.json", accounted)
    return metrics


def on_chip(model: Hybrid) -> Callable[[np.ndarray], np.ndarray]:
    """Return a model as a function of one recording."""
    return lambda noisy: run(model, noisy[None]).output[0]


def lava_mismatches(model: Hybrid, noisy: np.ndarray, lava: Lava, say: Callable[[str], None]) -> int:
    """Run a second of a recording on Lava; every u, v and s must equal those of `fast`.

    Raises
    ------
    Mismatch
        One does not; it is named.
    """
    x, names = noisy[None, : round(LAVA_S * RATE)], tuple(model.program.populations)
    say(f"deploy: {x.shape[1] / RATE:.1f} s on Lava's simulator")
    found = compare(lava(model, x, names), run(model, x, names))
    if not found.equal:
        raise Mismatch(f"Lava differs from fast: {found.difference}")
    return 0


def _priced(model: Hybrid, trace: Trace, device: str) -> Energy:
    """The chip part's energy; the host's operations are listed beside it."""
    frames = trace.counts.dendrite_updates_active[READOUT] + trace.counts.dendrite_updates_inactive[READOUT]
    steps = int(frames[0]) // model.program.size(READOUT)
    stages = (*model.before, *model.after)
    host = {type(stage).__name__: float(stage.operations * steps) for stage in stages}
    return energy(model.program, trace, device, host=host)


def _quality(model: Hybrid, heard: Data) -> dict[str, dict[str, list[float]]]:
    """STOI and PESQ of the test recordings, noisy and enhanced, where their packages are installed."""
    kinds = {"noisy": lambda noisy: noisy, "enhanced": on_chip(model)}
    scored = {
        kind: [quality(to(noisy), clean, RATE) for noisy, clean in heard.test] for kind, to in kinds.items()
    }
    return {kind: {name: [s[name] for s in each] for name in each[0]} for kind, each in scored.items()}


def _teller(say: Callable[[str], None]) -> Callable[[int, float], None]:
    return lambda step, gain: say(f"  step {step}: {gain:.2f} dB on validation")


def _write(out: Path, net: DPSNN, graph, model: Hybrid, heard: Data, metrics: dict) -> None:
    weights = io.BytesIO()
    torch.save(net.state_dict(), weights)
    with atomic(out / "net.pt") as temporary:
        temporary.write_bytes(weights.getvalue())
    write(graph, out / "graph.nir")
    (out / "audio").mkdir(exist_ok=True)
    for name, (noisy, clean) in zip(heard.names, heard.test, strict=True):
        for kind, sound in (("noisy", noisy), ("clean", clean), ("enhanced", on_chip(model)(noisy))):
            soundfile.write(
                out / "audio" / f"{name.replace(' ', '_')}_{kind}.wav", sound, RATE, subtype="FLOAT"
            )
    write_json(out / "metrics.json", metrics)
