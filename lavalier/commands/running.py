"""Run networks: on the CPU, in Lava, on a stream, and all of them against each other."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from lavalier.commands.application import app
from lavalier.commands.options import (
    Check,
    Data,
    Force,
    InputFile,
    Json,
    Out,
    Ray,
    Samples,
    WithRay,
    with_policy,
)
from lavalier.commands.speaking import progress_bar, refuse_existing, say, show
from lavalier.simulate.errors import BadInput, Mismatch


@app.command(cls=WithRay)
@with_policy
def simulate(
    network: Annotated[
        Path, typer.Argument(help="A Program, a lava-dl network (.net), a NIR graph, or a hybrid's folder.")
    ],
    input: InputFile = None,
    data: Data = None,
    samples: Samples = None,
    engine: Annotated[str | None, typer.Option(help="fast (default) or reference, of a Program.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Of fast; default: one a processor.")] = None,
    check: Check = False,
    shards: Annotated[
        Path | None, typer.Option(help="Folder: run in parts that land there, and go on with those missing.")
    ] = None,
    ray: Ray = None,
    *,
    policy: dict,
    out: Out = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Run a Program in the chip's integers, a NIR graph in floats, or a hybrid on a recording."""
    refuse_existing(out, force)
    from lavalier.simulate.hybrid.hybrid_file import is_hybrid

    if is_hybrid(network):
        if data or samples or engine or threads or policy:
            raise BadInput(f"{network}: a hybrid takes --input, --check, --out and --json")
        from lavalier.simulate import run

        _run_hybrid(network, input, run, check, out, "fast", as_json)
        return
    from lavalier.runs import Run, encoded, input_shape, load_network, run_network
    from lavalier.sources import load_source

    loaded = load_network(network, policy)
    source = encoded(loaded, load_source(input_shape(loaded), input, data).take(samples))
    if shards is not None:
        from lavalier.sweeping import run_parts

        engine, trace = run_parts(loaded, source.x, shards, ray, check, engine, say)
    else:
        if ray is not None:
            raise BadInput("--ray runs parts: give --shards, the folder where they land")
        engine, trace = run_network(loaded, source.x, engine, threads, record=check or out is not None)
    _finish(Run(loaded, source, trace, engine), check, out, as_json)


@app.command()
def deploy(
    program: Annotated[Path, typer.Argument(help="A Program, or a hybrid's folder.")],
    input: InputFile = None,
    data: Data = None,
    samples: Annotated[int, typer.Option("--samples", help="Take this many, evenly spaced.")] = 20,
    target: Annotated[str, typer.Option(help="cpu or loihi2.")] = "cpu",
    stall: Annotated[float, typer.Option(min=1, help="Seconds without a step before giving up.")] = 60,
    check: Check = False,
    out: Out = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Run a Program in Lava, guarded; all samples in one run."""
    refuse_existing(out, force)
    from collections import Counter
    from dataclasses import replace

    from lavalier.deploy import processes_of, run
    from lavalier.runs import Run, encoded, input_shape
    from lavalier.simulate.hybrid.hybrid_file import is_hybrid
    from lavalier.simulate.program import Program
    from lavalier.sources import load_source

    if is_hybrid(program):
        with progress_bar("Lava") as progress:
            lava = partial(run, target=target, stall_s=stall, progress=progress)
            _run_hybrid(program, input, lava, check, out, f"Lava ({target})", as_json)
        return
    loaded = Program.load(program)
    source = encoded(loaded, load_source(input_shape(loaded), input, data).take(samples))
    with progress_bar("Lava") as progress:
        trace = run(loaded, source.x, tuple(loaded.populations), target, stall, progress)
    parts = processes_of(loaded)
    ran = ", ".join(f"{n} {process}" for process, n in Counter(parts.values()).items())
    source = replace(source, notes=[*source.notes, f"Lava's processes: {ran}"])
    _finish(Run(loaded, source, trace, f"Lava ({target})"), check, out, as_json, processes=parts)


@app.command()
def stream(
    model: Annotated[Path, typer.Argument(help="A hybrid model: the folder that training or export wrote.")],
    sources: Annotated[
        list[str] | None,
        typer.Option(
            "--in", help="Sound files, '-' (raw 16-bit on stdin), or device[:NAME]; default device."
        ),
    ] = None,
    out: Annotated[
        str | None, typer.Option("--out", help="A wav file, or device[:NAME]; of labels a csv.")
    ] = None,
    stall: Annotated[float, typer.Option(min=0.01, help="Seconds without sound before giving up.")] = 5,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Send sound through a model as it comes, frame by frame: sound out, or a line for each label."""
    from lavalier.labels_out import Decision, gives_labels, opened_labels
    from lavalier.simulate import Hybrid
    from lavalier.sound_in import is_device, opened_source
    from lavalier.sound_out import opened_sink
    from lavalier.streaming import Ticker, stream_sound

    refuse_existing(None if out is None or is_device(out) else Path(out), force)
    hybrid = Hybrid.load(model)
    pieces = opened_source(sources or ["device"], hybrid.rate, stall)
    decisions: list[Decision] = []
    if gives_labels(hybrid):
        opened = opened_labels(out, hybrid, decisions.append if as_json else partial(print, flush=True))
    else:
        opened = opened_sink(out, hybrid.rate)
    with opened as sink:
        done = stream_sound(hybrid, pieces, sink, Ticker(say))
    if not gives_labels(hybrid):
        show(done.to_json() if as_json else done.to_text())
    elif as_json:
        show({**done.to_json(), "decisions": [decision._asdict() for decision in decisions]})
    else:
        say(done.to_text().rstrip())  # beside the labels, which go on to whoever reads them
    if done.stopped:
        kept = f"; the {done.heard.samples / hybrid.rate:.1f} s before are in {out}" if out else ""
        raise type(done.stopped)(f"{done.stopped}{kept}")


@app.command()
def check(
    program: Annotated[Path, typer.Argument(help="A Program.")],
    samples: Annotated[int, typer.Option(min=1, help="Samples to draw.")] = 8,
    steps: Annotated[int, typer.Option(min=1, help="Steps of a sample.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Of the drawn input and states.")] = 0,
    as_json: Json = False,
) -> None:
    """Run a Program on reference, fast and Lava; exit 1 and the first difference if they are not equal."""
    from lavalier.check import check_program
    from lavalier.simulate.bounds import bounds, to_text
    from lavalier.simulate.program import Program

    loaded = Program.load(program)
    with progress_bar("Lava") as progress:
        parity = check_program(loaded, samples, steps, seed, progress)
    ends = bounds(loaded)
    plain = {**parity.to_json(), "bounds": {name: bound.to_json() for name, bound in ends.items()}}
    show(plain if as_json else parity.to_text() + to_text(ends))
    if parity.difference:
        raise Mismatch(f"{program}: {parity.difference}")


def _finish(run, check: bool, out: Path | None, as_json: bool, **more: object) -> None:
    if out:
        run.trace.save(out)  # before the check: a difference is for studying
    checked = run.check() if check else None
    if as_json:
        show({**run.to_json(), "check": checked, **more})
    else:
        show(run.to_text() + (f"{checked}\n" if checked else ""))


def _run_hybrid(
    folder: Path,
    recording: Path | None,
    runner: Callable,
    check: bool,
    out: Path | None,
    engine: str,
    as_json: bool,
) -> None:
    from lavalier.hybrids import run_hybrid

    plain, text = run_hybrid(folder, recording, runner, check, out, engine)
    show(plain if as_json else text)
