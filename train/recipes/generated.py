"""Generated data sets, kept: written once for given settings, whole or not at all."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from ...simulate.errors import BadInput


def cache_folder() -> Path:
    """Return where generated data are kept: LAVALIER_CACHE, else in the user's cache."""
    given = os.environ.get("LAVALIER_CACHE")
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lavalier"


def generated(name: str, write: Callable[[Path], object], **settings: int | str | None) -> Path:
    """Return the folder of a generated set, written now if it is not there.

    Parameters
    ----------
    name : str
        Of the set.
    write : callable (folder)
        Writes it.
    settings
        All that decides what is written.

    Raises
    ------
    BadInput
        The folder cannot be written.
    """
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]
    folder = cache_folder() / "generated" / f"{name}-{digest}"
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{name}."))
    except OSError as error:
        raise BadInput(f"{folder}: cannot be written ({error.strerror}); set LAVALIER_CACHE") from error
    try:
        write(temporary)
        os.replace(temporary, folder)
    except OSError as error:
        if not folder.is_dir():  # else another process was first
            raise BadInput(f"{folder}: cannot be written ({error.strerror})") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder
