"""A Linear layer on all steps at once: event by event where its input is mostly zeros, else dense."""

import torch
from torch.nn import functional

from .events import Events, found, product, turned

DENSE = 0.2  # share of entries from which a dense product is faster


class _Sparse(torch.autograd.Function):
    """x (rows, n_in) @ weight.T + bias, by the events of x."""

    @staticmethod
    def forward(ctx, x, weight, bias, events):
        rows, n_out = len(x), len(weight)
        out = weight.new_zeros(rows, n_out) if bias is None else bias.expand(rows, -1).contiguous()
        product(events, weight.t().contiguous().numpy(), out.numpy())
        ctx.events = events
        ctx.save_for_backward(weight)
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, g):
        (weight,), g = ctx.saved_tensors, g.contiguous()
        x_wants, weight_wants, bias_wants, _ = ctx.needs_input_grad
        gx = g @ weight if x_wants else None
        gw = weight_gradient(ctx.events, g) if weight_wants else None
        return gx, gw, g.sum(0) if bias_wants else None, None


def weight_gradient(events: Events, g: torch.Tensor) -> torch.Tensor:
    """Return the gradient (n_out, n_in) of weights that met events (rows, n_in) and got g (rows, n_out)."""
    out = g.new_zeros(events.n_columns, g.shape[1])
    product(turned(events), g.numpy(), out.numpy())
    return out.t()


def linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """Return `x @ weight.T + bias` for x (rows, n_in).

    >>> x = torch.tensor([[0.0, 2.0, 0.0, 0.0, 0.0, 0.0]])
    >>> linear(x, torch.arange(6.0)[None], torch.ones(1))
    tensor([[3.]])
    """
    events = found(x.detach().contiguous().numpy(), weight.detach().numpy().dtype)
    if events.density > DENSE:
        return functional.linear(x.to(weight.dtype), weight, bias)
    return _Sparse.apply(x, weight, bias, events)  # type: ignore[return-value]
