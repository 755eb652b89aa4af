"""The goldilocks neuron: which periods it hears, and that its integers are Lava's."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import lavalier.deploy as deploy
from lavalier.export import from_torch, quantize
from lavalier.models.goldilocks import Goldilocks
from lavalier.models.readout import seen_in_windows
from lavalier.simulate import compare, fast, run
from lavalier.train.generate.trains import (
    BAND,
    LONGEST,
    SHORTEST,
    draw_periods,
    in_band,
    period_train,
    period_trains,
)

needs_lava = pytest.mark.skipif(deploy.missing() is not None, reason=str(deploy.missing()))
DECAYS = st.floats(0.5, 0.99)


def by_definition(x: list[int], beta_theta: float, beta_tau: float, late: float, w_theta: float = 0.9):
    """The equations, one step after the other, with the product and the late subtraction as they stand."""
    u = v = 0.0
    spikes = []
    for x_t in x:
        u = beta_tau * u + w_theta * x_t
        s_i = u > 1
        u = 0.0 if s_i else u
        v = beta_theta * v + w_theta * x_t * (1 - 2 * s_i)
        s = v > 1
        v = (0.0 if s else v) - late / beta_theta * s_i
        spikes.append(int(s))
    return spikes


def all_periods(low: int, high: int, n_steps: int = 1000) -> np.ndarray:
    return np.stack([period_train(p, 0, n_steps) for p in range(low, high + 1)])[:, :, None]


@given(st.lists(st.integers(0, 1), min_size=1, max_size=60), DECAYS, DECAYS, st.floats(0.1, 3))
def test_the_network_is_the_definition(x, beta_theta, beta_tau, w_tau):
    net = Goldilocks(1, beta_theta, beta_tau, w_tau).double()
    with torch.no_grad():
        spikes = net(torch.tensor(x, dtype=torch.float64).reshape(1, -1, 1))
        betas = float(net.fire.beta), float(net.inhibitor.beta), float(net.late.scale)
    assert spikes.flatten().int().tolist() == by_definition(x, *betas)


def test_the_worked_example_hears_periods_16_to_18():
    x = all_periods(2, 40)
    with torch.no_grad():
        spikes = Goldilocks()(torch.tensor(x).float()).sum((1, 2)).int().tolist()
    heard = {period: n for period, n in zip(range(2, 41), spikes, strict=True) if n}
    assert heard == {16: 31, 17: 29, 18: 28}


def test_the_graph_is_the_neuron_for_periods_and_for_any_train():
    net = Goldilocks()
    drawn = np.random.default_rng(0).integers(0, 2, (20, 1000, 1), dtype=np.uint8)
    x = np.concatenate([all_periods(2, 32), drawn])
    graph = from_torch(net, x[:8, :200], dt=1e-3)
    with torch.no_grad():
        expected = net.double()(torch.tensor(x).double()).numpy()
    assert np.array_equal(run(graph, x).output, expected)


def trained_program():
    """What training finds is tuned to a step of a decay; at a scale of 200 a weight of 0.9 is whole."""
    net = Goldilocks(beta_theta=0.9558, beta_tau=0.9252, w_tau=2.0)
    x = all_periods(25, 55)
    return quantize(from_torch(net, x[:4, :200], dt=1e-3), weight_scale=200)


def test_integers_hear_the_band_of_the_floats():
    seen = seen_in_windows(run(trained_program(), all_periods(SHORTEST, LONGEST)).output, 101, 51)
    heard = seen.mean((1, 2)) >= 0.5
    assert np.array_equal(heard, in_band(np.arange(SHORTEST, LONGEST + 1)) == 1)


@pytest.mark.lava
@needs_lava
def test_integers_are_lavas():
    program, x = trained_program(), all_periods(28, 52, 200)[::4]
    record = tuple(program.populations)
    difference = compare(deploy.run(program, x, record), fast.run(program, x, record))
    assert difference.equal, difference


def test_trains_are_drawn_half_in_the_band():
    rng = np.random.default_rng(3)
    periods = draw_periods(40, rng)
    trains = period_trains(periods, rng)
    assert trains.shape == (40, 1000, 1) and in_band(periods).sum() == 20
    for period, train in zip(periods, trains, strict=True):
        at = np.flatnonzero(train)
        assert at[0] < period and set(np.diff(at)) == {period}
    assert in_band(np.array([BAND[0] - 1, BAND[0], BAND[1], BAND[1] + 1])).tolist() == [0, 1, 1, 0]
