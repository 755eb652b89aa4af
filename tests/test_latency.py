"""latency: bounds by hand, and no bound where nothing is published."""

from pathlib import Path

import pytest
import yaml

from lavalier.simulate import energy, latency
from lavalier.simulate.errors import BadInput

from .test_energy import PROGRAM, TRACE, shipped


def test_a_step_by_hand():
    """6 steps: 8 syn_ops, 10 active and 14 inactive updates, 8 messages, 4 spikes, 4 + 4 events."""
    found = latency(PROGRAM, TRACE, "loihi1-davies")
    work = (8 * 3.5 + 10 * 8.4 + 14 * 5.3 + 8 * 2.1) / 6
    assert found.step_s == pytest.approx(((work / 128 + 113) * 1e-9, (work + 465) * 1e-9))
    found = latency(PROGRAM, TRACE, "loihi1-sanafe")
    received = TRACE.counts.total("spikes_in")
    work = (8 * 3.8 + 10 * 9.7 + 14 * 6 + 8 * 5.1 + 4 * 30 + received * 16) / 6
    assert found.step_s == pytest.approx(((work / 128 + 600) * 1e-9, (work + 1800) * 1e-9))


def test_a_device_takes_the_widest_of_its_tables():
    each = [latency(PROGRAM, TRACE, name).step_s for name in ("loihi1-davies", "loihi1-sanafe")]
    both = latency(PROGRAM, TRACE, "loihi1")
    assert both.step_s == (min(low for low, _ in each), max(high for _, high in each))
    assert both.bounds == [
        "at least: loihi1-davies, work shared by all cores",
        "at most: loihi1-sanafe, one core does all the work",
    ]


def test_window_hop_and_pipeline_add_up():
    found = latency(PROGRAM, TRACE, "loihi1", window_s=0.025, hop_s=0.01)
    assert found.pipeline_steps == PROGRAM.latency == 2
    assert found.algorithmic_s == pytest.approx((0.025 + 2e-4, 0.035 + 2e-4))
    low, high = found.step_s
    assert found.end_to_end_s == pytest.approx((0.0252 + low, 0.0352 + high))
    assert found.real_time_factor == pytest.approx((low / 1e-4, high / 1e-4))
    assert "pipeline: 2 steps of 0.1 ms" in found.to_text()
    assert found.to_json()["end_to_end_s"] == list(found.end_to_end_s)


def test_loihi_2_has_no_upper_bound():
    found = latency(PROGRAM, TRACE, "loihi2")
    low, high = found.step_s
    work = (8 * 0.7 + 10 * 4.2 + 14 * 2.65 + 8 * 0.21) / 6
    assert low == pytest.approx(work / 128 * 1e-9) and high is None
    assert found.end_to_end_s[1] is None and found.real_time_factor[1] is None
    assert "not bounded above" in found.to_text() and "no published barrier" in found.to_text()


def test_what_cannot_be_bounded_is_refused():
    with pytest.raises(BadInput, match="no times of 'cmos45-int8' are published"):
        latency(PROGRAM, TRACE, "cmos45-int8")
    with pytest.raises(BadInput, match="hop -1 s must be at least 0"):
        latency(PROGRAM, TRACE, hop_s=-1)


def test_step_times_alone_bound_nothing():
    found = latency(PROGRAM, TRACE, "loihi1-boards")
    assert found.step_s == (None, None) and "time of a step: not bounded" in found.to_text()
    assert "5.8 to 13 us" in found.to_text()


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda t: t["time"]["syn_ops"].update(unit="pJ"), "time.syn_ops in pJ: must be ms or ns or us"),
        (lambda t: t["energy"]["syn_ops"].update(unit="syn_op"), "must be joules, or syn_op throughout"),
        (lambda t: t["energy"]["syn_ops"].update(interval=[1, 2]), "needs a value or an interval"),
        (lambda t: t["time"]["barrier"].update(interval=[2, 1]), "the interval ends before it begins"),
    ],
)
def test_a_table_that_does_not_fit_itself_is_refused(tmp_path: Path, change, message):
    table = shipped("loihi1-davies")
    change(table)
    (tmp_path / "t.yaml").write_text(yaml.safe_dump(table))
    with pytest.raises(BadInput, match=message):
        energy(PROGRAM, TRACE, str(tmp_path / "t.yaml"))
