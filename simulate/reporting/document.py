"""The report of a run: every number once, as one JSON document, and the page that shows it."""

from dataclasses import dataclass, fields
from pathlib import Path

from ..files import atomic
from .accuracy import AccuracySection, accuracy_section
from .costs import (
    EnergySection,
    FitSection,
    LatencySection,
    energy_section,
    fit_section,
    latency_section,
)
from .folder import read_run
from .network import NetworkSection, network_section
from .parting import PartingSection, parting_section
from .provenance import ProvenanceSection, provenance_section
from .rounding import RoundingSection, rounding_section
from .samples import SamplesSection, samples_section
from .section import Missing, plain


@dataclass(frozen=True)
class Report:
    """A run, section by section; a section without a source is `Missing`, with the reason."""

    title: str
    network: NetworkSection
    accuracy: AccuracySection | Missing
    parting: PartingSection | Missing
    samples: SamplesSection | Missing
    rounding: RoundingSection | Missing
    energy: EnergySection | Missing
    latency: LatencySection | Missing
    fit: FitSection
    provenance: ProvenanceSection

    def to_json(self) -> dict:
        """Return every number on the page as plain data."""
        sections = {f.name: plain(getattr(self, f.name)) for f in fields(self) if f.name != "title"}
        return {"title": self.title, **sections}

    def to_html(self) -> str:
        """Return the page: one file that needs nothing else."""
        from .page.rendering import page

        return page(self.to_json())

    def save(self, path: str | Path) -> None:
        """Write the page, atomically.

        Raises
        ------
        BadInput
            The file cannot be written.
        """
        with atomic(path) as temporary:
            temporary.write_text(self.to_html(), encoding="utf-8")


def report(path: str | Path) -> Report:
    """Put what a run says on one page.

    Parameters
    ----------
    path : path
        The folder that `lavalier demo` or `lavalier train` wrote.

    Returns
    -------
    Report
        `.save("report.html")` writes the page, `.to_json()` has every number on it.

    Raises
    ------
    BadInput
        The folder is not of a run, or a file in it is damaged or missing.
    """
    run = read_run(path)
    return Report(
        title=run.card.get("name", run.path.resolve().name),
        network=network_section(run.program),
        accuracy=accuracy_section(run.metrics),
        parting=parting_section(run),
        samples=samples_section(run),
        rounding=rounding_section(run),
        energy=energy_section(run),
        latency=latency_section(run),
        fit=fit_section(run),
        provenance=provenance_section(run),
    )
