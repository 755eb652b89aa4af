"""Energy beside what others publish: SANA-FE's simulator, and keyword spotting on a board."""

import numpy as np
import pytest

from benchmarks.energy import keyword_spotting, sanafe_prices, tables
from lavalier.simulate import energy, run
from lavalier.simulate.cost.tables import device_tables


@pytest.fixture
def document(tmp_path, monkeypatch):
    """A copy of the page, so that a test changes none."""
    copy = tmp_path / "energy.md"
    copy.write_text(tables.DOCUMENT.read_text())
    monkeypatch.setattr(tables, "DOCUMENT", copy)
    return copy


def test_a_table_replaces_the_one_between_its_marks(document):
    tables.put("sanafe", ["a", "b"], [["1", "2"]])
    text = document.read_text()
    assert "<!-- sanafe -->\n| a | b |\n| --- | --- |\n| 1 | 2 |\n<!-- /sanafe -->\n" in text
    assert "<!-- keyword-spotting -->\n| rate" in text and text.startswith("# What a run costs")


def test_the_published_keyword_spotters_lie_above_our_interval():
    """What the chip does for them is priced; host, input, output and barrier are not."""
    rng = np.random.default_rng(0)
    weights = 2 * rng.integers(-20, 21, (256, 256))
    x = rng.random((50, keyword_spotting.STEPS, 256)) < 0.1
    program = keyword_spotting.at_rate(weights, x, 100)
    trace = run(program, x)
    rate = trace.counts.spikes_out["second"].mean() / (256 * keyword_spotting.STEPS * keyword_spotting.DT_S)
    assert rate == pytest.approx(100, rel=0.1)
    interval = energy(program, trace).per_inference
    boards, *_ = device_tables("loihi1-boards")
    published = sorted(w.entry.high for w in boards.workloads)
    assert published == pytest.approx([37e-6, 270e-6]) and interval.high < published[0]


@pytest.mark.slow
def test_sanafes_own_spikes_cost_what_it_says_within_one_percent(document):
    (figure,) = sanafe_prices.vs_sanafe(None)
    assert 0 <= figure.value <= 1
    assert "| network | " in document.read_text()
