"""All steps of a population as one function of autograd: integers forward, the surrogate's gradients back."""

from typing import NamedTuple

import numpy as np
import torch

from ..simulate.ranges import UNIT
from .bit_true_kernels import advance, retreat
from .straight_through import FLOAT32

CALM = FLOAT32 // (2 * UNIT)  # an a_in below that lets u wrap at most once, back into its range


class State(NamedTuple):
    """u, v before its reset, and spikes; whole numbers in floats, (batch, n) or (batch, steps, n)."""

    u: torch.Tensor
    v: torch.Tensor
    s: torch.Tensor


class Form(NamedTuple):
    """What of a step is not in registers; `width` is the unit of v in which the slope counts."""

    strict: bool
    sends: bool
    clears: bool
    drops: bool
    slope: float
    width: np.ndarray


class Steps(torch.autograd.Function):
    """All steps of a population in integers, with the surrogate's gradients."""

    @staticmethod
    def forward(ctx, a_in, u0, v0, s0, left_u, left_v, bias, vth, form):
        whole = (a_in.to(torch.int64) if a_in.dtype == torch.float64 else a_in).to(torch.int32)
        wide = u0.dtype == torch.float64 or (whole.abs() >= CALM).any() or (whole == -(2**31)).any()
        u = torch.empty(whole.shape, dtype=torch.float64 if wide else torch.float32)
        v, s = torch.empty(whole.shape), torch.empty(whole.shape)
        registers = (r.to(torch.int32).numpy() for r in (left_u, left_v, bias, vth))
        state = (x.contiguous().numpy() for x in (u0, v0, s0))
        advance(whole.contiguous().numpy(), *state, *registers, *form[:4], u.numpy(), v.numpy(), s.numpy())
        ctx.save_for_backward(u, v, s, u0, v0, s0, left_u, left_v, vth)
        ctx.form = form
        ctx.set_materialize_grads(False)
        return u, v, s

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, *grads):
        *states, left_u, left_v, vth = (x.float().contiguous() for x in ctx.saved_tensors)
        form, v = ctx.form, states[1]
        given = [torch.empty(0, 0, 0) if g is None else g.float().contiguous() for g in grads]
        ga, gu0, gv0 = torch.empty_like(v), torch.empty_like(v[:, 0]), torch.empty_like(v[:, 0])
        registers = torch.zeros(4, v.shape[2], dtype=torch.float64)
        constants = (x.detach().numpy() for x in (left_u, left_v, vth))
        retreat(
            *(x.numpy() for x in (*states, *given)), *constants, form.width, form.slope, form.sends,
            form.clears, form.drops, *(x.numpy() for x in (ga, gu0, gv0, registers)),
        )  # fmt: skip
        return ga, gu0, gv0, None, *registers.float(), None
