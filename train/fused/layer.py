"""All steps of a layer of neurons, with the Linear layer before it, as one function of autograd."""

from typing import NamedTuple

import numpy as np
import torch

from .events import CACHE, LANES, Events, add_product
from .kernels import advance
from .retreat import Retreat, arrays
from .room import room
from .surrogates import Surrogate
from .threads import gathering, shared


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


class Synapses(NamedTuple):
    """What arrives at a layer, where it is by events.

    Attributes
    ----------
    x : float (batch, steps, n_in)
        Where gradients go; its values are not looked at.
    events : Events (batch * steps, n_in)
        Its values.
    weight : float (n, n_in)
    bias : float (n), or None
    """

    x: torch.Tensor
    events: Events
    weight: torch.Tensor
    bias: torch.Tensor | None


class Sent(NamedTuple):
    """What a layer sends.

    Attributes
    ----------
    spikes : float (batch, steps, n)
        Zeros without memory where only events were asked for; gradients go there.
    mem : float (batch, steps, n)
    events : Events (batch * steps, n)
        Of the spikes.
    """

    spikes: torch.Tensor
    mem: torch.Tensor
    events: Events


def run(
    arriving: torch.Tensor | Synapses,
    neurons: Neurons,
    form: Form,
    mask: torch.Tensor | None = None,
    only_events: bool = False,
) -> Sent:
    """Run all steps of a layer from rest.

    Parameters
    ----------
    arriving : float (batch, steps, n), or Synapses
        A tensor's memory is used for the result.
    neurons : Neurons
        Parameters.
    form : Form
        What a step is.
    mask : float (batch, steps, n), optional
        What the recurrent weights bring is multiplied with it.
    only_events : bool
        Whether nobody looks at the values of `spikes`.

    >>> from .surrogates import recognized
    >>> form = Form("drops", True, recognized(torch.sigmoid))
    >>> neurons = Neurons(torch.tensor([0.5]), torch.tensor([1.0]))
    >>> sent = run(torch.full((1, 3, 1), 1.5), neurons, form)
    >>> sent.spikes.flatten().tolist(), sent.mem.flatten().tolist()
    ([1.0, 1.0, 1.0], [1.5, 1.25, 1.125])
    """
    if isinstance(arriving, Synapses):
        x, events, weight, bias = arriving
        given = None, x, weight, bias, events
    else:
        given = arriving, None, None, None, None
    *returned, events = _Steps.apply(*given, *neurons, form, mask, only_events)  # type: ignore[misc]
    return Sent(returned[0], returned[-1], events)


class _Steps(torch.autograd.Function):
    """Returns spikes, membranes before a reset that acts at once, those after it if one does, and events."""

    @staticmethod
    @gathering
    def forward(ctx, a_in, x, weight, bias, events, beta, threshold, alpha, weights, form, mask, only_events):
        batch, steps = (x if a_in is None else a_in).shape[:2]
        n = len(beta)
        # whoever made a_in has no more use for it, so autograd need not know
        mem = room((batch, steps, n), beta) if a_in is None else a_in.detach()
        kept = steps if ctx.needs_input_grad[7] else 1
        syn = None if alpha is None else room((batch, kept, n), mem)
        after = room(mem.shape, mem) if form.at_once else None
        spikes = mem.new_zeros(1, 1, 1).expand(mem.shape) if only_events else room(mem.shape, mem)
        sent = _no_events(mem)
        values = mem.numpy()
        given = *arrays(values, 1, beta, alpha, threshold), form.rates(values.dtype.type)
        onward, inward = arrays(values, 2, *(None if w is None else w.t() for w in (weights, weight)))
        start = mem.new_zeros(n).numpy() if bias is None else bias.detach().contiguous().numpy()
        block = max(1, CACHE // (LANES * n * values.itemsize)) * LANES
        states = arrays(values, 3, mask, syn, after, None if only_events else spikes)

        def work(low: int, high: int) -> None:
            if events is not None:
                rows = values.reshape(batch * steps, n)
                add_product(events, inward, rows, low * steps, high * steps, start)
            advance(values, *given, onward, block, *states, *sent[:3], low, high)

        shared(batch, work, together(steps, n, values.itemsize) if weights is None else None)
        ctx.form, ctx.mask, ctx.events, ctx.sent = form, mask, events, sent
        syn = syn if kept == steps else None
        ctx.save_for_backward(mem, after, syn, beta, threshold, alpha, weights, x, weight, bias)
        ctx.set_materialize_grads(False)
        return (spikes, mem, after, sent) if form.at_once else (spikes, mem, sent)

    @staticmethod
    @torch.autograd.function.once_differentiable
    @gathering
    def backward(ctx, gs, *gms):  # pyright: ignore[reportIncompatibleMethodOverride]
        mem, after, syn, beta, threshold, alpha, weights, _, weight, _ = ctx.saved_tensors
        needs = ctx.needs_input_grad
        states, registers = (mem, after, syn, gs, gms[-2]), (beta, alpha, threshold)
        way = Retreat(ctx.form, states, registers, any(needs[5:8]))
        gw = None
        if ctx.events is not None:
            way.inward(ctx.events, weight, *needs[1:4])
        if weights is None:
            way.run()
        else:
            gw = way.run_recurrent(weights, ctx.mask, ctx.sent, needs[8])
        g_beta, g_alpha, g_threshold = way.registers_gradients()
        g_in = (None, way.gx, way.gw, way.gb, None) if ctx.events is not None else (way.ga, *(None,) * 4)
        return *g_in, g_beta, g_threshold, g_alpha if alpha is not None else None, gw, None, None, None


def together(steps: int, n: int, itemsize: int) -> int:
    """Return how many samples stay in a core's second cache."""
    return max(1, CACHE // (steps * n * itemsize))


def _no_events(mem: torch.Tensor) -> Events:
    """Return room for the events of a layer; most of it is never touched."""
    batch, steps, n = mem.shape
    fired = torch.empty(batch * steps * n, dtype=torch.int32).numpy()
    starts, ends = np.empty(batch * steps, np.int64), np.empty(batch * steps, np.int64)
    return Events(starts, ends, fired, np.empty(0, mem.numpy().dtype), n)
