"""binarize: activations that are no spikes become spikes with the same gradient, to be fine-tuned."""

import copy
import math
from typing import Any

import snntorch as snn
from torch import nn

from ..export.auditing import audit
from ..models.neurons import Binary
from ..simulate.errors import Unsupported

# input at which an activation passes 1/2
HALF = {
    nn.Sigmoid: 0.0,
    nn.Hardsigmoid: 0.0,
    nn.ReLU: 0.5,
    nn.ReLU6: 0.5,
    nn.Tanh: math.atanh(0.5),
    nn.Softplus: math.log(math.expm1(0.5)),
}


def binarize(module: nn.Module, example: Any) -> nn.Module:
    """Return a copy in which every activation that `export.audit` lists is a spike.

    Forward it is 1 where the activation would exceed 1/2 (or, of a neuron of snnTorch, the membrane its
    threshold), else 0; backward it has the gradient that it had. Expect it to lose accuracy, and fine-tune.

    Parameters
    ----------
    module : nn.Module
        Left as it is.
    example : array or tensor (batch, steps, *shape)
        Real input, for the audit.

    Raises
    ------
    BadInput
        The module does not run on the example.
    Unsupported
        An activation is computed inside of a forward, where it cannot be replaced from outside.

    >>> net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2), snn.Leaky(0.9))
    >>> binarize(net, [[[1.0, 1.0, 1.0]]])[1]
    Binary(
      (activation): ReLU()
    )
    """
    found = audit(module, example)
    made = copy.deepcopy(module)
    for activation in found:
        layer = made.get_submodule(activation.layer)
        if isinstance(layer, snn.SpikingNeuron):
            layer.spike_grad = Binary(layer.spike_grad)  # type: ignore[arg-type]
        elif type(layer) in HALF and activation.layer:
            owner, _, name = activation.layer.rpartition(".")
            setattr(made.get_submodule(owner), name, Binary(layer, HALF[type(layer)]))
        else:
            raise Unsupported(f"{activation}; binarize replaces snnTorch's spike_grad and {_names()}")
    return made


def _names() -> str:
    return ", ".join(kind.__name__ for kind in HALF)
