"""Fine-tune DPSNN with its chip part in the chip's integers, and the mask and decoder behind it."""

import copy
from collections.abc import Callable

import numpy as np
import torch

from ..export.dpsnn import READOUT, features_of, hybrid
from ..export.quantization import Quantization
from ..models.dpsnn import DPSNN
from ..simulate import Hybrid
from .bit_true import BitTrue
from .enhancement import Material, gains, torch_si_snr
from .enhancement_settings import FINE, Settings
from .generate.mixtures import draw
from .straight_through import through

HOST_SHARE = 0.02  # of the learning rate, for mask and decoder


class Tuning:
    """A network on its way: the encoder as it was, the rest learning.

    Parameters
    ----------
    net : DPSNN
        Is left as it is.
    made : Quantization
        Of its separator.
    """

    def __init__(self, net: DPSNN, made: Quantization) -> None:
        self.net, self.chip = copy.deepcopy(net).eval(), BitTrue(made)
        self._entry = next(iter(made.program.inputs.values()))
        self.scale = np.asarray(made.choices[READOUT].scale, float)
        self._scale = torch.tensor(self.scale, dtype=torch.float32)
        suppression = float(self.net.separator.suppression.detach())
        self._threshold = torch.from_numpy(np.rint(self.scale * suppression) / self.scale).float()

    def __call__(self, samples: torch.Tensor) -> torch.Tensor:
        """Enhance as the host and the chip do; float (batch, n)."""
        with torch.no_grad():
            filtered, _ = self.net.before(samples)
        events = torch.from_numpy(self._entry.encode(features_of(self.net, samples.numpy())))
        membrane = self.chip(events)
        assert isinstance(membrane, torch.Tensor)
        sent = torch.floor(membrane.detach() * self._scale)
        heard = torch.where(sent > 0, (sent + 0.5) / self._scale, 0)
        loud = membrane > self._threshold
        return self.net.after(through(membrane, heard) * loud, filtered, samples.shape[1])

    def hybrid(self) -> Hybrid:
        """Return the model as it is now."""
        return hybrid(self.net, self.chip.program(), self.scale)

    def groups(self, rate: float) -> list[dict]:
        """Return what learns, for an optimizer: the chip part in shares of the size of what it is."""
        chip = [{"params": group, "lr": rate * size} for group, size in self.chip.step_sizes()]
        host = [*self.net.mask.parameters(), *self.net.decoder.parameters()]
        return [*chip, {"params": host, "lr": rate * HOST_SHARE}]


def fine_tune(
    net: DPSNN,
    made: Quantization,
    material: Material,
    settings: Settings = FINE,
    progress: Callable[[int, float], None] = lambda step, gain: None,
) -> Hybrid:
    """Train on in integers; return the model that gains most on validation, the one given among them.

    Raises
    ------
    Unsupported
        The network has adaptive neurons: no gradient through their integers is known here.
    """
    tuning = Tuning(net, made)
    optimizer = torch.optim.Adam(tuning.groups(settings.learning_rate))
    fall = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.steps)
    rng = np.random.default_rng([settings.seed, 3])
    best, most = tuning.hybrid(), _gain(tuning, material)
    every = max(1, settings.steps // settings.checks)
    for step in range(1, settings.steps + 1):
        pair = draw(material.speech, material.noises, settings.batch, settings.seconds, rng)
        noisy, clean = (torch.from_numpy(half) for half in pair)
        optimizer.zero_grad()
        (-torch_si_snr(tuning(noisy), clean).mean()).backward()
        torch.nn.utils.clip_grad_norm_(
            [p for g in optimizer.param_groups for p in g["params"]], settings.clip
        )
        optimizer.step()
        fall.step()
        tuning.chip.constrain()
        if step % every == 0 or step == settings.steps:
            gain = _gain(tuning, material)
            progress(step, gain)
            if gain > most:
                best, most = tuning.hybrid(), gain
    return best


@torch.no_grad()
def _gain(tuning: Tuning, material: Material) -> float:
    def enhance(noisy: np.ndarray) -> np.ndarray:
        return tuning(torch.from_numpy(noisy)[None])[0].numpy()

    return float(np.mean(gains(enhance, material.valid)))
