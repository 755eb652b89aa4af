"""A Linear layer on all steps at once: event by event where its input is mostly zeros, else dense."""

import torch
from torch.nn import functional

from .events import Events, found, product, turned
from .room import room
from .threads import gathering

DENSE = 0.2  # share of entries from which a dense product is faster


class _Sparse(torch.autograd.Function):
    """x (rows, n_in) @ weight.T + bias, by the events of x."""

    @staticmethod
    @gathering
    def forward(ctx, x, weight, bias, events):
        out = room((len(x), len(weight)), weight)
        start = weight.new_zeros(len(weight)) if bias is None else bias
        product(events, weight.t().contiguous().numpy(), out.numpy(), start.contiguous().numpy())
        ctx.events = events
        ctx.save_for_backward(weight)
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    @gathering
    def backward(ctx, g):  # pyright: ignore[reportIncompatibleMethodOverride]
        (weight,), g = ctx.saved_tensors, g.contiguous()
        x_wants, weight_wants, bias_wants, _ = ctx.needs_input_grad
        gx = torch.mm(g, weight, out=room((len(g), weight.shape[1]), g)) if x_wants else None
        gw = None
        if weight_wants:
            out = g.new_zeros(weight.t().shape)
            product(turned(ctx.events), g.numpy(), out.numpy())
            gw = out.t().contiguous()  # here, by one of torch's threads: others would wait busily for more
        return gx, gw, g.sum(0) if bias_wants else None, None


def linear(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, events: Events | None = None
) -> torch.Tensor:
    """Return `x @ weight.T + bias`.

    Parameters
    ----------
    x : float (rows, n_in)
        Its values are not looked at where there are events.
    weight : float (n_out, n_in)
        In the type of the result.
    bias : float (n_out), or None
        Added to each row.
    events : Events, optional
        Of x, where they are known.

    >>> x = torch.tensor([[0.0, 2.0, 0.0, 0.0, 0.0, 0.0]])
    >>> linear(x, torch.arange(6.0)[None], torch.ones(1))
    tensor([[3.]])
    """
    events = sparse(x, weight) if events is None else events
    if events is None:
        return functional.linear(x.to(weight.dtype), weight, bias)
    return _Sparse.apply(x, weight, bias, events)  # type: ignore[return-value]


@gathering
def sparse(x: torch.Tensor, weight: torch.Tensor) -> Events | None:
    """Return the events of an input (rows, n_in) of weights, if it is mostly zeros."""
    return found(x.detach().contiguous().numpy(), weight.detach().numpy().dtype, DENSE)
