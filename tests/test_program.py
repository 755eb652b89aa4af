"""Program: what exists is legal, prints the same, and comes back from disk the same."""

import pickle
from copy import deepcopy

import nir
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lavalier.simulate import LI, LIF, Dense, Input, Program
from lavalier.simulate.errors import BadInput, LavalierError, OutOfRange, Unsupported
from lavalier.simulate.interpreter import run_graph
from lavalier.simulate.nir_file import read_graph
from lavalier.simulate.pipeline import starts
from lavalier.simulate.program_nir import from_nir, to_nir
from lavalier.simulate.ranges import RANGES

from .programs import programs


def small(**changes) -> Program:
    parts = {
        "inputs": {"in": Input((2,), 8)},
        "populations": {
            "readout": LI((1,), dv=41, bias_mant=-3, bias_exp=2),
            "hidden": LIF((3,), du=[0, 2047, 4095], dv=[1, 2, 3], vth=[64, 65, 66]),
        },
        "connections": (
            Dense("hidden", "readout", [[2, 0, -4]], weight_exp=1),
            Dense("in", "hidden", [[2, -2], [4, 6], [0, 8]], weight_exp=-2),
        ),
        "outputs": ("readout",),
        "dt": 0.01,
    }
    return Program(**(parts | changes))


def test_text_is_complete_and_stable():
    assert small().to_text() == (
        "program  dt 0.01 s  latency 2 steps\n"
        "input       in  2  graded 8 bits\n"
        "population  hidden  LIF 3  du 0..4095  dv 1..3  vth 64..66  bias_mant 0  bias_exp 0\n"
        "connection  in -> hidden  dense 3x2  weights -2..8 * 2^-2  8 bits  5 synapses\n"
        "population  readout  LI 1  du 4095  dv 41  bias_mant -3  bias_exp 2\n"
        "connection  hidden -> readout  dense 1x3  weights -4..2 * 2^1  8 bits  2 synapses\n"
        "output      readout\n"
    )


def test_populations_are_sorted_input_to_output():
    program = small()
    assert list(program.populations) == ["hidden", "readout"]
    assert starts(program) == {"in": 0, "hidden": 1, "readout": 2}
    assert program.latency == 2


@given(programs())
def test_comes_back_from_another_process_the_same(program):
    assert pickle.loads(pickle.dumps(program)) == program == deepcopy(program)


@given(programs())
def test_comes_back_from_nir_the_same(program):
    assert from_nir(to_nir(program)) == program


@given(program=programs())
def test_comes_back_from_disk_the_same(tmp_path_factory, program):
    path = tmp_path_factory.mktemp("program") / "p.nir"
    program.save(path)
    again = Program.load(path)
    assert again == program and again.to_text() == program.to_text()


def test_the_saved_graph_runs_elsewhere_in_plain_floats():
    """Read by nir itself and run in floats, the graph gives the integers' spikes where decay is exact."""
    rng = np.random.default_rng(0)
    program = Program(
        inputs={"in": Input((20,))},
        # a decay to nothing and one of a half round nothing away before v falls below 64
        populations={"hidden": LIF((9,), dv=4096, vth=300), "readout": LI((4,), dv=0, bias_mant=64)},
        connections=(
            Dense("in", "hidden", 2 * rng.integers(-128, 128, (9, 20))),
            Dense("hidden", "readout", 2 * rng.integers(-128, 128, (4, 9)), 2),
        ),
        outputs=("readout",),
        dt=1e-3,
    )
    x = (rng.random((3, 30, 20)) < 0.3).astype(float)
    from lavalier.simulate import run

    exact = run(program, x, ("hidden",))
    floats = run_graph(to_nir(program), x, ("hidden",))
    assert exact.spikes["hidden"].sum() > 50
    assert np.array_equal(exact.spikes["hidden"], floats.spikes["hidden"])
    assert np.array_equal(exact.output, np.rint(64 * floats.output))


def test_no_time_constant_is_infinite():
    program = Program(
        inputs={"in": Input((1,))},
        populations={"hidden": LIF((2,), du=[-1, 4095], dv=[0, 7], vth=1, bias_mant=[3, 4095])},
        connections=(Dense("in", "hidden", [[2], [2]]),),
        outputs=("hidden",),
    )
    node = to_nir(program).nodes["hidden"]
    assert isinstance(node, nir.CubaLIF)
    for field in ("tau_syn", "tau_mem", "r", "w_in", "v_leak"):
        assert np.isfinite(getattr(node, field)).all()
    assert from_nir(to_nir(program)) == program


@pytest.mark.parametrize("field", ["du", "dv", "vth", "bias_mant", "bias_exp"])
@pytest.mark.parametrize("end", [0, 1])
def test_register_ends_are_legal_and_one_more_is_not(field, end):
    value, beyond = RANGES[field][end], RANGES[field][end] + (1 if end else -1)
    assert getattr(LIF((1,), **{field: value}), field).tolist() == [value]
    with pytest.raises(OutOfRange, match=rf"LIF.{field} = {beyond} is not an integer in"):
        LIF((1,), **{field: beyond})


@pytest.mark.parametrize("value", [0.5, np.nan, np.inf, -np.inf])
def test_registers_hold_whole_numbers(value):
    with pytest.raises(OutOfRange, match="LIF.vth = "):
        LIF((2,), vth=[1, value])


@pytest.mark.parametrize(
    "bits, legal, illegal",
    [(8, [-256, 254], [256, 1, -258]), (1, [-256, 0], [256, 128]), (4, [224, -32], [16])],
)
def test_weights_lie_on_the_grid_of_their_bits(bits, legal, illegal):
    assert Dense("a", "b", [legal], num_weight_bits=bits).weights.tolist() == [legal]
    for weight in illegal:
        with pytest.raises(OutOfRange, match=f"a -> b.weights = {weight}"):
            Dense("a", "b", [[weight]], num_weight_bits=bits)


def test_registers_cannot_be_changed_afterwards():
    program = small()
    with pytest.raises(ValueError, match="read-only"):
        program.populations["hidden"].vth[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        program.connections[0].weights[0, 0] = 0
    weights = np.full((1, 3), 2, np.int32)
    connection = Dense("hidden", "readout", weights)
    weights[0, 0] = 4
    assert connection.weights[0, 0] == 2


@pytest.mark.parametrize(
    "changes, error, message",
    [
        ({"outputs": ("nowhere",)}, BadInput, "output 'nowhere' is not a population"),
        ({"outputs": ()}, BadInput, "at least one input, one population and one output"),
        ({"inputs": {"hidden": Input((2,))}}, BadInput, "'hidden' cannot name a population"),
        ({"inputs": {"a/b": Input((2,))}}, BadInput, "'a/b' cannot name"),
        ({"connections": (Dense("in", "gone", [[2, 2]]),)}, BadInput, "'in -> gone' has an end"),
        ({"connections": (Dense("in", "hidden", [[2, 2]]),)}, BadInput, "do not join 2 channels to 3"),
        ({"dt": 0}, OutOfRange, "dt = 0"),
        (
            {"connections": (Dense("readout", "hidden", [[2]] * 3),)},
            Unsupported,
            "'readout' sends nothing",
        ),
        (
            {
                "connections": (
                    Dense("hidden", "hidden", np.zeros((3, 3))),
                    Dense("in", "hidden", np.zeros((3, 2))),
                    Dense("in", "readout", np.zeros((1, 2))),
                )
            },
            Unsupported,
            "between hidden form a loop in which nothing takes a step",
        ),
        (
            {
                "connections": (
                    Dense("in", "readout", [[2, 2]]),
                    Dense("hidden", "hidden", np.eye(3) * 2, delay=1),
                )
            },
            Unsupported,
            "population 'hidden' has no connection that leads to it from an input",
        ),
        (
            {"connections": (Dense("in", "readout", [[2, 2]]), Dense("in", "readout", [[2, 4]]))},
            Unsupported,
            "two connections 'in -> readout'",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_its_name(changes, error, message):
    with pytest.raises(error, match=message):
        small(**changes)


def test_a_file_cut_short_anywhere_is_one_clear_error(tmp_path):
    whole = tmp_path / "whole.nir"
    small().save(whole)
    content = whole.read_bytes()
    cut = tmp_path / "cut.nir"
    for size in [0, 1, 100, *range(512, len(content), 1009), len(content) - 1]:
        cut.write_bytes(content[:size])
        with pytest.raises(LavalierError) as caught:
            Program.load(cut)
        assert str(caught.value).startswith(str(cut)) and "\n" not in str(caught.value)


def test_missing_and_foreign_files(tmp_path):
    with pytest.raises(BadInput, match="no such file"):
        Program.load(tmp_path / "none.nir")
    (tmp_path / "text.nir").write_text("hello")
    with pytest.raises(BadInput, match="not a readable NIR file"):
        Program.load(tmp_path / "text.nir")
    graph = to_nir(small())
    graph.metadata = {}
    nir.write(tmp_path / "foreign.nir", graph)
    with pytest.raises(BadInput, match="not a Program; make one with `lavalier quantize`"):
        Program.load(tmp_path / "foreign.nir")


@pytest.mark.parametrize(
    "change, error",
    [
        (lambda g: g.nodes["hidden"].tau_syn.__setitem__(1, 1.23), "tau_syn is not on the hardware grid"),
        (lambda g: g.nodes["hidden"].v_threshold.__setitem__(0, 131072), "vth = 131072.* is not"),
        (lambda g: g.nodes["in_to_hidden"].weight.__setitem__((0, 0), 0.3), "weight is not on the"),
        (lambda g: g.nodes["hidden"].metadata.pop("bias_exp"), "part missing or damaged"),
        (lambda g: g.metadata.__setitem__("lavalier_program", 99), "Program format 99"),
    ],
)
def test_a_changed_program_is_refused(tmp_path, change, error):
    small().save(tmp_path / "p.nir")
    graph = read_graph(tmp_path / "p.nir")
    change(graph)
    nir.write(tmp_path / "changed.nir", graph)
    with pytest.raises(LavalierError, match=error):
        Program.load(tmp_path / "changed.nir")


def test_a_failed_save_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "p.nir"
    small().save(path)
    before = path.read_bytes()

    def fail(*args):
        raise RuntimeError("disk")

    monkeypatch.setattr(nir, "write", fail)
    with pytest.raises(RuntimeError):
        small(dt=1).save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["p.nir"]
    with pytest.raises(BadInput, match="cannot be written"):
        small().save(tmp_path / "no" / "folder.nir")


@given(st.integers(0, 24))
def test_the_largest_event_of_an_input(bits):
    assert Input((1,), bits).largest == max(1, 2**bits - 1)


def test_inputs_keep_their_order(tmp_path):
    program = Program(
        inputs={"z": Input((1,)), "a": Input((1,))},
        populations={"n": LI((1,), bias_mant=9)},
        connections=(Dense("z", "n", [[2]]), Dense("a", "n", [[4]])),
        outputs=("n",),
    )
    program.save(tmp_path / "p.nir")
    assert Program.load(tmp_path / "p.nir") == program
    assert list(Program.load(tmp_path / "p.nir").inputs) == ["z", "a"]
