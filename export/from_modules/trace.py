"""Follow tensors through one run of a torch module, layer by layer."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from ...simulate.errors import Unsupported
from .calls import Recorder
from .functions import DECISIONS, name_of, values_after
from .provenance import Arguments, Provenance, describe

FLOATS = (torch.float32, torch.float64)


class Watching(TorchFunctionMode):
    """Sees every torch function, x[0] among them."""

    def __enter__(self) -> "Watching":
        torch.Tensor.__getitem__ = _getitem  # type: ignore[method-assign]
        torch.Tensor.__setitem__ = _setitem  # type: ignore[method-assign]
        return super().__enter__()

    def __exit__(self, *reason: Any) -> None:
        super().__exit__(*reason)
        del torch.Tensor.__getitem__, torch.Tensor.__setitem__


class Tracer(Watching):
    """Notes what tensors hold while a module runs in it; layers are opaque inside.

    Parameters
    ----------
    module : nn.Module
        A copy for this one run.
    dtype : torch.dtype
        What the module computes in; conversions between float32 and float64 inside of it are ignored.
    keep_margins : bool
        Whether to keep how far every membrane was from its threshold.
    apart : tuple of types
        Layers without states that are followed, too, whether or not they have a form in NIR.

    Attributes
    ----------
    known : Provenance
        What the tensors hold.
    layers : {name: Layer}
        With their calls, in the order of the first.
    """

    def __init__(
        self, module: nn.Module, dtype: torch.dtype, keep_margins: bool = False, apart: tuple[type, ...] = ()
    ) -> None:
        super().__init__()
        self.known = Provenance()
        self._dtype = dtype
        self._recorder = Recorder(module, self.known, keep_margins, apart)
        self.layers = self._recorder.layers

    @property
    def in_loop(self) -> bool:
        """Whether a layer with states has been given a single step."""
        return any(layer.has_states for layer in self.layers.values())

    def __torch_function__(self, func: Callable, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self._recorder.depth:
            return func(*args, **kwargs)
        args = [self._own(a) for a in args]
        kwargs = {key: self._own(value) for key, value in kwargs.items()}
        name = name_of(func)
        given = Arguments(self.known, args, kwargs)
        if given.traced and name in DECISIONS:
            raise Unsupported(
                f"forward reads {describe(given.traced[0])} as a number ('{name.strip('_')}'); what it does "
                "with it has no form in NIR"
            )
        result = func(*args, **kwargs)
        if name in ("float", "double") and isinstance(result, torch.Tensor):
            result = result.to(self._dtype)
        if given.traced:
            for tensor, value in values_after(given, func, args, kwargs, result):
                self.known.tag(tensor, value)
        return result

    def _own(self, argument: Any) -> Any:
        """Replace float32 and float64 by the one that this run is in."""
        return self._dtype if isinstance(argument, torch.dtype) and argument in FLOATS else argument


# torch keeps x[0] from function modes, but not x[(0,)]
def _getitem(tensor: torch.Tensor, index: Any) -> torch.Tensor:
    return torch._C.TensorBase.__getitem__(tensor, index if isinstance(index, tuple) else (index,))


def _setitem(tensor: torch.Tensor, index: Any, value: Any) -> None:
    torch._C.TensorBase.__setitem__(tensor, index if isinstance(index, tuple) else (index,), value)


_getitem.__name__, _setitem.__name__ = "__getitem__", "__setitem__"
