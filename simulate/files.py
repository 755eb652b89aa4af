"""Writing files so that a reader never sees half of one."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import BadInput


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Hand out a temporary name beside `path`, and move it there if the block succeeds.

    Raises
    ------
    BadInput
        The folder does not exist or cannot be written, or `path` is there and is no ordinary file.
    """
    path = Path(path).resolve()  # a link keeps pointing at what is replaced
    try:
        if path.exists() and not path.is_file():
            raise BadInput(f"{path}: is not an ordinary file; give another output")
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=path.suffix)
    except OSError as error:
        raise BadInput(f"{path}: cannot be written ({error.strerror})") from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)  # mkstemp gives 0600
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: str | Path, content: dict | list) -> None:
    """Write plain data as a text file, atomically.

    Raises
    ------
    BadInput
        The folder does not exist or cannot be written.
    """
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n")
