"""torch layers as fragments of NIR: one registered function per layer type, a refusal for every other.

Adding a layer type: a function registered with `fragment.register`, in torch_layers or snn_layers.
"""

from functools import singledispatch
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from ...simulate.errors import Unsupported
from .snn_fragments import Fragment

# layers that at inference only pass on or reshape what they get
TRANSPARENT = (nn.modules.dropout._DropoutNd, nn.Identity, nn.Flatten, nn.Unflatten)

AUDIT = "export.audit(module, example) lists what is no spike at inference"
SUPPORTED = (
    "Linear, Conv1d, Conv2d, AvgPool2d, Flatten, BatchNorm1d, BatchNorm2d, Dropout, Identity, Leaky, "
    "Synaptic, RLeaky, RSynaptic, Lapicque, Integrator, Refractory"
)


class Place(NamedTuple):
    """Where a layer stands.

    Attributes
    ----------
    name : str
        In the module.
    input, output : tuple of int
        Shapes in one step, without batch.
    dt : float
        Seconds in a step.
    """

    name: str
    input: tuple[int, ...]
    output: tuple[int, ...]
    dt: float

    @property
    def node(self) -> str:
        """Name of the layer's main node."""
        return self.name.replace(".", "_")


@singledispatch
def fragment(layer: nn.Module, place: Place) -> Fragment:
    """Return what a layer is in NIR.

    Parameters
    ----------
    layer : nn.Module
        As it ran, parameters in float64.
    place : Place
        Its name and shapes.

    Raises
    ------
    Unsupported
        The layer has no exact form in NIR; the message gives the reason.
    """
    raise Unsupported(f"{title(layer, place.name)} cannot be exported; supported: {SUPPORTED}; {AUDIT}")


def check_supported(layer: nn.Module, name: str) -> None:
    """Refuse a layer of a type that is not registered, or that computes something else than its type.

    Parameters
    ----------
    layer : nn.Module
        About to run.
    name : str
        In the module.

    Raises
    ------
    Unsupported
        With the list of what is supported.
    """
    if isinstance(layer, TRANSPARENT):
        return
    registered = next((kind for kind in type(layer).__mro__ if kind in fragment.registry), object)
    if registered is object:
        fragment(layer, Place(name, (), (), 0))
    elif "forward" in vars(layer) or type(layer).forward is not registered.forward:  # type: ignore[attr-defined]
        raise Unsupported(
            f"{title(layer, name)} has a forward of its own; only a {registered.__name__} that runs like one "
            "has a form in NIR"
        )


def title(layer: nn.Module, name: str) -> str:
    """Name a layer and its type in a message."""
    return f"layer '{name}' ({type(layer).__name__})"


def numbers(values: torch.Tensor) -> np.ndarray:
    """Return a parameter in float64."""
    return values.detach().cpu().double().numpy()
