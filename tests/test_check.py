"""lavalier check: what is drawn, what is compared, and the first difference."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lavalier import check, deploy
from lavalier.check import check_program, draw
from lavalier.cli import main
from lavalier.simulate import LI, LIF, Dense, Input, Program, fast
from lavalier.simulate.bounds import bounds
from lavalier.simulate.bounds import to_text as bounds_text

needs_lava = pytest.mark.skipif(deploy.missing() is not None, reason=str(deploy.missing()))


def program(delay: int = 2) -> Program:
    """A binary and a graded input, a loop of two populations, biases."""
    rng = np.random.default_rng(0)

    def weights(n_out: int, n_in: int) -> np.ndarray:
        return rng.integers(-64, 64, (n_out, n_in)) * 2

    return Program(
        {"ear": Input((3,)), "eye": Input((2,), message_bits=8)},
        {
            "a": LIF((4,), dv=300, vth=90, bias_mant=500),
            "b": LIF((3,), dv=100, vth=80),
            "out": LI((2,), dv=9),
        },
        [
            Dense("ear", "a", weights(4, 3)),
            Dense("eye", "a", weights(4, 2), -3),
            Dense("a", "b", weights(3, 4)),
            Dense("b", "a", weights(4, 3), delay=delay),
            Dense("b", "out", weights(2, 3)),
        ],
        ["out", "b"],
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    program().save(tmp_path / "program.nir")
    return tmp_path / "program.nir"


def without_lava(monkeypatch) -> None:
    monkeypatch.setattr(deploy, "missing", lambda: "it is elsewhere", raising=False)


def test_every_kind_of_input_is_drawn_in_turn() -> None:
    x = draw(program(), samples=6, steps=50, seed=3)
    assert x["ear"].shape == (6, 50, 3) and x["eye"].shape == (6, 50, 2)
    assert np.all(x["eye"][[0, 4]] == 255) and np.all(x["ear"][[0, 4]] == 1)
    assert not np.any(x["eye"][[1, 5]]) and not np.any(x["ear"][[1, 5]])
    assert 0 < np.count_nonzero(x["eye"][2]) < 20 < np.count_nonzero(x["eye"][3]) < 80
    again = draw(program(), samples=6, steps=50, seed=3)
    assert all(np.array_equal(x[name], again[name]) for name in x)
    assert not np.array_equal(x["eye"], draw(program(), samples=6, steps=50, seed=4)["eye"])


@needs_lava
@pytest.mark.lava
def test_everything_is_run_and_compared(path, capsys) -> None:
    assert main(["check", str(path), "--samples", "5", "--steps", "20", "--seed", "7"]) == 0
    values = 5 * 20 * (3 * 4 + 3 * 3 + 2 * 2 + 3 + 2)  # u, v, s of each population, u and v of out, outputs
    assert capsys.readouterr().out == (
        "5 samples of 20 steps, seed 7: 2 largest, 1 silent, 1 sparse, 1 dense\n"
        + "".join(
            f"{name} = reference: yes, {values:,} values of u, v, s and output, and all counts\n"
            for start in ("", " from drawn states")
            for name in (f"fast{start}", f"Lava's models{start}", f"Lava's runtime{start}")
        )
        + bounds_text(bounds(program()))
    )


def test_where_lava_is_missing_the_rest_is_checked(path, capsys, monkeypatch) -> None:
    without_lava(monkeypatch)
    assert main(["check", str(path), "--samples", "2", "--steps", "3"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[1].startswith("fast = reference: yes")
    assert said[2].startswith("fast from drawn states = reference: yes")
    assert said[3:] == ["Lava: not run (it is elsewhere)", *bounds_text(bounds(program())).splitlines()]


def test_states_are_drawn_with_their_ends() -> None:
    drawn = check.with_drawn_states(program(), seed=0)
    states = np.concatenate([getattr(n, f).ravel() for n in drawn.populations.values() for f in ("u0", "v0")])
    assert {-(2**23 - 1), 2**23 - 1} <= set(states.tolist()) and np.any(np.abs(states) <= 64)
    assert drawn == check.with_drawn_states(program(), seed=0)
    assert drawn.connections == program().connections


def test_what_lava_cannot_run_is_said(monkeypatch) -> None:
    found = check_program(program(delay=1), samples=1, steps=4)
    assert list(found.compared) == ["fast", "fast from drawn states"] and found.difference is None
    assert "passes more synapses than it has steps" in (found.not_run or "")


def test_the_first_difference_is_named(path, capsys, monkeypatch) -> None:
    without_lava(monkeypatch)
    honest = fast.run

    def wrong(*arguments):
        trace = honest(*arguments)
        v = {name: values.copy() for name, values in trace.v.items()}
        v["b"][1, 2, 0] += 1
        return replace(trace, v=v)

    monkeypatch.setattr(check.fast, "run", wrong)
    run = ["check", str(path), "--samples", "2", "--steps", "3"]
    assert main(run) == 1
    said = capsys.readouterr()
    first = "v of 'b', sample 1, step 2, neuron 0"
    assert said.err.startswith(f"lavalier: {path}: fast differs from the reference: {first}")
    assert f"fast = reference: no ({first}" in said.out and said.err.count("\n") == 1
    assert main([*run, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["equal"] is False and found["lava_not_run"] == "it is elsewhere"
    assert found["compared"]["fast"]["first"]["population"] == "b"
    assert found["kinds"] == {"largest": 1, "silent": 1, "sparse": 0, "dense": 0}
