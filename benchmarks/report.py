"""How large the demo's page is, and how soon it is ready to be read."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from lavalier.demo import run_demo
from lavalier.simulate.errors import NotAvailable

from .browser import Browser, find_chromium
from .measure import Figure, point

ROUNDS = 9
CLIPS = 20
MOST_BYTES = 6_500_000


def report(data: Path | None) -> Iterator[Figure]:
    """Write the demo's page, and open it in a browser that has just started."""
    if find_chromium() is None:
        raise NotAvailable("the page is timed in Chromium (Debian: apt-get install chromium)")
    with tempfile.TemporaryDirectory() as folder:
        result = run_demo(Path(folder), CLIPS, say=lambda line: print(line, file=sys.stderr))
        page = Path(folder) / "report.html"
        said = f"{result.data}, 8 samples with traces and sound"
        yield point("report.bytes", page.stat().st_size, f"bytes of the page; {said}", MOST_BYTES, "lower")
        taken = [_ready_s(page) for _ in range(ROUNDS)]
    unit = "s from opening the page until every plot is drawn, Chromium, 1400 pixels wide"
    yield Figure("report.ready_s", median(taken), unit, 2, "lower", (min(taken), max(taken)))


def _ready_s(page: Path) -> float:
    with Browser(1400, 900) as browser:
        browser.open(page, "document.documentElement?.dataset.ready")
        return float(browser.value("document.documentElement.dataset.ready")) / 1000
