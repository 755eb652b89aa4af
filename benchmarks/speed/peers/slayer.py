"""lava-dl slayer's quantised forward pass, as it trains and scores: all samples and steps in one call.

The integers of the Program: `quantize_8bit` gives back its weights, current without memory, the same
decay and thresholds. Blocks without the step that each is late on hardware.
"""

import sys

import lava.lib.dl.slayer as slayer  # pyright: ignore[reportMissingImports]
import numpy as np
import torch
from serving import serve  # pyright: ignore[reportMissingImports]

WEIGHT_SCALE = 64
given = np.load(sys.argv[1])


def block(i: int) -> torch.nn.Module:
    """Return layer i."""
    weights, vth = given[f"weights_{i}"], int(given[f"vth_{i}"])
    n_out, n_in = weights.shape
    neuron = {
        "threshold": vth / WEIGHT_SCALE,
        "current_decay": 1.0,
        "voltage_decay": int(given["dv"]) / 4096,
        "scale": WEIGHT_SCALE,
    }
    layer = slayer.block.cuba.Dense(neuron, n_in, n_out, delay_shift=False)
    layer.synapse.weight.data = torch.tensor(weights / WEIGHT_SCALE).float().reshape(n_out, n_in, 1, 1, 1)
    return layer


layers = [block(i) for i in range(int(given["layers"]))]
x = torch.tensor(given["x"]).float().movedim(1, -1).contiguous()


def run(threads: int) -> list[float]:
    """Run the batch."""
    torch.set_num_threads(threads)
    sent, activity = x, []
    with torch.inference_mode():
        for layer in layers:
            sent = layer(sent)
            activity.append(sent)
        return [float(s.mean()) for s in activity[:-1]]


serve(run)
