"""Spikes and leaky neurons over all steps of a batch in a compiled call, with gradients; torch and numba."""

from typing import Any

import numpy as np
import torch
from numba import njit


class _Leaky(torch.autograd.Function):
    """`leaky` as one function of autograd."""

    @staticmethod
    def forward(ctx, x, kept, spikes):
        x, kept = x.contiguous(), kept.contiguous()
        v, s = torch.empty_like(x), torch.empty_like(x) if spikes else None
        fired = np.empty((0, 0, 0), v.numpy().dtype) if s is None else s.numpy()
        _forward(x.detach().numpy(), kept.detach().numpy(), v.numpy(), fired)
        ctx.save_for_backward(x, kept, v)
        ctx.spikes = spikes
        return v if s is None else s

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, *grads):
        x, kept, v = ctx.saved_tensors
        gx, gkept = torch.empty_like(x), torch.zeros_like(kept)
        arrays = (a.detach().contiguous().numpy() for a in (x, kept, v, grads[0], gx, gkept))
        _backward(*arrays, ctx.spikes)
        return gx, gkept, None


def leaky(x: torch.Tensor, kept: torch.Tensor, spikes: bool) -> torch.Tensor:
    """Run leaky integrators over all steps, from rest.

    Per step and neuron::

        v <- kept v + (1 - kept) x
        s <- v >= 1;  v <- 0 where s        (if it spikes)

    Gradients take a spike for 1/2 + atan(pi (v - 1)) / pi, and a reset for a constant.

    Parameters
    ----------
    x : float (batch, steps, n)
        Input.
    kept : float (n), 0 to 1
        Share of v that a step leaves.
    spikes : bool
        Whether to return s, or v.

    Source: PLIF, Fang et al. 2021, ICCV, "Incorporating learnable membrane time constant".

    >>> leaky(torch.tensor([[[2.0], [0.0], [2.0]]]), torch.tensor([0.5]), spikes=False).flatten().tolist()
    [1.0, 0.5, 1.25]
    >>> leaky(torch.tensor([[[2.0], [0.0], [2.0]]]), torch.tensor([0.5]), spikes=True).flatten().tolist()
    [1.0, 0.0, 1.0]
    """
    return _Leaky.apply(x, kept, spikes)  # type: ignore[return-value]


class _Step(torch.autograd.Function):
    """`step` as one function of autograd."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, *grads):
        (x,) = ctx.saved_tensors
        back = torch.empty_like(x, memory_format=torch.contiguous_format)
        _bell(*(a.detach().contiguous().numpy().reshape(-1) for a in (x, grads[0], back)))
        return back


def step(x: torch.Tensor) -> torch.Tensor:
    """Return spikes where x is above 0; their gradient is that of a bell with a negative rim.

    Source: multi-Gaussian, Yin, Corradi and Bohte 2021, Nature Machine Intelligence 3, p. 905-913.

    >>> step(torch.tensor([-1.0, 0.0, 1.0])).tolist()
    [0.0, 0.0, 1.0]
    """
    return _Step.apply(x)  # type: ignore[return-value]


_compiled: Any = njit(cache=True, error_model="numpy", fastmath=True)


@_compiled
def _forward(x, kept, v, s):
    batch, steps, n = x.shape
    one, zero = kept.dtype.type(1), kept.dtype.type(0)
    state = np.empty(n, x.dtype)
    for b in range(batch):
        state[:] = zero
        for t in range(steps):
            for j in range(n):
                state[j] = kept[j] * state[j] + (one - kept[j]) * x[b, t, j]
                v[b, t, j] = state[j]
            if s.size:
                for j in range(n):
                    fired = state[j] >= one
                    s[b, t, j] = fired
                    state[j] = zero if fired else state[j]


@_compiled
def _backward(x, kept, v, g, gx, gkept, spikes):
    batch, steps, n = x.shape
    one, zero = kept.dtype.type(1), kept.dtype.type(0)
    steep = kept.dtype.type(np.pi)  # alpha = 2: slope 1 at the threshold
    later = np.empty(n, x.dtype)
    for b in range(batch):
        later[:] = zero
        for t in range(steps - 1, -1, -1):
            for j in range(n):
                back = g[b, t, j]
                if spikes:
                    far = steep * (v[b, t, j] - one)
                    back = back / (one + far * far)
                    back += zero if v[b, t, j] >= one else later[j]
                else:
                    back += later[j]
                before = v[b, t - 1, j] if t else zero
                before = zero if spikes and before >= one else before
                gx[b, t, j] = (one - kept[j]) * back
                gkept[j] += back * (before - x[b, t, j])
                later[j] = kept[j] * back


@_compiled
def _bell(x, g, back):
    # widths 1/2 and 3; the rim has a share of 0.15, its centers 1/2 away; all of it by 1/2
    norm = 0.5 / np.sqrt(2 * np.pi)
    middle, rim = x.dtype.type(1.15 / 0.5 * norm), x.dtype.type(-0.15 / 3 * norm)
    narrow, wide = x.dtype.type(-2), x.dtype.type(-1 / 18)
    half = x.dtype.type(0.5)
    for j in range(x.size):
        a, b, c = x[j] * x[j], (x[j] - half) * (x[j] - half), (x[j] + half) * (x[j] + half)
        sides = np.exp(wide * b) + np.exp(wide * c)
        back[j] = g[j] * (middle * np.exp(narrow * a) + rim * sides)
