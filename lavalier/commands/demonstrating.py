"""The main job on an embedded example."""

from pathlib import Path
from typing import Annotated

import typer

from lavalier.commands.application import app
from lavalier.commands.options import Force, Json
from lavalier.commands.speaking import need, refuse_existing_folder, say, show
from lavalier.simulate.errors import BadInput


@app.command()
def demo(
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Run folder to write.")] = None,
    samples: Annotated[int, typer.Option("--samples", help="Clips that Lava runs.")] = 20,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Take the shipped digits network from its weights to Lava and a price."""
    refuse_existing_folder(out, force)
    if samples < 1:
        raise BadInput(f"--samples {samples}: must be at least 1")
    need("torch", "train")
    from lavalier.demo import run_demo

    result = run_demo(out, samples, say=say)
    show(result.to_json() if as_json else result.to_text())
