"""Recorded runs of other frameworks, of Lava and of a Loihi 2 chip, reproduced spike for spike."""

from pathlib import Path

import numpy as np
import pytest

from lavalier import export
from lavalier.simulate import LIF, Dense, Input, Program, run


@pytest.fixture
def lif(shared) -> Path:
    return shared / "fixtures" / "lif"


@pytest.fixture
def braille(shared) -> Path:
    return shared / "fixtures" / "braille"


def recorded(folder: Path, name: str) -> np.ndarray:
    """Return input, v and spikes of 1,000 steps."""
    return np.loadtxt(folder / f"lif_{name}.csv", delimiter=",").T


@pytest.mark.parametrize(
    "name, policy, scale",
    [
        ("norse", {"preset": "norse"}, 1),
        ("snntorch", {"preset": "snntorch"}, 25),  # its gain is 1, not dt / tau
        ("exact", {"decay": "zoh"}, 1),
    ],
)
def test_one_neuron_in_floats(lif, name, policy, scale):
    x, v, spikes = recorded(lif, name)
    graph = export.read(lif / "lif_norse.nir", **policy)
    trace = run(graph, x[None, :, None], record=["1"])
    assert np.array_equal(trace.output[0, :, 0], spikes)
    assert np.flatnonzero(spikes).size == 4
    # the exact solution resets between steps
    until = np.flatnonzero(spikes)[0] if name == "exact" else len(v)
    assert np.abs(trace.v["1"][0, :until, 0] - v[:until] / scale).max() < 1e-6


@pytest.mark.parametrize("name", ["lava_cpu_fixed", "lava_loihi_fixed"])
def test_one_neuron_in_the_integers_of_lava_and_the_chip(lif, name):
    program = Program(
        inputs={"in": Input((1,))},
        populations={"n": LIF((1,), du=4095, dv=163, vth=25)},
        connections=(Dense("in", "n", [[10]]),),
        outputs=("n",),
        dt=1e-4,
    )
    x, v, spikes = recorded(lif, name)
    late = np.concatenate([[0], x[:-1]])
    trace = run(program, late[None, :, None], record=["n"])
    assert np.array_equal(trace.output[0, :, 0], spikes)
    wrong = np.flatnonzero(trace.v["n"][0, :, 0] != v)
    if name == "lava_loihi_fixed":  # the chip's probe reads 128, its refractory code, after a spike
        assert wrong.tolist() == np.flatnonzero(spikes).tolist() and set(v[wrong]) == {128}
    else:
        assert wrong.size == 0


GRAPH = "braille_noDelay_bias_zero.nir"


def sample(braille: Path) -> np.ndarray:
    return np.load(braille / "input_ds_test_0.npy")[None].astype(np.float32)


def activity(braille: Path, framework: str) -> np.ndarray:
    """Return the recorded hidden spikes, (256 steps, 38)."""
    spikes = np.load(braille / f"{framework}_activity_noDelay_bias_zero.npy")
    return spikes if spikes.shape == (256, 38) else spikes.T


@pytest.mark.parametrize("preset", ["snntorch", "norse", "spyx"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_recurrent_network(braille, preset, dtype):
    graph = export.read(braille / GRAPH, preset=preset)
    trace = run(graph, sample(braille).astype(dtype), record=["lif1.lif"])
    assert np.argwhere(trace.spikes["lif1.lif"][0] != activity(braille, preset)).tolist() == []


def test_presets_are_needed(braille):
    """Each of what a preset changes shows in the spikes, as measured in the paper's supplement."""
    expected = activity(braille, "snntorch")
    for changed, wrong in [
        ({"recurrent_bias": "late"}, 23),
        ({"recurrent_bias": "dropped"}, 157),
        ({"reset": "subtract"}, 124),
        ({"order": "v-then-i"}, 169),
    ]:
        trace = run(export.read(braille / GRAPH, **changed), sample(braille), record=["lif1.lif"])
        assert (trace.spikes["lif1.lif"][0] != expected).sum() == wrong, changed


def lava_dl(graph, x: np.ndarray, recurrent_bias: bool) -> np.ndarray:
    """Run the hidden layer as lava-dl did: float weights, 12-bit decays, states in 4096ths."""
    node, inward, back = (graph.nodes[name] for name in ("lif1.lif", "fc1", "lif1.w_rec"))
    du, dv = (np.rint(4096 * 1e-4 / tau.astype(float)).astype(int) for tau in (node.tau_syn, node.tau_mem))
    u, v, spikes = np.zeros(38, int), np.zeros(38, int), np.zeros(38)
    sent = []
    for arriving in x.astype(float):
        current = inward.weight @ arriving + inward.bias + back.weight @ spikes + recurrent_bias * back.bias
        u = decayed(u, du) + np.trunc(4096 * current.astype(float)).astype(int)
        v = decayed(v, dv) + u
        spikes = (v > 4096 * node.v_threshold).astype(float)
        v = np.where(spikes > 0, 0, v)
        sent.append(spikes)
    return np.array(sent)


def decayed(state: np.ndarray, decay: np.ndarray) -> np.ndarray:
    """Shift toward zero, as the chip does."""
    return np.sign(state) * (np.abs(state) * (4096 - decay) >> 12)


def test_what_lava_ran_had_no_recurrent_bias(braille):
    graph, expected = export.read(braille / GRAPH), activity(braille, "lava")
    x = sample(braille)[0]
    assert (lava_dl(graph, x, recurrent_bias=False) != expected).sum() == 0
    assert (lava_dl(graph, x, recurrent_bias=True) != expected).sum() == 158
    trace = run(export.read(braille / GRAPH, preset="lava-dl"), x[None], record=["lif1.lif"])
    assert (trace.spikes["lif1.lif"][0] != expected).sum() <= 9
