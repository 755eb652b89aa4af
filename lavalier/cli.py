"""The command line: what the commands raise becomes one line and an exit code."""

import sys
from importlib import import_module

from lavalier.commands.application import app
from lavalier.commands.speaking import say
from lavalier.simulate.errors import LavalierError

INTERRUPTED = 130  # what typer makes of Ctrl-C, and what shells expect
for part in ("demonstrating", "learning", "converting", "running", "judging", "data_sets"):  # as --help lists
    import_module(f"lavalier.commands.{part}")


def main(argv: list[str] | None = None) -> int:
    """Run a command; return 0, 1 with one line on stderr, 2 for wrong usage, or 130 after Ctrl-C."""
    try:
        app(argv, prog_name="lavalier")
    except LavalierError as error:
        say(f"lavalier: {' '.join(str(error).split())}")
        return 1
    except (OSError, MemoryError, UnicodeError) as error:  # the machine: a full disk, a name too long
        say(f"lavalier: {type(error).__name__}: {' '.join(str(error).split())}")
        return 1
    except SystemExit as stop:
        if stop.code == INTERRUPTED:
            say("lavalier: interrupted")
        return stop.code if isinstance(stop.code, int) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
