"""The way back through a layer of neurons, and the Linear layer before it, some samples at a time."""

from collections.abc import Callable

import numpy as np
import torch

from .events import CACHE, Events, add_turned_product, add_up, product, turned
from .kernels import retreat
from .room import room
from .surrogates import GIVEN, slopes
from .threads import shared

CHUNK = 2 * CACHE  # bytes of gradients at once: fewer, and more calls take longer than the memory saves
# of a batch; they do not depend on the number of threads, so that results do not
PARTS = 4  # each summed by itself
TOGETHER = 2  # each going back step by step, reading all weights in every one


class Retreat:
    """Gradients of a layer.

    Parameters
    ----------
    form : Form
    states : (mem, after, syn, gs, gm), float (batch, steps, n) each, or None
    registers : (beta, alpha, threshold), float (n) each, or None
    learns : bool
        Whether a register does.

    Attributes
    ----------
    ga : float (batch, steps, n)
        Gradient of what arrived, where there are no synapses.
    gx, gw, gb : tensor or None
        Gradients of the input, of the weights and of the bias, where there are.
    """

    def __init__(self, form, states, registers, learns: bool) -> None:
        mem, threshold = states[0], registers[2]
        self.batch, self.steps, self.n = mem.shape
        self.mem, self.like = mem, mem.numpy()
        dtype = self.like.dtype.type
        h = slopes(form.surrogate.function, mem - threshold) if form.surrogate.kind == GIVEN else None
        self.states, self.h = arrays(self.like, 3, *states), arrays(self.like, 3, h)[0]
        self.registers = *arrays(self.like, 1, *registers), form.rates(dtype)
        self.surrogate = form.surrogate.kind, dtype(form.surrogate.steepness)
        self.later = np.zeros((2, self.batch, self.n), dtype)
        self.sums = mem.new_zeros(self.batch, 3, self.n) if learns else None
        self.events: Events | None = None
        self.none = np.empty((0, 0, 0), dtype)
        self.ga: torch.Tensor | None = None
        self.gx = self.gw = self.gb = None

    def inward(
        self, events: Events, weight: torch.Tensor, x_wants: bool, w_wants: bool, b_wants: bool
    ) -> None:
        """Go on through synapses, to what wants gradients."""
        self.events, self.weight = events, weight.detach()
        self.gx = room((self.batch, self.steps, weight.shape[1]), weight) if x_wants else None
        self.parts_w = room((PARTS, *weight.t().shape), weight).zero_() if w_wants else None
        self.parts_b = weight.new_zeros(PARTS, self.n) if b_wants else None

    def registers_gradients(self) -> tuple[torch.Tensor | None, ...]:
        """Return those of beta, alpha and threshold."""
        return (None,) * 3 if self.sums is None else tuple(self.sums.sum(0))

    def run(self) -> None:
        """Go back through all steps of neurons without weights among themselves."""
        if self.events is None:
            self.ga = room(self.mem.shape, self.mem)

        def back(part: int, first: int, last: int) -> None:
            some = last - first, self.steps, self.n
            ga = room(some, self.mem) if self.ga is None else self.ga[first:last]
            self._back(ga, None, first, last, self.steps, 0)
            self._through(ga, part, first, last)

        self._by_parts(back)

    def run_recurrent(self, weights, mask, sent: Events, wants: bool) -> torch.Tensor | None:
        """Go back step by step; return the gradient of the weights among the neurons, if it is wanted."""
        ga = self.ga = room(self.mem.shape, self.mem)
        returned = self.mem.new_zeros(self.batch, self.n)

        def back(part: int, _: int) -> None:
            low, high = self.batch * part // TOGETHER, self.batch * (part + 1) // TOGETHER
            now = ga[low:high]
            for t in range(self.steps - 1, -1, -1):
                self._back(ga, returned, low, high, t + 1, t)
                arrived = now[:, t] if mask is None else now[:, t] * mask[low:high, t]
                torch.mm(arrived, weights, out=returned[low:high])

        shared(TOGETHER, back, each=1)
        self._by_parts(lambda part, first, last: self._through(ga[first:last], part, first, last))
        if not wants:
            return None
        out, masked = weights.new_zeros(self.n, self.n), ga if mask is None else ga * mask
        product(turned(_a_step_later(sent, self.steps)), masked.flatten(0, 1).numpy(), out.numpy())
        return out.t().contiguous()

    def _by_parts(self, work: Callable[[int, int, int], None]) -> None:
        """Do work(part, first, last) on a few samples at a time, and sum up what the parts found."""
        most = max(1, CHUNK // (self.steps * self.n * self.like.itemsize))

        def of_part(part: int, _: int) -> None:
            begin, end = self.batch * part // PARTS, self.batch * (part + 1) // PARTS
            size, pieces = end - begin, -(-(end - begin) // most)
            for i in range(pieces):
                work(part, begin + size * i // pieces, begin + size * (i + 1) // pieces)

        shared(PARTS, of_part, each=1)
        if self.events is not None:
            self.gw = None if self.parts_w is None else _sum_of_parts(self.parts_w)
            self.gb = None if self.parts_b is None else self.parts_b.sum(0)

    def _back(self, ga, returned, first: int, last: int, top: int, bottom: int) -> None:
        """Go back from step `top` - 1 to `bottom` with samples `first` to `last`, which `ga` begins with."""
        origin = first if len(ga) < self.batch else 0
        given = *self.states, *arrays(self.like, 2, returned), self.h, *self.registers, *self.surrogate
        sums = self.none if self.sums is None else self.sums.numpy()
        retreat(*given, ga.numpy(), origin, *self.later, sums, first, last, top, bottom)

    def _through(self, ga: torch.Tensor, part: int, first: int, last: int) -> None:
        """Add to the gradients of the synapses what some samples bring."""
        if self.events is None:
            return
        ga = ga.flatten(0, 1)
        if self.gx is not None:
            torch.mm(ga, self.weight, out=self.gx[first:last].flatten(0, 1))
        if self.parts_b is not None:
            add_up(ga.numpy(), self.parts_b[part].numpy())
        if self.parts_w is not None:
            events = self.events.rows(first * self.steps, last * self.steps)
            add_turned_product(events, ga.numpy(), self.parts_w[part].numpy())


def _sum_of_parts(parts: torch.Tensor) -> torch.Tensor:
    """Return (n, n_in) of (parts, n_in, n), in whole rows: autograd would copy it to have them."""
    out = room((parts.shape[2], parts.shape[1]), parts)

    def add(low: int, high: int) -> None:
        out.t()[low:high] = parts[:, low:high].sum(0)

    shared(parts.shape[1], add)
    return out


def _a_step_later(sent: Events, steps: int) -> Events:
    """Return the events of the step before, at every step of every sample."""
    starts, ends = (x.reshape(-1, steps) for x in sent[:2])
    nothing = np.zeros_like(starts[:, :1])
    late = (np.concatenate([nothing, x[:, :-1]], 1).ravel() for x in (starts, ends))
    return sent._replace(starts=next(late), ends=next(late))


def arrays(like: np.ndarray, n_axes: int, *tensors: torch.Tensor | None) -> list[np.ndarray]:
    """Return tensors as arrays whose rows lie together; none as an empty one."""
    none = np.empty((0,) * n_axes, like.dtype)
    return [none if x is None else x.detach().contiguous().numpy() for x in tensors]
