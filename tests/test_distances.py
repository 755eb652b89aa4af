"""Distances between runs: cases worked by hand, and what holds for all."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lavalier.simulate import Trace, compare
from lavalier.simulate.distances import (
    membrane_angle,
    membrane_error,
    rate_correlation,
    rate_distance,
    spike_error,
    van_rossum,
)
from lavalier.simulate.errors import BadInput

SPIKES = (van_rossum, spike_error, rate_distance)
MEMBRANES = (membrane_error, membrane_angle)


def train(*spikes: int) -> np.ndarray:
    """Return one neuron in one sample."""
    return np.array(spikes, np.uint8).reshape(1, -1, 1)


def drawn(seed: int, kind: type = np.uint8) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return tuple((rng.random((3, 20, 4)) < rng.random()).astype(kind) for _ in range(2))  # type: ignore[return-value]


def test_a_lost_spike_costs_a_half_wherever_it_was():
    for at in range(6):
        one = np.zeros((1, 6, 1))
        one[0, at] = 1
        assert van_rossum(one, 0 * one, tau=3.0) ** 2 == pytest.approx(0.5, rel=1e-12)
        assert spike_error(one, 0 * one) == 1.0


def test_a_late_spike_costs_what_is_forgotten_meanwhile():
    for late in range(1, 5):
        other = np.roll(train(1, 0, 0, 0, 0), late, axis=1)
        found = van_rossum(train(1, 0, 0, 0, 0), other, tau=4.0)
        assert found**2 == pytest.approx(1 - np.exp(-late / 4), rel=1e-12)


def test_rates_by_hand():
    a = np.array([[[1, 0, 0], [1, 1, 0]]])  # rates 1, 1/2, 0
    b = np.array([[[0, 0, 1], [0, 1, 0]]])  # rates 0, 1/2, 1/2
    assert rate_distance(a, b) == pytest.approx((0 + 0 + 1 / 2) / 3)
    assert rate_correlation(a, b) == pytest.approx(-np.sqrt(3) / 2)
    assert rate_correlation(a, 0 * b) is None


def test_membranes_by_hand():
    a, b = np.array([[[3.0], [4.0]]]), np.array([[[4], [-3]]])
    assert membrane_error(a, a - 1) == pytest.approx(np.sqrt(2) / 5)
    assert membrane_angle(a, b) == pytest.approx(1)  # a right angle
    assert membrane_angle(a, -a) == pytest.approx(1)  # no factor below 0 helps
    # 45 degrees between (1, 0) and (1, 1), whatever the unit
    assert membrane_error(np.array([[[1.0], [0.0]]]), np.array([[[640], [640]]])) == pytest.approx(
        np.sqrt(0.5)
    )
    assert membrane_angle(0 * a, a) == membrane_angle(a, 0 * a) == 1


@given(st.integers(0, 1000))
def test_equal_runs_are_at_no_distance_and_order_does_not_matter(seed):
    a, b = drawn(seed)
    for distance in SPIKES:
        assert distance(a, a) == 0
        assert distance(a, b) == pytest.approx(distance(b, a))
        assert np.array_equal(a, b) or distance in (rate_distance,) or distance(a, b) > 0
    c, d = drawn(seed, float)
    for distance in MEMBRANES:
        assert distance(c, c) == pytest.approx(0, abs=1e-12)
        assert distance(c, d) == pytest.approx(distance(d, c))
    if rate_correlation(a, b) is not None:
        assert rate_correlation(a, a) == pytest.approx(1)
        assert rate_correlation(a, b) == pytest.approx(rate_correlation(b, a))
        assert rate_correlation(a, b) == pytest.approx(
            np.corrcoef(a.mean(1).ravel(), b.mean(1).ravel())[0, 1], abs=1e-9
        )


@given(st.integers(0, 1000))
def test_van_rossum_keeps_to_the_triangle(seed):
    (a, b), (c, _) = drawn(seed), drawn(seed + 1)
    assert van_rossum(a, c) <= van_rossum(a, b) + van_rossum(b, c) + 1e-9


@given(st.integers(0, 1000), st.floats(0.1, 1000))
def test_an_angle_has_no_unit(seed, factor):
    a, b = drawn(seed, float)
    assert membrane_angle(a, factor * b) == pytest.approx(membrane_angle(a, b), abs=1e-9)


def test_floats_against_integers_are_compared_by_spikes_and_distance():
    rng = np.random.default_rng(0)
    spikes = (rng.random((2, 9, 3)) < 0.5).astype(np.uint8)
    v = rng.normal(size=(2, 9, 3))
    floats = Trace(spikes.astype(float), {"a": spikes.astype(float)}, v={"a": v})
    fixed = Trace(
        spikes, {"a": spikes}, {"a": np.zeros_like(v, np.int32)}, {"a": np.rint(1e6 * v).astype(np.int32)}
    )
    found = compare(floats, fixed)
    assert found.first is None and not found.equal and found.other_units == ["v of 'a'"]
    (distance,) = found.distances
    assert distance.van_rossum == 0 and distance.membrane_error == pytest.approx(0, abs=1e-5)
    assert "floats against integers, not compared with ==: v of 'a'" in found.to_text()
    late = Trace(np.roll(spikes, 1, axis=1), {"a": np.roll(spikes, 1, axis=1)}, v=fixed.v)
    found = compare(floats, late)
    assert found.first is not None and (found.first.quantity, found.first.step) == ("spikes", 0)
    assert found.distances[0].van_rossum
    with pytest.raises(BadInput, match="spikes is recorded for"):
        compare(floats, Trace(spikes, {"b": spikes}))


def test_equal_traces_have_no_distances_and_print_as_ever():
    trace = Trace(np.ones((1, 2, 3), np.uint8), {"a": np.ones((1, 2, 3), np.uint8)})
    found = compare(trace, trace)
    assert found.equal and found.distances == [] and "van Rossum" not in found.to_text()
