"""What a network does otherwise than another, what it costs, whether it fits, and a page of all that."""

from pathlib import Path
from typing import Annotated

import typer

from lavalier.commands.application import app
from lavalier.commands.options import Data, Force, InputFile, Json, Out, Samples, with_policy
from lavalier.commands.speaking import progress_bar, refuse_existing, refuse_existing_folder, show
from lavalier.simulate.errors import BadInput, DoesNotFit, Mismatch


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
    refuse_existing_folder(figures, force)
    if ".npz" in (a.suffix, b.suffix):
        if input or data or samples or figures or policy:
            raise BadInput(f"{a}: traces are compared as they are; leave out all options but --json")
        _compare_traces(a, b, as_json)
        return
    from lavalier.diagnosing import diagnose_files

    with progress_bar("layers") as progress:
        found = diagnose_files(a, b, policy, (input, data, samples), progress)
    if figures:
        found.draw(figures)
    show(found.to_json() if as_json else found.to_text())
    if found.difference:
        raise Mismatch(f"{a} and {b} differ: {found.difference}")


def _compare_traces(a: Path, b: Path, as_json: bool) -> None:
    from lavalier.simulate import compare as compare_traces
    from lavalier.simulate.trace import Trace

    found = compare_traces(Trace.load(a), Trace.load(b))
    show(found.to_json() if as_json else found.to_text())
    if not found.equal:
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
    show(priced.to_json() if as_json else priced.to_text())


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
    show(found.to_json() if as_json else found.to_text())
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
    show(data if as_json else tables_to_text(tables))


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
    refuse_existing(out, force)
    from lavalier.simulate import report as report_of

    made = report_of(run)
    if out is not None:
        made.save(out)
    show(made.to_json() if as_json else f"written: {out}\n")
