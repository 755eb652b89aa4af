"""The training loop: resumable to the bit, silent but for a line per epoch.

Everything random (order, augmentation) is drawn from the seed and the epoch alone, so a run that
was killed and resumed ends with the same weights as one that was not. It knows nothing of digits,
files of sound, or chips.
"""

import logging
import os
import signal
import sys
import time
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch import nn

from ..models.readout import decide
from ..simulate.errors import BadInput
from .learner import Learner, Loss, Settings, Speaking, Vary
from .threads import threads

CHECKPOINT = "last.ckpt"


@threads(1)
def fit(
    net: nn.Module,
    events: np.ndarray,
    labels: np.ndarray,
    settings: Settings,
    folder: Path,
    progress: bool = True,
    vary: Vary | None = None,
    loss: Loss | None = None,
) -> nn.Module:
    """Train a network; go on from the checkpoint in `folder` if there is one.

    Parameters
    ----------
    net : module, float (batch, steps, bands) -> (batch, steps, classes)
        Left as it is; its `step_sizes()` says how large a step is for which parameters, its
        `constrain()` is called after every step, and must keep to a convex set, so that the average stays
        in it.
    events : uint8 (n, steps, bands)
        Training clips.
    labels : int64 (n,)
        Their classes.
    settings : Settings
        Length, seed and rates of the run.
    folder : path
        Gets `last.ckpt` after every epoch; written nowhere else.
    progress : bool
        Print one line per epoch on stderr.
    vary : function, optional
        Draws a variant of every batch, as `augment`.
    loss : function, optional
        Of output and labels; default: the cross-entropy of the mean over time.

    Returns
    -------
    net : module
        A trained copy, the average over the last steps, ready to run.

    Raises
    ------
    BadInput
        The checkpoint is damaged.
    """
    learner = Learner(net, events, labels, settings, vary, loss)
    run_epochs(learner, learner.n_batches, settings.epochs, folder, progress, clip=5.0)
    return learner.averaged.eval()


def run_epochs(
    learner: Speaking, n_batches: int, epochs: int, folder: Path, progress: bool, clip: float | None
) -> None:
    """Train a learner that draws its own batches, by number; go on from the checkpoint if there is one.

    Parameters
    ----------
    learner : Speaking
        All that decides how it goes on must be in its state_dict, or follow from seed and epoch.
    n_batches, epochs : int
        Batches in an epoch; epochs in all.
    folder, progress
        As in `fit`.
    clip : float or None
        Largest norm of the gradient.

    Raises
    ------
    BadInput
        The checkpoint is damaged.
    """
    checkpoint = ModelCheckpoint(folder, filename=Path(CHECKPOINT).stem, enable_version_counter=False)
    with _quiet():
        trainer = Trainer(
            accelerator="cpu",
            devices=1,
            max_epochs=epochs,
            callbacks=[checkpoint, *([Lines(sys.stderr)] if progress else [])],
            plugins=[AtomicCheckpoints()],
            gradient_clip_val=clip,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=folder,
        )
        trainer.fit(learner, range(n_batches), ckpt_path=_last(folder), weights_only=True)


def _last(folder):
    """Path of the checkpoint to go on from, if there is one."""
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    try:
        torch.load(path, weights_only=True)
    except Exception as error:  # torch.load lets through whatever a damaged file does to pickle
        raise BadInput(f"{path}: damaged; start again with --force") from error
    return str(path)


@threads(1)
def classify(net: nn.Module, events: np.ndarray, batch: int = 256) -> np.ndarray:
    """Run a network and read off the classes.

    Parameters
    ----------
    net : module, float (batch, steps, bands) -> (batch, steps, classes)
        Any network of that form.
    events : uint8 (n, steps, bands)
        Clips.
    batch : int
        Clips at a time.

    Returns
    -------
    labels : int64 (n,)
    """
    with torch.no_grad():
        parts = torch.from_numpy(events).split(batch)
        return np.concatenate([decide(net(part.float()).numpy()) for part in parts])


class AtomicCheckpoints(TorchCheckpointIO):
    """Checkpoints that are whole or absent; Lightning's pass through the temporary folder."""

    def save_checkpoint(self, checkpoint, path, storage_options=None):
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp")
        torch.save(checkpoint, temporary)
        os.replace(temporary, path)


class Lines(Callback):
    """One line per epoch."""

    def __init__(self, file):
        self.file = file

    def on_train_epoch_start(self, trainer, pl_module):
        self.start = time.monotonic()

    def on_train_epoch_end(self, trainer, pl_module):
        epoch, epochs = trainer.current_epoch + 1, trainer.max_epochs or 0
        seconds = time.monotonic() - self.start
        left = (epochs - epoch) * seconds / 60
        print(
            f"epoch {epoch:3d}/{epochs}  {pl_module.said()}  {seconds:4.1f} s  about {left:.1f} min left",
            file=self.file,
            flush=True,
        )


@contextmanager
def _quiet():
    """Keep Lightning's advice to itself, and give Ctrl-C back to the caller."""
    logger = logging.getLogger("lightning.pytorch")
    level, handler = logger.level, signal.getsignal(signal.SIGINT)
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            yield
    except SystemExit as stop:
        # Lightning turns Ctrl-C into an exit and ignores the signal from then on
        raise KeyboardInterrupt from stop
    finally:
        logger.setLevel(level)
        if handler is not None and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            signal.signal(signal.SIGINT, handler)
