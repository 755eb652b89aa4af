"""How a recipe learns: epochs drawn from the seed alone, a score on the validation split after each."""

import copy
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ...simulate.errors import BadInput
from ..fit import run_epochs
from ..fused import Fused
from ..learner import Speaking
from ..threads import threads
from .recipe import Options, Recipe, Split

SCORED = 256  # samples at a time, where nothing is learned


def learn(
    recipe: Recipe,
    net: nn.Module,
    options: Options,
    train: Split,
    valid: Split,
    seed: int,
    folder: Path,
    progress: bool = True,
    told: Callable[[int, float, float], None] | None = None,
) -> nn.Module:
    """Train a network of a recipe; go on from the checkpoint in `folder` if there is one.

    Parameters
    ----------
    recipe : Recipe
        Its loss, score and variants of a batch.
    net : nn.Module
        Left as it is. Where it has `constrain()`, that is called after every step of the optimizer; where it
        has `step_sizes()`, that says how large a step is for which parameters.
    options : Options
        How it learns.
    train, valid : Split
        What it learns from; what rates its epochs.
    seed : int, 0 or more
        Of order, dropout and variants.
    folder : path
        Gets `last.ckpt` after every epoch.
    progress : bool
        Print one line per epoch on stderr.
    told : callable, optional
        Called after every epoch with its number, its loss and its score.

    Returns
    -------
    net : nn.Module
        A trained copy, ready to run; its `valid_scores` and `losses` hold those of each epoch.

    Raises
    ------
    BadInput
        The checkpoint is damaged, or there is nothing to learn from.
    """
    if not len(train) or not len(valid):
        raise BadInput(f"{recipe.name}: {len(train)} samples to learn from, {len(valid)} to validate on")
    learner = RecipeLearner(recipe, net, options, train, valid, seed)
    learner.told = told
    with threads(options.threads):
        run_epochs(learner, learner.n_batches, options.epochs, folder, progress, options.clip)
    trained = learner.kept
    if options.keep == "last":
        trained.load_state_dict(learner.net.state_dict())
    trained.valid_scores = learner.scores[: options.epochs].tolist()  # type: ignore[assignment]
    trained.losses = learner.losses[: options.epochs].tolist()  # type: ignore[assignment]
    return trained.eval()


def outputs(net: Callable[[torch.Tensor], torch.Tensor], x: np.ndarray, batch: int = SCORED) -> np.ndarray:
    """Run a network on all samples, a few at a time.

    Parameters
    ----------
    net : callable
        A module in evaluation mode, or what stands for one.
    x : array (n, steps, *shape)
        As in a split.
    batch : int
        Samples at a time.

    Returns
    -------
    output : float32 (n, steps, n_out)
    """
    with torch.no_grad():
        return np.concatenate([net(part.float()).numpy() for part in torch.from_numpy(x).split(batch)])


def fused(net: nn.Module) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return what runs a network layer by layer, as far as that is possible.

    A network whose `chip` takes what its own forward computes first says so by an attribute `run_chip`.
    """
    if hasattr(net, "run_chip"):
        net.run_chip = Fused(net.chip)  # type: ignore[assignment, arg-type]
        return net
    return Fused(net)


class RecipeLearner(Speaking):
    """A network of a recipe, what is kept of it, and the data that it learns from.

    What the next epoch depends on is in buffers, so that a checkpoint holds it.
    """

    scores: torch.Tensor
    losses: torch.Tensor
    share: torch.Tensor
    waited: torch.Tensor

    def __init__(self, recipe: Recipe, net: nn.Module, options: Options, train: Split, valid: Split, seed):
        super().__init__()
        self.recipe, self.options, self.valid, self.seed = recipe, options, valid, seed
        self.net = copy.deepcopy(net)
        self.kept = copy.deepcopy(net)
        self.averages = options.keep == "average"
        self.run = fused(self.net) if options.fused else self.net
        self.rated = self.run
        if self.averages:
            self.rated = fused(self.kept) if options.fused else self.kept
        self.x, self.y = torch.from_numpy(train.x), torch.from_numpy(train.y)
        self.n_batches = max(1, len(self.x) // options.batch)
        self.register_buffer("scores", torch.full((options.epochs,), -math.inf, dtype=torch.float64))
        self.register_buffer("losses", torch.full((options.epochs,), math.nan, dtype=torch.float64))
        self.register_buffer("share", torch.ones((), dtype=torch.float64))  # of the learning rate
        self.register_buffer("waited", torch.zeros((), dtype=torch.int64))  # epochs without a better score
        self.loss = 0.0
        self.told: Callable[[int, float, float], None] | None = None

    def said(self) -> str:
        score = self.recipe.scale * float(self.scores[self.current_epoch])
        return f"loss {self.loss:.3f}  valid {self.recipe.metric} {score:.2f} {self.recipe.unit}"

    def configure_optimizers(self):
        sizes = getattr(self.net, "step_sizes", None)
        found = sizes() if sizes else [(list(self.net.parameters()), 1.0)]  # type: ignore[operator]
        groups = [{"params": p, "size": size} for p, size in found]
        rate, momentum = self.options.learning_rate, self.options.momentum
        if momentum is None:
            return torch.optim.Adam(groups, lr=rate)
        return torch.optim.SGD(groups, lr=rate, momentum=momentum)

    def on_train_epoch_start(self):
        drawn = self.seed * 1_000_003 + self.current_epoch
        torch.manual_seed(drawn)  # dropout
        self.generator = torch.Generator().manual_seed(drawn)
        self.order = torch.randperm(len(self.x), generator=self.generator)
        self.loss = 0.0

    def on_train_batch_start(self, batch, batch_idx):
        share = float(self.share)
        if self.options.schedule == "cosine":
            done = (self.current_epoch + batch_idx / self.n_batches) / self.options.epochs
            share = 0.5 + 0.5 * math.cos(math.pi * done)
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = self.options.learning_rate * share * group["size"]

    def training_step(self, batch, batch_idx):
        chosen = self.order[batch * self.options.batch : (batch + 1) * self.options.batch]
        x = self.x[chosen].float()
        if self.recipe.vary is not None:
            x = self.recipe.vary(x, self.generator, self.options)
        loss = self.recipe.loss(self.options.gain * self.run(x), self.y[chosen])
        if not torch.isfinite(loss):
            raise BadInput(
                f"{self.recipe.name}: the loss is {loss.item()} in epoch {self.current_epoch + 1}, batch "
                f"{batch_idx + 1}; a smaller learning_rate or a clip may help"
            )
        self.loss += loss.item() / self.n_batches
        return loss

    def on_train_batch_end(self, outputs, batch, batch_idx):
        if hasattr(self.net, "constrain"):
            with torch.no_grad():
                self.net.constrain()  # type: ignore[operator]
        if self.averages:
            with torch.no_grad():
                for kept, new in zip(self.kept.parameters(), self.net.parameters(), strict=True):
                    kept.lerp_(new, 1 - self.options.average)
        if batch_idx == self.n_batches - 1:  # callbacks hear of the end of an epoch before its learner
            self._rate()

    def _rate(self) -> None:
        """Score the epoch on the validation split, and keep what follows from that."""
        (self.kept if self.averages else self.net).eval()
        score = self.recipe.score(outputs(self.rated, self.valid.x), self.valid.y)
        self.net.train()
        if score > float(self.scores.max()):
            if not self.averages:
                self.kept.load_state_dict(self.net.state_dict())
            self.waited.zero_()
        else:
            self.waited += 1
        self.scores[self.current_epoch], self.losses[self.current_epoch] = score, self.loss
        if self.options.schedule == "plateau" and int(self.waited) > self.options.patience:
            self.share *= self.options.factor
            self.waited.zero_()
        if self.told is not None:
            self.told(self.current_epoch, self.loss, score)
