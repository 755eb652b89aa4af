"""What every command says, where, and what it refuses before it starts."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lavalier.simulate.errors import BadInput, NotAvailable


def show(result: str | dict) -> None:
    """Print a text, or plain data as JSON."""
    sys.stdout.write(result if isinstance(result, str) else json.dumps(result, indent=2) + "\n")


def say(line: str) -> None:
    """Tell a person what is going on; results go elsewhere."""
    print(line, file=sys.stderr, flush=True)


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on a terminal, and nothing elsewhere; hand out a function that moves it."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def need(package: str, extra: str) -> None:
    """Refuse to start without a package."""
    from importlib.util import find_spec

    if find_spec(package) is None:
        raise NotAvailable(f"this needs {package}: pip install 'lavalier[{extra}]'")


def refuse_existing(out: Path | None, force: bool) -> None:
    """Refuse to replace a file unasked, and what is no file ever."""
    if out is not None and out.exists():
        if not out.is_file():
            raise BadInput(f"{out}: is not an ordinary file; give another output")
        if not force:
            raise BadInput(f"{out}: exists; --force replaces it")


def refuse_existing_folder(out: Path | None, force: bool) -> None:
    """Refuse to write into a folder that is in use, unasked."""
    if out is not None and out.exists():
        if not out.is_dir():
            raise BadInput(f"{out}: exists and is not a folder; give another output")
        if any(out.iterdir()) and not force:
            raise BadInput(f"{out}: exists; --force replaces it")
