"""DPSNN: speech enhancement in frames of 5 ms, cut into a host part and a chip part.

`before` (host) turns sound into features, `Separator` (chip) turns features into a readout in spikes, `after`
(host) masks the features with it and makes sound of them. It knows nothing of integers, files or training.

Source: Sun and Bohte, Neuromorph. Comput. Eng. 4(4) 044008, 2024; rebuilt from its text and equations.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from .scans import leaky, step

RATE = 16000
WINDOW, HOP = 80, 40  # samples: 5 ms and 2.5 ms
TAPS = 5  # frames that the temporal convolution sees: 10 ms before this one
NORMS = ("layer", "batch", "none")
EPS = 1e-5
THRESHOLD, ADAPTATION = 1.6, 0.184  # of ALIF


@dataclass(frozen=True)
class Sizes:
    """What is built.

    Attributes
    ----------
    n : int
        Filters of the encoder, and neurons of each layer. The published network has 256.
    recurrent : bool
        Whether the layer of adaptive neurons is in it.
    norm : "layer", "batch" or "none"
        Of the features before the chip.
    """

    n: int = 256
    recurrent: bool = True
    norm: str = "layer"

    def __post_init__(self) -> None:
        if self.n < 1 or self.norm not in NORMS:
            raise ValueError(f"n = {self.n}, norm = {self.norm!r}: n from 1, norm one of {', '.join(NORMS)}")


PUBLISHED, MEDIUM, SMALL = Sizes(), Sizes(96, recurrent=False), Sizes(64, recurrent=False)


class Adaptive(nn.Module):
    """Recurrent neurons with an adaptive threshold.

    Per step, s the spikes of the step before::

        eta <- rho eta + (1 - rho) s;  theta = 1.6 + 0.184 eta
        u <- alpha u + (1 - alpha) (x + W s + b) - theta s
        s <- u > theta

    `eta` starts at 0 (published: 1.6, which has faded after some frames; no register of the chip begins so).
    """

    def __init__(self, n: int):
        super().__init__()
        self.recurrent = nn.Linear(n, n)
        self.alpha, self.rho = (nn.Parameter(torch.zeros(n)) for _ in range(2))  # before the sigmoid
        nn.init.orthogonal_(self.recurrent.weight)
        with torch.no_grad():
            self.recurrent.weight /= 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Run all steps from rest; (batch, steps, n) to spikes."""
        alpha, rho = torch.sigmoid(self.alpha), torch.sigmoid(self.rho)
        x = (1 - alpha) * (x + self.recurrent.bias)
        weight = ((1 - alpha)[:, None] * self.recurrent.weight).T
        u = eta = s = torch.zeros_like(x[:, 0])
        spikes = []
        for x_t in x.unbind(1):
            eta = rho * eta + (1 - rho) * s
            theta = THRESHOLD + ADAPTATION * eta
            u = alpha * u + x_t + s @ weight - theta * s
            s = step(u - theta)
            spikes.append(s)
        return torch.stack(spikes, 1)


class Separator(nn.Module):
    """The chip part: features to a readout, by spikes alone.

    proj, made binary; a temporal convolution of each channel into PLIF; adaptive recurrent neurons, if there
    are any; a leaky readout of which what does not exceed a threshold is left out.

    Parameters
    ----------
    sizes : Sizes
    """

    def __init__(self, sizes: Sizes):
        super().__init__()
        n = sizes.n
        self.proj = nn.Linear(n, n)
        # without recurrence the bias of proj does it alone, as in the published small variants
        self.theta = nn.Parameter(torch.zeros(())) if sizes.recurrent else None
        self.taps = nn.Parameter(torch.empty(n, TAPS).uniform_(-(TAPS**-0.5), TAPS**-0.5))
        self.taps_bias = nn.Parameter(torch.full((n,), 0.1))
        self.share = nn.Parameter(torch.zeros(()))  # sigmoid: 1 / tau, tau = 2 at first
        self.dense = nn.Linear(n, n) if sizes.recurrent else None
        self.adaptive = Adaptive(n) if sizes.recurrent else None
        self.readout = nn.Linear(n, n)
        # before the sigmoid; from 1/2, as published, to a memory of 40 frames: noise changes slowly
        self.alpha = nn.Parameter(torch.logit(1 - 0.5 ** torch.linspace(1, 5.3, n)))
        self.suppression = nn.Parameter(torch.tensor(0.02))
        with torch.no_grad():
            self.taps *= 2  # or PLIF, whose input PLIF itself halves, would be silent

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Run all frames from rest.

        Parameters
        ----------
        features : float (batch, frames, n)
            Of `DPSNN.before`.

        Returns
        -------
        readout : float (batch, frames, n)
        layers : {name: (batch, frames, n)}
            Spikes of "proj", "scnn" and, where there is one, "srnn"; "readout" before the suppression.
        """
        layers = {"proj": step(self.proj(features) - (0 if self.theta is None else self.theta))}
        layers["scnn"] = leaky(self._over_time(layers["proj"]), self.kept, spikes=True)
        sent = layers["scnn"]
        if self.dense is not None and self.adaptive is not None:
            sent = layers["srnn"] = self.adaptive(self.dense(sent))
        layers["readout"] = leaky(self.readout(sent), torch.sigmoid(self.alpha), spikes=False)
        return suppressed(layers["readout"], self.suppression), layers

    @property
    def kept(self) -> torch.Tensor:
        """Share of a PLIF's membrane that a frame leaves; (n)."""
        return (1 - torch.sigmoid(self.share)).expand(len(self.taps))

    def _over_time(self, spikes: torch.Tensor) -> torch.Tensor:
        padded = functional.pad(spikes.transpose(1, 2), (TAPS - 1, 0))
        taps = self.taps[:, None]
        return functional.conv1d(padded, taps, self.taps_bias, groups=len(taps)).transpose(1, 2)


class DPSNN(nn.Module):
    """Noisy speech in, speech out.

    Parameters
    ----------
    sizes : Sizes
        The published ones by default; `SMALL` has 16 times fewer parameters.

    >>> [sum(p.numel() for p in DPSNN(sizes).parameters()) for sizes in (PUBLISHED, SMALL)]
    [372996, 23363]
    >>> DPSNN(SMALL)(torch.zeros(2, 400))[0].shape
    torch.Size([2, 400])
    """

    def __init__(self, sizes: Sizes = PUBLISHED):
        super().__init__()
        n = sizes.n
        self.sizes = sizes
        self.encoder = nn.Linear(WINDOW, n)
        kinds = {"layer": lambda: nn.LayerNorm(n, EPS), "batch": lambda: nn.BatchNorm1d(n, EPS)}
        self.norm = kinds.get(sizes.norm, nn.Identity)()
        self.separator = Separator(sizes)
        self.mask = nn.Linear(n, n)
        self.decoder = nn.Linear(n, WINDOW, bias=False)
        self.offset = nn.Parameter(torch.zeros(()))
        with torch.no_grad():
            filters = _cosines()[: n // 2]
            both = torch.cat([filters, -filters])
            self.encoder.weight[: len(both)] = both
            self.decoder.weight[:, : len(both)] = both.T
            self.encoder.bias.zero_()

    def before(self, samples: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Turn sound into what is masked, and what the separator takes.

        Parameters
        ----------
        samples : float (batch, n), 16 kHz
            The first frame begins a hop before them, the last holds the last of them.

        Returns
        -------
        filtered, features : float (batch, frames, n)
        """
        more = -samples.shape[1] % HOP + HOP
        frames = functional.pad(samples, (WINDOW - HOP, more)).unfold(1, WINDOW, HOP)
        filtered = torch.relu(self.encoder(frames))
        if isinstance(self.norm, nn.BatchNorm1d):
            return filtered, self.norm(filtered.flatten(0, 1)).unflatten(0, filtered.shape[:2])
        return filtered, self.norm(filtered)

    def after(self, readout: torch.Tensor, filtered: torch.Tensor, n: int) -> torch.Tensor:
        """Mask what was filtered, and make n samples of it."""
        pieces = self.decoder(torch.sigmoid(self.mask(readout)) * filtered)
        late = functional.pad(pieces[:, :, HOP:], (0, 0, 1, 0))[:, :-1]
        return (pieces[:, :, :HOP] + late).flatten(1)[:, HOP : HOP + n] + self.offset

    def forward(self, samples: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Enhance; return sound (batch, n) and the layers of the separator."""
        filtered, features = self.before(samples)
        readout, layers = self.separator(features)
        return self.after(readout, filtered, samples.shape[1]), layers

    @torch.no_grad()
    def constrain(self) -> None:
        """Keep the suppression where a threshold of the chip holds it; called after every training step."""
        self.separator.suppression.clamp_(min=0)


def _cosines() -> torch.Tensor:
    """A lapped transform that gives back what it gets; float (HOP, WINDOW), low frequencies first.

    Its positive and its negative parts are what the encoder begins with: training starts from sound as it
    was, not from noise.

    Source: MDCT, Princen and Bradley 1986, IEEE Trans. ASSP 34(5), p. 1153-1161.
    """
    n, k = torch.arange(WINDOW), torch.arange(HOP)[:, None]
    window = torch.sin(torch.pi / WINDOW * (n + 0.5))
    return (2 / HOP) ** 0.5 * window * torch.cos(torch.pi / HOP * (n + 0.5 + HOP / 2) * (k + 0.5))


def suppressed(readout: torch.Tensor, threshold: torch.Tensor) -> torch.Tensor:
    """Leave out what does not exceed a threshold, which learns (published: its gradient was always 0).

    >>> suppressed(torch.tensor([-1.0, 0.5, 2.0]), torch.tensor(1.0)).tolist()
    [-0.0, 0.0, 2.0]
    """
    return readout * step(readout - threshold)
