"""Data sets in their official layouts: synthetic or downloaded."""

from pathlib import Path
from typing import Annotated

import typer

from lavalier.commands.application import app
from lavalier.commands.options import Force, Json
from lavalier.commands.speaking import progress_bar, show


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

    with progress_bar(f"generate {what}") as progress:
        record = write_set(what, out, n, seed, source, force, progress)
    show({"out": str(out), **record} if as_json else generated_text(record, out))


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
    with progress_bar(f"download {what}") as progress:
        record = get_set(what, folder, progress)
    show({"out": str(folder), **record} if as_json else downloaded_text(record, folder))
