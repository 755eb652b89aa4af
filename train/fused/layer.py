"""All steps of a layer of neurons as one function of autograd."""

from typing import NamedTuple

import numpy as np
import torch

from .events import CACHE, LANES, found
from .kernels import advance, retreat
from .surrogates import GIVEN, Surrogate, slopes
from .synapses import weight_gradient
from .threads import shared


class Form(NamedTuple):
    """What of a layer is no tensor.

    Per step and neuron, where r tells whether it is to be reset, and what `reset` does not name is left out::

        last = mem of the step before;  r = last > threshold
        forgets:  last = 0 where r
        i = alpha * i + a_in, or a_in itself where there is no alpha
        m = beta * last + i
        wipes:    m = 0 where r
        drops:    m = m - threshold where r
        s = m > threshold
        mem = m, but where the reset is not delayed:
        drops:    mem = m - (s - r) * threshold
        forgets or wipes:  mem = m - (s - r) * m

    Gradients take r for a constant.

    Attributes
    ----------
    reset : "none", "forgets", "wipes" or "drops"
    delayed : bool
        Whether a reset waits for the next step.
    surrogate : Surrogate
        Of the derivative of s by m.
    """

    reset: str
    delayed: bool
    surrogate: Surrogate

    @property
    def at_once(self) -> bool:
        """Whether a reset acts in the step of the spike."""
        return not self.delayed and self.reset != "none"

    def rates(self, dtype: type) -> np.ndarray:
        """Return what the kernels multiply with: forgets, wipes, drops, and clears at once."""
        clears = self.at_once and self.reset != "drops"
        return np.array(
            [self.reset == "forgets", self.reset == "wipes", self.reset == "drops", clears], dtype
        )


class Neurons(NamedTuple):
    """The tensors of a layer.

    Attributes
    ----------
    beta, threshold : float (n)
    alpha : float (n), or None
        Of neurons with a synaptic current.
    weights : float (n, n), or None
        To neuron (row) from neuron, one step later.
    """

    beta: torch.Tensor
    threshold: torch.Tensor
    alpha: torch.Tensor | None = None
    weights: torch.Tensor | None = None


def run(
    a_in: torch.Tensor, neurons: Neurons, form: Form, mask: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Run all steps of a layer from rest.

    Parameters
    ----------
    a_in : float (batch, steps, n)
        What arrives; its memory is used for the result.
    neurons : Neurons
        Parameters.
    form : Form
        What a step is.
    mask : float (batch, steps, n), optional
        What the recurrent weights bring is multiplied with it.

    Returns
    -------
    spikes, mem : float (batch, steps, n)

    >>> from .surrogates import recognized
    >>> form = Form("drops", True, recognized(torch.sigmoid))
    >>> neurons = Neurons(torch.tensor([0.5]), torch.tensor([1.0]))
    >>> spikes, mem = run(torch.full((1, 3, 1), 1.5), neurons, form)
    >>> spikes.flatten().tolist(), mem.flatten().tolist()
    ([1.0, 1.0, 1.0], [1.5, 1.25, 1.125])
    """
    returned = _Steps.apply(a_in, *neurons, form, mask)
    return returned[0], returned[-1]


class _Steps(torch.autograd.Function):
    """Returns the spikes, the membranes before a reset that acts at once, and those after it if one does."""

    @staticmethod
    def forward(ctx, a_in, beta, threshold, alpha, weights, form, mask):
        batch, steps, n = a_in.shape
        # whoever made a_in has no more use for it, so autograd need not know
        a_in = a_in.detach()
        mem, kept = a_in.numpy(), steps if ctx.needs_input_grad[3] else 1
        spikes = torch.empty_like(a_in)
        syn = None if alpha is None else a_in.new_empty(batch, kept, n)
        after = torch.empty_like(a_in) if form.at_once else None
        given = *_arrays(mem, 1, beta, alpha, threshold), form.rates(mem.dtype.type)
        (onward,) = _arrays(mem, 2, None if weights is None else weights.t())
        block = max(1, CACHE // (LANES * n * mem.itemsize)) * LANES
        states = _arrays(mem, 3, mask, syn, after, spikes)
        shared(batch, lambda low, high: advance(mem, *given, onward, block, *states, low, high))
        ctx.form, ctx.mask = form, mask
        ctx.save_for_backward(a_in, after, syn if kept == steps else None, beta, threshold, alpha, weights)
        ctx.set_materialize_grads(False)
        return (spikes, a_in, after) if form.at_once else (spikes, a_in)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gs, *gms):
        mem, after, syn, beta, threshold, alpha, weights = ctx.saved_tensors
        batch, steps, n = mem.shape
        mask, ga, sums = ctx.mask, torch.empty_like(mem), None
        if any(ctx.needs_input_grad[1:4]):
            sums = mem.new_zeros(batch, 3, n)
        surrogate = ctx.form.surrogate
        h = slopes(surrogate.function, mem - threshold) if surrogate.kind == GIVEN else None
        retreats = _Retreat(ctx.form, (mem, after, syn, gs, gms[-1], h), (beta, alpha, threshold), ga, sums)
        gw = None
        if weights is None:
            retreats.run(None, steps, 0)
        else:
            returned = mem.new_zeros(batch, n)
            for t in range(steps - 1, -1, -1):
                retreats.run(returned, t + 1, t)
                torch.mm(_times(ga, mask, t), weights, out=returned)
            if ctx.needs_input_grad[4]:
                sent = torch.zeros_like(mem)
                sent[:, 1:] = mem[:, :-1] > threshold
                gw = weight_gradient(found(sent.flatten(0, 1).numpy()), _times(ga, mask).flatten(0, 1))
        g_beta, g_alpha, g_threshold = (None,) * 3 if sums is None else sums.sum(0)
        return ga, g_beta, g_threshold, None if alpha is None else g_alpha, gw, None, None


def _times(ga: torch.Tensor, mask: torch.Tensor | None, t: int | slice = slice(None)) -> torch.Tensor:
    """Return what the recurrent weights get of a gradient."""
    return ga[:, t] if mask is None else ga[:, t] * mask[:, t]


class _Retreat:
    """The way back through the steps of a layer."""

    def __init__(self, form, states, registers, ga, sums) -> None:
        self.form, self.batch = form, len(ga)
        mem = ga.numpy()
        dtype = mem.dtype.type
        self.states = _arrays(mem, 3, *states)
        self.registers = *_arrays(mem, 1, *registers), form.rates(dtype)
        self.surrogate = form.surrogate.kind, dtype(form.surrogate.steepness)
        self.later = np.zeros((2, self.batch, mem.shape[2]), dtype)
        self.results = mem, *self.later, *_arrays(mem, 3, sums)

    def run(self, returned: torch.Tensor | None, top: int, bottom: int) -> None:
        """Go back from step `top` - 1 to `bottom`."""
        *states, h = self.states
        (more,) = _arrays(self.results[0], 2, returned)
        given = *states, more, h, *self.registers, *self.surrogate, *self.results
        shared(self.batch, lambda low, high: retreat(*given, low, high, top, bottom))


def _arrays(like: np.ndarray, n_axes: int, *tensors: torch.Tensor | None) -> list[np.ndarray]:
    """Return tensors as arrays whose rows lie together; none as an empty one."""
    none = np.empty((0,) * n_axes, like.dtype)
    return [none if x is None else x.detach().contiguous().numpy() for x in tensors]
