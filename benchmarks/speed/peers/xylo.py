"""XyloSim, one sample after another, as it can.

This is `xylosim`, the compiled simulator that Rockpool's XyloSim hands its work to; Rockpool's class itself
needs samna, which is on no package index. The weights are half those of the Program, for they have 8 bits
with the sign; the decay is the Program's, as a shift. A current without memory does not reach the
membrane here, so it halves in each step; neurons subtract the threshold at a spike. The hidden threshold
is therefore found anew, by bisection, so that the hidden layer is as active as the Program's.
"""

import sys
from typing import Any

import numpy as np
from serving import serve  # pyright: ignore[reportMissingImports]
from xylosim.v2 import XyloLayer, XyloSynapse  # pyright: ignore[reportMissingImports]

HALVINGS = 12
given = np.load(sys.argv[1])
samples = given["x"].tolist()
n_hidden, n_out = len(given["weights_0"]), len(given["weights_1"])
decay = 12 - int(np.log2(given["dv"]))


def synapses(weights: np.ndarray) -> list[list[XyloSynapse]]:
    """Return those of every source, (n_out, n_in) halved."""
    return [[XyloSynapse(j, 0, w) for j, w in enumerate(row) if w] for row in (weights.T >> 1).tolist()]


# a layer goes on reading these objects
parts: dict[str, Any] = {
    "synapses_in": synapses(given["weights_0"]),
    "synapses_rec": [[] for _ in range(n_hidden)],
    "synapses_out": synapses(given["weights_1"]),
    "aliases": [[] for _ in range(n_hidden)],
    "threshold": [0] * n_hidden,
    "threshold_out": [int(given["vth_1"]) >> 1] * n_out,
    "has_bias": False,
    "bias": [0] * n_hidden,
    "bias_out": [0] * n_out,
    "weight_shift_inp": 0,
    "weight_shift_rec": 0,
    "weight_shift_out": 0,
    "dash_mem": [decay] * n_hidden,
    "dash_mem_out": [decay] * n_out,
    "dash_syns": [[1, 1]] * n_hidden,
    "dash_syns_out": [[1]] * n_out,
    "name": "benchmark",
}


def activity(layer: XyloLayer) -> float:
    """Run the samples, each from rest; return the share of the hidden neurons that spike in a step."""
    shares = []
    for sample in samples:
        layer.reset_all()
        layer.evolve(sample)
        shares.append(np.mean(layer.rec_recurrent_spikes))
    return float(np.mean(shares))


def tuned() -> XyloLayer:
    """Return the network with the hidden threshold that fits."""
    low, high = 0, 1 << HALVINGS
    for _ in range(HALVINGS):
        middle = (low + high) // 2
        parts["threshold"] = [middle] * n_hidden
        low, high = (middle, high) if activity(XyloLayer(**parts)) > given["activity"] else (low, middle)
    parts["threshold"] = [high] * n_hidden
    return XyloLayer(**parts)


network = tuned()
serve(lambda threads: [activity(network)])  # it has one thread
