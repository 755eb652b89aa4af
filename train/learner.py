"""What is learned and how: the loss, the optimizer, and a batch drawn from seed and epoch alone.

It works for any network from events to a readout membrane, and writes nothing.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch.nn import functional

Vary = Callable[[torch.Tensor, torch.Generator], torch.Tensor]  # events of a batch to a variant of them
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]  # output (batch, steps, n) and labels


@dataclass(frozen=True)
class Settings:
    """What decides a run, beside network and data.

    Parameters
    ----------
    epochs, batch : int
        Passes over the data; clips per step.
    seed : int
        Of order and augmentation.
    learning_rate : float
        At its peak, in the network's `step_sizes`.
    label_smoothing : float, 0 to 1
        Share of the target that goes to all classes alike, where the loss is the learner's own.
    average : float, 0 to 1
        Share of the averaged weights kept per step.
    """

    epochs: int = 60
    batch: int = 128
    seed: int = 0
    learning_rate: float = 1e-2
    label_smoothing: float = 0.1
    average: float = 0.99


class Speaking(LightningModule):
    """A learner that says how an epoch went."""

    def said(self) -> str:
        raise NotImplementedError


class Learner(Speaking):
    """A network, its running average, and the data that it learns from.

    Batches are numbers: the learner holds the data, and draws their order and variants itself. Its own loss
    is the cross-entropy of the mean over time.
    """

    def __init__(self, net, events, labels, settings, vary: Vary | None = None, loss: Loss | None = None):
        super().__init__()
        self.net = copy.deepcopy(net)
        self.averaged = copy.deepcopy(net).requires_grad_(False)
        self.settings, self.vary, self.criterion = settings, vary, loss or self._cross_entropy
        self.events = torch.from_numpy(events)
        self.labels = torch.from_numpy(labels)
        self.n_batches = max(1, len(events) // settings.batch)
        self.loss, self.correct = 0.0, 0

    def said(self) -> str:
        clips = "clips" if self.vary is None else "augmented clips"
        return f"loss {self.loss:.3f}  {clips} right {100 * self.correct:5.1f} %"

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Adam; the rate rises over a tenth of the run, and falls along a cosine."""
        rate = self.settings.learning_rate
        # Adam's steps are as large as the rate, whatever the gradient: small weights, small steps
        groups = [{"params": p, "lr": rate * size} for p, size in self.net.step_sizes()]
        optimizer = torch.optim.Adam(groups)
        total = self.settings.epochs * self.n_batches

        def share(step):
            rise = min(1.0, (step + 1) / max(1, total // 10))
            return rise * (0.5 + 0.5 * math.cos(math.pi * min(1.0, step / total)))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, share)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def on_train_epoch_start(self):
        self.generator = torch.Generator().manual_seed(self.settings.seed * 1_000_003 + self.current_epoch)
        self.order = torch.randperm(len(self.events), generator=self.generator)
        self.loss, self.correct = 0.0, 0

    def training_step(self, batch, batch_idx):
        start = batch * self.settings.batch
        chosen = self.order[start : start + self.settings.batch]
        labels = self.labels[chosen]
        events = self.events[chosen].float()
        output = self.net(events if self.vary is None else self.vary(events, self.generator))
        loss = self.criterion(output, labels)
        self.loss += loss.item() / self.n_batches
        self.correct += (output.mean(1).argmax(1) == labels).float().mean().item() / self.n_batches
        return loss

    def _cross_entropy(self, output: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        smoothing = self.settings.label_smoothing
        return functional.cross_entropy(output.mean(1), labels, label_smoothing=smoothing)

    @torch.no_grad()
    def on_train_batch_end(self, outputs, batch, batch_idx):
        self.net.constrain()
        for kept, new in zip(self.averaged.parameters(), self.net.parameters(), strict=True):
            kept.lerp_(new, 1 - self.settings.average)
