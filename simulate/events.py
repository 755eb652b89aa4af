"""x from outside: checked, and brought into the form that every simulator takes."""

from collections.abc import Iterable, Mapping

import numpy as np

from .errors import BadInput
from .program import Program


def check_events(
    program: Program, x: np.ndarray | Mapping[str, np.ndarray], spikes_too: bool = True
) -> dict[str, np.ndarray]:
    """Return x as `{input: (batch, steps, channels)}`, uint8 up to 8 message bits, int32 above.

    Parameters
    ----------
    program : Program
        Whose inputs x must fit.
    x : array (batch, steps, *shape), or {input name: array}
        Whole numbers, 0 to the input's largest event. Floats are taken where they are whole.
    spikes_too : bool
        False: bytes that should be spikes may be above 1; `fast` looks at them only once, and then says so.

    Raises
    ------
    BadInput
        Names, shape, type or a value is wrong; the message names input, value and limit.
    """
    given = x if isinstance(x, Mapping) else {next(iter(program.inputs)): x}
    if given.keys() != program.inputs.keys():
        raise BadInput(f"inputs are {list(program.inputs)}, x has {list(given)}")
    events = {name: _check_input(program, name, np.asarray(a), spikes_too) for name, a in given.items()}
    if len({a.shape[:2] for a in events.values()}) > 1:
        raise BadInput("all inputs must have the same batch and steps")
    return events


def check_record(names: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    """Return the populations to record in their own order, or say which name does not exist."""
    names = (names,) if isinstance(names, str) else tuple(names)
    for name in names:
        if name not in known:
            raise BadInput(f"record: no population '{name}'; there are {', '.join(known)}")
    return tuple(name for name in known if name in names)


def _check_input(program: Program, name: str, values: np.ndarray, spikes_too: bool) -> np.ndarray:
    entry = program.inputs[name]
    if values.ndim < 2 or values.shape[2:] != entry.shape:
        raise BadInput(
            f"input '{name}': x is {values.shape}, not (batch, steps, {', '.join(map(str, entry.shape))})"
        )
    if values.dtype.kind not in "biuf":
        raise BadInput(f"input '{name}': x holds {values.dtype}, not numbers")
    bytes_will_do = values.dtype == np.uint8 and (
        entry.largest >= 255 or not (entry.message_bits or spikes_too)
    )
    if values.size and not bytes_will_do:
        low = 0 if values.dtype.kind in ("b", "u") else values.min()
        high = values.max()  # nan spreads to both
        if not (low >= 0 and high <= entry.largest):
            raise BadInput(f"input '{name}': events from {low} to {high}, allowed 0 to {entry.largest}")
        if values.dtype.kind == "f" and not np.array_equal(values, np.floor(values)):
            raise BadInput(f"input '{name}': events must be whole numbers")
    dtype = np.uint8 if entry.message_bits <= 8 else np.int32
    return np.ascontiguousarray(values.reshape(*values.shape[:2], entry.size), dtype=dtype)
