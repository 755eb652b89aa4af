"""Synapses of a Program that can be trained: float weights, and their integers whenever they are used.

A sum of integers is exact in floats that hold it, so that one matrix product serves all steps.
"""

from abc import ABC, abstractmethod
from math import prod

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import nn
from torch.nn import functional

from ..export.linear_maps import Convolution, Few, Full, LinearMap
from ..export.rounding import Rounded
from ..simulate.synapses import LARGEST, weight_step
from .bit_true_kernels import entry_gradients
from .straight_through import FLOAT32, INT32, through, wrap

EDGE = (
    0.49  # how far from its integer a weight, bias, threshold or decay begins at most, in steps of its grid
)


class Synapses(nn.Module, ABC):
    """What one source sends to a population.

    Parameters
    ----------
    linear : LinearMap
        In integer units: the float weights times S.
    scale : float (n)
        S of each neuron.
    chosen : Rounded
        The integers to begin with.
    bits : int
        Of a weight.
    largest : int
        The largest event.
    trained : bool
        Whether the weights are parameters.
    """

    scale: torch.Tensor

    def __init__(
        self, linear: LinearMap, scale: np.ndarray, chosen: Rounded, bits: int, largest: int, trained: bool
    ) -> None:
        super().__init__()
        self.exp, self.step = chosen.exp, weight_step(bits)
        grid = 2.0**chosen.exp
        near = EDGE * self.step
        begin = grid * np.clip(linear.stored / grid, chosen.integers - near, chosen.integers + near)
        each = np.broadcast_to(self._scale_of_each(linear, scale), begin.shape)
        self.register_buffer("scale", torch.tensor(each / grid, dtype=torch.float32))
        self.weights = nn.Parameter(torch.tensor(begin / each, dtype=torch.float32), trained)
        self.reach = self._fan_in(linear) * LARGEST * largest  # no sum is larger

    @property
    def limit(self) -> float:
        """No a_in that they give is larger; infinite where 32 bits may wrap."""
        return np.inf if self.reach >= INT32 else 1 + self.reach * 2.0**self.exp

    def integers(self) -> torch.Tensor:
        """Return the weights as the chip holds them; float32."""
        scaled = self.scale * self.weights
        low, high = -LARGEST, LARGEST - self.step
        return through(scaled, torch.clamp(torch.round(scaled / self.step) * self.step, low, high))

    def rounded(self) -> Rounded:
        """Return the same for a Program."""
        return Rounded(self.integers().detach().numpy().astype(np.int64), self.exp)

    def arriving(self, events: torch.Tensor, integers: torch.Tensor) -> torch.Tensor:
        """Return a_in (moments, n_out) of events (moments, n_in); exact: sums are shifted, rounding down."""
        exact = torch.float32 if self.reach < FLOAT32 else torch.float64
        total = self._product(events.to(exact), integers.to(exact))
        if self.reach >= INT32:
            total = through(total, wrap(total))
        shifted = total * 2.0**self.exp
        return through(shifted, torch.floor(shifted)) if self.exp < 0 else shifted

    @torch.no_grad()
    def constrain(self) -> None:
        """Keep the weights where their integers are."""
        near = EDGE * self.step
        scaled = torch.clamp(self.scale * self.weights, -LARGEST - near, LARGEST - self.step + near)
        self.weights.copy_(scaled / self.scale)

    @abstractmethod
    def _scale_of_each(self, linear, scale: np.ndarray) -> np.ndarray:
        """Return S for every number that the map stores."""

    @abstractmethod
    def _fan_in(self, linear) -> int:
        """Return the most synapses that a neuron has."""

    @abstractmethod
    def _product(self, events: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Return (moments, n_out)."""


class FullSynapses(Synapses):
    """A matrix (n_out, n_in)."""

    def _scale_of_each(self, linear: Full, scale):
        return scale[:, None]

    def _fan_in(self, linear: Full) -> int:
        return linear.values.shape[1]

    def _product(self, events, weights):
        return functional.linear(events, weights)


class FewSynapses(Synapses):
    """The entries of a sparse matrix."""

    def _scale_of_each(self, linear: Few, scale):
        self._places = linear.values
        return np.repeat(scale, np.diff(linear.values.indptr))

    def _fan_in(self, linear: Few) -> int:
        return int(np.diff(linear.values.indptr).max(initial=0))

    def _product(self, events, weights) -> torch.Tensor:
        return _SparseProduct.apply(events, weights, self._places)  # type: ignore[return-value]


class _SparseProduct(torch.autograd.Function):
    """Events (moments, n_in) times the transpose of a sparse matrix (n_out, n_in), given by its entries."""

    @staticmethod
    def forward(ctx, events, entries, places):
        ctx.save_for_backward(events, entries)
        ctx.places = places
        return torch.from_numpy(np.ascontiguousarray((_filled(places, entries) @ events.numpy().T).T))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, *grads):
        events, entries = ctx.saved_tensors
        back = grads[0].numpy()
        of_events = of_entries = None
        if ctx.needs_input_grad[0]:
            of_events = torch.from_numpy(np.ascontiguousarray((_filled(ctx.places, entries).T @ back.T).T))
        if ctx.needs_input_grad[1]:
            of_entries = torch.empty_like(entries)
            rows = (np.ascontiguousarray(a.T) for a in (events.numpy(), back))
            entry_gradients(*rows, ctx.places.indptr, ctx.places.indices, of_entries.numpy())
        return of_events, of_entries, None


def _filled(places: csr_array, entries: torch.Tensor) -> csr_array:
    return csr_array((entries.detach().numpy(), places.indices, places.indptr), shape=places.shape)


class ConvSynapses(Synapses):
    """A kernel (channels out, channels in / groups, *kernel); products of patches keep sums exact."""

    def _scale_of_each(self, linear: Convolution, scale):
        self._groups, self._shape, self._windows = linear.groups, linear.shape, linear.windows
        channels = len(linear.values)
        return scale.reshape(channels, -1)[:, 0].reshape(channels, *(1,) * (linear.values.ndim - 1))

    def _fan_in(self, linear: Convolution) -> int:
        return prod(linear.values.shape[1:])

    def _product(self, events, weights):
        moments, where = len(events), self._windows
        flat = (1,) * (3 - len(self._shape))  # one axis is an image one pixel high
        image = events.reshape(moments, self._shape[0], *flat, *self._shape[1:])
        sizes = [
            (*ones, *n) for n, ones in ((where.kernel, flat), (where.dilation, flat), (where.stride, flat))
        ]
        padding = (*(0,) * len(flat), *where.before)
        patches = functional.unfold(image, sizes[0], sizes[1], padding, sizes[2])
        patches = patches.reshape(moments, self._groups, -1, patches.shape[2])
        kernels = weights.reshape(self._groups, len(weights) // self._groups, -1)
        return torch.einsum("goi,mgiw->mgow", kernels, patches).reshape(moments, -1)


KINDS: dict[type[LinearMap], type[Synapses]] = {
    Full: FullSynapses,
    Few: FewSynapses,
    Convolution: ConvSynapses,
}
