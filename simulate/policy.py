"""Policy: what a NIR file does not fix about the discrete dynamics, and the conventions of frameworks.

Defaults are the majority convention. A policy travels with a graph in its metadata, one key a field.

Source: nir 1.0.8; the sources of the frameworks named below; for snnTorch, Norse and Spyx what their
recorded runs of one recurrent network show (Pedersen et al., Nature Communications 15:8122, 2024).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import BadInput

if TYPE_CHECKING:
    import nir

DEFAULT_DT = 1e-4
CHOICES = {
    "decay": ("euler", "exp", "zoh"),
    "reset": ("zero", "subtract", "zero-delayed", "subtract-delayed", "snntorch-subtract", "none"),
    "compare": (">", ">="),
    "order": ("i-then-v", "v-then-i", "decay-after-input"),
    "recurrent_bias": ("kept", "late", "dropped"),
    "output_lag": (0, 1),
    "gain": ("stored", "unit", "norse"),
    "spikes": ("single", "multiple"),
}
ALIASES = {
    ("reset", "v_reset"): "zero",
    ("recurrent_bias", True): "kept",
    ("recurrent_bias", False): "dropped",
}


@dataclass(frozen=True)
class Policy:
    """How a graph is stepped.

    Attributes
    ----------
    dt : float, seconds
        Duration of a step.
    decay : "euler", "exp" or "zoh"
        A state keeps 1 - dt/tau, or exp(-dt/tau) of itself per step. Input is weighted by dt/tau (a
        spike is a pulse), with "zoh" by 1 - exp(-dt/tau) (input is held during the step).
    reset : str
        After a spike v becomes v_reset ("zero"), or loses threshold - v_reset ("subtract"); both also
        one step later, as snnTorch does by default ("zero-delayed", where a node with a current loses
        the input of that step too, and "subtract-delayed"). "snntorch-subtract" is its
        reset_delay=False: a residual above the threshold raises the next threshold by one. Or "none".
    compare : ">" or ">="
        A neuron fires where v compares so with its threshold.
    order : "i-then-v", "v-then-i" or "decay-after-input"
        v sees the current of this step, or of the last; or the current, and v where there is none, decays
        after it took its input.
    recurrent_bias : "kept", "late" or "dropped"
        The bias of an Affine that closes a loop acts from the first step, from the second, or never.
    output_lag : 0 or 1
        Steps by which a neuron's spikes leave late; they are the delay of its loops then.
    gain : "stored", "unit" or "norse"
        r and w_in of the file count, or every input has weight 1; Norse counts those of CubaLIF, takes r = 1
        for a LIF or LI, and weight 1 for an IF or I.
    spikes : "single" or "multiple"
        At most one in a step, or as many as the threshold fits into v (each subtracts one).
    """

    dt: float = DEFAULT_DT
    decay: str = "euler"
    reset: str = "zero"
    compare: str = ">"
    order: str = "i-then-v"
    recurrent_bias: str = "kept"
    output_lag: int = 0
    gain: str = "stored"
    spikes: str = "single"

    def __post_init__(self) -> None:
        object.__setattr__(self, "dt", _seconds(self.dt))
        for name, choices in CHOICES.items():
            value = getattr(self, name)
            value = ALIASES.get((name, value), value) if isinstance(value, (str, bool)) else value
            if value not in choices:
                raise BadInput(f"{name} = {value!r} is none of {', '.join(map(repr, choices))}")
            object.__setattr__(self, name, type(choices[0])(value))
        if self.spikes == "multiple" and self.reset != "subtract":
            raise BadInput(f"spikes = 'multiple' needs reset = 'subtract', not {self.reset!r}")

    def __str__(self) -> str:
        rest = ", ".join(f"{name} {getattr(self, name)}" for name in CHOICES)
        return f"dt {self.dt:g} s, {rest}"

    @property
    def exceeds(self) -> np.ufunc:
        """The comparison of v with a threshold."""
        return np.greater if self.compare == ">" else np.greater_equal

    def to_metadata(self) -> dict[str, Any]:
        """Return every field, as a graph's metadata holds it."""
        return asdict(self)


# the snnTorch, Norse and Spyx ones reproduce recorded runs; the others follow the frameworks' sources
PRESETS: dict[str, dict[str, Any]] = {
    "snntorch": {},
    "norse": {"recurrent_bias": "late", "gain": "norse"},
    "spyx": {"reset": "subtract", "output_lag": 1, "gain": "unit"},
    "sinabs": {"decay": "exp", "reset": "subtract", "compare": ">=", "gain": "unit", "spikes": "multiple"},
    "rockpool": {
        "decay": "exp",
        "reset": "subtract",
        "compare": ">=",
        "order": "decay-after-input",
        "recurrent_bias": "dropped",
        "gain": "unit",
        "spikes": "multiple",
    },
    "lava-dl": {"recurrent_bias": "dropped"},
}


def policy_of(graph: "nir.NIRGraph") -> Policy:
    """Return the policy that a graph's metadata states; the defaults where it states none.

    Raises
    ------
    BadInput
        A value is none of the choices, or dt is not a positive number.
    """
    metadata = graph.metadata if isinstance(graph.metadata, Mapping) else {}
    known = {f.name: metadata[f.name] for f in fields(Policy) if f.name in metadata}
    return Policy(**{name: _plain(value) for name, value in known.items()})


def choose(graph: "nir.NIRGraph", preset: str | None, **chosen: Any) -> Policy:
    """Return the policy to read a graph with: arguments, then the preset, then the graph's metadata.

    Parameters
    ----------
    graph : nir.NIRGraph
        Its metadata may state a policy.
    preset : str or None
        A name in PRESETS; it replaces all that the metadata states but dt.
    chosen : Policy fields
        None where nothing was asked for.

    Raises
    ------
    BadInput
        No such preset, or a value that is none of the choices.
    """
    if preset is not None and preset not in PRESETS:
        raise BadInput(f"preset = {preset!r} is none of {', '.join(map(repr, PRESETS))}")
    stated = policy_of(graph)
    start = stated if preset is None else Policy(dt=stated.dt, **PRESETS[preset])
    asked = {name: value for name, value in chosen.items() if value is not None}
    if asked.get("reset", "subtract") != "subtract" and "spikes" not in asked:
        asked["spikes"] = "single"  # only subtraction can count several
    return replace(start, **asked)


def state(graph: "nir.NIRGraph", policy: Policy) -> None:
    """Note a policy in a graph's metadata, in place of the one there."""
    kept = {k: v for k, v in (graph.metadata or {}).items() if k not in {f.name for f in fields(Policy)}}
    graph.metadata = {**kept, **policy.to_metadata()}


def _seconds(dt: Any) -> float:
    try:
        seconds = float(dt)
    except (TypeError, ValueError):
        seconds = 0.0
    if not 0 < seconds < np.inf:
        raise BadInput(f"dt = {dt} must be a positive number of seconds")
    return seconds


def _plain(value: Any) -> Any:
    """Return a number or text out of what HDF5 made of it."""
    value = value.item() if isinstance(value, (np.ndarray, np.generic)) and np.size(value) == 1 else value
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
