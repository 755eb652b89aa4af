"""A Program over many samples in parts: the whole run's outputs and counts, whatever was there before."""

import numpy as np
import pytest

from lavalier.simulate import LIF, Dense, Input, Program, fast
from lavalier.simulate.errors import BadInput
from lavalier.simulate.trace import COUNTERS
from lavalier.train.sweep.shards import run_in_shards

DRAWN = np.random.default_rng(0)
X = (DRAWN.random((23, 9, 6)) < 0.3).astype(np.uint8)


def program(seed=0):
    weights = np.random.default_rng(seed).integers(-60, 60, (4, 6)).astype(np.int16) * 2
    return Program(
        {"in": Input((6,))},
        {"out": LIF((4,), du=4095, dv=500, vth=60)},
        (Dense("in", "out", weights),),
        ["out"],
    )


def assert_equal(a, b):
    assert np.array_equal(a.output, b.output)
    for counter in COUNTERS:
        ours, theirs = getattr(a.counts, counter), getattr(b.counts, counter)
        assert ours.keys() == theirs.keys()
        assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)


def test_parts_are_the_whole_and_finished_ones_stay(tmp_path):
    whole, said = fast.run(program(), X), []
    assert_equal(run_in_shards(program(), X, tmp_path / "parts", samples=5), whole)
    parts = sorted((tmp_path / "parts").glob("samples-*.npz"))
    assert len(parts) == 5
    parts[2].unlink()
    kept = {p: p.stat().st_mtime_ns for p in parts if p.exists()}
    assert_equal(run_in_shards(program(), X, tmp_path / "parts", samples=5, say=said.append), whole)
    assert said == ["5 parts, 4 finished before", parts[2].stem]
    assert {p: p.stat().st_mtime_ns for p in kept} == kept


def test_parts_of_another_run_are_refused(tmp_path):
    run_in_shards(program(), X, tmp_path / "parts", samples=5)
    with pytest.raises(BadInput, match="program was"):
        run_in_shards(program(1), X, tmp_path / "parts", samples=5)
    with pytest.raises(BadInput, match="x was"):
        run_in_shards(program(), 1 - X, tmp_path / "parts", samples=5)


@pytest.mark.slow
def test_parts_on_ray(tmp_path):
    ray = pytest.importorskip("ray", reason="needs lavalier[sweep]")
    try:
        found = run_in_shards(program(), X, tmp_path / "parts", ray=True, samples=5)
    finally:
        ray.shutdown()
    assert_equal(found, fast.run(program(), X))
