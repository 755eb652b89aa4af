"""compare names the first difference, and nothing that differs passes as equal."""

import dataclasses

import numpy as np
import pytest

from lavalier.simulate import Trace, compare, fast
from lavalier.simulate.errors import BadInput
from lavalier.simulate.trace import COUNTERS

from .test_fast import wide_program


@pytest.fixture(scope="module")
def trace() -> Trace:
    x = np.random.default_rng(0).random((3, 12, 300)) < 0.1
    return fast.run(wide_program(), x, ("a", "b"))


def changed(trace: Trace, part: str, name: str, index: tuple, by: int = 1) -> Trace:
    arrays = {n: a.copy() for n, a in getattr(trace, part).items()}
    arrays[name][index] += by
    return dataclasses.replace(trace, **{part: arrays})


def test_equal(trace):
    found = compare(trace, trace)
    assert found.equal and found.first is None
    # u, v, spikes of two populations, and the output
    assert found.values == 7 * 3 * 12 * 300
    assert {(r.population, r.quantity) for r in found.rows} == {
        *((p, q) for p in "ab" for q in ("u", "v", "spikes")),
        ("output", "output"),
    }


@pytest.mark.parametrize("part", ["spikes", "u", "v"])
@pytest.mark.parametrize("name", ["a", "b"])
def test_one_changed_value_is_found_and_named(trace, part, name):
    first = compare(trace, changed(trace, part, name, (1, 5, 17))).first
    assert (first.quantity, first.population) == (part, name)
    assert (first.sample, first.step, first.neuron) == (1, 5, 17)
    assert first.b - first.a == 1
    assert str(first) == f"{part} of '{name}', sample 1, step 5, neuron 17: {first.a} and {first.b}"


def test_the_first_difference_is_the_earliest_then_the_nearest_to_the_input(trace):
    later = changed(changed(trace, "v", "b", (0, 3, 2)), "v", "a", (0, 4, 0))
    assert (compare(trace, later).first.population, compare(trace, later).first.step) == ("b", 3)
    same = changed(changed(trace, "v", "b", (0, 4, 0)), "v", "a", (0, 4, 9))
    assert compare(trace, same).first.population == "a"
    within = changed(changed(trace, "spikes", "a", (0, 4, 0)), "u", "a", (0, 4, 9))
    assert compare(trace, within).first.quantity == "u"
    other = changed(changed(trace, "v", "b", (0, 9, 0)), "v", "a", (1, 0, 0))
    assert compare(trace, other).first.sample == 0


@pytest.mark.parametrize("counter", COUNTERS)
def test_a_changed_count_is_found(trace, counter):
    values = {n: a.copy() for n, a in getattr(trace.counts, counter).items()}
    name = next(iter(values))
    values[name][2] += 1
    other = dataclasses.replace(trace, counts=dataclasses.replace(trace.counts, **{counter: values}))
    found = compare(trace, other)
    assert not found.equal and found.first is None
    assert found.counters == [f"{counter} of '{name}'"]
    assert "different" in found.to_text() and f"counts differ: {counter}" in found.to_text()


def test_what_cannot_be_compared_is_no_equality(trace):
    without = dataclasses.replace(trace, v={})
    with pytest.raises(BadInput, match=r"v is recorded for \['a', 'b'\] and \[\]"):
        compare(trace, without)
    with pytest.raises(BadInput, match="the outputs are"):
        compare(trace, dataclasses.replace(trace, output={"b": trace.output, "a": trace.output}))
    shorter = dataclasses.replace(trace, v={n: a[:2] for n, a in trace.v.items()})
    with pytest.raises(BadInput, match=r"v of 'a' is \(3, 12, 300\) and \(2, 12, 300\)"):
        compare(trace, shorter)


def test_a_trace_comes_back_from_disk(trace, tmp_path):
    trace.save(tmp_path / "t.npz")
    assert compare(trace, Trace.load(tmp_path / "t.npz")).equal
    several = dataclasses.replace(trace, output={"a": trace.output, "b": trace.output})
    several.save(tmp_path / "s.npz")
    assert list(Trace.load(tmp_path / "s.npz").output) == ["a", "b"]


def test_bad_trace_files_are_one_clear_error(trace, tmp_path):
    with pytest.raises(BadInput, match="no such file"):
        Trace.load(tmp_path / "none.npz")
    trace.save(tmp_path / "t.npz")
    content = (tmp_path / "t.npz").read_bytes()
    for size in (0, 10, len(content) // 2, len(content) - 30):
        (tmp_path / "cut.npz").write_bytes(content[:size])
        with pytest.raises(BadInput, match="not a readable trace"):
            Trace.load(tmp_path / "cut.npz")
    for start in range(200, len(content), len(content) // 7):
        damaged = (
            content[:start] + bytes(b ^ 0xFF for b in content[start : start + 40]) + content[start + 40 :]
        )
        (tmp_path / "damaged.npz").write_bytes(damaged)
        with pytest.raises(BadInput, match="not a readable trace"):
            Trace.load(tmp_path / "damaged.npz")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(BadInput, match="not a readable trace"):
        Trace.load(tmp_path / "other.npz")
    np.savez(tmp_path / "pickle.npz", **{"output/output": np.array([{}], dtype=object)})
    with pytest.raises(BadInput, match="not a readable trace"):
        Trace.load(tmp_path / "pickle.npz")
    np.save(tmp_path / "array.npy", np.zeros(3))
    with pytest.raises(BadInput, match="not a readable trace"):
        Trace.load(tmp_path / "array.npy")
