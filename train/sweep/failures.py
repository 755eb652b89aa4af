"""Whether a network learned anything, and if not, why: its loss, and how often its neurons spike."""

from collections.abc import Callable, Sequence

import numpy as np
import snntorch as snn
import torch
from torch import nn

from ...export.from_modules.runs import first_of

SHUFFLES = 19  # of the labels; as good as the best of them comes by chance once in 20
SILENT, SATURATED = 1e-4, 0.9  # share of a layer's neurons that spike in a step
STUCK = 0.01  # share of the loss that an epoch has to be better than the first
SAMPLES = 32  # that are looked at for spikes


def chance(score: Callable[[np.ndarray, np.ndarray], float], output: np.ndarray, y: np.ndarray) -> float:
    """Return the best score of outputs with labels that were shuffled.

    >>> chance(lambda output, y: float(np.mean(output == y)), np.zeros(8), np.arange(8) % 2)
    0.5
    """
    drawn = np.random.default_rng(0)
    return max(score(output, y[drawn.permutation(len(y))]) for _ in range(SHUFFLES))


def why_not_learned(losses: Sequence[float], activity: dict[str, float]) -> str:
    """Return why a network that is no better than chance is not.

    Parameters
    ----------
    losses : sequence of float
        Means of the epochs.
    activity : {layer: share}
        Of its neurons that spike in a step.

    >>> why_not_learned([0.7, 0.7], {"hidden": 0.0})
    'silent network: hidden spikes in 0.00 % of its neuron steps'
    >>> why_not_learned([0.7, 0.6999], {"hidden": 0.1})
    'loss stuck: 0.7 in the first epoch, 0.6999 at best'
    """
    for layer, share in activity.items():
        kind = "silent" if share < SILENT else "saturated" if share > SATURATED else None
        if kind:
            return f"{kind} network: {layer} spikes in {100 * share:.2f} % of its neuron steps"
    first, best = losses[0], min(losses)
    if len(losses) > 1 and best > (1 - STUCK) * first:
        return f"loss stuck: {first:.4g} in the first epoch, {best:.4g} at best"
    return "no better than chance, though the loss fell" if best < first else "no better than chance"


@torch.no_grad()
def activity(net: nn.Module, x: np.ndarray) -> dict[str, float]:
    """Return the share of neuron steps in which each spiking layer spikes, on a few samples.

    Parameters
    ----------
    net : nn.Module
        In evaluation mode; its own loop runs.
    x : (n, steps, *shape)
        Some of its input.
    """
    spikes: dict[str, list[float]] = {}
    layers = {n: m for n, m in net.named_modules() if isinstance(m, snn.SpikingNeuron)}
    hooks = [
        layer.register_forward_hook(
            lambda _, given, sent, name=name: spikes.setdefault(name, []).append(
                first_of(sent).ne(0).double().mean().item()
            )
        )
        for name, layer in layers.items()
    ]
    net(torch.from_numpy(x[:SAMPLES]).float())
    for hook in hooks:
        hook.remove()
    return {name: float(np.mean(shares)) for name, shares in spikes.items()}
