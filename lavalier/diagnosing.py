"""Two networks from disk, compared layer by layer on one source."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nir

from lavalier.export import diagnose
from lavalier.export.diagnosis.costs import Progress
from lavalier.export.diagnosis.verdict import Diagnosis
from lavalier.runs import input_shape, is_netx, load_network
from lavalier.simulate.nir_file import read_graph
from lavalier.simulate.policy import policy_of
from lavalier.simulate.program import Program
from lavalier.simulate.program_nir import is_program
from lavalier.sources import Source, load_source

Network = nir.NIRGraph | Program


@dataclass(frozen=True)
class Compared:
    """Two networks, what they ran on, and what was found."""

    paths: tuple[Path, Path]
    networks: tuple[Network, Network]
    source: Source
    found: Diagnosis

    @property
    def difference(self) -> str | None:
        """Why the two are not what they should be; None of a graph and a Program that rounding explains."""
        reasons = [str(finding) for finding in self.found.defects[:1]]
        of_one_kind = isinstance(self.networks[0], Program) == isinstance(self.networks[1], Program)
        if of_one_kind and self.found.comparison.difference:
            reasons.append(self.found.comparison.difference)
        return "; ".join(reasons) or None

    def draw(self, folder: Path) -> None:
        """Write figures."""
        from lavalier.figures import write_figures

        write_figures(folder, *self.networks, self.source.x, self.found)

    def to_json(self) -> dict:
        """Return everything as plain data."""
        policies = [None if isinstance(n, Program) else policy_of(n).to_metadata() for n in self.networks]
        return {
            "a": {"file": str(self.paths[0]), "policy": policies[0]},
            "b": {"file": str(self.paths[1]), "policy": policies[1]},
            "data": self.source.title,
            "notes": self.source.notes,
            **self.found.to_json(),
        }

    def to_text(self) -> str:
        """Return the same for people."""
        lines = []
        for side, path, network in zip("ab", self.paths, self.networks, strict=True):
            kind = "integers" if isinstance(network, Program) else f"policy: {policy_of(network)}"
            lines.append(f"{side}: {path}, {kind}")
        lines += [f"note: {note}" for note in self.source.notes] + [self.source.title]
        return "\n".join(lines) + "\n" + self.found.to_text()


def diagnose_files(
    a: Path,
    b: Path,
    policy: Mapping[str, Any],
    source: tuple[Path | None, Path | None, int | None],
    progress: Progress,
) -> Compared:
    """Read two networks, and run the diagnosis on an input file, a folder of data, or the embedded speech.

    Parameters
    ----------
    a, b : Path
        NIR graphs, Programs, or lava-dl networks.
    policy : {option: value}
        For those that are graphs.
    source : (input, data, samples)
        As the commands take them.
    progress : callable (networks run, networks in all)
        Told of the sweeps.
    """
    integers = [is_netx(path) or is_program(read_graph(path)) for path in (a, b)]
    networks = [
        load_network(path, {} if program and not all(integers) else policy)
        for path, program in zip((a, b), integers, strict=True)
    ]
    loaded = load_source(input_shape(networks[0]), *source[:2]).take(source[2])
    found = diagnose(*networks, loaded.x, loaded.labels, progress)
    return Compared((a, b), (networks[0], networks[1]), loaded, found)
