"""audit: what a torch module sends from layer to layer at inference that is no spike."""

from typing import Any

import torch
from torch import nn

from ..simulate.errors import BadInput, Unsupported
from .from_modules.activations import Activation, Watch
from .from_modules.runs import FAILURES, copied, inference, state_parameters


def audit(module: nn.Module, example: Any) -> list[Activation]:
    """List the activations of a torch module that are no spikes at inference.

    Reported are what neurons of snnTorch send, and own layers that compute a nonlinear function, if it is
    not 0 or 1; and activations (modules and functions of torch) whose values enter another layer. What comes
    last is a readout, and left to the host.

    Parameters
    ----------
    module : nn.Module
        Left as it is; a copy runs, in eval mode. The time loop may be inside or outside, as for `from_torch`.
    example : array or tensor (batch, steps, *shape)
        Real input.

    Returns
    -------
    list of Activation
        In the order of their first call; empty for a network of spikes.

    Raises
    ------
    BadInput
        The module does not run on the example.

    >>> _ = torch.manual_seed(0)
    >>> net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    >>> found = audit(net, torch.ones(2, 5, 3))
    >>> [(a.layer, a.kind) for a in found]
    [('1', 'ReLU')]
    """
    x = torch.as_tensor(example).detach().cpu().float()
    if x.dim() < 3 or not x.numel():
        raise BadInput(f"example is {tuple(x.shape)}, not (batch, steps, *shape) with something in it")
    watch = _run(module, x)
    return [a for key, a in watch.found.items() if a.others and key in watch.meant]


def _run(module: nn.Module, x: torch.Tensor) -> Watch:
    """Run on all steps at once, or step by step if that fails or gives its neurons a single step."""
    at_once, failure = None, ""
    for steps_inside in (True, False):
        try:
            watch = _watched(module, x, steps_inside)
        except (*FAILURES, Unsupported) as error:
            failure = failure or str(error)
            continue
        if watch.most_calls != 1 or not steps_inside or x.shape[1] == 1:
            return watch
        at_once = watch
    if at_once is None:
        raise BadInput(f"the module does not run on the example: {failure}")
    return at_once


def _watched(module: nn.Module, x: torch.Tensor, steps_inside: bool) -> Watch:
    single_use = copied(module, torch.float32)
    watch = Watch(single_use)
    with inference(torch.float32), watch:
        if steps_inside:
            watch.follow(x)
            single_use(x)
            return watch
        states: tuple = ()
        further = state_parameters(single_use)
        for x_t in x.unbind(1):
            watch.follow(x_t)
            returned = single_use(x_t, *states)
            if further and isinstance(returned, tuple) and len(returned) == len(further) + 1:
                states = returned[1:]
    return watch
