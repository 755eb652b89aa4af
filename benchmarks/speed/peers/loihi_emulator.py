"""nengo-loihi's emulator of the chip, one sample after another, as it can.

The integers of the Program are put where `discretize_model` puts its own: weights in units of 2^-6,
current without memory, the same decay and thresholds. Every synapse takes a step here, so the last
layers miss the last steps.
"""

import sys

import numpy as np
from nengo_loihi.block import Axon, LoihiBlock, Synapse  # pyright: ignore[reportMissingImports]
from nengo_loihi.builder import Model  # pyright: ignore[reportMissingImports]
from nengo_loihi.builder.discretize import discretize_model  # pyright: ignore[reportMissingImports]
from nengo_loihi.emulator import EmulatorInterface  # pyright: ignore[reportMissingImports]
from nengo_loihi.inputs import SpikeInput  # pyright: ignore[reportMissingImports]
from serving import serve  # pyright: ignore[reportMissingImports]

V_LIMIT = (1 << 23) - 1
given = np.load(sys.argv[1])
samples = [[np.flatnonzero(step) for step in sample] for sample in given["x"]]


def joined(source: SpikeInput | LoihiBlock, i: int) -> LoihiBlock:
    """Return layer i, fed by the one before."""
    weights = given[f"weights_{i}"]
    n_out, n_in = weights.shape
    block, synapse, axon = LoihiBlock(n_out), Synapse(n_in), Axon(n_in)
    synapse.set_weights(weights.T)
    block.add_synapse(synapse)
    axon.target = synapse
    source.add_axon(axon)
    block.compartment.vth[:] = 1
    return block


def put_integers(block: LoihiBlock, i: int) -> None:
    """Replace what was made of the floats."""
    compartment = block.compartment
    compartment.decay_u[:], compartment.decay_v[:] = 4095, given["dv"]
    compartment.vth[:] = int(given[f"vth_{i}"]) << 6
    compartment.vmin, compartment.vmax = -V_LIMIT, V_LIMIT
    for row, weights in zip(block.synapses[0].weights, given[f"weights_{i}"].T, strict=True):
        row[0] = weights << 6


model, spikes = Model(), SpikeInput(given["x"].shape[2])
model.add_input(spikes)
blocks: list[LoihiBlock] = []
for i in range(int(given["layers"])):
    blocks.append(joined(blocks[-1] if blocks else spikes, i))
    model.add_block(blocks[-1])
discretize_model(model)
for i, block in enumerate(blocks):
    put_integers(block, i)
emulator = EmulatorInterface(model, seed=0)


def run(threads: int) -> list[float]:
    """Run the samples, each from rest; NumPy's loops have one thread."""
    state = emulator.compartment
    state.spike_count[:] = 0
    for sample in samples:
        for values in (state.input, state.current, state.voltage, state.spiked):
            values[:] = 0
        for t, channels in enumerate(sample):
            spikes.add_spikes(emulator.t + t + 1, channels)
        emulator.run_steps(len(sample))
    hidden = [state.spike_count[state.slices[block.compartment]] for block in blocks[:-1]]
    return [float(counts.mean()) / sum(map(len, samples)) for counts in hidden]


serve(run)
