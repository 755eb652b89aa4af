"""Where everything on the page came from, and how to repeat it."""

from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from typing import Any

from .folder import RunFolder


@dataclass(frozen=True)
class File:
    """A file of the run: its SHA-256 as the card has it, and whether it is still so."""

    name: str
    sha256: str
    unchanged: bool


@dataclass(frozen=True)
class ProvenanceSection:
    """The card of the run, what wrote the page, and the commands that repeat both."""

    commands: list[str]
    versions: dict[str, str]
    seeds: dict[str, Any]
    files: list[File]
    data: str
    notes: list[str]
    written_by: str


def provenance_section(run: RunFolder) -> ProvenanceSection:
    """Return what is known of a run."""
    card, notes = run.card, run.metrics.get("notes", [])
    if isinstance(notes, dict):
        notes = [f"{split}: {note}" for split, said in notes.items() for note in said]
    commands = [card["command"]] if "command" in card else []
    return ProvenanceSection(
        [*commands, f"lavalier report {run.path.resolve().name} --out report.html"],
        card.get("versions", {}),
        card.get("seeds", {}),
        [_file(run, name, digest) for name, digest in card.get("files", {}).items()],
        run.metrics.get("data", "not said"),
        list(notes),
        f"lavalier {version('lavalier')}",
    )


def _file(run: RunFolder, name: str, digest: str) -> File:
    path = run.path / name
    return File(name, digest, path.is_file() and sha256(path.read_bytes()).hexdigest() == digest)
