"""The activations of a torch module in one run: what its layers hand on, counted."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import snntorch as snn
import torch
from torch import nn
from torch.utils.weak import WeakIdKeyDictionary

from .functions import SAME, name_of
from .layers import TRANSPARENT
from .moves import MOVES
from .runs import first_of
from .trace import Watching

ACTIVATIONS = tuple(
    kind
    for kind in vars(nn.modules.activation).values()
    if isinstance(kind, type) and kind.__module__.endswith(".activation")
)
NONLINEAR = frozenset(
    "relu relu6 leaky_relu prelu rrelu elu selu celu gelu silu mish sigmoid logsigmoid hardsigmoid hardswish "
    "hardtanh tanh softplus softsign softmax log_softmax exp clamp clip clamp_min".split()
)
KEEP = MOVES | SAME | {"stack", "cat", "concat"}
ROUNDING = 1e-6  # of hard + soft - soft in float32
FOREIGN = ("torch.nn.", "snntorch.")
EVENTS = "make it a spike with train.binarize(module, example) and fine-tune, or leave it to the host"
SURROGATE = "its spike_grad is no threshold: put one in with train.binarize(module, example) and fine-tune"
INSIDE = "give it a threshold in forward: 1 where it is exceeded, else 0, the gradient as now; then fine-tune"

Key = tuple[str, str]  # layer, kind


@dataclass
class Activation:
    """Values that are not only 0 and 1, where spikes are meant.

    Attributes
    ----------
    layer : str
        Name of the module; "" is the whole.
    kind : str
        Type of the module, or the torch function that it calls.
    values, others : int
        How many values it gave, and how many of them are neither 0 nor 1.
    low, high : float
        The smallest and the largest.
    advice : str
        What to do.
    """

    layer: str
    kind: str
    values: int = 0
    others: int = 0
    low: float = float("inf")
    high: float = float("-inf")
    advice: str = ""

    @property
    def share(self) -> float:
        """Of values that are neither 0 nor 1."""
        return self.others / max(1, self.values)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {**asdict(self), "share": self.share}

    def __str__(self) -> str:
        where = f"layer '{self.layer}'" if self.layer else "the module itself"
        return (
            f"{where} ({self.kind}): {100 * self.share:.1f} % of its values are neither 0 nor 1, "
            f"{self.low:.3g} to {self.high:.3g}; {self.advice}"
        )

    def add(self, values: torch.Tensor) -> None:
        """Count some more values."""
        self.values += values.numel()
        self.others += int((torch.minimum(values.abs(), (values - 1).abs()) > ROUNDING).sum())
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))


class Watch(Watching):
    """Notes activations while a module runs in it.

    Attributes
    ----------
    found : {(layer, kind): Activation}
    meant : set of (layer, kind)
        Those that are to be spikes: what neurons and own layers send, and what enters a layer.
    most_calls : int
        Of any neuron or own layer.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.found: dict[Key, Activation] = {}
        self.meant: set[Key] = set()
        self._calls: dict[str, int] = {}
        self._known = WeakIdKeyDictionary()  # what depends on the input: of which activation it is, or None
        self._inside: list[tuple[str, nn.Module]] = []
        self._functions: dict[str, str] = {}
        for name, layer in module.named_modules():
            layer.register_forward_pre_hook(self._entering(name), with_kwargs=True)
            layer.register_forward_hook(self._leaving(name), with_kwargs=True)

    @property
    def most_calls(self) -> int:
        return max(self._calls.values(), default=0)

    def follow(self, tensor: torch.Tensor, key: Key | None = None) -> None:
        """Note that a tensor depends on the input, and of which activation it is."""
        self._known[tensor] = key

    def _entering(self, name: str) -> Callable:
        def before(layer: nn.Module, args: Any, kwargs: Any) -> None:
            if _is_layer(layer) and not any(_is_layer(outer) for _, outer in self._inside):
                self.meant |= {key for t in _tensors((args, kwargs)) if (key := self._known.get(t))}
            self._inside.append((name, layer))

        return before

    def _leaving(self, name: str) -> Callable:
        def after(layer: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
            self._inside.pop()
            if any(_is_layer(outer) for _, outer in self._inside):
                return
            key = None
            if isinstance(layer, snn.SpikingNeuron):
                self._calls[name] = self._calls.get(name, 0) + 1
                spikes = first_of(output) / layer.graded_spikes_factor
                self.meant.add(self._note((name, type(layer).__name__), spikes, SURROGATE))
            elif isinstance(layer, ACTIVATIONS):
                key = self._note((name, type(layer).__name__), first_of(output), EVENTS)
            elif _is_own_leaf(layer):
                self._calls[name] = self._calls.get(name, 0) + 1
                if name in self._functions:
                    kind = f"{type(layer).__name__}, {self._functions[name]}"
                    self.meant.add(self._note((name, kind), first_of(output), INSIDE))
            elif isinstance(layer, TRANSPARENT):
                key = next((self._known.get(t) for t in _tensors((args, kwargs))), None)
            for tensor in _tensors(output):
                if key or tensor not in self._known:
                    self.follow(tensor, key)

        return after

    def _note(self, key: Key, values: torch.Tensor, advice: str) -> Key:
        self.found.setdefault(key, Activation(*key, advice=advice)).add(values.detach())
        return key

    def __torch_function__(self, func: Callable, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        given = [t for t in _tensors((args, kwargs or {})) if t in self._known]
        if given:
            name, key = name_of(func), None
            owner, layer = self._inside[-1] if self._inside else ("", None)
            if name in NONLINEAR and isinstance(result, torch.Tensor):
                if _is_own_leaf(layer):
                    self._functions.setdefault(owner, name)
                elif not any(_is_layer(outer) or isinstance(outer, ACTIVATIONS) for _, outer in self._inside):
                    key = self._note((owner, name), result, INSIDE)
            elif name in KEEP:
                key = next((key for t in given if (key := self._known[t])), None)
            for tensor in _tensors(result):
                self.follow(tensor, key)
        return result


def _is_layer(layer: nn.Module | None) -> bool:
    """Whether spikes are what a layer takes: it has weights or states, and is not followed inside."""
    if isinstance(layer, snn.SpikingNeuron):
        return True
    leaf = layer is not None and not any(layer.children())
    return leaf and not isinstance(layer, (*ACTIVATIONS, *TRANSPARENT))


def _is_own_leaf(layer: nn.Module | None) -> bool:
    return _is_layer(layer) and not type(layer).__module__.startswith(FOREIGN)


def _tensors(values: Any) -> Iterator[torch.Tensor]:
    """Walk the tensors in what a function took or gave."""
    if isinstance(values, torch.Tensor):
        yield values
    elif isinstance(values, dict):
        yield from _tensors(list(values.values()))
    elif isinstance(values, (tuple, list)):
        for value in values:
            yield from _tensors(value)
