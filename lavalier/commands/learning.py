"""Train networks: one, fine-tuned in integers, or a whole grid."""

from pathlib import Path
from typing import Annotated

import typer

from lavalier.commands.application import app
from lavalier.commands.options import Data, Force, Json, Ray, WithRay, with_policy
from lavalier.commands.speaking import need, say, show
from lavalier.simulate.errors import BadInput


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
    need("torch", "train")
    need("lightning", "train")
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
        show(metrics if as_json else _trained(metrics, out))
        return
    if data and input:
        raise BadInput("give --data or --input, not both")
    if what != DIGITS and source:
        raise BadInput(f"--from is for {DIGITS}; {what} is fine-tuned itself")
    epochs = FINE.epochs if epochs is None else epochs
    metrics = train_bit_true(
        what, out, source, data, input, bits or 8, seed, epochs, force, resume, policy=policy
    )
    show(metrics if as_json else _fine_tuned(metrics, out))


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
    metrics = run_recipe(name, chosen, out, data, seed, force, resume, say)
    show(metrics if as_json else to_text(metrics, out))


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
    need("torch", "train")
    need("lightning", "train")
    if stop_early and ray is None:
        raise BadInput("--stop-early needs --ray, whose scheduler it is")
    from lavalier.recipes import changes_of
    from lavalier.sweeping import run_sweep

    out = Path("runs") / f"sweep-{recipe}" if out is None else out
    changes = changes_of(options, settings or ())
    found, text = run_sweep(
        recipe, grid, folds, out, data, seed, variant, changes, device, ray, stop_early, force, resume, say
    )
    show(found if as_json else text)
