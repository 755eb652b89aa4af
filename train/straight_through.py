"""Integers in place of floats, with the floats' gradients."""

import torch

FLOAT32, INT32 = 2**24, 2**31  # up to here whole numbers are exact


class _Through(torch.autograd.Function):
    """Another value, the same gradient."""

    @staticmethod
    def forward(ctx, x, value):
        return value

    @staticmethod
    def backward(ctx, *grads):
        return grads[0], None


def through(x: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Return `value`, and hand its gradient to x: the straight-through estimator.

    Source: Bengio et al. 2013, arXiv:1308.3432.

    >>> x = torch.tensor(0.3, requires_grad=True)
    >>> (2 * through(x, torch.round(x))).backward()
    >>> x.grad
    tensor(2.)
    """
    return _Through.apply(x, value.detach())  # type: ignore[return-value]


def wrap(x: torch.Tensor) -> torch.Tensor:
    """Wrap whole numbers in float64 to 32 bits, two's complement.

    >>> wrap(torch.tensor([2.0**31, -5.0], dtype=torch.float64)).tolist()
    [-2147483648.0, -5.0]
    """
    return torch.remainder(x + INT32, 2 * INT32) - INT32
