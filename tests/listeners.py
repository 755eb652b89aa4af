"""A small hybrid model that ends with labels, untrained and awake."""

import numpy as np

from lavalier.export.hearing import hearing
from lavalier.simulate import LIF, Dense, Hybrid, Input, Program
from lavalier.simulate.hybrid.decide import Decide


def listener(window: int = 10, stride: int = 4, threshold: float = 0.5) -> Hybrid:
    """A neuron behind the cochlea, louder in the upper bands than in the lower ones."""
    weights = np.where(np.arange(320) < 128, -2, 4)[None]
    program = Program(
        {"input": Input((320,), message_bits=10)},
        {"layer": LIF((1,), dv=611, vth=12_000)},
        [Dense("input", "layer", weights)],
        ["layer"],
        dt=0.002,
    )
    return hearing(program, Decide(1, ("low", "high"), window, stride, threshold))


def sound(seconds: float = 0.3, seed: int = 0) -> np.ndarray:
    """A low tone, then a high one, in a little noise; float32 (n,), 16 kHz."""
    t = np.arange(round(16000 * seconds)) / 16000
    hz = np.where(t < seconds / 2, 200, 3000)
    noise = np.random.default_rng(seed).standard_normal(len(t))
    return (0.3 * np.sin(2 * np.pi * hz * t) + 0.003 * noise).astype(np.float32)
