"""How long a user waits before anything happens."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from .measure import Figure, times_in_turn


def start(data: Path | None) -> Iterator[Figure]:
    """Whole processes: `lavalier --help`, and `import lavalier.simulate`."""
    command = str(Path(sys.executable).with_name("lavalier"))

    def launch(*arguments: str) -> None:
        subprocess.run(arguments, check=True, capture_output=True)

    shown, imported = times_in_turn(
        9,
        lambda: launch(command, "--help"),
        lambda: launch(sys.executable, "-c", "from lavalier.simulate import Program, run, fast"),
    )
    for name, taken, goal in (("start.help_s", shown, 0.3), ("start.import_s", imported, None)):
        yield Figure(name, median(taken), "s, whole process", goal, "lower", (min(taken), max(taken)))
