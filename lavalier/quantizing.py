"""What `lavalier quantize` says: what was chosen for each layer, and what it does to the calibration."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nir

from lavalier.export.quantization import Quantization
from lavalier.simulate.errors import BadInput
from lavalier.simulate.policy import policy_of

HEADS = (
    "layer",
    "bits",
    "scale",
    "exp",
    "clipped",
    "rounding",
    "tau error",
    "from floats: max-abs",
    "chosen",
    "of",
)


@dataclass(frozen=True)
class Quantized:
    """A graph that became a Program.

    Attributes
    ----------
    out : Path
        Where the Program was written.
    graph : nir.NIRGraph
    calibration : str
        What it was searched on.
    result : Quantization
    """

    out: Path
    graph: nir.NIRGraph
    calibration: str
    result: Quantization

    def to_json(self) -> dict:
        """Return everything as plain data."""
        result = self.result
        return {
            "out": str(self.out),
            "policy": policy_of(self.graph).to_metadata(),
            "calibration": self.calibration,
            "program": result.program.to_text(),
            "layers": [_finite(layer._asdict()) for layer in result.layers],
            "inputs": {
                n: {"bits": i.message_bits, "scale": i.scale} for n, i in result.program.inputs.items()
            },
            "before": result.before and result.before._asdict(),
            "after": result.after and result.after._asdict(),
            "bits": [row._asdict() for row in result.table],
        }

    def to_text(self) -> str:
        """Return the same for people: the table of bits, the layers, the outputs, the Program."""
        result = self.result
        lines = _table(
            [(" ".join(map(str, r.bits.values())), *_row(r)) for r in result.table],
            (
                f"bits of {', '.join(layer.name for layer in result.layers)}",
                "memory",
                "loss",
                "output error",
                "",
            ),
        )
        if result.table:
            lines.append("")
        lines += _table([_layer(layer) for layer in result.layers], HEADS)
        lines += [f"note: {layer.note}" for layer in result.layers if layer.note]
        lines += [
            f"input '{name}': {i.scale:g} events per unit of float input, up to {i.largest}"
            for name, i in result.program.inputs.items()
            if i.scale != 1
        ]
        lines += self._outcome()
        return "\n".join([*lines, "", result.program.to_text()])

    def _outcome(self) -> list[str]:
        after, before = self.result.after, self.result.before or self.result.after
        if after is None or before is None:
            return []
        said = f"output error {before.error:.4f} with max-abs, {after.error:.4f} as chosen"
        if after.differ is not None:
            said += (
                f"; decisions that differ from floats {before.differ} and {after.differ} of {after.decisions}"
            )
        return [said]


def parsed_bits(text: str) -> Any:
    """Return what --bits names: a number, "auto", or {population: number}.

    Raises
    ------
    BadInput
        It is none of these.

    >>> parsed_bits("8"), parsed_bits("auto"), parsed_bits("hidden=4,readout=8")
    (8, 'auto', {'hidden': 4, 'readout': 8})
    """
    try:
        if "=" in text:
            pairs = [part.rsplit("=", 1) for part in text.split(",")]
            return {name: int(bits) for name, bits in pairs}
        return text if text == "auto" else int(text)
    except ValueError as error:
        raise BadInput(f"--bits {text}: must be 1 to 8, auto, or name=4,name=8") from error


def _row(row) -> tuple[str, ...]:
    return f"{row.memory:,}", f"{row.loss:.4f}", f"{row.error:.4f}", "" if row.kept else "too much"


def _layer(layer) -> tuple[str, ...]:
    low, high = layer.scale
    far = [f"{value:.4f}" if value is not None else "not run" for value in (layer.before, layer.after)]
    return (
        layer.name,
        str(layer.bits),
        f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}",
        " ".join(map(str, layer.exps)),
        f"{100 * layer.clipped:.2f} %",
        layer.rounding,
        f"{100 * layer.tau_error:.2f} %",
        *far,
        "spikes" if layer.spikes else "membrane",
    )


def _table(rows: list[tuple[str, ...]], heads: tuple[str, ...]) -> list[str]:
    if not rows:
        return []
    cells = [heads, *rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    return ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells]


def _finite(values: dict) -> dict:
    """Return plain data; what never ends is None."""
    return {name: None if value == float("inf") else value for name, value in values.items()}
