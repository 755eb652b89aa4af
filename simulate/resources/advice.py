"""Advice: what to do about something that does not fit."""

from .limits import Device
from .needs import Needs
from .synapse_lists import Width

_WAYS = {
    "du": "clip it; -1 (no decay) is Lava's alone",
    "dv": "clip it",
    "vth": "divide weights and threshold by the same power of 2 (a smaller weight_exp, or fewer bits)",
    "bias_mant": "raise bias_exp, or divide weights, bias and threshold alike",
    "bias_exp": "divide weights, bias and threshold alike",
    "refractory": "clip it",
    "weight_bits": "quantize to fewer bits",
    "weight_exp": "scale weights, bias and threshold alike",
    "delay": "clip it, or pass the events through a relay population that waits for the rest",
    "message_bits": "send fewer bits or binary spikes, or take Loihi 2",
    "neuron type": "another neuron type, the layer on the host, or Loihi 2 with microcode",
    "neurons_per_core": "unpin it: split at {limit}",
    "synapse_bytes_per_core": "prune the fan-in of its neurons, fewer bits, or the layer on the host",
    "memory_bytes_per_core": "prune the fan-in of its neurons, fewer bits, or the layer on the host",
    "axons_in_per_core": "prune it to {limit} sources a neuron, or sum parts of them in a layer between",
    "axons_out_per_core": "give its targets to {limit} each of several copies, or to a relay population",
    "formats_per_core": "the same exponent, bits and signs for its connections; {limit} formats at most",
    "profiles_per_core": "unpin it, or share decays: {limit} sets at most",
    "thresholds_per_core": "unpin it, or share thresholds: {limit} at most",
}


def ways_out_of(what: str, limit: int = 0) -> str:
    """Return what to do about a value above a limit.

    >>> ways_out_of("neurons_per_core", 1024)
    'unpin it: split at 1,024'
    """
    return _WAYS[what].format(limit=f"{limit:,}")


def ways_to_shrink(needs: Needs, device: Device, room: int, cores: int) -> str:
    """Say how synapses come to fit into `room` bytes: chips, pruning, bits, a layer on the host."""
    ways = [f"{-(-cores // device.cores)} chips"]
    sparse = _bits(needs, device, 8, every_named=True)
    share = int(100 * 8 * room / max(sparse, 1))
    if 0 < share < 100:
        ways.append(f"prune to about {share} %")
    for bits in range(7, 0, -1):
        if _bits(needs, device, bits, every_named=False) <= 8 * room:
            ways.append(f"about {bits} bit{'s' * (bits > 1)} a weight")
            break
    of = {n: sum(link.synapses.stored for link in needs.incoming[n]) for n in needs.groups}
    largest = max(of, key=of.__getitem__)
    ways.append(
        f"'{largest}' on the host ({100 * of[largest] // max(sum(of.values()), 1)} % of the synapses)"
    )
    return ", or ".join(ways)


def _bits(needs: Needs, device: Device, at_most: int, every_named: bool) -> float:
    """Return the bits of all synapses in long lists, of weights of `at_most` bits."""
    neurons, total = device.limits["neurons_per_core"].value, 0.0
    for link in needs.links:
        width = Width(device.layout, min(at_most, link.weight_bits), link.delayed)
        total += link.synapses.stored * width.rate(neurons if every_named or link.synapses.named else 0)
    return total
