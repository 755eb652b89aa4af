"""What each layer costs: alone from b, with all layers before it, and put back to a in a network from b."""

from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass

import numpy as np

from ...models.readout import decide
from ...simulate.distances import membrane_angle, membrane_error, spike_error
from .mixed import Mixed, Sent

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Error:
    """How far a network of two sides is from a.

    Attributes
    ----------
    layer, output : float
        Of the layer in question, and of the output: `spike_error`, or of a readout `membrane_error`, between
        floats and integers `membrane_angle`. Of several outputs the largest.
    changed : int or None
        Decisions that are not a's; None if the output is no classification.
    accuracy : float or None
        Share of decisions that are right, where labels are known.
    """

    layer: float
    output: float
    changed: int | None
    accuracy: float | None


@dataclass(frozen=True)
class LayerCost:
    """What a layer costs.

    Attributes
    ----------
    layer : str
    isolated : Error
        This layer from b, all others from a.
    cumulative : Error
        This layer and all before it from b.
    restored : Error
        All from b but this one.
    """

    layer: str
    isolated: Error
    cumulative: Error
    restored: Error

    def to_json(self) -> dict:
        """Return everything as plain data."""
        return asdict(self)


class Costs:
    """The sweeps over the layers of two sides.

    Parameters
    ----------
    mixed : Mixed
    labels : int (batch,), optional
    progress : callable (networks run, networks in all), optional
    """

    def __init__(
        self, mixed: Mixed, labels: np.ndarray | None = None, progress: Progress | None = None
    ) -> None:
        self._mixed, self._labels = mixed, labels
        self._progress = progress or (lambda done, total: None)
        self._whole = mixed.run(())
        self._decisions = self._decided(self._whole)

    def accuracy(self) -> float | None:
        """Return the accuracy of a."""
        return self._accuracy(self._decisions)

    def layers(self) -> list[LayerCost]:
        """Return the cost of each layer, sources first."""
        names, found = self._mixed.layers, []
        for i, name in enumerate(names):
            kinds = ([name], names[: i + 1], [n for n in names if n != name])
            errors = []
            for from_b in kinds:
                errors.append(self._error(name, from_b))
                self._progress(3 * i + len(errors), 3 * len(names))
            found.append(LayerCost(name, *errors))
        return found

    def _error(self, layer: str, from_b: Collection[str]) -> Error:
        sent = self._mixed.run(from_b)
        decisions = self._decided(sent)
        changed = None
        if decisions is not None and self._decisions is not None:
            changed = int(np.count_nonzero(decisions != self._decisions))
        output = max(self._apart(name, sent) for name in self._mixed.a.outputs)
        return Error(self._apart(layer, sent), output, changed, self._accuracy(decisions))

    def _apart(self, name: str, sent: Sent) -> float:
        a, b = self._mixed.a, self._mixed.b
        if a.populations[name].threshold is not None:
            return spike_error(self._whole[name], sent[name])
        one_unit = (a.program is None) == (b.program is None)
        return (membrane_error if one_unit else membrane_angle)(self._whole[name], sent[name])

    def _decided(self, sent: Sent) -> np.ndarray | None:
        """Return the decisions of a network with one output of several classes."""
        name, *others = self._mixed.a.outputs
        if others or len(self._mixed.a.populations[name].shape) > 1:
            return None
        output = sent[name]
        return decide(output) if output.shape[1] and output.shape[2] > 1 else None

    def _accuracy(self, decisions: np.ndarray | None) -> float | None:
        if decisions is None or self._labels is None:
            return None
        return float(np.mean(decisions == self._labels))


def ranked(costs: list[LayerCost], samples: int) -> list[LayerCost]:
    """Return the layers by what they cost: in accuracy or else in decisions, then at the output.

    A layer costs what it loses alone, and what the network from b gains when it is put back.
    """
    whole = costs[-1].cumulative

    def cost(c: LayerCost) -> tuple[float, float]:
        if c.isolated.accuracy is not None:
            lost = c.restored.accuracy - c.isolated.accuracy  # type: ignore[operator]
        elif c.isolated.changed is not None:
            lost = (c.isolated.changed - c.restored.changed) / samples  # type: ignore[operator]
        else:
            lost = 0.0
        return lost, c.isolated.output + whole.output - c.restored.output

    return sorted(costs, key=cost, reverse=True)
