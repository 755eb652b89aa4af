"""What a recipe is: one system, its data, its network, how it learns and how it is scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...simulate.errors import BadInput

if TYPE_CHECKING:
    import torch
    from torch import nn

    from ...simulate.hybrid.hybrid import Hybrid
    from ...simulate.program import Program


class Options(BaseModel):
    """What may be changed of every recipe; a recipe adds its own (sizes, beta, steps, ...).

    Attributes
    ----------
    epochs, batch : int
        Passes over the training data; samples per step.
    learning_rate : float
        At its highest.
    momentum : float or None
        Of SGD; Adam learns where there is none.
    schedule : "constant", "cosine" or "plateau"
        cosine: down to 0 at the end. plateau: times `factor` when the validation score has not risen for
        more than `patience` epochs.
    keep : "best", "last" or "average"
        The network of the epoch with the best validation score, of the last epoch, or the average over the
        last steps (`average` of it is kept in each).
    clip : float or None
        Largest norm of the gradient.
    gain : float
        What the spiking network's output is multiplied with before the loss: a mean over steps of few
        spikes is small, and learns slowly as it is.
    fused : bool
        All steps of a layer at once where a network allows; else step by step.
    threads : int
        Of torch, in training.
    skip_bad : bool
        Leave bad files of the data out, and say so, in place of refusing them.
    bit_true_epochs : int
        Passes in the chip's integers after that, for `bit_true`; 0 leaves them out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    epochs: int = Field(20, ge=1)
    batch: int = Field(32, ge=1)
    learning_rate: float = Field(1e-3, gt=0)
    momentum: float | None = Field(None, ge=0, lt=1)
    schedule: Literal["constant", "cosine", "plateau"] = "constant"
    patience: int = Field(3, ge=0)
    factor: float = Field(0.7, gt=0, lt=1)
    keep: Literal["best", "last", "average"] = "best"
    average: float = Field(0.99, ge=0, lt=1)
    clip: float | None = Field(None, gt=0)
    gain: float = Field(1.0, gt=0)
    fused: bool = True
    threads: int = Field(1, ge=1)
    skip_bad: bool = False
    bit_true_epochs: int = Field(0, ge=0)


@dataclass(frozen=True)
class Split:
    """Samples as the network takes them, with what they should become.

    Attributes
    ----------
    x : array (n, steps, *shape)
        Numbers from 0 on, best whole ones in a small type; floats where the host works on them first.
    y : int64 (n,) classes, or what else the recipe's loss takes, (n, ...)
    names : tuple of n str
    notes : tuple of str
        What was cut, padded, resampled, skipped; one line each.
    sounds : tuple of n float arrays
        What was heard, mono; empty where there is none.
    sample_rate : int
        Of the sounds, per second.
    """

    x: np.ndarray
    y: np.ndarray
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()
    sounds: tuple[np.ndarray, ...] = ()
    sample_rate: int = 16_000

    def __len__(self) -> int:
        return len(self.y)

    def take(self, chosen: np.ndarray) -> Split:
        """Return the samples with these numbers.

        >>> split = Split(np.zeros((3, 1, 2)), np.arange(3), ("a", "b", "c"))
        >>> split.take(np.array([2, 0])).names
        ('c', 'a')
        """
        sounds = tuple(self.sounds[i] for i in chosen) if self.sounds else ()
        names = tuple(self.names[i] for i in chosen)
        return Split(self.x[chosen], self.y[chosen], names, self.notes, sounds, self.sample_rate)


class Splits(NamedTuple):
    """What is learned from, what chooses the epoch, what is scored once; and where all of it comes from."""

    train: Split
    valid: Split
    test: Split
    source: str


class OnChip(NamedTuple):
    """The part of a trained network that goes on the chip, and what the host computes before it.

    Attributes
    ----------
    module : nn.Module
        What `from_torch` takes.
    encode : callable
        Turns x of a split into what `module` takes: numbers from 0 on (n, steps, *shape).
    input_bits : int or None
        Of an event where `encode` gives numbers that are not whole.
    host : {what: amount for an inference}
        What the host does, such as multiply-adds.
    """

    module: nn.Module
    encode: Callable[[np.ndarray], np.ndarray]
    input_bits: int | None = None
    host: Mapping[str, float] = {}


def whole_network(net: nn.Module, x: np.ndarray) -> OnChip:
    """Return all of a network as what goes on the chip; x is what it takes."""
    return OnChip(net, lambda x: x)


@dataclass(frozen=True)
class System:
    """What `lavalier train NAME` takes by its name.

    Attributes
    ----------
    name, summary : str
        What it is called, and what it is in a line.
    metric : str
        What is scored: "accuracy", "auc", "si_snr" ...
    options : model of pydantic, of a Recipe a subclass of Options
        With the defaults of the one-command run, which takes minutes.
    variants : {name: {option: value}}
        Named sets of options: "published" has the sizes of the original.
    unit : str
        Of a score in a table, and `scale` what it is multiplied with for that: "%", 100.
    """

    name: str
    summary: str
    metric: str
    options: type[BaseModel]
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, kw_only=True)
    unit: str = field(default="%", kw_only=True)
    scale: float = field(default=100.0, kw_only=True)

    def chosen(self, variant: str | None = None, changes: Mapping[str, Any] | None = None) -> Any:
        """Return options: the defaults, then those of a variant, then single changes.

        Raises
        ------
        BadInput
            A variant or an option does not exist, or a value is out of range; the message names it.
        """
        if variant is not None and variant not in self.variants:
            known = ", ".join(self.variants) or "none"
            raise BadInput(f"{self.name} has no variant '{variant}'; there are: {known}")
        given = dict(self.variants[variant]) if variant else {}
        try:
            return self.options(**given | dict(changes or {}))
        except ValidationError as error:
            wrong = error.errors()[0]
            option = ".".join(str(part) for part in wrong["loc"])
            known = ", ".join(self.options.model_fields)
            hint = f"; there are {known}" if wrong["type"] == "extra_forbidden" else ""
            said = f"option {option} = {wrong['input']!r}: {wrong['msg']}{hint}"
            raise BadInput(f"{self.name}: {said}") from error


@dataclass(frozen=True)
class Whole(System):
    """A system that is more than a network on a chip, and knows itself how it is trained and scored.

    Attributes
    ----------
    train : (out, data, seed, options, lava, force, resume, say) -> metrics
        As `train_recipe`; `lava` is `deploy.run`, or None.
    """

    train: Callable[..., dict]


@dataclass(frozen=True)
class Recipe(System):
    """A network that goes on a chip, and its data.

    Attributes
    ----------
    splits : (data, seed, options) -> Splits
        From the official layout in `data`; generated where it is None.
    network : (options) -> nn.Module
        x (batch, steps, *shape) -> output (batch, steps, n_out).
    loss : (output, y) -> tensor
    score : (output, y) -> float
        Of NumPy arrays, in floats or in the chip's integers.
    decide : (output) -> int64 (batch,), or None
        The class of each sample, where there are classes.
    ann : (options) -> nn.Module, or None
        The conventional network of the same shape: takes and returns what `network` does.
    on_chip : (net, x) -> OnChip
        Which part goes on the chip, given some of the training data; all of it where not said.
    vary : (x, generator, options) -> x, or None
        Draws a variant of a batch of training data.
    dt_s : (options) -> float
        Seconds that a step stands for.
    hybrid : (program, options) -> Hybrid, or None
        The model from sound to labels, for `lavalier stream`.
    """

    splits: Callable[[Path | None, int, Any], Splits]
    network: Callable[[Any], nn.Module]
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    score: Callable[[np.ndarray, np.ndarray], float]
    dt_s: Callable[[Any], float]
    decide: Callable[[np.ndarray], np.ndarray] | None = None
    ann: Callable[[Any], nn.Module] | None = None
    on_chip: Callable[[nn.Module, np.ndarray], OnChip] = whole_network
    vary: Callable[[torch.Tensor, torch.Generator, Any], torch.Tensor] | None = None
    hybrid: Callable[[Program, Any], Hybrid] | None = None
