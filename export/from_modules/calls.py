"""The calls of layers in one run of a torch module: what each was given, and that it kept its own states."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import snntorch as snn
import torch
from torch import nn

from ...models.neurons import Integrator
from ...simulate.errors import Unsupported
from .layers import AUDIT, TRANSPARENT, check_supported, fragment
from .provenance import STATES, ZEROS, Opaque, Provenance, Source, Step, Steps, Value, describe

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
# they take a whole sequence (batch, steps, n) as they take one step
ANY_LEADING_AXES = (nn.Linear, nn.Dropout, nn.Identity)


class LoopOutside(Exception):
    """A layer was given all steps at once: the module is for one step."""


@dataclass
class Layer:
    """A layer and its calls, in order.

    Attributes
    ----------
    module : nn.Module
    given : list of Step
        Its input, call by call.
    input, output : tuple of int
        Shapes in one step, without batch.
    spikes, margins : list of tensor (batch, *shape)
        Of a spiking layer: whether it fired; membrane minus threshold, if asked for.
    """

    module: nn.Module
    given: list[Step] = field(default_factory=list)
    input: tuple[int, ...] = ()
    output: tuple[int, ...] = ()
    spikes: list[torch.Tensor] = field(default_factory=list)
    margins: list[torch.Tensor] = field(default_factory=list)

    @property
    def has_states(self) -> bool:
        """Whether it remembers anything from step to step."""
        return is_neuron(self.module)


class Recorder:
    """Hooks the layers of a module.

    Parameters
    ----------
    module : nn.Module
        Stays hooked.
    known : Provenance
        Read for what layers are given, written for what they return.
    keep_margins : bool
        Whether to keep how far every membrane was from its threshold.
    apart : tuple of types
        Layers without states that are recorded, too, whether or not they have a form in NIR.

    Attributes
    ----------
    layers : {name: Layer}
        In the order of their first call.
    depth : int
        How many calls of layers are under way, one inside the other.
    """

    def __init__(
        self, module: nn.Module, known: Provenance, keep_margins: bool, apart: tuple[type, ...] = ()
    ) -> None:
        self.layers: dict[str, Layer] = {}
        self.depth = 0
        self._known = known
        self._keep_margins = keep_margins
        self._apart = apart
        self._margin = torch.zeros(0)
        for name, layer in module.named_modules():
            if _is_layer(layer) or isinstance(layer, apart):
                self._hook(name or type(layer).__name__.lower(), layer)

    def _hook(self, name: str, layer: nn.Module) -> None:
        def before(module: nn.Module, args: Any, kwargs: Any) -> None:
            self.depth += 1
            if self.depth == 1:
                if not isinstance(module, self._apart):
                    check_supported(module, name)
                if not self._passes_on(module):
                    self._note_given(name, module, _arguments(module, args, kwargs))

        def after(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
            if self.depth == 1:
                x = next(iter(_arguments(module, args, kwargs).values()))
                if self._passes_on(module):
                    self._pass_on(name, x, output)
                else:
                    self._note_returned(name, x, output)
            self.depth -= 1

        layer.register_forward_pre_hook(before, with_kwargs=True)
        layer.register_forward_hook(after, with_kwargs=True)
        if isinstance(layer, snn.SpikingNeuron):
            self._watch_surrogate(name, layer)

    def _watch_surrogate(self, name: str, layer: snn.SpikingNeuron) -> None:
        """Keep the surrogate's last argument, and give its type to the spikes: snnTorch gives float32."""
        surrogate: Callable[[torch.Tensor], torch.Tensor] = layer.spike_grad  # type: ignore[assignment]
        layer._modules.pop("spike_grad", None)

        def heaviside(margin: torch.Tensor) -> torch.Tensor:
            spikes = surrogate(margin).to(margin.dtype)
            if not torch.equal(spikes, (margin > 0).to(margin.dtype)):
                raise Unsupported(
                    f"layer '{name}': its spike_grad is not 1 above the threshold and 0 elsewhere, as in "
                    f"NIR; {AUDIT}"
                )
            self._margin = margin
            return spikes

        layer.spike_grad = heaviside

    def _note_given(self, name: str, module: nn.Module, arguments: dict[str, Any]) -> None:
        x = next(iter(arguments.values()))
        if not isinstance(x, torch.Tensor):
            raise Unsupported(f"layer '{name}' is given a {type(x).__name__}, not a tensor")
        value = self._known.of(x)
        if isinstance(value, Opaque):
            raise Unsupported(f"layer '{name}' is given {value.why}, which has no form in NIR; {AUDIT}")
        if isinstance(value, Steps) and not (_takes(module, value) or isinstance(module, self._apart)):
            raise LoopOutside(f"layer '{name}' is given several steps at once; give it one after the other")
        layer = self.layers.setdefault(name, Layer(module))
        shape = tuple(x.shape[_n_leading(value) :])
        if layer.given and shape != layer.input:
            raise Unsupported(
                f"layer '{name}' is given {layer.input} in one step and {shape} in another; if it stands in "
                "several places, give each its own"
            )
        for state in _states(module):
            self._check_state(name, module, arguments.get(state), state)
        layer.input = shape
        layer.given += value.steps if isinstance(value, Steps) else [value]

    def _check_state(self, name: str, module: nn.Module, given: torch.Tensor | None, state: str) -> None:
        """A state is what the layer left in the step before, and zeros at first."""
        call = len(self.layers[name].given)
        value = self._known.of(getattr(module, state) if given is None else given)
        expected = Step({Source(name, state, call - 1): 1.0}) if call else ZEROS
        if value == expected:
            return
        if not call:
            raise Unsupported(
                f"layer '{name}' starts from {describe(value)} as its {state}; NIR starts from zeros"
            )
        raise Unsupported(
            f"layer '{name}' gets {describe(value)} as its {state} in step {call}, not {describe(expected)}: "
            "it has to keep its states, and to be called once a step"
        )

    def _note_returned(self, name: str, x: torch.Tensor, output: Any) -> None:
        layer = self.layers[name]
        value = self._known.of(x)
        returned = output if isinstance(output, tuple) else (output,)
        layer.output = tuple(returned[0].shape[_n_leading(value) :])
        last = len(layer.given)
        for exit_, tensor in self._exits(layer.module, returned):
            if isinstance(value, Steps):
                steps = range(last - len(value.steps), last)
                held = replace(value, steps=tuple(Step({Source(name, exit_, t): 1.0}) for t in steps))
            else:
                held = Step({Source(name, exit_, last - 1): 1.0})
            self._known.tag(tensor, held)
        if isinstance(layer.module, snn.SpikingNeuron):
            layer.spikes.append(self._margin > 0)
            layer.margins += [self._margin] if self._keep_margins else []

    def _exits(self, module: nn.Module, returned: tuple[torch.Tensor, ...]) -> list[tuple[str, torch.Tensor]]:
        """Name what a layer returned, and the states that it keeps."""
        if not isinstance(module, snn.SpikingNeuron):
            return [("mem" if isinstance(module, Integrator) else "out", returned[0])]
        states = _states(module)
        names = ["spk", *(state for state in states if state != "spk")]
        kept = [(state, getattr(module, state)) for state in states]
        return [*kept, *zip(names, returned, strict=False)]

    def _passes_on(self, module: nn.Module) -> bool:
        return isinstance(module, TRANSPARENT) and not isinstance(module, self._apart)

    def _pass_on(self, name: str, x: torch.Tensor, output: torch.Tensor) -> None:
        """A layer that at most reshapes returns what it is given, if it leaves batch and time alone."""
        value = self._known.get(x)
        if value is None:
            return
        kept = _n_leading(value)
        if output.shape[:kept] != x.shape[:kept]:
            if isinstance(value, Steps):
                raise LoopOutside(f"layer '{name}' joins the steps with another axis")
            value = Opaque(f"what layer '{name}' makes of the batch axis")
        self._known.tag(output, value)


def is_neuron(module: nn.Module) -> bool:
    """Whether a layer has states: neurons that spike or integrate."""
    return isinstance(module, (snn.SpikingNeuron, Integrator))


def _is_layer(module: nn.Module) -> bool:
    """Whether a module is known to have a meaning of its own, and is not followed inside."""
    kind = type(module)
    known = fragment.dispatch(kind) is not fragment.dispatch(object)
    foreign = kind.__module__.startswith(("torch.nn.", "snntorch.")) and kind not in CONTAINERS
    return known or foreign or isinstance(module, (snn.SpikingNeuron, *TRANSPARENT))


def _takes(module: nn.Module, value: Steps) -> bool:
    """Whether a layer may be given several steps at once."""
    return isinstance(module, ANY_LEADING_AXES) or (value.joined and not is_neuron(module))


def _n_leading(value: Value) -> int:
    return value.n_leading if isinstance(value, Steps) else 1


def _arguments(module: nn.Module, args: Any, kwargs: Any) -> dict[str, Any]:
    """The arguments of a call by name, the input first."""
    return inspect.signature(module.forward).bind(*args, **kwargs).arguments


def _states(module: nn.Module) -> list[str]:
    if not is_neuron(module):
        return []
    return [state for state in STATES if state in inspect.signature(module.forward).parameters]
