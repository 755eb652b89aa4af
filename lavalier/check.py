"""Parity: a Program on everything that runs Programs, on drawn input and states, compared value by value."""

from dataclasses import dataclass, replace

import numpy as np

from lavalier import deploy
from lavalier.deploy.guarded import Progress
from lavalier.simulate import Comparison, Program, compare, fast, reference
from lavalier.simulate.errors import Unsupported
from lavalier.simulate.ranges import RANGES, UNIT

# share of channels that send in a step; silence comes after the largest events, where a rest would show
KINDS = {"largest": 1.0, "silent": 0.0, "sparse": 0.02, "dense": 0.5}


@dataclass(frozen=True)
class Parity:
    """What was compared with the reference, and what came out.

    Attributes
    ----------
    samples, steps, seed : int
        Of the drawn input.
    compared : {what ran: Comparison}
    not_run : str or None
        Why Lava did not run.
    """

    samples: int
    steps: int
    seed: int
    compared: dict[str, Comparison]
    not_run: str | None

    @property
    def difference(self) -> str | None:
        """The first difference, or None if all are equal."""
        for name, found in self.compared.items():
            if not found.equal:
                return f"{name} differs from the reference: {found.difference}"
        return None

    def to_json(self) -> dict:
        """Return everything as plain data."""
        return {
            "samples": self.samples,
            "steps": self.steps,
            "seed": self.seed,
            "kinds": dict(zip(KINDS, _counts(self.samples), strict=True)),
            "equal": self.difference is None,
            "compared": {name: found.to_json() for name, found in self.compared.items()},
            "lava_not_run": self.not_run,
        }

    def to_text(self) -> str:
        """Return the same for people."""
        kinds = ", ".join(f"{n} {kind}" for kind, n in zip(KINDS, _counts(self.samples), strict=True))
        lines = [f"{self.samples} samples of {self.steps} steps, seed {self.seed}: {kinds}"]
        for name, found in self.compared.items():
            said = "yes" if found.equal else f"no ({found.difference})"
            what = f"{found.values:,} values of u, v, s and output, and all counts"
            lines.append(f"{name} = reference: {said}, {what}")
        if self.not_run:
            lines.append(f"Lava: not run ({self.not_run})")
        return "\n".join(lines) + "\n"


def check_program(
    program: Program, samples: int = 8, steps: int = 100, seed: int = 0, progress: Progress | None = None
) -> Parity:
    """Run a Program on reference, fast, Lava's models and Lava's runtime; compare u, v, s and counts.

    Once as it is, and once with samples that start from drawn u and v, often at their ends.

    Parameters
    ----------
    program : Program
        The network.
    samples, steps, seed : int
        Of the input, as `draw` takes them.
    progress : callable (steps done, steps in total), optional
        Told of Lava's steps.
    """
    x, names = draw(program, samples, steps, seed), tuple(program.populations)
    compared, not_run = {}, _lava_lacks(program)
    for given, start in ((program, ""), (with_drawn_states(program, seed), " from drawn states")):
        expected = reference.run(given, x, names)
        compared[f"fast{start}"] = compare(fast.run(given, x, names), expected)
        if not not_run:
            in_bulk = deploy.run_models(given, x, names, progress=progress)
            compared[f"Lava's models{start}"] = compare(in_bulk, expected)
            runtime = deploy.run(given, x, names, progress=progress)
            compared[f"Lava's runtime{start}"] = compare(runtime, expected)
    return Parity(samples, steps, seed, compared, not_run)


def with_drawn_states(program: Program, seed: int) -> Program:
    """Return a Program whose samples start from drawn u and v; a third of them lie at the ends."""
    rng, populations = np.random.default_rng(seed), {}
    for name, neuron in program.populations.items():
        drawn = {}
        for field in ("u0", "v0"):
            if field in neuron.registers():
                low, high = RANGES[field]
                anywhere = rng.integers(low, high, neuron.shape, endpoint=True)
                near = rng.integers(-UNIT, UNIT, neuron.shape, endpoint=True)
                ends = rng.choice([low, high], neuron.shape)
                drawn[field] = np.choose(rng.integers(0, 3, neuron.shape), [anywhere, near, ends])
        populations[name] = replace(neuron, **drawn)
    return replace(program, populations=populations)


def draw(program: Program, samples: int, steps: int, seed: int) -> dict[str, np.ndarray]:
    """Draw input of every kind in turn: the largest events all the time, silence, few events, many."""
    rng = np.random.default_rng(seed)
    shares = np.resize(list(KINDS.values()), samples)
    drawn = {}
    for name, entry in program.inputs.items():
        shape = (samples, steps, *entry.shape)
        events = rng.integers(1, entry.largest, shape, np.int32, endpoint=True)
        events[shares == 1] = entry.largest
        drawn[name] = events * (rng.random(shape) < shares.reshape(-1, *[1] * (len(shape) - 1)))
    return drawn


def _counts(samples: int) -> list[int]:
    """Return how many samples there are of each kind."""
    return [len(range(first, samples, len(KINDS))) for first in range(len(KINDS))]


def _lava_lacks(program: Program) -> str | None:
    """Say why Lava cannot run a Program here, or None if it can."""
    try:
        deploy.processes_of(program)
    except Unsupported as error:
        return str(error)
    return deploy.missing()
