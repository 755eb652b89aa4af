"""Options that several commands have."""

from collections.abc import Callable
from functools import wraps
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperCommand

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


class WithRay(TyperCommand):
    """A command whose --ray may stand without an address."""

    def parse_args(self, ctx, args):
        for i in reversed([i for i, a in enumerate(args) if a == "--ray"]):
            if (args[i + 1 :] or ["-"])[0].startswith("-"):
                args = [*args[: i + 1], "local", *args[i + 1 :]]
        return super().parse_args(ctx, args)
