"""The search over a network: one population after another, sources first, then the whole.

Each population is searched on the events that the quantised network before it sends, so that it makes up for
what was lost there. In the end the whole network decides: how many populations, from the input on, keep what
was found for them, none (the plain choice) to all.
"""

from collections.abc import Callable, Mapping

import numpy as np

from ..simulate.connections import Input
from ..simulate.fast import run
from ..simulate.network import Network
from ..simulate.program import Program
from .assembly import assembled
from .calibration import Batch, Observed
from .judging import Judge
from .outcomes import Outcome, distances, events_of, outcome
from .populations import Population
from .rounding import Choice, rounded
from .scales import largest_scale, max_abs
from .search import search
from .trials import Trial

Choices = dict[str, Choice]


class Searching:
    """What the search needs: the network, its floats and what calibration showed.

    Parameters
    ----------
    network : Network
    floats : list of Population
    inputs : {name: Input}
    observed : Observed
    """

    def __init__(
        self, network: Network, floats: list[Population], inputs: Mapping[str, Input], observed: Observed
    ) -> None:
        self.network, self.floats = network, floats
        self._inputs, self._observed = inputs, observed
        self._few = observed.sampled(floats)

    def plain(self, bits: Mapping[str, int]) -> Choices:
        """Make the largest weight of each population the largest integer."""
        return {p.name: self._plain(p, bits[p.name]) for p in self.floats}

    def searched(self, bits: Mapping[str, int], progress: Callable[[int, int], None]) -> Choices:
        """Search each population after its sources; in a loop, later ones send what the floats send."""
        choices, sent = self.plain(bits), {}
        for done, p in enumerate(self.floats):
            progress(done, len(self.floats))
            choices[p.name] = self.of_one(p, bits[p.name], choices, sent)
            sent |= self.sent(choices, [p])
        return choices

    def of_one(self, p: Population, bits: int, choices: Choices, sent: Batch) -> Choice:
        """Search one population; sources that are not in `sent` send what the floats send."""
        plain, few = self._plain(p, bits), self._few
        program = self.program({**choices, p.name: plain})
        ours = {**few.events, **{name: a for name, a in sent.items() if name != p.name}}
        judge = Judge(p, program, ours, few.target(p.name))
        return search(p, judge, plain, largest_scale(p, self._observed), ours, few.events)

    def sent(self, choices: Choices, some: list[Population]) -> Batch:
        """Return the events that populations send in the quantised network."""
        spiking = [p.name for p in some if p.threshold is not None]
        program = self.program(choices)
        spikes = run(program, events_of(program, self._few), record=spiking).spikes if spiking else {}
        return {name: a.reshape(*a.shape[:2], -1).astype(np.float32) for name, a in spikes.items()}

    def best(self, plain: Choices, found: Choices) -> Choices:
        """Return as much of what was found, from the input on, as is best; never worse than plain."""
        names = [p.name for p in self.floats]
        mixed = [{**plain, **{name: found[name] for name in names[:n]}} for n in range(len(names) + 1)]
        outcomes = [self.outcome(choices) for choices in mixed]
        best = mixed[_least(outcomes)]
        return (plain, best)[_least([self.outcome(choices, whole=True) for choices in (plain, best)])]

    def outcome(self, choices: Choices, whole: bool = False) -> Outcome:
        """Run the network on the samples of the search, or on the whole calibration."""
        observed = self._observed if whole else self._few
        return outcome(self.program(choices), self.floats, choices, observed)

    def distances(self, choices: Choices) -> dict[str, float]:
        """Return how far each population is from the float run, in the running network."""
        return distances(self.program(choices), self.floats, choices, self._few)

    def program(self, choices: Choices) -> Program:
        """Return the Program of what was chosen."""
        return assembled(self.network, self.floats, choices, self._inputs)

    def _plain(self, p: Population, bits: int) -> Choice:
        choice = rounded(p, max_abs(p, self._observed, bits), bits)
        if p.threshold is None or np.all(np.rint(choice.scale * p.threshold)[p.threshold > 0]):
            return choice
        # a threshold far below the others would round to nothing: the largest weight of each neuron instead
        exps = {key: w.exp for key, w in choice.weights.items()}
        trial = Trial(p, exps, bits, largest_scale(p, self._observed))
        return trial.at(np.ones(trial.groups.max() + 1))


def _least(outcomes: list[Outcome]) -> int:
    """Return which errs least of those that are nowhere worse than the first."""
    first = outcomes[0]
    fit = [
        i for i, o in enumerate(outcomes) if o.error <= first.error and (o.differ or 0) <= (first.differ or 0)
    ]
    return min(fit, key=lambda i: (outcomes[i].error, outcomes[i].differ or 0))
