"""A finding: the layer, the reason, the numbers, and what to do about it."""

from dataclasses import dataclass, field
from typing import Any

TO_DO = {
    "neuron": "export the layer with the neuron that it was trained with",
    "reset": "export with the reset that was trained: the policy's `reset`, or the Program's neuron type",
    "comparison": "export with the comparison that was trained: the policy's `compare`; PLIF spikes at vth",
    "decay": "check dt, and whether the time constant was read as 1 - dt/tau or exp(-dt/tau)",
    "scale": "scale weights, bias and threshold of the layer together",
    "bias": "hand the bias on: per neuron, in the unit of the layer's weights",
    "sign": "compare the weights with the file that they came from",
    "weights": "compare the weights with the file that they came from; quantize again from the float graph",
    "delay": "give the connection the delay of the float network",
    "missing": "add the connection; a recurrent one is easily lost in an export",
    "extra": "remove the connection",
    "registers": "compare the registers that floats have no word for; initial states are 0 in a graph",
    "wraps": "take a smaller weight_scale, or calibrate on input as large as this",
    "saturations": "take a smaller weight_scale, or calibrate on input as large as this",
    "clipped": "nothing, where calibration chose it; else fewer outliers, or more bits",
}


@dataclass(frozen=True)
class Finding:
    """Something that differs in a layer and that rounding does not explain, or a remark.

    Attributes
    ----------
    layer : str
    reason : str
        A key of `TO_DO`.
    text : str
        What differs, with numbers.
    defect : bool
        A remark, which may be as it should be, if not.
    numbers : dict
        The same for programs.
    """

    layer: str
    reason: str
    text: str
    defect: bool = True
    numbers: dict[str, Any] = field(default_factory=dict)

    @property
    def to_do(self) -> str:
        """What to do about it."""
        return TO_DO[self.reason]

    def __str__(self) -> str:
        return f"'{self.layer}': {self.reason}: {self.text}"

    def to_json(self) -> dict:
        """Return everything as plain data."""
        return {
            "layer": self.layer,
            "reason": self.reason,
            "text": self.text,
            "defect": self.defect,
            "numbers": self.numbers,
            "to_do": self.to_do,
        }
