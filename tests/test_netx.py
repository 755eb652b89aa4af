"""lava-dl's files as Programs: every layer by hand, what netx gets wrong, and lava-dl's own networks."""

from itertools import product
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from lavalier.cli import main
from lavalier.export import read_netx
from lavalier.simulate import LIF, Program, run
from lavalier.simulate.errors import BadInput, LavalierError, OutOfRange, Unsupported
from lavalier.simulate.neurons import LI

from .damage import damaged, drawn_damage


def neuron(i_decay: Any = 4096, v_decay: Any = 4096, threshold: Any = 3, **more) -> dict:
    """Return a neuron group as slayer writes it; by default it spikes where more than 3 arrive at once."""
    fields = {"type": "CUBA", "iDecay": i_decay, "vDecay": v_decay, "vThMant": threshold}
    return fields | {"refDelay": 1, "gradedSpike": False} | more


def entry(*shape, **more) -> dict:
    return {"type": "input", "shape": shape} | more


def flatten(n) -> dict:
    return {"type": "flatten", "shape": (n,)}


def dense(weight, **more) -> dict:
    rows, columns = np.shape(weight)
    sizes = {"shape": (rows,), "inFeatures": columns, "outFeatures": rows}
    return {"type": "dense", "weight": weight, "neuron": neuron()} | sizes | more


def conv(weight, shape, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups: Any = 1, **more) -> dict:
    windows = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return {"type": "conv", "weight": weight, "shape": shape, "neuron": neuron()} | windows | more


def written(path: Path, *layers: dict) -> Path:
    """Write layers as slayer does."""
    with h5py.File(path / "n.net", "w") as file:
        for place, layer in enumerate(layers):
            group = file.create_group(f"layer/{place}")
            for field, value in layer.items():
                if field == "type":
                    group.create_dataset("type", (1,), "S10", [value.encode()])
                elif isinstance(value, dict):
                    for name, of_group in value.items():
                        group[f"{field}/{name}"] = of_group
                elif value is not None:
                    group[field] = np.asarray(value, np.float32) if field in ("weight", "bias") else value
    return path / "n.net"


def spikes(*shape, seed=0) -> np.ndarray:
    return (np.random.default_rng(seed).random((2, 12, *shape)) < 0.4).astype(int)


def matrix(*shape, seed=0) -> np.ndarray:
    return 2 * np.random.default_rng(seed).integers(-8, 9, shape)


def test_registers(tmp_path):
    layer = dense([[2, -4], [254, -256]], bias=[5, -6], neuron=neuron(1024, 128, 80))
    program = read_netx(written(tmp_path, entry(2), layer))
    expected = LIF((2,), du=1023, dv=128, vth=80, bias_mant=[5, -6], bias_exp=6)
    assert program.populations == {"dense1": expected} and program.outputs == ("dense1",)
    (synapses,) = program.connections
    assert (synapses.name, synapses.delay, synapses.weight_exp) == ("input -> dense1", 0, 0)
    assert synapses.weights.tolist() == [[2, -4], [254, -256]]
    assert program.dt == 1e-3 and read_netx(tmp_path / "n.net", dt=1e-4).dt == 1e-4


def test_steps_by_hand(tmp_path):
    # v keeps half, 64 v-units a weight: 128 + 64 = 192, 96 + 192 = 288 > 256 spikes, then from 0
    layer = dense([[2]], bias=[1], neuron=neuron(4096, 2048, 4))
    program = read_netx(written(tmp_path, layer))
    trace = run(program, np.ones((1, 3, 1), int), record=["dense0"])
    assert trace.v["dense0"].ravel().tolist() == [192, 0, 192]
    assert trace.output.ravel().tolist() == [0, 1, 0]


def test_decays_and_thresholds_of_each_channel(tmp_path):
    of_each = neuron(np.array([0, 4096]), np.array([1, 2]), np.array([3, 4]))
    program = read_netx(
        written(tmp_path, entry(2, 3, 1), conv(matrix(2, 2, 1, 1), (2, 3, 1), neuron=of_each))
    )
    held = program.populations["conv1"]
    assert held.du[:, :, 0].tolist() == [[-1] * 3, [4095] * 3]
    assert held.dv[:, 0, 0].tolist() == [1, 2] and held.vth[:, 0, 0].tolist() == [3, 4]


@pytest.mark.parametrize("integrator", [None, neuron(0, 4096, 2**17), neuron(0, 4096, 2**18 - 1)])
def test_no_neuron_and_one_out_of_reach_add_up(tmp_path, integrator):
    layer = dense([[2, -4]], bias=[3]) | {"neuron": integrator}
    program = read_netx(written(tmp_path, entry(2), layer))
    assert program.populations["dense1"] == LI((1,), du=-1, dv=4096, bias_mant=3, bias_exp=6)
    trace = run(program, np.array([[[1, 0], [1, 1], [1, 0]]]))
    assert trace.output.ravel().tolist() == [64 * (2 + 3), 64 * (0 + 3), 64 * (2 + 3)]


def test_a_threshold_in_reach_spikes(tmp_path):
    program = read_netx(written(tmp_path, dense([[2]], neuron=neuron(4096, 0, 131071))))
    assert isinstance(program.populations["dense0"], LIF)  # as PilotNet's output: read its v


def windows(x: np.ndarray, kernels: np.ndarray, stride, padding, dilation, groups) -> np.ndarray:
    """Sum over every window in plain Python, as torch's conv2d defines it."""
    n_out, n_in, height, width = kernels.shape
    x = np.pad(x, [(0, 0), (padding[0],) * 2, (padding[1],) * 2])
    sizes = [
        (n - d * (k - 1) - 1) // s + 1
        for n, k, s, d in zip(x.shape[1:], (height, width), stride, dilation, strict=True)
    ]
    summed = np.zeros((n_out, *sizes), int)
    for o, y, along, c, i, j in product(*map(range, (n_out, *sizes, n_in, height, width))):
        channel = o // (n_out // groups) * n_in + c
        seen = x[channel, y * stride[0] + i * dilation[0], along * stride[1] + j * dilation[1]]
        summed[o, y, along] += kernels[o, c, i, j] * seen
    return summed


@pytest.mark.parametrize("with_time_axis", [False, True])
def test_a_convolution_is_that_of_torch(tmp_path, with_time_axis):
    kernels, settings = (
        matrix(4, 2, 3, 2),
        {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2), "groups": 2},
    )
    shape = (4, 4, 5)
    held = kernels[..., None] if with_time_axis else kernels
    path = written(tmp_path, entry(4, 8, 7), conv(held, shape, **settings, neuron=None))
    x = spikes(4, 8, 7)[:, :1]
    trace = run(read_netx(path), x)
    for sample in range(2):
        assert np.array_equal(trace.output[sample, 0], 64 * windows(x[sample, 0], kernels, **settings))


def test_flatten_counts_channels_then_y_then_x(tmp_path):
    ones = 4 * np.eye(2).reshape(2, 2, 1, 1)
    pick = np.zeros((1, 12))
    pick[0, 1 * 6 + 2 * 2 + 1] = 4  # channel 1, y 2, x 1
    path = written(tmp_path, entry(2, 3, 2), conv(ones, (2, 3, 2)), flatten(12), dense(pick))
    program = read_netx(path)
    assert list(program.populations) == ["conv1", "dense3"]
    x = spikes(2, 3, 2)
    assert np.array_equal(run(program, x).output[..., 0], x[:, :, 1, 2, 1])


def test_recurrence_takes_a_step(tmp_path):
    # a spike goes round the ring of three neurons
    layer = dense(4 * np.eye(3)) | {"type": "dense_rec", "weight_rec": 4 * np.roll(np.eye(3), 1, axis=0)}
    program = read_netx(written(tmp_path, layer))
    assert [c.name for c in program.connections] == ["input -> dense_rec0", "dense_rec0 -> dense_rec0 +1"]
    x = np.zeros((1, 4, 3), int)
    x[0, 0, 0] = 1
    assert run(program, x).output[0].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]]


def late(x: np.ndarray, steps: int) -> np.ndarray:
    return np.concatenate([np.zeros_like(x[:, :steps]), x], axis=1)[:, : x.shape[1]]


def test_delays_are_those_of_axons(tmp_path):
    relay = dense(4 * np.eye(3), delay=np.array([0.0, 2.0, 5.0], np.float32))
    program = read_netx(written(tmp_path, relay, dense(4 * np.eye(3))))
    names = [f"dense0 -> dense1{late}" for late in ("", " +2", " +5")]
    assert [c.name for c in program.connections] == ["input -> dense0", *names]
    x = spikes(3)
    trace = run(program, x, record=["dense0"])
    assert np.array_equal(trace.spikes["dense0"], x)
    assert np.array_equal(trace.output, np.stack([late(x[..., i], d) for i, d in enumerate((0, 2, 5))], -1))


def test_delays_of_channels_into_a_grouped_convolution(tmp_path):
    ones, kernels = 4 * np.eye(4).reshape(4, 4, 1, 1), matrix(2, 2, 2, 2)
    layers = conv(ones, (4, 3, 3), delay=[1, 0, 3, 1]), conv(kernels, (2, 2, 2), groups=2, neuron=None)
    program = read_netx(written(tmp_path, entry(4, 3, 3), *layers))
    x = spikes(4, 3, 3)
    shifted = np.stack([late(x[:, :, c], d) for c, d in enumerate((1, 0, 3, 1))], 2)
    undelayed = read_netx(written(tmp_path, entry(4, 3, 3), layers[0] | {"delay": [0] * 4}, layers[1]))
    assert np.array_equal(run(program, x).output, run(undelayed, shifted).output)
    assert run(program, x).output.any()


def test_delays_of_the_last_layer_become_relays(tmp_path):
    program = read_netx(written(tmp_path, dense(4 * np.eye(3), delay=[0, 1, 4])))
    assert program.outputs == ("dense0_late",)
    x = spikes(3)
    assert np.array_equal(
        run(program, x).output, np.stack([late(x[..., i], d) for i, d in enumerate((0, 1, 4))], -1)
    )


def test_delays_of_weights_that_are_all_zero(tmp_path):
    program = read_netx(written(tmp_path, dense(4 * np.eye(2), delay=[1, 2]), dense(np.zeros((1, 2)))))
    assert not run(program, spikes(2)).output.any()


def test_an_input_with_neurons_is_graded(tmp_path):
    first = entry(2, 1, 1, weight=[40], bias=[-3], neuron=neuron(4096, 0, 1000))
    path = written(tmp_path, first, flatten(2), dense(4 * np.eye(2)))
    program = read_netx(path)
    assert program.inputs["input"].message_bits == 16
    x = np.array([0, 7, 256, 512]).reshape(1, 2, 2, 1, 1)
    v = run(program, x, record=["input0"]).v["input0"].reshape(2, 2)
    assert v[0].tolist() == [64 * -3, 64 * (40 * 7 // 256 - 3)]
    assert (v[1] - v[0]).tolist() == [64 * (40 - 3), 64 * (80 - 3)]
    below = read_netx(path, input_low=-1).populations["input0"]
    assert below.bias_mant.ravel().tolist() == [-43, -43]


def test_an_input_without_weight_counts_64(tmp_path):
    path = written(tmp_path, entry(3, neuron=neuron()), dense(4 * np.eye(3)))
    (weights,) = {c.matrix.data.max() for c in read_netx(path).incoming("input0")}
    assert weights == 64


@pytest.mark.parametrize(
    "weights, settings",
    [
        ([[-256, 254]], ("mixed", 0)),
        ([[-2, 0]], ("mixed", 0)),  # netx gives -1
        ([[-2, -4]], ("mixed", 0)),  # netx gives -2, -2
        ([[0, 0]], ("mixed", 0)),  # netx raises OverflowError
        ([[255, 0]], ("excitatory", 0)),
        ([[-255, 0]], ("inhibitory", 0)),  # netx gives 0, 0
        ([[-128, 127]], ("mixed", -1)),
    ],
)
def test_weights_are_those_of_the_file(tmp_path, weights, settings):
    program = read_netx(written(tmp_path, dense(weights, neuron=None)))
    (synapses,) = program.connections
    assert (synapses.sign_mode, synapses.weight_exp) == settings
    trace = run(program, np.eye(2, dtype=int)[:, None])
    assert trace.output[:, 0, 0].tolist() == [64 * w for w in weights[0]]


def test_older_files(tmp_path):
    # a matrix of one row as a row, and shapes with two axes more
    last = dense(matrix(1, 3)) | {"weight": matrix(1, 3)[0], "shape": (1, 1, 1)}
    first = dense(matrix(3, 4)) | {"shape": (3, 1, 1)}
    program = read_netx(written(tmp_path, entry(4), first, last))
    assert [p.shape for p in program.populations.values()] == [(3,), (1,)]
    assert program.connections[1].weights.tolist() == matrix(1, 3).tolist()


def test_a_convolution_without_an_input_layer(tmp_path):
    path = written(tmp_path, conv(matrix(2, 1, 2, 2), (2, 2, 3)))
    with pytest.raises(BadInput, match="layer 0 .conv.: no input layer says .* give input_shape"):
        read_netx(path)
    assert read_netx(path, input_shape=(1, 3, 4)).shape("input") == (1, 3, 4)
    with pytest.raises(BadInput, match=r"shape = .2, 2, 3., but its windows are .2, 3, 3."):
        read_netx(path, input_shape=(1, 4, 4))


def test_what_is_read_can_be_saved(tmp_path):
    layers = (
        entry(4, 6, 6, neuron=neuron()),
        conv(matrix(4, 2, 3, 3), (4, 2, 2), stride=(2, 2), groups=2, delay=[0, 1, 2, 3]),
        conv(matrix(4, 4, 1, 1), (4, 2, 2), delay=[3, 0, 0, 3]),
        flatten(16),
        dense(matrix(5, 16)) | {"type": "dense_rec", "weight_rec": matrix(5, 5), "delay": [0, 1, 0, 1, 0]},
    )
    program = read_netx(written(tmp_path, *layers))
    program.save(tmp_path / "p.nir")
    assert Program.load(tmp_path / "p.nir") == program


ONE = dense([[2, 4]])


@pytest.mark.parametrize(
    "layers, error, message",
    [
        *[
            ([{"type": t}], Unsupported, f"layer 0: type '{t}'")
            for t in ("pool", "average", "concat", "kwta")
        ],
        ([ONE | {"neuron": neuron(type="SDNN")}], Unsupported, "neuron/type 'SDNN' has no form in a Program"),
        ([ONE | {"neuron": {"iDecay": 1}}], BadInput, "neuron/type is missing"),
        (
            [ONE | {"neuron": neuron(refDelay=3)}],
            Unsupported,
            "neuron/refDelay = 3 is not kept; it must be 1",
        ),
        ([ONE | {"neuron": neuron(gradedSpike=True)}], Unsupported, "neuron/gradedSpike = True is not kept"),
        ([ONE | {"neuron": neuron(weight_exp=[-2.0])}], Unsupported, r"neuron/weight_exp = \[-2.0\] is not"),
        ([ONE | {"neuron": neuron(other=1)}], Unsupported, "neuron/other has no meaning here"),
        ([ONE | {"neuron": neuron(5000)}], OutOfRange, r"neuron/iDecay = 5000 is not .* in \[0, 4096\]"),
        ([ONE | {"neuron": neuron(threshold=-1)}], OutOfRange, "neuron/vThMant = -1 is not"),
        ([ONE | {"neuron": 3}], BadInput, "neuron is not a group"),
        ([ONE | {"mask": [1]}], Unsupported, "mask has no meaning here"),
        ([ONE | {"bias": [0.5]}], OutOfRange, "bias = 0.5 is not a whole number"),
        ([ONE | {"bias": [40000]}], OutOfRange, r"bias = 40000.0 is not a whole number in \[-4096, 4095\]"),
        ([ONE | {"bias": [1, 2, 3]}], BadInput, "bias holds 3 values for 1 channels"),
        ([ONE | {"bias": [np.nan]}], BadInput, "bias holds something other than finite numbers"),
        ([ONE | {"delay": [63]}], OutOfRange, r"delay = 63 is not a whole number in \[0, 62\]"),
        ([ONE | {"delay": [1], "neuron": None}], Unsupported, "delay: the layer sends no spikes"),
        ([ONE | {"weight": None}], BadInput, "weight is missing"),
        ([ONE | {"weight": {"real": [[2]], "imag": [[2]]}}], Unsupported, "weight is in parts .*imag.*real"),
        ([ONE | {"weight": [[1.5, 2]]}], OutOfRange, "weight = 1.5 is not a whole number"),
        ([dense([[129, -2]])], OutOfRange, r"weights = 129 is not a multiple of 2 in \[-256, 254\]"),
        ([ONE | {"weight": [[2], [4]]}], BadInput, r"weight \(2, 1\) must be .* of 1 neurons"),
        ([entry(3), ONE], BadInput, r"layer 1 .dense.: weight \(1, 2\) .out, in. does not take 3 channels"),
        ([entry(2), entry(2), ONE], BadInput, "layer 1 .input.: only the first layer can be an input"),
        ([entry(2, weight=[64]), ONE], Unsupported, "weight has no meaning without neurons"),
        ([entry(2, neuron=neuron(100)), ONE], Unsupported, "neuron/iDecay must be 4096"),
        ([entry(2, 1, 1), flatten(3), ONE], BadInput, r"shape = .3,. does not hold the .2, 1, 1. of 'input'"),
        ([entry(2, 2), ONE], BadInput, r"shape = .2, 2. must be .n. or .channels, y, x."),
        ([entry(2**12, 2**12, 2), ONE], BadInput, "up to 16777216 neurons"),
        ([entry(2)], BadInput, "at least one input, one population and one output"),
        ([ONE | {"neuron": None}, dense([[2]])], Unsupported, "'dense0' sends nothing"),
        ([ONE | {"type": "dense_rec"}], BadInput, "weight_rec is missing"),
        ([entry(1, 3, 3), conv(matrix(2, 2, 2, 2), (2, 2, 2))], BadInput, "do not take .1, 3, 3."),
        ([entry(1, 3, 3), conv(matrix(2, 1, 2, 2), (2, 2, 2), stride=(0, 1))], BadInput, "stride = .0, 1."),
        (
            [entry(1, 3, 3), conv(matrix(2, 1, 2, 2), (2, 2, 2), padding=128)],
            OutOfRange,
            "padding = 128 is not",
        ),
        ([entry(1, 3, 3), conv(matrix(2, 1, 2, 2), (2, 2, 2), groups=(1, 1, 1))], BadInput, "groups holds 3"),
    ],
)
def test_what_is_refused(tmp_path, layers, error, message):
    path = written(tmp_path, *layers)
    with pytest.raises(error, match=message) as raised:
        read_netx(path)
    assert str(raised.value).startswith(f"{path}: ") and str(raised.value).isprintable()


def test_layers_are_counted(tmp_path):
    path = written(tmp_path, ONE, ONE)
    with h5py.File(path, "a") as file:
        del file["layer/0"]
    with pytest.raises(BadInput, match="layers must be counted 0, 1, ...; the file has .'1'."):
        read_netx(path)
    with h5py.File(path, "w") as file:
        file["layer/0"] = 3
    with pytest.raises(BadInput, match="layer 0: not a group"):
        read_netx(path)


@pytest.fixture(scope="module")
def valid(tmp_path_factory) -> tuple[Path, bytes]:
    """A file and its content."""
    path = written(
        tmp_path_factory.mktemp("damage"),
        entry(1, 3, 3),
        conv(matrix(2, 1, 2, 2), (2, 2, 2)),
        flatten(8),
        dense(matrix(1, 8)),
    )
    return path, path.read_bytes()


@drawn_damage
def test_a_damaged_file_is_a_program_or_one_line(valid, flips, kept):
    path, content = valid
    path.write_bytes(damaged(content, flips, kept))
    try:
        program = read_netx(path)
    except LavalierError as error:
        assert str(error).startswith(f"{path}: ") and str(error).isprintable()
        assert flips or kept < 1
    else:
        assert isinstance(program, Program)


def image(*shape: int, steps: int) -> np.ndarray:
    """Return an image that stands still, -1 to 1 as PilotNet takes it, in 256ths above -1."""
    return np.broadcast_to((np.arange(np.prod(shape)) * 97 % 513).reshape(shape), (1, steps, *shape))


# spikes in each step and the sum of v, as netx of lava-dl 0.6.0 gives them on Lava 0.10.0 fixed_pt
TINY = {
    "input0": ([467, 586, 509, 596, 477, 639, 467, 608], 1446290),
    "conv1": ([116, 128, 172, 121, 152, 114, 169, 125], -6769570),
    "conv2": ([1, 4, 0, 3, 3, 4, 2, 2], -347260),
}
PILOTNET = {
    "input0": ([24779, 30182, 26786, 30646, 25241, 32731], 45009308),
    "conv1": ([11161, 13249, 14837, 12635, 13700, 10928], -426842026),
    "conv2": ([1153, 3600, 3913, 3449, 3327, 3184], -112677059),
}


@pytest.mark.parametrize(
    "name, shape, layers, measured",
    [("tiny", (3, 16, 16), 3, TINY), ("pilotnet_snn", (3, 66, 200), 10, PILOTNET)],
)
def test_networks_of_lava_dl(shared, name, shape, layers, measured):
    program = read_netx(shared / "fixtures" / "netx" / f"{name}.net", input_low=-1)
    assert len(program.populations) == layers
    steps = len(measured["conv1"][0])
    trace = run(program, image(*shape, steps=steps), record=list(measured))
    for population, (spiking, v) in measured.items():
        assert trace.spikes[population][0].reshape(steps, -1).sum(1).tolist() == spiking
        assert trace.v[population].sum() == v


def test_the_commands_take_it(tmp_path, capsys):
    path = written(tmp_path, entry(2), dense([[2, 4]]))
    np.save(tmp_path / "x.npy", spikes(2))
    assert main(["info", str(path)]) == 0
    assert capsys.readouterr().out.startswith(read_netx(path).to_text())
    assert main(["simulate", str(path), "--input", str(tmp_path / "x.npy"), "--check"]) == 0
    assert "fast = reference: yes" in capsys.readouterr().out
    quantize = ["quantize", str(path), "--out", str(tmp_path / "p.nir")]
    assert main(quantize) == 0
    assert Program.load(tmp_path / "p.nir") == read_netx(path)
    assert main([*quantize, "--force", "--blind"]) == 1
    assert "leave out all options but --out" in capsys.readouterr().err
