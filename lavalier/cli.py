"""The command line: one function a command, thin; the stages do the work and are imported when used."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperCommand

from lavalier.simulate.errors import (
    BadInput,
    CannotWork,
    DoesNotFit,
    LavalierError,
    Mismatch,
    NotAvailable,
)

INTERRUPTED = 130  # what typer makes of Ctrl-C, and what shells expect
app = typer.Typer(
    help="Trained spiking networks for sound, on Loihi-class chips, without surprises.",
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Out = Annotated[Path | None, typer.Option("--out", "-o", help="File to write.")]
OutRequired = Annotated[Path, typer.Option("--out", "-o", help="File to write.")]
Force = Annotated[bool, typer.Option("--force", help="Replace an existing output.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
InputFile = Annotated[
    Path | None,
    typer.Option("--input", "-i", help="Events (.npy; batch, steps, shape; .npz: by input) or a wav."),
]
Data = Annotated[
    Path | None,
    typer.Option("--data", help="Recordings {digit}_{speaker}_{index}.wav, or the data of a recipe."),
]
Samples = Annotated[int | None, typer.Option("--samples", help="Take this many, evenly spaced.")]
Check = Annotated[bool, typer.Option("--check", help="Run the reference too; every value must be equal.")]
Ray = Annotated[
    str | None,
    typer.Option("--ray", metavar="[ADDRESS]", help="On Ray: this machine, or a running cluster."),
]

POLICY = {
    "preset": Annotated[str | None, typer.Option(help="Convention of a framework that a NIR graph follows.")],
    "dt": Annotated[float | None, typer.Option(help="Seconds a step.")],
    "reset": Annotated[str | None, typer.Option(help="zero, subtract, zero-delayed, subtract-delayed, ...")],
    "decay": Annotated[str | None, typer.Option(help="euler, exp or zoh.")],
    "compare": Annotated[str | None, typer.Option(help="> or >=.")],
    "order": Annotated[str | None, typer.Option(help="i-then-v, v-then-i or decay-after-input.")],
    "recurrent_bias": Annotated[str | None, typer.Option(help="kept, late or dropped.")],
    "output_lag": Annotated[int | None, typer.Option(help="0 or 1: steps by which spikes leave late.")],
    "gain": Annotated[str | None, typer.Option(help="stored, unit or norse: whether r and w_in count.")],
    "spikes": Annotated[str | None, typer.Option(help="single or multiple in a step.")],
}


def with_policy(command: Callable) -> Callable:
    """Give a command the options of `export.read`; it gets those that were given as `policy`."""

    @wraps(command)
    def run(**options) -> None:
        policy = {name: options.pop(name) for name in POLICY}
        command(**options, policy={name: value for name, value in policy.items() if value is not None})

    own = [p for name, p in signature(command).parameters.items() if name != "policy"]
    more = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for name, kind in POLICY.items()
    ]
    run.__signature__ = signature(command).replace(parameters=[*own, *more])  # type: ignore[attr-defined]
    return run


def main(argv: list[str] | None = None) -> int:
    """Run a command; return 0, 1 with one line on stderr, 2 for wrong usage, or 130 after Ctrl-C."""
    try:
        app(argv, prog_name="lavalier")
    except LavalierError as error:
        _say(f"lavalier: {' '.join(str(error).split())}")
        return 1
    except (OSError, MemoryError, UnicodeError) as error:  # the machine: a full disk, a name too long
        _say(f"lavalier: {type(error).__name__}: {' '.join(str(error).split())}")
        return 1
    except SystemExit as stop:
        if stop.code == INTERRUPTED:
            _say("lavalier: interrupted")
        return stop.code if isinstance(stop.code, int) else 1
    return 0


@app.command()
def demo(
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Run folder to write.")] = None,
    samples: Annotated[int, typer.Option("--samples", help="Clips that Lava runs.")] = 20,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Take the shipped digits network from its weights to Lava and a price."""
    _refuse_existing_folder(out, force)
    if samples < 1:
        raise BadInput(f"--samples {samples}: must be at least 1")
    _need("torch", "train")
    from lavalier.demo import run_demo

    result = run_demo(out, samples, say=_say)
    _print(result.to_json() if as_json else result.to_text())


@app.command(no_args_is_help=True)
@with_policy
def train(
    what: Annotated[str, typer.Argument(help="digits, a recipe, or with --bit-true any NIR graph.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Run folder; default: runs/ and the name.")
    ] = None,
    data: Data = None,
    seed: Annotated[int, typer.Option(help="Of weights, order and augmentation.")] = 0,
    epochs: Annotated[int | None, typer.Option(help="Passes over the data.")] = None,
    bit_true: Annotated[bool, typer.Option("--bit-true", help="Fine-tune in the chip's integers.")] = False,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from", help="Digits to fine-tune (.pt, .nir); default: the run in --out, trained first."
        ),
    ] = None,
    bits: Annotated[int | None, typer.Option(min=1, max=8, help="Bits of a weight; default 8.")] = None,
    input: Annotated[
        Path | None, typer.Option("--input", "-i", help="Events x, labels y, x_test, y_test (.npz).")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in the folder.")] = False,
    variant: Annotated[
        str | None, typer.Option(help="Of a recipe: its named options, such as published.")
    ] = None,
    options: Annotated[Path | None, typer.Option(help="Of a recipe: options (.yaml).")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="OPTION=VALUE of a recipe, as often as wanted.")
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Of a recipe: leave bad files of the data out, and say so.")
    ] = False,
    *,
    policy: dict,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Train the digits network or a recipe and take it to integers; or fine-tune a network in them."""
    _need("torch", "train")
    _need("lightning", "train")
    from lavalier.train.recipes import names

    if what in names():
        if bit_true or source or bits or input or policy:
            raise BadInput(f"{what}: --bit-true, --from, --bits, --input and a policy are not for recipes")
        settings = (settings or []) + ["skip_bad=true"] * skip_bad
        settings += [] if epochs is None else [f"epochs={epochs}"]
        _train_recipe(what, out, data, seed, variant, options, settings, force, resume, as_json)
        return
    if variant or options or settings or skip_bad:
        raise BadInput(
            f"{what}: --variant, --options, --set and --skip-bad are for recipes: {', '.join(names())}"
        )
    from lavalier.train.digits import EPOCHS, train_digits
    from lavalier.train.fine_tuning import DIGITS, FINE, train_bit_true

    if what != DIGITS and not Path(what).is_file():
        known = ", ".join((DIGITS, *names()))
        raise typer.BadParameter(f"{what} is neither a recipe ({known}) nor a file", param_hint="WHAT")
    out = Path("runs") / Path(what).stem if out is None else out
    if not bit_true:
        if what != DIGITS or source or bits or input or policy:
            raise BadInput("a file, --from, --bits, --input and a policy are for fine-tuning: add --bit-true")
        metrics = train_digits(out, data, seed, EPOCHS if epochs is None else epochs, force, resume)
        _print(metrics if as_json else _trained(metrics, out))
        return
    if data and input:
        raise BadInput("give --data or --input, not both")
    if what != DIGITS and source:
        raise BadInput(f"--from is for {DIGITS}; {what} is fine-tuned itself")
    epochs = FINE.epochs if epochs is None else epochs
    metrics = train_bit_true(
        what, out, source, data, input, bits or 8, seed, epochs, force, resume, policy=policy
    )
    _print(metrics if as_json else _fine_tuned(metrics, out))


def _train_recipe(
    name: str,
    out: Path | None,
    data: Path | None,
    seed: int,
    variant: str | None,
    file: Path | None,
    settings: list[str],
    force: bool,
    resume: bool,
    as_json: bool,
) -> None:
    from lavalier.recipes import options_of, run_recipe, to_text
    from lavalier.train.recipes import load

    out = Path("runs") / name if out is None else out
    chosen = options_of(load(name), variant, file, settings)
    metrics = run_recipe(name, chosen, out, data, seed, force, resume, _say)
    _print(metrics if as_json else to_text(metrics, out))


class WithRay(TyperCommand):
    """A command whose --ray may stand without an address."""

    def parse_args(self, ctx, args):
        for i in reversed([i for i, a in enumerate(args) if a == "--ray"]):
            if (args[i + 1 :] or ["-"])[0].startswith("-"):
                args = [*args[: i + 1], "local", *args[i + 1 :]]
        return super().parse_args(ctx, args)


@app.command(no_args_is_help=True, cls=WithRay)
def sweep(
    recipe: Annotated[str, typer.Argument(help="Recipe.")],
    grid: Annotated[list[str], typer.Option("--grid", help="OPTION=VALUE,VALUE,... as often as wanted.")],
    folds: Annotated[int, typer.Option(min=2, help="Folds of each cell.")] = 5,
    ray: Ray = None,
    stop_early: Annotated[
        bool, typer.Option("--stop-early", help="On Ray: stop trials that are behind (ASHA).")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder; default: runs/ and the name.")
    ] = None,
    data: Data = None,
    seed: Annotated[int, typer.Option(min=0, help="Of weights, order, folds and generated data.")] = 0,
    variant: Annotated[str | None, typer.Option(help="Named options, such as published.")] = None,
    options: Annotated[Path | None, typer.Option(help="Options of all cells (.yaml).")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="OPTION=VALUE of all cells, as often as wanted.")
    ] = None,
    device: Annotated[str, typer.Option(help="Whose energy is a column.")] = "loihi1",
    resume: Annotated[bool, typer.Option("--resume", help="Go on; finished trials stay.")] = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Train every cell of a grid on every fold: medians, heat map, bit-true scores, energy, what failed."""
    _need("torch", "train")
    _need("lightning", "train")
    if stop_early and ray is None:
        raise BadInput("--stop-early needs --ray, whose scheduler it is")
    from lavalier.recipes import changes_of
    from lavalier.sweeping import run_sweep

    out = Path("runs") / f"sweep-{recipe}" if out is None else out
    changes = changes_of(options, settings or ())
    found, text = run_sweep(
        recipe, grid, folds, out, data, seed, variant, changes, device, ray, stop_early, force, resume, _say
    )
    _print(found if as_json else text)


@app.command()
def export(
    weights: Annotated[Path, typer.Argument(help="state_dict of a digits network (.pt).")],
    out: OutRequired,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Export a trained digits network to NIR, verified by running both."""
    _refuse_existing(out, force)
    _need("torch", "train")
    from lavalier.export import from_torch, write
    from lavalier.models.digits import load
    from lavalier.models.log_mel import N_BANDS, STEP_S
    from lavalier.simulate.policy import policy_of
    from lavalier.sources import load_source
    from lavalier.train.clips import EXPORT_CLIPS

    try:
        module = load(weights)
    except ValueError as error:
        raise BadInput(str(error)) from error
    example = load_source((N_BANDS,), None, None).take(EXPORT_CLIPS)
    graph = from_torch(module, example.x, dt=STEP_S)
    write(graph, out)
    policy, clips = policy_of(graph), example.sizes[0]
    done = {"out": str(out), "nodes": list(graph.nodes), "policy": policy.to_metadata()}
    done["verified_on_clips"] = clips
    text = f"policy: {policy}\n{out}: {len(graph.nodes)} nodes; every spike of {clips} clips equal\n"
    _print(done if as_json else text)


@app.command()
@with_policy
def info(
    file: Annotated[Path, typer.Argument(help="A NIR graph, a Program, or a lava-dl network (.net).")],
    *,
    policy: dict,
    as_json: Json = False,
) -> None:
    """Say what is in a file: nodes, shapes, parameters, policy, and what hardware can take."""
    from lavalier.info import Info
    from lavalier.runs import load_network
    from lavalier.simulate.bounds import bounds, to_text
    from lavalier.simulate.program import Program

    network = load_network(file, policy)
    if isinstance(network, Program):
        text, ends = network.to_text(), bounds(network)
        plain = {"file": str(file), "program": text, "bounds": {n: b.to_json() for n, b in ends.items()}}
        _print(plain if as_json else text + to_text(ends))
    else:
        said = Info(file, network)
        _print(said.to_json() if as_json else said.to_text())


@app.command()
@with_policy
def quantize(
    graph: Annotated[Path, typer.Argument(help="A NIR graph, or a lava-dl network (.net).")],
    out: OutRequired,
    calibration: Annotated[Path | None, typer.Option(help="Real input (.npy).")] = None,
    data: Data = None,
    bits: Annotated[str, typer.Option(help="Of a weight: 1 to 8, auto, or name=4,name=8.")] = "8",
    max_loss: Annotated[
        float, typer.Option(min=0, max=1, help="Of --bits auto: decisions that may differ, as a share.")
    ] = 0.01,
    input_bits: Annotated[
        int | None, typer.Option(min=1, max=24, help="Bits that float input is rounded to.")
    ] = None,
    blind: Annotated[bool, typer.Option("--blind", help="Do without calibration.")] = False,
    anyway: Annotated[bool, typer.Option("--anyway", help="Write it in spite of a guard's error.")] = False,
    *,
    policy: dict,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Round a NIR graph to the chip's registers, or keep those of a lava-dl network; prints them."""
    _refuse_existing(out, force)
    if blind and (calibration or data):
        raise BadInput("--blind does without calibration: leave out --calibration and --data")
    from lavalier.export import guard, read, read_netx
    from lavalier.export.quantization import quantization
    from lavalier.quantizing import Quantized, parsed_bits
    from lavalier.runs import input_shape, is_netx
    from lavalier.simulate.policy import policy_of
    from lavalier.simulate.program_nir import is_program
    from lavalier.sources import load_source
    from lavalier.train.clips import CALIBRATION_CLIPS

    if is_netx(graph):
        if policy or blind or calibration or data or anyway or bits != "8":
            raise BadInput(f"{graph}: is in the chip's integers already; leave out all options but --out")
        program = read_netx(graph)
        program.save(out)
        _print({"out": str(out), "program": program.to_text()} if as_json else program.to_text())
        return
    floats = read(graph, **policy)
    if is_program(floats):
        raise BadInput(f"{graph}: is a Program already; quantize the float graph that it was made from")
    source = (
        None
        if blind
        else load_source(input_shape(floats), calibration, data, "train").take(CALIBRATION_CLIPS)
    )
    asked = parsed_bits(bits)
    x = None if source is None else source.x
    try:
        with _progress("quantize") as progress:
            made = quantization(floats, x, asked, None, input_bits, max_loss, progress)
    except LavalierError as error:
        raise type(error)(f"{graph}: {error}") from error
    findings = guard(made, x)
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors and not anyway:
        _say("\n".join(map(str, findings)))
        raise CannotWork(f"{graph}: {len(errors)} errors, see above: nothing is written; --anyway writes it")
    made.program.save(out)
    said = "none: the largest weight of a layer is the largest integer"
    if source is not None:
        said = f"{source.title}, {source.sizes[0]} samples"
    _say(f"policy: {policy_of(floats)}")
    _say("\n".join([f"calibration: {said}", *map(str, findings)]))
    done = Quantized(out, floats, said, made)
    found = {"findings": [finding.to_json() for finding in findings]}
    _print({**done.to_json(), **found} if as_json else done.to_text())


@app.command(cls=WithRay)
@with_policy
def simulate(
    network: Annotated[Path, typer.Argument(help="A Program, a lava-dl network (.net), or a NIR graph.")],
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
    """Run a Program in the chip's integers, or a NIR graph in floats."""
    _refuse_existing(out, force)
    from lavalier.runs import Run, encoded, input_shape, load_network, run_network
    from lavalier.sources import load_source

    loaded = load_network(network, policy)
    source = encoded(loaded, load_source(input_shape(loaded), input, data).take(samples))
    if shards is not None:
        from lavalier.sweeping import run_parts

        engine, trace = run_parts(loaded, source.x, shards, ray, check, engine, _say)
    else:
        if ray is not None:
            raise BadInput("--ray runs parts: give --shards, the folder where they land")
        engine, trace = run_network(loaded, source.x, engine, threads, record=check or out is not None)
    _finish(Run(loaded, source, trace, engine), check, out, as_json)


@app.command()
def deploy(
    program: Annotated[Path, typer.Argument(help="A Program.")],
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
    _refuse_existing(out, force)
    from collections import Counter
    from dataclasses import replace

    from lavalier.deploy import processes_of, run
    from lavalier.runs import Run, encoded, input_shape
    from lavalier.simulate.program import Program
    from lavalier.sources import load_source

    loaded = Program.load(program)
    source = encoded(loaded, load_source(input_shape(loaded), input, data).take(samples))
    with _progress("Lava") as progress:
        trace = run(loaded, source.x, tuple(loaded.populations), target, stall, progress)
    parts = processes_of(loaded)
    ran = ", ".join(f"{n} {process}" for process, n in Counter(parts.values()).items())
    source = replace(source, notes=[*source.notes, f"Lava's processes: {ran}"])
    _finish(Run(loaded, source, trace, f"Lava ({target})"), check, out, as_json, processes=parts)


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
    with _progress("Lava") as progress:
        parity = check_program(loaded, samples, steps, seed, progress)
    ends = bounds(loaded)
    plain = {**parity.to_json(), "bounds": {name: bound.to_json() for name, bound in ends.items()}}
    _print(plain if as_json else parity.to_text() + to_text(ends))
    if parity.difference:
        raise Mismatch(f"{program}: {parity.difference}")


@app.command()
@with_policy
def compare(
    a: Annotated[Path, typer.Argument(help="A trace (.npz), or a network: a NIR graph, a Program, a .net.")],
    b: Annotated[Path, typer.Argument(help="Another.")],
    input: InputFile = None,
    data: Data = None,
    samples: Samples = None,
    figures: Annotated[Path | None, typer.Option(help="Folder to write figures of two networks to.")] = None,
    *,
    policy: dict,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Compare two traces with ==, or two networks layer by layer; exit 1 with what differs."""
    _refuse_existing_folder(figures, force)
    if ".npz" in (a.suffix, b.suffix):
        if input or data or samples or figures or policy:
            raise BadInput(f"{a}: traces are compared as they are; leave out all options but --json")
        _compare_traces(a, b, as_json)
        return
    from lavalier.diagnosing import diagnose_files

    with _progress("layers") as progress:
        found = diagnose_files(a, b, policy, (input, data, samples), progress)
    if figures:
        found.draw(figures)
    _print(found.to_json() if as_json else found.to_text())
    if found.difference:
        raise Mismatch(f"{a} and {b} differ: {found.difference}")


@app.command()
def energy(
    program: Annotated[Path, typer.Argument(help="A Program.")],
    trace: Annotated[Path, typer.Argument(help="A trace of it (.npz).")],
    device: Annotated[
        str, typer.Option(help="A device, one of its tables, or a .yaml of your own.")
    ] = "loihi1",
    window: Annotated[float, typer.Option(min=0, help="Seconds of sound in a frame.")] = 0,
    hop: Annotated[float, typer.Option(min=0, help="Seconds from frame to frame.")] = 0,
    host: Annotated[
        list[str] | None, typer.Option(help="WHAT=AMOUNT an inference, outside the chip: listed, not priced.")
    ] = None,
    input: Annotated[
        Path | None,
        typer.Option("--input", "-i", help="What was run (.npy, .npz): counts of each step, too."),
    ] = None,
    placement: Annotated[
        str | None, typer.Option(help="greedy or balanced: messages and hops between its cores, too.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Price a run: an interval a layer, each constant with source and grade; latency; the field's metrics."""
    from lavalier.pricing import price_run
    from lavalier.simulate.program import Program
    from lavalier.simulate.trace import Trace

    amounts = dict(_amount(text) for text in host or [])
    priced = price_run(
        Program.load(program), Trace.load(trace), device, window, hop, amounts, input, placement
    )
    _print(priced.to_json() if as_json else priced.to_text())


@app.command()
def fit(
    network: Annotated[Path, typer.Argument(help="A Program, or sizes described in a .yaml.")],
    device: Annotated[str, typer.Option(help="loihi1, loihi2, or a .yaml of your own.")] = "loihi2",
    pin: Annotated[list[str] | None, typer.Option(help="NAME=CORE: a population that sits there.")] = None,
    chips: Annotated[int, typer.Option(min=1, help="Chips that there are.")] = 1,
    placement: Annotated[str, typer.Option(help="greedy or balanced.")] = "greedy",
    as_json: Json = False,
) -> None:
    """Say whether a network fits on a chip, and all that does not; exit 1 if it does not fit."""
    from lavalier.simulate import fit as fit_network
    from lavalier.simulate.resources.reading import read_needs

    found = fit_network(read_needs(network), device, _pins(pin or []), chips, placement)
    _print(found.to_json() if as_json else found.to_text())
    if not found.fits:
        n = len(found.violations)
        raise DoesNotFit(f"{network}: {n} violation{'s' * (n > 1)} on {found.device.title}")


def _pins(given: list[str]) -> dict[str, int]:
    pins = {}
    for text in given:
        name, _, core = text.rpartition("=")
        if not name or not core.isdecimal():
            raise BadInput(f"--pin {text}: must be a population and a core, as in hidden=3")
        pins[name] = int(core)
    return pins


def _compare_traces(a: Path, b: Path, as_json: bool) -> None:
    from lavalier.simulate import compare as compare_traces
    from lavalier.simulate.trace import Trace

    found = compare_traces(Trace.load(a), Trace.load(b))
    _print(found.to_json() if as_json else found.to_text())
    if not found.equal:
        raise Mismatch(f"{a} and {b} differ: {found.difference}")


def _amount(given: str) -> tuple[str, float]:
    what, _, amount = given.rpartition("=")
    try:
        number = float(amount)
    except ValueError:
        number = -1.0
    if not what or not 0 <= number < float("inf"):
        raise BadInput(f"--host {given}: must be what and how much of it, as in 'front end=64000'")
    return what, number


@app.command()
def generate(
    what: Annotated[str, typer.Argument(help="shd, ssc, audiomnist, fsdd, whales or nsynth.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write.")],
    n: Annotated[
        int | None, typer.Option(help="Size: training samples, recordings per digit and speaker, clips.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same files.")] = 0,
    source: Annotated[
        Path | None, typer.Option("--from", help="Recordings {digit}_{speaker}_{index}.wav (shd).")
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Write a synthetic data set in exactly the layout of the real one."""
    from lavalier.generating import generated_text
    from lavalier.train.generate.sets import generate as write_set

    with _progress(f"generate {what}") as progress:
        record = write_set(what, out, n, seed, source, force, progress)
    _print({"out": str(out), **record} if as_json else generated_text(record, out))


@app.command()
def download(
    what: Annotated[str, typer.Argument(help="shd, ssc, audiomnist, fsdd or whales.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder; default: in the cache.")] = None,
    as_json: Json = False,
) -> None:
    """Get a real data set from its official address, once, and check its sums."""
    from lavalier.generating import downloaded_text
    from lavalier.train.data.cache import cache_folder
    from lavalier.train.data.download import download as get_set

    folder = cache_folder() / "downloaded" / what if out is None else out
    with _progress(f"download {what}") as progress:
        record = get_set(what, folder, progress)
    _print({"out": str(folder), **record} if as_json else downloaded_text(record, folder))


@app.command()
def devices(
    device: Annotated[str | None, typer.Argument(help="A device, a table, or a .yaml; default all.")] = None,
    as_json: Json = False,
) -> None:
    """Print the tables of constants, each with its source, grade and boundary."""
    from lavalier.simulate.cost.entries import EVIDENCE, GRADES
    from lavalier.simulate.cost.tables import all_tables, device_tables, tables_to_text

    tables = device_tables(device) if device else all_tables()
    data = {"grades": GRADES, "evidence": EVIDENCE, "tables": [table.model_dump() for table in tables]}
    _print(data if as_json else tables_to_text(tables))


@app.command()
def report(
    run: Annotated[Path, typer.Argument(help="Run folder that demo or train wrote.")],
    out: Out = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Put a run on one page (HTML) that needs nothing else; --json prints every number on it."""
    if out is None and not as_json:
        raise BadInput("give --out FILE.html, --json, or both")
    _refuse_existing(out, force)
    from lavalier.simulate import report as report_of

    made = report_of(run)
    if out is not None:
        made.save(out)
    _print(made.to_json() if as_json else f"written: {out}\n")


def _trained(metrics: dict, out: Path) -> str:
    lines = [f"note: {split}: {note}" for split, notes in metrics["notes"].items() for note in notes]
    lines.append(f"trained on {metrics['n_train']} clips, tested on {metrics['n_test']} others")
    lines.append(f"float accuracy        {100 * metrics['accuracy']:.1f} %")
    lines.append(f"fixed-point accuracy  {100 * metrics['fixed_accuracy']:.1f} %")
    lines.append(
        f"written: {out} (digits.pt, graph.nir, program.nir, card.json, metrics.json, traces, audio)"
    )
    return "\n".join(lines) + "\n"


def _fine_tuned(metrics: dict, out: Path) -> str:
    lines = [f"note: {split}: {note}" for split, notes in metrics["notes"].items() for note in notes]
    others = f"{metrics['n_test']} others" if metrics["n_test"] else "them: there are no others"
    lines.append(f"trained on {metrics['n_train']} samples, scored on {others}")
    lines.append(f"float accuracy        {100 * metrics['accuracy']:.1f} %")
    bits = f"{metrics['weight_bits']}-bit weights"
    lines.append(f"fixed-point accuracy  {100 * metrics['fixed_accuracy']:.1f} %, {bits}, before fine-tuning")
    changed = f"{len(metrics['lost'])} lost and {len(metrics['won'])} won against floats"
    lines.append(f"bit-true accuracy     {100 * metrics['bit_true_accuracy']:.1f} %, {changed}")
    lines.append(f"written: {out} (program.nir, metrics.json)")
    return "\n".join(lines) + "\n"


def _finish(run, check: bool, out: Path | None, as_json: bool, **more: object) -> None:
    if out:
        run.trace.save(out)  # before the check: a difference is for studying
    checked = run.check() if check else None
    if as_json:
        _print({**run.to_json(), "check": checked, **more})
    else:
        _print(run.to_text() + (f"{checked}\n" if checked else ""))


def _refuse_existing(out: Path | None, force: bool) -> None:
    if out is not None and out.exists():
        if not out.is_file():
            raise BadInput(f"{out}: is not an ordinary file; give another output")
        if not force:
            raise BadInput(f"{out}: exists; --force replaces it")


def _refuse_existing_folder(out: Path | None, force: bool) -> None:
    if out is not None and out.exists():
        if not out.is_dir():
            raise BadInput(f"{out}: exists and is not a folder; give another output")
        if any(out.iterdir()) and not force:
            raise BadInput(f"{out}: exists; --force replaces it")


def _need(package: str, extra: str) -> None:
    from importlib.util import find_spec

    if find_spec(package) is None:
        raise NotAvailable(f"this needs {package}: pip install 'lavalier[{extra}]'")


def _print(result: str | dict) -> None:
    sys.stdout.write(result if isinstance(result, str) else json.dumps(result, indent=2) + "\n")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@contextmanager
def _progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on a terminal, and nothing elsewhere; hand out a function that moves it."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


if __name__ == "__main__":
    sys.exit(main())
