"""From torch to NIR, from NIR to integers, and what is in a file."""

from pathlib import Path
from typing import Annotated

import typer

from lavalier.commands.application import app
from lavalier.commands.options import Data, Force, Json, OutRequired, with_policy
from lavalier.commands.speaking import need, progress_bar, refuse_existing, say, show
from lavalier.simulate.errors import BadInput, CannotWork, LavalierError


@app.command()
def export(
    weights: Annotated[Path, typer.Argument(help="state_dict of a digits network (.pt).")],
    out: OutRequired,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Export a trained digits network to NIR, verified by running both."""
    refuse_existing(out, force)
    need("torch", "train")
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
    show(done if as_json else text)


@app.command()
@with_policy
def info(
    file: Annotated[
        Path, typer.Argument(help="A NIR graph, a Program, a lava-dl network (.net), or a hybrid's folder.")
    ],
    *,
    policy: dict,
    as_json: Json = False,
) -> None:
    """Say what is in a file: nodes, shapes, parameters, policy, and what hardware can take."""
    from lavalier.simulate.hybrid.hybrid_file import is_hybrid

    if is_hybrid(file):
        from lavalier.simulate.hybrid import account
        from lavalier.simulate.hybrid.hybrid import Hybrid

        found = account.account(Hybrid.load(file))
        show(found if as_json else account.to_text(found))
        return
    from lavalier.info import Info
    from lavalier.runs import load_network
    from lavalier.simulate.bounds import bounds, to_text
    from lavalier.simulate.program import Program

    network = load_network(file, policy)
    if isinstance(network, Program):
        text, ends = network.to_text(), bounds(network)
        plain = {"file": str(file), "program": text, "bounds": {n: b.to_json() for n, b in ends.items()}}
        show(plain if as_json else text + to_text(ends))
    else:
        said = Info(file, network)
        show(said.to_json() if as_json else said.to_text())


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
    refuse_existing(out, force)
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
        show({"out": str(out), "program": program.to_text()} if as_json else program.to_text())
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
        with progress_bar("quantize") as progress:
            made = quantization(floats, x, asked, None, input_bits, max_loss, progress)
    except LavalierError as error:
        raise type(error)(f"{graph}: {error}") from error
    findings = guard(made, x)
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors and not anyway:
        say("\n".join(map(str, findings)))
        raise CannotWork(f"{graph}: {len(errors)} errors, see above: nothing is written; --anyway writes it")
    made.program.save(out)
    said = "none: the largest weight of a layer is the largest integer"
    if source is not None:
        said = f"{source.title}, {source.sizes[0]} samples"
    say(f"policy: {policy_of(floats)}")
    say("\n".join([f"calibration: {said}", *map(str, findings)]))
    done = Quantized(out, floats, said, made)
    found = {"findings": [finding.to_json() for finding in findings]}
    show({**done.to_json(), **found} if as_json else done.to_text())
