"""Small hybrid models, untrained, whose every layer is awake."""

import numpy as np
import torch

from lavalier.export.dpsnn import hybrid, quantized
from lavalier.models.dpsnn import DPSNN, Sizes
from lavalier.simulate import Hybrid

TINY = Sizes(8, recurrent=False)


def network(sizes: Sizes = TINY, seed: int = 0) -> DPSNN:
    """A network whose spikes reach the readout."""
    torch.manual_seed(seed)
    net = DPSNN(sizes)
    with torch.no_grad():
        net.separator.taps *= 3
        if net.separator.dense is not None:
            net.separator.dense.weight *= 10
        if isinstance(net.norm, torch.nn.BatchNorm1d):
            net(torch.from_numpy(sound(2)))  # what it has seen
            net.norm.weight.uniform_(0.5, 2)
        elif isinstance(net.norm, torch.nn.LayerNorm):
            net.norm.weight.uniform_(0.5, 2)
            net.norm.bias.uniform_(-1, 1)
    return net.eval()


def sound(batch: int = 1, seconds: float = 0.1, seed: int = 0) -> np.ndarray:
    """Noise whose loudness moves; float32 (batch, n)."""
    rng = np.random.default_rng(seed)
    n = round(16000 * seconds)
    envelope = 0.2 * np.abs(np.sin(np.arange(n) / 300))
    return (envelope * rng.standard_normal((batch, n))).astype(np.float32)


def small_hybrid(sizes: Sizes = TINY) -> Hybrid:
    """Such a network, quantized and cut."""
    net = network(sizes)
    made, _ = quantized(net, sound(2))
    return hybrid(net, made.program, made.choices["readout"].scale)
