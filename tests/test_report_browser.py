"""The report in a real browser: nothing goes wrong, nothing leaves, and what is shown is in the document."""

import os

import pytest

from benchmarks.browser import Browser, find_chromium
from lavalier.simulate import report

pytestmark = pytest.mark.browser
READY = "document.documentElement?.dataset.ready"
DOCUMENT = "JSON.parse(document.getElementById('report').textContent)"


@pytest.fixture(scope="module")
def page(run_folder, tmp_path_factory):
    """The path of a report; skipped where no browser is, failed where one must be."""
    if find_chromium() is None:
        said = "needs Chromium (Debian: apt-get install chromium)"
        if os.environ.get("LAVALIER_BROWSER") == "required":
            pytest.fail(said)
        pytest.skip(said)
    path = tmp_path_factory.mktemp("page") / "report.html"
    report(run_folder).save(path)
    return path


@pytest.fixture(scope="module")
def wide(page):
    with Browser(1400, 900) as browser:
        browser.open(page, READY)
        yield browser


def place(browser: Browser, selector: str) -> dict:
    """Scroll an element into view; return its box in the window."""
    seen = "{block: 'center', behavior: 'instant'}"
    browser.value(f"document.querySelector({selector!r}).scrollIntoView({seen})")
    box = f"document.querySelector({selector!r}).getBoundingClientRect()"
    return browser.value(f"({{x: {box}.x, y: {box}.y, width: {box}.width, height: {box}.height}})")


def hover(browser: Browser, selector: str, across: float = 0.5) -> str:
    """Point at an element until a tooltip appears; return its text."""
    box = place(browser, selector)
    x, y = box["x"] + box["width"] * across, box["y"] + box["height"] / 2
    browser.move(x - 2, y)
    browser.move(x, y)
    browser.wait("document.querySelector('.hoverlayer .hovertext text')")
    return browser.value("document.querySelector('.hoverlayer .hovertext').textContent")


def test_every_section_is_drawn_and_nothing_goes_wrong(wide, page):
    drawn = "[...document.querySelectorAll('.plot')].map(p => p.querySelector('.trace, image') !== null)"
    assert wide.value(drawn) == 7 * [True]
    sections = wide.value(
        "[...document.querySelectorAll('main section')].map(s => [s.id, s.textContent.length])"
    )
    assert all(length > 100 for _, length in sections)
    assert [name for name, _ in sections] == [
        a[1:] for a in wide.value("[...document.querySelectorAll('nav a')].map(a => a.getAttribute('href'))")
    ]
    assert wide.problems() == []


def test_no_request_leaves_the_page(wide, page):
    assert wide.requests() == [page.as_uri()]


def test_traces_are_svg(wide):
    assert wide.value("document.querySelectorAll('canvas').length") == 0
    types = "[...document.querySelectorAll('.plot')].flatMap(p => p.data.map(t => t.type ?? 'scatter'))"
    kinds = wide.value(types)
    assert set(kinds) == {"scatter", "bar", "heatmap"}


SAME = """(() => {
  const d = DOCUMENT, of = (id) => document.getElementById(id).data;
  const s = d.samples.samples[0], devices = Object.values(d.energy.devices);
  const places = (r) => [r.steps, r.channels], all = (r) => [r.both, r.only_float, r.only_fixed];
  const percent = (shares) => shares.map((share) => 100 * share);
  const joules = (l) => devices.flatMap((said) => said.layers[l].energy_j).filter((j) => j !== null);
  const pairs = {
    accuracy: [of("accuracy-plot").map((t) => t.x[0]),
      Object.values(d.accuracy.scores).reverse().map((score) => 100 * score.accuracy)],
    parting: [of("parting-plot").map((t) => t.y), d.parting.layers.map((l) => percent(l.by_step))],
    rasters: [of("samples-plot").filter((t) => t.mode === "markers").map((t) => [t.x, t.y]),
      Object.values(s.rasters).flatMap(all).map(places)],
    membranes: [of("samples-plot").filter((t) => t.line?.dash === "solid").map((t) => t.y),
      s.membranes.hidden1.map((m) => m.v_float)],
    rounding: [of("rounding-plot").filter((t) => t.type === "bar").map((t) => t.y),
      d.rounding.connections.map((c) => c.counts)],
    energy: [of("energy-plot").map((t) => t.x),
      Object.keys(devices[0].layers).map((l) => joules(l).map((j) => j * 1e6))],
    fit: [of("fit-plot-loihi1")[0].z, d.fit.filled.loihi1.shares.map(percent)],
  };
  return Object.entries(pairs).filter(([, [a, b]]) => JSON.stringify(a) !== JSON.stringify(b) || !a.length);
})()""".replace("DOCUMENT", DOCUMENT)


def test_plots_show_the_numbers_of_the_document(wide):
    assert wide.value(SAME) == []


def test_tooltips_say_values_and_sources(wide):
    said = hover(wide, "#accuracy-plot .point")
    assert "95 %" in said and "samples" in said
    said = hover(wide, "#fit-plot-loihi1 .heatmaplayer image")
    assert "nengo-loihi" in said and "limit" in said
    said = hover(wide, "#energy-plot .point path")
    assert "hidden1" in said and "µJ" in said and "loihi1-davies" in said and "Davies et al. 2018" in said


def test_zoom_is_shared_by_all_rows_and_undone(wide):
    axes = "Object.entries(document.getElementById('samples-plot')._fullLayout)"
    ranges = f"{axes}.filter(([name]) => /^xaxis/.test(name)).map(([, axis]) => axis.range)"
    whole = wide.value(ranges)
    box = place(wide, "#samples-plot .xy .bglayer, #samples-plot .nsewdrag")
    y = box["y"] + box["height"] / 2
    wide.drag((box["x"] + box["width"] * 0.2, y), (box["x"] + box["width"] * 0.4, y))
    wide.wait(f"JSON.stringify({ranges}) !== {str(whole).replace(' ', '')!r}")
    zoomed = wide.value(ranges)
    assert len(zoomed) == len(whole) == 8 and all(r == zoomed[0] for r in zoomed)
    low, high = zoomed[0]
    steps = whole[0][1] - whole[0][0]
    assert 0.1 * steps < high - low < 0.3 * steps
    wide.value("Plotly.relayout('samples-plot', {'xaxis.autorange': true}).then(() => null)")


def test_another_sample_and_another_population(wide):
    wide.value("document.querySelectorAll('#sample-choice button')[3].click()")
    first = f"JSON.stringify({DOCUMENT}.samples.samples[3].rasters.hidden1.both.steps)"
    drawn = "JSON.stringify(document.getElementById('samples-plot').data.find((t) => t.mode === 'markers').x)"
    wide.wait(f"{first} === {drawn}")
    wide.value(
        "(() => { const c = document.getElementById('population-choice'); c.value = 'hidden2';"
        "c.dispatchEvent(new Event('change')); })()"
    )
    expected = f"JSON.stringify({DOCUMENT}.samples.samples[3].membranes.hidden2[0].v_float)"
    line = "document.getElementById('samples-plot').data.find((t) => t.line?.dash === 'solid')"
    wide.wait(f"{expected} === JSON.stringify({line}.y)")
    assert f"Truth {wide.value(f'{DOCUMENT}.samples.samples[3].label')};" in wide.value(
        "document.getElementById('sample-text').textContent"
    )


def test_the_sound_can_be_played(wide):
    wide.wait("document.getElementById('sound').duration > 0.1")
    assert wide.problems() == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_narrow_window_needs_no_sideways_scrolling(page, dark):
    with Browser(400, 800, dark) as browser:
        browser.open(page, READY)
        assert browser.value("document.documentElement.scrollWidth <= innerWidth")
        background, ink = (
            int(browser.value(f"getComputedStyle(document.documentElement).{c}.match(/\\d+/)[0]"))
            for c in ("backgroundColor", "color")
        )
        assert (background < 60 and ink > 200) if dark else (background > 240 and ink < 60)
        assert browser.problems() == [] and browser.requests() == [page.as_uri()]
