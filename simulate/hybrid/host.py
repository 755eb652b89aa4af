"""The host part of a Hybrid, frame by frame, and the sound that it takes."""

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import BadInput

if TYPE_CHECKING:
    from .hybrid import Hybrid


class Host:
    """The host part of one stream: the same code, frame by frame, whoever calls it."""

    def __init__(self, hybrid: "Hybrid") -> None:
        self._entry = next(iter(hybrid.program.inputs.values()))
        self._before = [(stage, stage.start()) for stage in hybrid.before]
        self._after = [(stage, stage.start()) for stage in hybrid.after]
        self._later = {name for stage in hybrid.after for name in stage.reads}

    def before(self, samples: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Take a hop of samples; return events, and the values that the stages after the chip read."""
        values = {"samples": samples}
        for stage, kept in self._before:
            values[stage.writes] = written = stage.step(kept, *(values[name] for name in stage.reads))
        events = self._entry.encode(written.reshape(self._entry.shape))  # type: ignore[possibly-undefined]
        return events, {name: values[name] for name in self._later & values.keys()}

    def after(self, sent: np.ndarray, values: dict[str, np.ndarray]) -> np.ndarray:
        """Take what the chip sent in this step; return a hop of samples, or a label."""
        values = values | {"sent": sent}
        for stage, kept in self._after:
            values[stage.writes] = given = stage.step(kept, *(values[name] for name in stage.reads))
        return given  # type: ignore[possibly-undefined]


def check_samples(x: Any) -> np.ndarray:
    """Return samples as float32 (batch, n), or say what is wrong with them."""
    x = np.asarray(x)
    if x.ndim != 2 or not x.size or x.dtype.kind != "f":
        raise BadInput(f"x is {x.dtype} {x.shape}, not float (batch, samples)")
    if not np.isfinite(x).all():
        raise BadInput("x holds NaN or infinity")
    return x.astype(np.float32)
