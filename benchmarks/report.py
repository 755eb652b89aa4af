"""How large the demo's page is, and how soon it is ready to be read."""

import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import median

from lavalier.demo import run_demo
from lavalier.simulate.errors import NotAvailable

from .browser import Browser, find_chromium
from .measure import DISTURBED, Disturbed, Figure, point

ROUNDS = 9
CLIPS = 20
MOST_BYTES = 6_500_000
PAGE = "report.html"


def size(data: Path | None) -> Iterator[Figure]:
    """Write the demo's page."""
    folder, title = _run()
    unit = f"bytes of the page; {title}, 8 samples with traces and sound"
    yield point("report.bytes", (Path(folder.name) / PAGE).stat().st_size, unit, MOST_BYTES, "lower")


def ready(data: Path | None) -> Iterator[Figure]:
    """Open the demo's page in a browser that has just started.

    Raises
    ------
    Disturbed
        The page waited for the processor as long as half of the time that it had it.
    """
    if find_chromium() is None:
        raise NotAvailable("the page is timed in Chromium (Debian: apt-get install chromium)")
    folder, _ = _run()
    taken, busy = zip(*(_seconds(Path(folder.name) / PAGE) for _ in range(ROUNDS)), strict=True)
    if median(taken) > DISTURBED * median(busy):
        raise Disturbed(
            f"the page took {median(taken):.2f} s, of these {median(busy):.2f} s on the processor"
        )
    unit = "s from opening the page until every plot is drawn, Chromium, 1400 pixels wide"
    yield Figure("report.ready_s", median(taken), unit, 2, "lower", (min(taken), max(taken)))


@cache
def _run() -> tuple[tempfile.TemporaryDirectory, str]:
    """Return the folder of a demo, which goes when the process ends, and what it ran on."""
    folder = tempfile.TemporaryDirectory()
    return folder, run_demo(Path(folder.name), CLIPS, say=lambda line: print(line, file=sys.stderr)).data


def _seconds(page: Path) -> tuple[float, float]:
    """Return the time until the page is ready, and what of it the page had the processor."""
    with Browser(1400, 900) as browser:
        browser.open(page, "document.documentElement?.dataset.ready")
        return float(browser.value("document.documentElement.dataset.ready")) / 1000, browser.busy_s()
