"""A linear layer that learns the discrete Fourier transform from magnitudes alone, and its form on a chip."""

import torch
from torch import nn

from .neurons import Integrator


class LearnedFFT(nn.Module):
    """One matrix 2n x 2n from [real, imaginary] of n samples to [real, imaginary] of n frequencies.

    Parameters
    ----------
    n : int
        Samples in a window.

    Source: Aragon, CM3070 (`learned-fft`): trained on |.| against the FFT's.

    >>> LearnedFFT(4)(torch.zeros(2, 1, 8)).shape
    torch.Size([2, 1, 8])
    """

    def __init__(self, n: int):
        super().__init__()
        self.transform = nn.Linear(2 * n, 2 * n, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Transform windows, (batch, steps, 2n): a window for each step."""
        return self.transform(x)


class OnOffTransform(nn.Module):
    """The same matrix for a chip, whose events have no sign: an ON and an OFF channel for each number.

    Parameters
    ----------
    weight : float (n_out, n_in)
        The matrix.

    >>> layer = OnOffTransform(torch.tensor([[2.0, -1.0]]))
    >>> layer(torch.tensor([[[0.5, 0.0, 0.0, 3.0]]]))  # 0.5 and -3
    tensor([[[4.]]], grad_fn=<StackBackward0>)
    """

    def __init__(self, weight: torch.Tensor):
        super().__init__()
        n_out, n_in = weight.shape
        self.transform = nn.Linear(2 * n_in, n_out, bias=False)
        with torch.no_grad():
            self.transform.weight.copy_(torch.cat([weight, -weight], 1))
        self.readout = Integrator(n_out, beta=0.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Transform windows of (batch, steps, 2 n_in) events, 0 or more; a window for each step."""
        mem = x.new_zeros(len(x), self.transform.out_features)
        mems = []
        for x_t in x.unbind(1):
            mem = self.readout(self.transform(x_t), mem)
            mems.append(mem)
        return torch.stack(mems, 1)


def dft_matrix(n: int) -> torch.Tensor:
    """Return the transform itself, float64 (2n, 2n), on [real, imaginary].

    >>> n, z = 6, torch.arange(12.0).double()
    >>> expected = torch.fft.fft(torch.complex(z[:n], z[n:]))
    >>> torch.allclose(dft_matrix(n) @ z, torch.cat([expected.real, expected.imag]))
    True
    """
    k = torch.arange(n, dtype=torch.float64)
    angle = 2 * torch.pi * torch.outer(k, k) / n
    cos, sin = angle.cos(), angle.sin()
    return torch.cat([torch.cat([cos, sin], 1), torch.cat([-sin, cos], 1)])


def magnitudes(output: torch.Tensor) -> torch.Tensor:
    """Return sqrt(re^2 + im^2) of [real, imaginary] on the last axis.

    >>> magnitudes(torch.tensor([3.0, 0.0, 4.0, 1.0])).tolist()
    [5.0, 1.0]
    """
    real, imaginary = output.chunk(2, -1)
    return torch.hypot(real, imaginary)


def from_first_sample(weight: torch.Tensor) -> torch.Tensor:
    """Count every phase from the first sample, as the DFT does.

    Magnitudes say nothing of phase: each frequency may be turned or mirrored. So turn it until a real first
    sample gives a real positive number, and mirror it until an imaginary one gives an imaginary positive one.
    No magnitude changes.

    Parameters
    ----------
    weight : float (2n, 2n)
        Of a `LearnedFFT`.

    >>> turned = dft_matrix(4)[[4, 5, 6, 7, 0, 1, 2, 3]]  # real and imaginary exchanged
    >>> torch.allclose(from_first_sample(turned), dft_matrix(4))
    True
    """
    n = len(weight) // 2
    rows = torch.stack([weight[:n], weight[n:]], 1)  # frequency, [re, im], input
    first = rows[:, :, 0] / rows[:, :, 0].norm(dim=1, keepdim=True)
    across = torch.stack([-first[:, 1], first[:, 0]], 1)
    across = across * torch.sign((across * rows[:, :, n]).sum(1, keepdim=True))
    turn = torch.stack([first, across], 1)
    turned = turn @ rows
    return torch.cat([turned[:, 0], turned[:, 1]])
