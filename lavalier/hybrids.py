"""A hybrid model on one recording: its sound or labels, what its parts did, and the reference beside them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import soundfile

from lavalier.labels_out import Decision, gives_labels, opened_labels
from lavalier.simulate import Hybrid, compare, reference
from lavalier.simulate.errors import BadInput, Mismatch
from lavalier.simulate.files import atomic
from lavalier.simulate.hybrid.account import account, to_text
from lavalier.simulate.trace import Trace

Runner = Callable[[Hybrid, Any, tuple[str, ...]], Trace]


def run_hybrid(
    folder: Path, recording: Path | None, runner: Runner, check: bool, out: Path | None, engine: str
) -> tuple[dict[str, Any], str]:
    """Run a hybrid model on a recording; return what it did as plain data, and as text.

    Parameters
    ----------
    folder, recording : paths
        The model, and a mono sound file at its rate.
    runner : callable (hybrid, x, names) -> Trace
        `simulate.run` or `deploy.run`.
    check : bool
        Whether to run the reference too.
    out : path, optional
        A wav file to write; a csv of labels.
    engine : str
        What it is called.

    Raises
    ------
    BadInput
        There is no recording, or it does not fit.
    Mismatch
        A value differs from the reference; the first one is named.
    """
    if recording is None:
        raise BadInput(f"{folder}: a hybrid model takes a recording: --input noisy.wav")
    model = Hybrid.load(folder)
    names = tuple(model.program.populations)
    x = _sound(recording, model.rate)[None]
    trace = runner(model, x, names)
    decisions: list[Decision] = []
    if gives_labels(model):
        with opened_labels(None if out is None else str(out), model, decisions.append) as sink:
            sink(trace.output[0])
    elif out is not None:
        with atomic(out) as temporary:
            soundfile.write(temporary, trace.output[0], model.rate, subtype="FLOAT", format="WAV")
    checked = None
    if check:
        law = model.run(x, lambda events, record: reference.run(model.program, events, record), names)
        found = compare(trace, law)
        if not found.equal:
            raise Mismatch(f"{engine} differs from the reference: {found.difference}")
        checked = f"{engine} = reference: yes, {found.values:,} values of u, v, spikes and output"
    said = account(model, trace)
    head = f"{recording}: {x.shape[1] / model.rate:.2f} s, {engine}\n"
    text = head + "".join(f"{decision}\n" for decision in decisions)
    text += to_text(said) + (f"{checked}\n" if checked else "")
    plain = {"recording": str(recording), "engine": engine, "check": checked, **said}
    if gives_labels(model):
        plain["decisions"] = [decision._asdict() for decision in decisions]
    return plain, text


def _sound(path: Path, rate: int):
    try:
        samples, found = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, TypeError, ValueError, soundfile.SoundFileError) as error:
        what = "not a sound file that can be read" if path.exists() else "no such file"
        raise BadInput(f"{path}: {what}; give a mono wav file") from error
    if samples.shape[1] != 1 or found != rate:
        raise BadInput(f"{path}: {samples.shape[1]} channels at {found} Hz; the model takes one at {rate} Hz")
    return samples[:, 0]
