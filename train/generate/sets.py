"""The sets that can be generated, by name: into a folder of the user's, or once into the cache."""

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ...simulate.errors import BadInput
from ...simulate.files import write_json
from ..data.cache import cache_folder
from .progress import Progress

RECORD = "generated.json"  # says that a folder holds nothing real


@dataclass(frozen=True)
class GeneratedSet:
    """How one set is made.

    Parameters
    ----------
    module, function : str
        Where, in this folder; called with (out, seed=, progress=), and n= and source= if they are given.
    counts : str
        What n counts.
    sources : str
        What `--from` may be; empty where there is nothing to make it from.
    """

    module: str
    function: str
    counts: str
    sources: str = ""

    @property
    def write(self) -> Callable[..., list[Path]]:
        """The function itself."""
        return getattr(import_module(f".{self.module}", __package__), self.function)


SETS = {
    "shd": GeneratedSet("shd", "write_shd", "training samples", "recordings {digit}_{speaker}_{index}.wav"),
    "ssc": GeneratedSet("shd", "write_ssc", "training samples"),
    "audiomnist": GeneratedSet("digits", "write_audiomnist", "recordings per digit and speaker"),
    "fsdd": GeneratedSet("digits", "write_fsdd", "recordings per digit and speaker"),
    "whales": GeneratedSet("whales", "write_whales", "labeled clips"),
    "nsynth": GeneratedSet("nsynth", "write_nsynth", "notes to learn from"),
}


def generate(
    name: str,
    out: str | Path,
    n: int | None = None,
    seed: int = 0,
    source: Path | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write a set into a folder: all of it or nothing.

    Parameters
    ----------
    name : str
        One of SETS.
    out : path
        Gets the files of the layout, and `generated.json`, which says how they were made.
    n : int, optional
        Size; what it counts is the set's own.
    seed : int, 0 or more
        The same arguments always give the same data.
    source : path, optional
        Real recordings to make it from.
    force : bool
        Replace an earlier generated set in `out`; real data is never replaced.
    progress : callable (done, total), optional
        Called after every sample.

    Returns
    -------
    record : dict
        set, n, seed, from, version; as in `generated.json`.

    Raises
    ------
    BadInput
        There is no such set, an argument is out of range, or `out` is in use.
    """
    out = Path(out)
    made = _checked(name, seed, source)
    if out.exists() and not out.is_dir():
        raise BadInput(f"{out}: exists and is not a folder; give another output")
    if out.is_dir() and any(out.iterdir()):
        if not (out / RECORD).is_file():
            raise BadInput(f"{out}: exists and was not generated; give another output")
        if not force:
            raise BadInput(f"{out}: exists; --force replaces it")
    out = out.absolute()
    out.parent.mkdir(parents=True, exist_ok=True)
    settings: dict[str, Any] = {"seed": seed} | ({"n": n} if n is not None else {})
    if source is not None:
        settings["source"] = source
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as folder:
        whole = Path(folder) / "set"
        whole.mkdir()
        try:
            made.write(whole, progress=progress, **settings)
        except ValueError as error:
            raise BadInput(f"{name}: {error}") from error
        record = {"set": name, "n": n, "seed": seed, "from": None if source is None else str(source)}
        record["version"] = version("lavalier")
        write_json(whole / RECORD, record)
        if force and out.exists():
            os.replace(out, Path(folder) / "before")
        if not (out / RECORD).is_file():  # else another process made the same meanwhile
            os.replace(whole, out)
    return record


def generated(
    name: str,
    n: int | None = None,
    seed: int = 0,
    source: Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """Return the folder of a generated set in the cache, made if it is not there.

    Parameters
    ----------
    name, n, seed, source, progress
        As in `generate`.

    Raises
    ------
    BadInput
        As in `generate`.
    """
    _checked(name, seed, source)
    parts = [name, "default" if n is None else str(n), str(seed)]
    if source is not None:
        parts.append(str(Path(source).resolve()).replace(os.sep, "+"))
    out = cache_folder() / "generated" / _code() / "-".join(parts)
    if not (out / RECORD).is_file():
        generate(name, out, n, seed, source, progress=progress)
    return out


def _checked(name: str, seed: int, source: Path | None) -> GeneratedSet:
    if name not in SETS:
        raise BadInput(f"set {name!r}; it must be one of {', '.join(SETS)}")
    if seed < 0:
        raise BadInput(f"seed = {seed}; it must be at least 0")
    if source is not None and not SETS[name].sources:
        raise BadInput(f"--from {source}: {name} is not made from recordings; leave it out")
    return SETS[name]


def _code() -> str:
    """Return a fingerprint of what generates: another version makes its own sets."""
    files = [
        *Path(__file__).parent.glob("*.py"),
        *(Path(__file__).parents[1] / f for f in ("speech.py", "tract.py")),
    ]
    return sha256(b"".join(path.read_bytes() for path in sorted(files))).hexdigest()[:12]
