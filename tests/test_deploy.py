"""Lava computes what the reference says: every u, v, s and count, through its runtime and without it."""

import json
import subprocess
import sys
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import Phase, example, given, reject, settings
from hypothesis import strategies as st

import lavalier.deploy as deploy
from lavalier.cli import main
from lavalier.deploy.job import Job
from lavalier.simulate import LI, LIF, Dense, Input, Program, reference
from lavalier.simulate.connections import CONNECTIONS
from lavalier.simulate.errors import BadInput, LavaFailed, NotAvailable, Unsupported
from lavalier.simulate.neurons import NEURONS
from lavalier.simulate.pipeline import starts

from . import programs
from .programs import assert_equal

needs_lava = pytest.mark.skipif(deploy.missing() is not None, reason=str(deploy.missing()))


def weights(rng: np.random.Generator, n_out: int, n_in: int, size: int = 256) -> np.ndarray:
    """Draw even weights, a third of them zero."""
    drawn = rng.integers(-size // 2, size // 2, (n_out, n_in)) * 2
    return drawn * (rng.random((n_out, n_in)) < 2 / 3)


def leaky(rng: np.random.Generator) -> Program:
    """Per-neuron registers and biases of every sign and exponent, u without memory; LI output."""
    hidden = LIF(
        (9,),
        dv=rng.integers(0, 4097, 9),
        vth=rng.integers(0, 900, 9),
        bias_mant=rng.integers(-4096, 4096, 9),
        bias_exp=rng.integers(0, 8, 9),
    )
    out = LI((3,), dv=[0, 70, 4096], bias_mant=[-5, 0, 4095], bias_exp=[0, 3, 7])
    return Program(
        {"input": Input((5,))},
        {"hidden": hidden, "out": out},
        [Dense("input", "hidden", weights(rng, 9, 5)), Dense("hidden", "out", weights(rng, 3, 9))],
        ["out"],
    )


def current(rng: np.random.Generator) -> Program:
    """Three layers with a current that remembers, a shape of two axes, 5-bit weights; LIF output."""
    populations = {
        name: LIF((8,), du=rng.integers(-1, 4096, (8,)), dv=rng.integers(0, 4097, (8,)), vth=90)
        for name in ("first", "second", "third")
    }
    coarse = weights(rng, 8, 8) // 16 * 16
    return Program(
        {"input": Input((6,))},
        populations,
        [
            Dense("input", "first", weights(rng, 8, 6), 1),
            Dense("first", "second", coarse, -1, num_weight_bits=5),
            Dense("second", "third", weights(rng, 8, 8), -3),
        ],
        ["third"],
    )


def graded(rng: np.random.Generator) -> Program:
    """Graded events of 8 bits, a sum that is shifted down."""
    return Program(
        {"input": Input((6,), message_bits=8)},
        {"hidden": LIF((7,), dv=300, vth=2000), "out": LI((2,), du=1000, dv=100)},
        [
            Dense("input", "hidden", weights(rng, 7, 6), -4),
            Dense("hidden", "out", weights(rng, 2, 7)),
        ],
        ["hidden", "out"],
    )


def overflowing(rng: np.random.Generator) -> Program:
    """Events of 24 bits: sums leave 32 bits, u wraps, v saturates at both ends."""
    return Program(
        {"input": Input((6,), message_bits=24)},
        {
            "hidden": LIF((8,), du=-1, dv=0, vth=131071),
            "out": LI((8,), du=rng.integers(-1, 50, 8), dv=0),
        },
        [
            Dense("input", "hidden", weights(rng, 8, 6), 7),
            Dense("hidden", "out", weights(rng, 8, 8), 7),
        ],
        ["out", "hidden"],
    )


def joined(rng: np.random.Generator) -> Program:
    """Two inputs, one binary and one graded, that meet in one population; two outputs."""
    return Program(
        {"ear": Input((4,)), "eye": Input((3,), message_bits=4)},
        {"hidden": LIF((6,), dv=500, vth=300), "left": LIF((2,), vth=100), "right": LI((2,), dv=9)},
        [
            Dense("ear", "hidden", weights(rng, 6, 4)),
            Dense("eye", "hidden", weights(rng, 6, 3), -2),
            Dense("hidden", "left", weights(rng, 2, 6)),
            Dense("hidden", "right", weights(rng, 2, 6), 2),
        ],
        ["left", "right"],
    )


def apart(rng: np.random.Generator) -> Program:
    """Parts without a connection between them, one driven by its bias alone, one input unused."""
    return Program(
        {"a": Input((3,)), "b": Input((2,), message_bits=3), "unused": Input((2,))},
        {
            "alone": LIF((3,), dv=10, vth=[1, 50, 3], bias_mant=[70, 900, -8], bias_exp=1),
            "after": LI((2,), dv=20),
            "a_out": LIF((4,), dv=100, vth=150),
            "b_out": LI((2,), du=7),
        },
        [
            Dense("a", "alone", np.zeros((3, 3))),
            Dense("alone", "after", weights(rng, 2, 3)),
            Dense("a", "a_out", weights(rng, 4, 3)),
            Dense("b", "b_out", weights(rng, 2, 2)),
        ],
        ["after", "a_out", "b_out"],
    )


def skipping(rng: np.random.Generator) -> Program:
    """Binary and graded events that arrive over paths of one, two and three synapses; biases."""
    return Program(
        {"ear": Input((4,)), "eye": Input((3,), message_bits=24)},
        {
            "first": LIF((6,), dv=300, vth=80, bias_mant=rng.integers(-900, 900, 6)),
            "second": LIF((5,), du=2000, dv=90, vth=70, bias_mant=600),
            "out": LI((3,), dv=50, bias_mant=[-7, 0, 7]),
        },
        [
            Dense("ear", "first", weights(rng, 6, 4)),
            Dense("first", "second", weights(rng, 5, 6)),
            Dense("eye", "second", weights(rng, 5, 3), -7),
            Dense("second", "out", weights(rng, 3, 5)),
            Dense("first", "out", weights(rng, 3, 6), 1),
            Dense("ear", "out", weights(rng, 3, 4)),
            Dense("eye", "out", weights(rng, 3, 3), -4),
        ],
        ["second", "out"],
    )


def looping(rng: np.random.Generator) -> Program:
    """A population onto itself with two delays, a loop over two, and biases that never rest."""
    return Program(
        {"input": Input((4,))},
        {
            "ring": LIF((6,), du=3000, dv=200, vth=60, bias_mant=rng.integers(0, 2000, 6)),
            "second": LIF((5,), dv=100, vth=70, bias_mant=900, bias_exp=1),
            "out": LI((2,), dv=30),
        },
        [
            Dense("input", "ring", weights(rng, 6, 4)),
            Dense("ring", "ring", weights(rng, 6, 6), delay=1),
            Dense("ring", "ring", weights(rng, 6, 6), -1, delay=4),
            Dense("ring", "second", weights(rng, 5, 6)),
            Dense("second", "ring", weights(rng, 6, 5), delay=2),
            Dense("second", "out", weights(rng, 2, 5)),
        ],
        ["ring", "out"],
    )


def late(rng: np.random.Generator) -> Program:
    """Delays of 62 steps: forward, skipping and around a loop; a population that starts at once."""
    return Program(
        {"input": Input((3,), message_bits=8)},
        {
            "hidden": LIF((4,), dv=100, vth=300, bias_mant=[0, 9, 90, 900]),
            "waits": LIF((3,), dv=100, vth=90),
            "out": LI((2,), dv=30),
        },
        [
            Dense("input", "hidden", weights(rng, 4, 3), -3),
            Dense("input", "waits", weights(rng, 3, 3), delay=3),
            Dense("hidden", "hidden", weights(rng, 4, 4), delay=62),
            Dense("hidden", "out", weights(rng, 2, 4), delay=62),
            Dense("input", "out", weights(rng, 2, 3), -2, delay=62),
            Dense("waits", "out", weights(rng, 2, 3)),
        ],
        ["out", "waits"],
    )


def events(rng: np.random.Generator, program: Program, batch: int, steps: int) -> dict:
    """Draw events of every size for every input, the largest among them."""
    drawn = {}
    for name, entry in program.inputs.items():
        shape = (batch, steps, *entry.shape)
        values = rng.integers(0, entry.largest, shape, endpoint=True)
        values = np.where(rng.random(shape) < 0.2, entry.largest, values)
        drawn[name] = values * (rng.random(shape) < 0.4)
    return drawn


CASES = [
    (leaky, 3, 17),
    (current, 3, 12),
    (current, 2, 2),
    (graded, 2, 15),
    (overflowing, 2, 25),
    (joined, 2, 14),
    (apart, 3, 9),
    (leaky, 6, 1),
    (joined, 1, 1),
    (skipping, 3, 12),
    (skipping, 4, 1),
    (looping, 4, 11),
    (looping, 5, 2),
    (looping, 4, 1),
    (late, 2, 70),
]


def case(draw, batch: int, steps: int) -> tuple[Program, dict[str, np.ndarray], tuple[str, ...]]:
    """A Program, events for it, and all that can be recorded."""
    rng = np.random.default_rng([batch, steps, *draw.__name__.encode()])
    program = draw(rng)
    return program, events(rng, program, batch, steps), tuple(program.populations)


@needs_lava
@pytest.mark.lava
@pytest.mark.parametrize("draw, batch, steps", CASES)
def test_lava_equals_the_reference(draw, batch: int, steps: int) -> None:
    job = case(draw, batch, steps)
    expected = reference.run(*job)
    assert_equal(expected, deploy.run(*job))
    if draw is overflowing:
        assert expected.counts.total("wraps") and expected.counts.total("saturations")


@needs_lava
@pytest.mark.lava
def test_lavas_models_equal_the_reference() -> None:
    jobs = [case(*chosen) for chosen in CASES]
    for job, got in zip(jobs, deploy.run_models_many(jobs), strict=True):
        assert_equal(reference.run(*job), got)
    assert_equal(reference.run(*jobs[-1]), deploy.run_models(*jobs[-1]))


def drawn_job(data: st.DataObject) -> tuple[Program, dict[str, np.ndarray], tuple[str, ...]]:
    """Draw a Program that fits on hardware, events, and the length of a sample."""
    program = data.draw(programs.programs())
    try:
        starts(program)
    except Unsupported:
        reject()
    x = data.draw(programs.events(program, data.draw(st.sampled_from([8, 1, 2, 3, 70]))))
    return program, x, tuple(program.populations)


@needs_lava
@pytest.mark.lava
@settings(max_examples=6, deadline=None, derandomize=True, phases=[Phase.generate])
@given(st.data())
def test_lava_equals_the_reference_on_drawn_programs(data: st.DataObject) -> None:
    job = drawn_job(data)
    assert_equal(reference.run(*job), deploy.run(*job))


@needs_lava
@pytest.mark.lava
@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(st.data())
def test_lava_equals_the_reference_on_many_drawn_programs(data: st.DataObject) -> None:
    job = drawn_job(data)
    assert_equal(reference.run(*job), deploy.run(*job))


@needs_lava
@pytest.mark.lava
@pytest.mark.parametrize("n", [60, pytest.param(3000, marks=pytest.mark.slow)])
def test_lavas_models_equal_the_reference_on_drawn_programs(n: int) -> None:
    jobs = []

    @settings(max_examples=n, deadline=None, derandomize=True, phases=[Phase.generate])
    @given(st.data())
    def draw(data: st.DataObject) -> None:
        jobs.append(drawn_job(data))

    draw()
    used = {process for program, *_ in jobs for process in deploy.processes_of(program).values()}
    stock = {"stock LIFReset", "stock Dense", "stock Sparse", "stock Conv"}
    assert used >= {*stock, "own Source", "own OwnNeuron", "own OwnSynapses", "own Line + stock Sparse"}
    for job, got in zip(jobs, deploy.run_models_many(jobs), strict=True):
        assert_equal(reference.run(*job), got)


@needs_lava
@pytest.mark.lava
def test_a_trace_holds_the_output_and_what_was_asked_for() -> None:
    rng = np.random.default_rng(1)
    program = leaky(rng)
    x = events(rng, program, 2, 6)["input"]
    seen = []
    got = deploy.run(program, x, record="hidden", progress=lambda *step: seen.append(step))
    assert_equal(reference.run(program, x, record="hidden"), got)
    assert list(got.v) == ["hidden"]
    assert seen[-1] == (14, 14)  # 2 samples of 6 steps, and 2 for the pipeline


EDGES = {
    "u": st.sampled_from([0, 1, -1, 2**23, -(2**23), 2**23 - 1, 1 - 2**23]),
    "v": st.sampled_from([0, 1, -1, 2**23 - 1, 1 - 2**23]),
    "a_in": st.sampled_from([0, 1, -1, 131071, 131072, -131072, -131071, 2**31 - 1, -(2**31)]),
    "du": st.sampled_from([-1, 0, 4094, 4095]),
    "dv": st.sampled_from([0, 1, 4095, 4096]),
    "vth": st.sampled_from([0, 1, 131071]),
    "bias_mant": st.sampled_from([-4096, -1, 0, 4095]),
    "bias_exp": st.sampled_from([0, 7]),
}
SPANS = {
    "u": (-(2**23), 2**23),
    "v": (1 - 2**23, 2**23 - 1),
    "a_in": (-(2**18), 2**18),
    "du": (-1, 4095),
    "dv": (0, 4096),
    "vth": (0, 131071),
    "bias_mant": (-4096, 4095),
    "bias_exp": (0, 7),
}
NEURON = st.tuples(*(EDGES[field] | st.integers(*SPANS[field]) for field in EDGES))
AT_THRESHOLD = (0, 0, 5, 4095, 0, 5, 0, 0)
ABOVE_BY_ONE = (0, 0, 5, 4095, 0, 5, 1, 0)
WRAPS_UP = (2**23, 0, 1, -1, 0, 0, 0, 0)
WRAPS_DOWN = (1 - 2**23, 0, -1, -1, 0, 0, 0, 0)
STAYS_AT_THE_TOP = (2**23, 0, 0, -1, 0, 131071, 0, 0)
SATURATES = (2**22, 2**23 - 1, 0, -1, 0, 131071, 4095, 7)


@pytest.fixture(scope="module")
def stock():
    """Lava's models themselves; its import would set the start method of this whole process."""
    if deploy.missing():
        pytest.skip(str(deploy.missing()))
    with patch("multiprocessing.set_start_method"):
        from lava.proc.dense.models import PyDenseModelBitAcc
        from lava.proc.lif.models import PyLifModelBitAcc
        from lava.utils.weightutils import SignMode
    return PyLifModelBitAcc, PyDenseModelBitAcc, SignMode


def lava_step(model_class, neurons: list[tuple[int, ...]], vth: np.ndarray | int):
    """One step of the stock model on an array of neurons."""
    u, v, a_in, du, dv, _, bias_mant, bias_exp = np.array(neurons, np.int32).T
    model = model_class({})
    model.u, model.v, model.du, model.dv, model.vth = u.copy(), v.copy(), du, dv, vth
    model.bias_mant, model.bias_exp = bias_mant.astype(np.int16), bias_exp.astype(np.int16)
    model.scale_bias()
    model.scale_threshold()
    model.subthr_dynamics(activation_in=a_in)
    spikes = model.spiking_activation()
    model.reset_voltage(spike_vector=spikes)
    return list(zip(model.u.tolist(), model.v.tolist(), spikes.astype(int).tolist(), strict=True))


@pytest.mark.lava
@settings(max_examples=120, deadline=None, derandomize=True)
@given(neurons=st.lists(NEURON, min_size=1, max_size=80))
@example([AT_THRESHOLD, ABOVE_BY_ONE, WRAPS_UP, WRAPS_DOWN, STAYS_AT_THE_TOP, SATURATES])
def test_the_law_is_lavas_neuron(stock, neurons: list[tuple[int, ...]]) -> None:
    vth = np.array([n[5] for n in neurons], np.int32)
    by_law = [reference.lif(*neuron)[:3] for neuron in neurons]
    assert by_law == lava_step(stock[0], neurons, vth)
    readout = [reference.li(*neuron[:5], *neuron[6:])[:3] for neuron in neurons]
    assert readout == lava_step(stock[0], neurons, 1 << 17)


@pytest.mark.lava
@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1),
    exp=st.integers(-8, 7),
    bits=st.integers(1, 8),
    message_bits=st.sampled_from([0, 1, 8, 24]),
)
@example(seed=0, exp=-8, bits=8, message_bits=0)
@example(seed=0, exp=7, bits=8, message_bits=24)
def test_the_law_is_lavas_synapse(stock, seed: int, exp: int, bits: int, message_bits: int) -> None:
    rng = np.random.default_rng(seed)
    step = 1 << (9 - bits)
    matrix = (rng.integers(-256, 256, (12, 9)) // step * step).astype(np.int32)
    top = Input((9,), message_bits).largest
    sent = rng.integers(0, top, 9, endpoint=True) * (rng.random(9) < 0.7)
    by_law = [reference.synapse(row, sent.tolist(), exp) for row in matrix.tolist()]
    assert by_law == lava_synapse(stock, matrix, sent, exp, bits, message_bits)


def lava_synapse(stock, matrix, sent, exp: int, bits: int, message_bits: int) -> list[int]:
    """What the stock model sends, one step after it received."""
    _, dense_class, sign_mode = stock
    params = {"weight_exp": exp, "num_weight_bits": bits, "sign_mode": sign_mode.MIXED}
    model, out = dense_class(params), []
    model.__dict__ |= {
        "weights": matrix,
        "num_message_bits": np.array([message_bits]),
        "a_buff": np.zeros(len(matrix), np.int32),
        "a_out": type("Out", (), {"send": staticmethod(out.append)}),
        "s_in": type("In", (), {"recv": staticmethod(lambda: sent.astype(np.int32))}),
    }
    model.run_spk()
    model.run_spk()
    return out[1].astype(np.int32).tolist()  # a channel holds int32


@needs_lava
@pytest.mark.lava
def test_an_exception_inside_lava_comes_back_in_one_line(capfd, monkeypatch) -> None:
    program = leaky(np.random.default_rng(2))
    honest = Job.write

    def spoiled(job, folder):
        recording = honest(job, folder)
        # rows of the wrong width: the source raises when Lava sends the first of them
        np.save(recording.events(next(iter(program.inputs))), np.zeros((5, 3), np.int32))
        return recording

    monkeypatch.setattr(Job, "write", spoiled)
    with pytest.raises(LavaFailed, match=r"deploy: Lava failed in '\w+': \w+Error: [^\n]+\Z"):
        deploy.run(program, np.zeros((1, 5, 5), int))
    with pytest.raises(LavaFailed, match=r"deploy: Lava failed: \w+Error: [^\n]+\Z"):
        deploy.run_models(program, np.zeros((1, 5, 5), int))
    assert capfd.readouterr() == ("", "")


@needs_lava
@pytest.mark.lava
def test_what_cannot_run_is_refused_with_the_reason() -> None:
    program = leaky(np.random.default_rng(3))
    x = np.zeros((1, 4, 5), int)
    with pytest.raises(NotAvailable, match=r"target 'loihi2' needs Intel's lava-loihi extension"):
        deploy.run(program, x, target="loihi2")
    with pytest.raises(BadInput, match="target 'gpu' does not exist; there are cpu, loihi2"):
        deploy.run(program, x, target="gpu")
    with pytest.raises(BadInput, match="x holds nothing to run: 0 samples of 4 steps"):
        deploy.run(program, x[:0])
    with pytest.raises(BadInput, match="x holds nothing to run: 1 samples of 0 steps"):
        deploy.run(program, x[:, :0])
    with pytest.raises(BadInput, match="no population 'huddle'"):
        deploy.run(program, x, record=["huddle"])
    with pytest.raises(BadInput, match="events from 0 to 2, allowed 0 to 1"):
        deploy.run(program, x + np.array([0, 0, 0, 0, 2]))


@needs_lava
@pytest.mark.lava
def test_a_loop_with_more_synapses_than_steps_is_refused_by_name() -> None:
    program = Program(
        {"input": Input((2,))},
        {"a": LIF((2,)), "b": LIF((2,))},
        [
            Dense("input", "a", np.ones((2, 2), int) * 2),
            Dense("a", "b", np.eye(2) * 2),
            Dense("b", "a", np.eye(2) * 2, delay=1),
        ],
        ["b"],
    )
    for run in (deploy.run, deploy.run_models):
        with pytest.raises(Unsupported, match="the loop of .* passes more synapses"):
            run(program, np.zeros((1, 3, 2), int))


@needs_lava
@pytest.mark.lava
def test_the_command_says_which_processes_ran(tmp_path, capsys) -> None:
    looping(np.random.default_rng(6)).save(tmp_path / "p.nir")
    np.save(tmp_path / "x.npy", np.ones((2, 5, 4)))
    run = ["deploy", str(tmp_path / "p.nir"), "--input", str(tmp_path / "x.npy"), "--check"]
    assert main(run) == 0
    said = "1 own Source, 3 stock LIFReset, 3 stock Dense, 3 own Line + stock Dense"
    assert f"note: Lava's processes: {said}\n" in capsys.readouterr().out
    assert main([*run, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["processes"]["ring -> ring +4"] == "own Line + stock Dense"


def test_it_says_which_processes_run() -> None:
    said = deploy.processes_of(looping(np.random.default_rng(5)))
    assert said["input"] == "own Source" and said["out"] == said["ring"] == "stock LIFReset"
    assert said["input -> ring"] == said["ring -> second"] == "stock Dense"
    assert said["ring -> ring +1"] == said["second -> ring +2"] == "own Line + stock Dense"
    said = deploy.processes_of(skipping(np.random.default_rng(5)))
    assert said["second -> out"] == "stock Dense" and said["ear -> out"] == "own Line + stock Dense"


@pytest.mark.lava
def test_models_that_wait_for_each_other_are_an_error(stock) -> None:
    from lavalier.deploy.driving import drive
    from lavalier.deploy.processes.process import Line

    a, b = (Line(size=1, wait=0, delay=0, start=0, interval=1, name=name) for name in "ab")
    a.s_out.connect(b.s_in)
    b.s_out.connect(a.s_in)
    with pytest.raises(LavaFailed, match="its models wait for each other"):
        list(drive([a, b], 1))


def test_without_lava_it_says_how_to_install_it(monkeypatch) -> None:
    from importlib import metadata

    def absent(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", absent)
    says = "deploy: Lava 0.10.0 is not installed; it needs Python 3.10: pip install 'lavalier[lava]'"
    assert deploy.missing() == says
    with pytest.raises(NotAvailable, match="Lava 0.10.0 is not installed"):
        deploy.run(leaky(np.random.default_rng(4)), np.zeros((1, 4, 5), int))


def test_every_neuron_and_connection_type_has_a_lava_process() -> None:
    from lavalier.deploy.connections import SYNAPSES
    from lavalier.deploy.neurons import PROCESSES

    assert NEURONS and set(PROCESSES) == set(NEURONS.values())
    assert set(SYNAPSES) == set(CONNECTIONS.values())


def test_importing_deploy_needs_neither_lava_nor_torch() -> None:
    code = (
        "import sys, lavalier.deploy as d; d.run, d.missing('cpu'), d.missing('loihi2');"
        "print([m for m in sys.modules if m.split('.')[0] in ('torch', 'lavalier.train')"
        " or m.startswith(('lava.magma', 'lava.proc'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_what_would_not_fit_on_the_disk_is_said_before_it_starts(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr("lavalier.simulate.room.shutil.disk_usage", lambda _: SimpleNamespace(free=100))
    job = Job.of(leaky(np.random.default_rng(4)), np.zeros((1, 4, 5), int), ())
    with pytest.raises(BadInput, match=r"0.0 GiB needed in .* are free: u, v and s of \d+ neurons in"):
        job.write(tmp_path)
