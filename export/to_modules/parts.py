"""NIR nodes that torch has no layer for, as modules. Only Delay keeps anything from step to step."""

import numpy as np
import torch
from snntorch import surrogate
from torch import nn
from torch.nn import functional

from ...simulate.windows import Windows

_ATAN = surrogate.atan()


def spike(margin: torch.Tensor) -> torch.Tensor:
    """Return 1 above zero, else 0, with the gradient of snnTorch's atan surrogate.

    Parameters
    ----------
    margin : float
        v minus threshold; the result has its type, where snnTorch's own is always float32.

    Source: snnTorch 1.0.0, surrogate.ATan (Fang et al., ICCV 2021).

    >>> spike(torch.tensor([-1.0, 0.0, 2.0], dtype=torch.float64))
    tensor([0., 0., 1.], dtype=torch.float64)
    """
    return _ATAN(margin).to(margin.dtype)  # type: ignore[union-attr]


def number(values: np.ndarray) -> torch.Tensor:
    """Return a parameter in float64: one number for the whole layer where all are equal.

    >>> number(np.array([0.5, 0.5]))
    tensor(0.5000, dtype=torch.float64)
    """
    array = np.array(values, np.float64)
    first = float(array.flat[0])
    return torch.tensor(first, dtype=torch.float64) if np.all(array == first) else torch.from_numpy(array)


class Threshold(nn.Module):
    """Spike where the input itself exceeds a learned threshold.

    Parameters
    ----------
    threshold : float, of the node's shape
    compare : ">" or ">="
    """

    def __init__(self, threshold: np.ndarray, compare: str) -> None:
        super().__init__()
        self.threshold = nn.Parameter(number(threshold))
        self.compare = compare

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        margin = x - self.threshold
        return spike(margin) if self.compare == ">" else spike(margin) + (margin == 0)


class SumPool2d(nn.Module):
    """Add up what each window sees.

    Parameters
    ----------
    windows : Windows
        Over height and width.
    """

    def __init__(self, windows: Windows) -> None:
        super().__init__()
        self.windows = windows

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        windows = self.windows
        return functional.avg_pool2d(x, windows.kernel, windows.stride, windows.before, divisor_override=1)


class Delay(nn.Module):
    """Hand on each element its own number of steps later.

    Parameters
    ----------
    steps : int, of the node's shape
    """

    def __init__(self, steps: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("steps", torch.from_numpy(np.array(steps, np.int64)))
        self.steps: torch.Tensor
        self._lags = [int(n) for n in np.unique(steps)]
        self._past: list[torch.Tensor] = []

    def reset_mem(self) -> None:
        """Forget all steps."""
        self._past = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self._past = [x, *self._past][: self._lags[-1] + 1]
        sent = torch.zeros_like(x)
        for lag in self._lags:
            if lag < len(self._past):
                sent = torch.where(self.steps == lag, self._past[lag], sent)
        return sent
