"""SANA-FE's side: run a network that is given as arrays on its own Loihi, and write what it saw.

Called with the file that holds the network and the file to write; it imports nothing of lavalier.
"""

import sys

import numpy as np
import sanafe  # pyright: ignore[reportMissingImports]

given = np.load(sys.argv[1])
x = given["x"]  # (steps, channels)
steps, n_in = x.shape
arch, net = sanafe.load_loihi(), sanafe.Network()
cores = arch.cores()
source = net.create_neuron_group("in", n_in)
for i in range(n_in):
    source[i].set_attributes(
        soma_hw_name=f"loihi_inputs[{i}]", log_spikes=True, model_attributes={"spikes": x[:, i].tolist()}
    )
    source[i].map_to_core(cores[given["cores_0"][i]])
groups = [source]
for layer in (1, 2):
    weights = given[f"weights_{layer}"]  # (n_out, n_in)
    group = net.create_neuron_group(
        f"layer{layer}",
        len(weights),
        model_attributes={
            "threshold": float(given[f"threshold_{layer}"]),
            "leak_decay": float(given["leak_decay"]),
            "input_decay": 0.0,
            "reset": 0.0,
            "reset_mode": "hard",
        },
        soma_hw_name="loihi_lif",
        default_synapse_hw_name="loihi_dense_synapse",
        default_dendrite_hw_name="loihi_dendrites",
        log_spikes=True,
        log_potential=True,
    )
    targets, sources = np.nonzero(weights)
    pairs = list(zip(sources.tolist(), targets.tolist(), strict=True))
    groups[-1].connect_neurons_sparse(group, {"weight": weights[targets, sources].tolist()}, pairs)
    for i in range(len(weights)):
        group[i].map_to_core(cores[given[f"cores_{layer}"][i]])
    groups.append(group)
chip = sanafe.SpikingChip(arch)
chip.load(net)
seen = chip.sim(steps, spike_trace=True, potential_trace=True)
spikes = [np.zeros((steps, n), np.uint8) for n in (n_in, *(len(given[f"weights_{k}"]) for k in (1, 2)))]
place = {"in": 0, "layer1": 1, "layer2": 2}
for t, fired in enumerate(seen["spike_trace"]):
    for neuron in fired:
        spikes[place[neuron.group_name]][t, neuron.neuron_offset] = 1
np.savez(
    sys.argv[2],
    potential=np.array(seen["potential_trace"], dtype=float),
    **{f"spikes_{k}": s for k, s in enumerate(spikes)},
    **{f"energy_{part}": value for part, value in seen["energy"].items()},
)
