"""The folder of a training run: who may write into it, and files that are whole or absent."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from ..simulate.errors import BadInput
from ..simulate.files import write_json

SETTINGS = "settings.json"


def check_folder(out: Path, force: bool, resume: bool) -> None:
    """Refuse a folder that holds something, unless it is to be replaced or resumed.

    Raises
    ------
    BadInput
        `out` is no directory, is in use, or holds no run to resume; or both are asked for.
    """
    if force and resume:
        raise BadInput(f"{out}: --force and --resume exclude each other; give one of them")
    if out.exists() and not out.is_dir():
        raise BadInput(f"{out}: not a directory; give another output")
    if resume and not (out / SETTINGS).is_file():
        raise BadInput(f"{out}: no run to resume in it; leave out --resume")
    if not (force or resume) and out.is_dir() and any(out.iterdir()):
        raise BadInput(f"{out}: exists and is not empty; use --force to replace it or --resume to go on")


def start_run(out: Path, settings: dict, writes: Iterable[str]) -> None:
    """Remove what an earlier run wrote, and nothing else; keep the settings of the new one.

    Parameters
    ----------
    out : path
        Is made if it does not exist.
    settings : dict
        All that decides the result; `check_resumed` compares it.
    writes : iterable of str
        Files and folders in `out` that a run writes.
    """
    out.mkdir(parents=True, exist_ok=True)
    for path in (out / name for name in (SETTINGS, *writes)):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    write_json(out / SETTINGS, settings)


def check_resumed(out: Path, settings: dict) -> None:
    """Refuse to go on with a run that was started with other settings.

    Raises
    ------
    BadInput
        A setting differs; the message names it.
    """
    path = out / SETTINGS
    try:
        before = dict(json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise BadInput(f"{path}: not the settings of a run; start again with --force") from error
    for key in {**settings, **before}:
        was, now = before.get(key), settings.get(key)
        if was != now:
            raise BadInput(f"{path}: {key} was {was}, now {now}; resume with the same, or use --force")
