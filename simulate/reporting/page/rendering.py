"""The page: template, style and script around one JSON document; it loads nothing from anywhere."""

import json
from functools import cache, partial
from pathlib import Path

from .drawing import graph
from .figures import found, interval, number

FOLDER = Path(__file__).parent
SCRIPTS = ("plots.js", "samples.js", "costs.js", "page.js")
SECTIONS = {
    "network": "Network",
    "accuracy": "Accuracy",
    "parting": "Where they part",
    "samples": "Samples",
    "rounding": "Quantization",
    "energy": "Energy",
    "latency": "Latency",
    "fit": "Fit",
    "provenance": "Provenance",
}
MACHINES = {"float": "Float", "fixed": "Fixed", "lava": "Lava"}
DEVICES = {"loihi1": "Loihi 1", "loihi2": "Loihi 2"}


def page(document: dict) -> str:
    """Return the HTML of a report's document.

    The document is embedded as it is: tables and plots are made from it, and `--json` prints the same.
    """
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals |= {"number": partial(number, document), "interval": partial(interval, document)}
    environment.globals["found"] = partial(found, document)
    # "<" would end the script element if a name held "</script>"
    embedded = json.dumps(document, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return environment.get_template("page.html").render(
        report=document,
        sections=SECTIONS,
        machines=MACHINES,
        devices=DEVICES,
        graph=graph(document["network"]),
        embedded=embedded,
        style=_text("page.css"),
        scripts=[_text(name) for name in SCRIPTS],
        plotly=_plotly(),
    )


def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


@cache
def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    return get_plotlyjs()
