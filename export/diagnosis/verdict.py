"""diagnose: where two networks that should be the same part, what it costs, and why."""

from collections.abc import Mapping
from dataclasses import dataclass

import nir
import numpy as np

from ...simulate.comparison import Comparison, compare
from ...simulate.errors import BadInput
from ...simulate.population_distances import distance_table
from ...simulate.program import Program
from .costs import Costs, Error, LayerCost, Progress, ranked
from .findings import Finding
from .mixed import Mixed
from .neurons import neuron_findings
from .pair import Pair
from .sides import side_of
from .weights import weight_findings
from .whole_runs import overflow_findings, whole_runs
from .wiring import wiring_findings


@dataclass(frozen=True)
class Diagnosis:
    """What `diagnose` found.

    Attributes
    ----------
    findings : list of Finding
        Defects first, those of the layer that costs most first; then remarks.
    costs : list of LayerCost
        Sources first.
    ranking : list of str
        Layers, the one that costs most in accuracy (else in decisions, then at the output) first.
    accuracy : float or None
        Of a, where labels are known.
    samples : int
    comparison : Comparison
        Of the runs of both networks: distances of each population, wraps and saturations.
    """

    findings: list[Finding]
    costs: list[LayerCost]
    ranking: list[str]
    accuracy: float | None
    samples: int
    comparison: Comparison

    @property
    def defects(self) -> list[Finding]:
        """What rounding does not explain."""
        return [finding for finding in self.findings if finding.defect]

    def to_json(self) -> dict:
        """Return everything as plain data."""
        return {
            "findings": [finding.to_json() for finding in self.findings],
            "layers": [cost.to_json() for cost in self.costs],
            "ranking": self.ranking,
            "accuracy": self.accuracy,
            "samples": self.samples,
            "comparison": self.comparison.to_json(),
        }

    def to_text(self) -> str:
        """Return the tables and the findings."""
        lines = [*self._cost_table(), f"costs most: {', '.join(self.ranking)}"]
        if self.comparison.distances:
            lines += ["", *distance_table(self.comparison.distances)]
        lines.append("")
        for finding in self.findings:
            lines.append(f"{'defect' if finding.defect else 'remark'}: {finding}")
            lines.append(f"        {finding.to_do}")
        if not self.defects:
            lines.append("no defect: rounding explains every parameter")
        return "\n".join(lines) + "\n"

    def _cost_table(self) -> list[str]:
        """Return, for each layer, the errors of the three sweeps; what is right or changed at the end."""
        right = self.accuracy is not None
        head = f"{self.samples} samples" + (f", accuracy of a {percent(self.accuracy)}" if right else "")
        names = ("isolated", "cumulative", "all but it")
        says = "accuracy" if right else "changed"
        lines = [head, f"{'':<12} " + " ".join(f"{name + ' from b':^29}" for name in names)]
        lines.append(f"{'layer':<12} " + " ".join(f"{'layer':>8} {'output':>8} {says:>11}" for _ in names))
        for c in self.costs:
            cells = [_cells(error, right) for error in (c.isolated, c.cumulative, c.restored)]
            lines.append(f"{c.layer:<12} " + " ".join(cells))
        return [line.rstrip() for line in lines]


def diagnose(
    a: nir.NIRGraph | Program,
    b: nir.NIRGraph | Program,
    x: np.ndarray | Mapping[str, np.ndarray],
    labels: np.ndarray | None = None,
    progress: Progress | None = None,
) -> Diagnosis:
    """Say where two networks that should be the same part, what it costs, and why.

    Parameters
    ----------
    a, b : nir.NIRGraph or Program
        Of the same inputs and populations: typically a float graph, and the Program made from it.
    x : array (batch, steps, *shape), or {input name: array}
        Events, in whole numbers; floats where a Program's input has a scale.
    labels : int (batch,), optional
        What the class with the largest mean output should be.
    progress : callable (networks run, networks in all), optional
        Told of the sweeps.

    Returns
    -------
    Diagnosis

    Raises
    ------
    BadInput, Unsupported
        The networks do not have the same layers, x does not fit, or a graph has no hardware form.
    """
    sides = side_of(a), side_of(b)
    mixed = Mixed(*sides, x)
    comparison = compare(*whole_runs(*sides, mixed.x))
    costs = Costs(mixed, _checked(labels, mixed), progress)
    layers = costs.layers()
    ranking = [cost.layer for cost in ranked(layers, mixed.samples)]
    findings = [f for name in mixed.layers for f in _findings(Pair(*sides, name))]
    findings += overflow_findings(comparison)
    findings.sort(key=lambda f: (not f.defect, ranking.index(f.layer)))
    return Diagnosis(findings, layers, ranking, costs.accuracy(), mixed.samples, comparison)


def _findings(pair: Pair) -> list[Finding]:
    found = neuron_findings(pair)
    if any(f.reason == "neuron" for f in found):
        return found
    return [*found, *wiring_findings(pair), *weight_findings(pair)]


def _checked(labels: np.ndarray | None, mixed: Mixed) -> np.ndarray | None:
    if labels is not None and len(labels) != mixed.samples:
        raise BadInput(f"{len(labels)} labels for {mixed.samples} samples")
    return labels


def percent(accuracy: float | None) -> str:
    """Print a share of right decisions."""
    return "-" if accuracy is None else f"{100 * accuracy:.1f} %"


def _cells(error: Error, right: bool) -> str:
    """Print one error of a layer."""
    end = percent(error.accuracy) if right else "-" if error.changed is None else str(error.changed)
    return f"{error.layer:>8.4f} {error.output:>8.4f} {end:>11}"
