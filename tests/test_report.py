"""The report: its numbers are those of the run, its page is whole, and a folder that is not is refused."""

import io
import json
import shutil
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from lavalier.cli import main
from lavalier.models.readout import decide
from lavalier.simulate import Dense, Input, Program, Trace, energy, fit, report, run
from lavalier.simulate.errors import BadInput
from lavalier.simulate.files import write_json
from lavalier.simulate.neurons import LI, LIF
from lavalier.simulate.reporting.accuracy import wilson
from lavalier.simulate.reporting.network import network_section
from lavalier.simulate.reporting.page.drawing import graph
from lavalier.simulate.reporting.page.figures import FORMS, look_up
from lavalier.simulate.reporting.page.rendering import SECTIONS
from lavalier.simulate.reporting.section import plain
from lavalier.train.speech import speech_clips

from .runs import N_CLIPS, N_LAVA

MOST_BYTES = 6_500_000


@pytest.fixture(scope="module")
def folder(run_folder) -> Path:
    return run_folder


@pytest.fixture(scope="module")
def document(folder) -> dict:
    return json.loads(json.dumps(report(folder).to_json()))


@pytest.fixture(scope="module")
def html(folder) -> str:
    return report(folder).to_html()


# the numbers


def test_scores_are_those_of_the_whole_test(document, folder):
    clips, program = speech_clips(N_CLIPS, 0, "test"), Program.load(folder / "program.nir")
    said, decisions = document["accuracy"], decide(run(program, clips.events).output)
    fixed = said["scores"]["fixed"]
    right = int(np.sum(decisions == clips.labels))
    assert (fixed["samples"], fixed["correct"], fixed["accuracy"]) == (N_CLIPS, right, right / N_CLIPS)
    for truth in range(10):
        for class_ in range(10):
            both = (clips.labels == truth) & (decisions == class_)
            assert fixed["confusion"][truth][class_] == both.sum()
    assert said["scores"]["lava"]["samples"] == N_LAVA and said["lava_not_run"] is None


def test_wilson_by_hand():
    # 0 of n: the upper end is z^2 / (n + z^2)
    assert wilson(0, 10) == (0.0, pytest.approx(3.8414588 / 13.8414588))
    assert wilson(250, 500) == (pytest.approx(0.45634, abs=1e-5), pytest.approx(0.54366, abs=1e-5))


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_an_interval_holds_the_share_and_mirrors(counted):
    correct, samples = counted
    low, high = wilson(correct, samples)
    assert 0 <= low <= correct / samples + 1e-12 and correct / samples <= high + 1e-12 and high <= 1
    assert wilson(samples - correct, samples) == (pytest.approx(1 - high), pytest.approx(1 - low))


def test_spikes_membranes_and_input_are_those_of_the_traces(document, folder):
    traces = {name: Trace.load(folder / "traces" / f"{name}.npz") for name in ("float", "fixed", "lava")}
    events = np.load(folder / "traces" / "input.npz")["input"]
    samples = document["samples"]["samples"]
    assert len(samples) == 8 == len(events)
    for i, sample in enumerate(samples):
        entry, shown = sample["inputs"]["input"], np.zeros_like(events[i])
        shown[entry["steps"], entry["channels"]] = entry["values"]
        assert np.array_equal(shown, events[i])
        for name, raster in sample["rasters"].items():
            for trace, kinds in (("float", ("both", "only_float")), ("fixed", ("both", "only_fixed"))):
                spikes = np.zeros(traces[trace].spikes[name][i].shape, int)
                for kind in kinds:
                    spikes[raster[kind]["steps"], raster[kind]["channels"]] += 1
                assert np.array_equal(spikes, traces[trace].spikes[name][i])
        for name, membranes in sample["membranes"].items():
            for one in membranes:
                assert one["v_fixed"] == traces["fixed"].v[name][i, :, one["neuron"]].tolist()
                assert np.allclose(one["v_float"], traces["float"].v[name][i, :, one["neuron"]], atol=1e-5)
    assert set(samples[0]["rasters"]) == {"hidden1", "hidden2"}
    assert len(traces["lava"].output) == sum(s["on_lava"] for s in samples) > 0


def test_integers_and_floats_are_in_the_same_unit(document):
    """A readout has no threshold, so that its membrane shows the unit: close, but for rounding."""
    shown = document["samples"]["populations"]["readout"]
    right = next(s for s in document["samples"]["samples"] if s["why"] == "both right")
    for one, unit in zip(right["membranes"]["readout"], shown["unit"], strict=True):
        a, b = np.array(one["v_float"]), np.array(one["v_fixed"]) / unit
        assert np.corrcoef(a, b)[0, 1] > 0.9 and 0.8 < np.abs(a).sum() / np.abs(b).sum() < 1.25
    assert np.allclose(document["samples"]["populations"]["hidden1"]["threshold"], 1, atol=0.02)


def test_the_sound_is_what_was_heard(document):
    clips = speech_clips(N_CLIPS, 0, "test")
    for sample in document["samples"]["samples"]:
        sound, rate = soundfile.read(io.BytesIO(b64decode(sample["audio"])), dtype="float32")
        assert rate == 8000 and np.abs(sound - clips.sounds[sample["clip"]]).max() < 1e-4
        assert sample["label"] == clips.labels[sample["clip"]]


def test_where_they_part(document, folder):
    floats, fixed = (Trace.load(folder / "traces" / f"{n}.npz").spikes for n in ("float", "fixed"))
    parting = document["parting"]
    for layer in parting["layers"]:
        wrong = floats[layer["name"]] != fixed[layer["name"]]
        assert (layer["differ"], layer["neuron_steps"]) == (wrong.sum(), wrong.size)
        assert np.allclose(layer["by_step"], wrong.mean(axis=(0, 2)), atol=1e-6)
    for i, first in enumerate(parting["first"]):
        steps = {n: np.flatnonzero((floats[n][i] != fixed[n][i]).any(axis=1)) for n in floats}
        earliest = {n: s[0] for n, s in steps.items() if len(s)}
        if first is None:
            assert not earliest
        else:
            assert first["step"] == min(earliest.values()) == earliest[first["population"]]
            place = (i, first["step"], first["neuron"])
            assert floats[first["population"]][place] != fixed[first["population"]][place]
    assert parting["lava_equal"] is True and parting["lava_values"] > 0
    assert [cost["layer"] for cost in parting["diagnosis"]["layers"]] == ["hidden1", "hidden2", "readout"]


def test_the_grid_holds_every_weight(document, folder):
    program = Program.load(folder / "program.nir")
    for one, c in zip(document["rounding"]["connections"], program.connections, strict=True):
        values, counts = np.unique(c.values[c.values != 0], return_counts=True)
        assert (one["integers"], one["counts"]) == (values.tolist(), counts.tolist())
        assert (one["bits"], one["exp"], one["name"]) == (c.num_weight_bits, c.weight_exp, c.name)
        assert one["synapses"] == c.fan_out.sum() and sum(one["floats"]) == one["synapses"] + one["pruned"]


def test_costs_are_what_the_run_counted(document, folder):
    metrics = json.loads((folder / "metrics.json").read_text())
    program, clips = Program.load(folder / "program.nir"), speech_clips(N_CLIPS, 0, "test")
    trace = run(program, clips.events)
    for device in ("loihi1", "loihi2"):
        said = document["energy"]["devices"][device]
        assert said == metrics["energies"][device]
        assert said == json.loads(json.dumps(energy(program, trace, device).to_json()))
        assert document["latency"]["devices"][device] == metrics["latencies"][device]


def test_the_cores_are_those_of_the_placement(document, folder):
    program = Program.load(folder / "program.nir")
    for device, filled in document["fit"]["filled"].items():
        fitted = fit(program, device)
        assert document["fit"]["devices"][device]["fits"] == fitted.fits
        assert filled["cores"] == list(fitted.placement.cores)
        neurons = dict(zip(filled["limits"], filled["shares"], strict=True))["neurons_per_core"]
        most = fitted.device.limits["neurons_per_core"].value
        assert neurons == [demand.neurons / most for demand in fitted.placement.cores.values()]


# the page


class Loads(HTMLParser):
    """Everything that an element could load, and every number with its place."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses, self.numbers, self._open = [], [], None

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.addresses += [given[a] for a in ("src", "href", "data", "action", "poster") if a in given]
        if tag == "data":
            self.numbers.append([given["data-at"], given["value"], ""])
            self._open = self.numbers[-1]

    def handle_data(self, data):
        if self._open:
            self._open[2] += data

    def handle_endtag(self, tag):
        self._open = None if tag == "data" else self._open


def parsed(html: str) -> Loads:
    loads = Loads()
    loads.feed(html)
    return loads


def test_the_page_loads_nothing_and_is_small(html):
    addresses = parsed(html).addresses
    assert addresses and all(a.startswith(("#", "data:")) for a in addresses)
    assert "default-src 'none'" in html and "@import" not in html and "url(" not in html.split("</style>")[0]
    assert len(html.encode()) < MOST_BYTES


def test_every_number_shown_is_in_the_document(html, document):
    numbers = parsed(html).numbers
    assert len(numbers) > 60
    for at, value, text in numbers:
        expected = look_up(document, at)
        assert repr(expected) == value
        forms = {form(expected) for form in FORMS.values()}
        assert text in forms | {form.partition(" ")[0] for form in forms}


def test_the_document_is_in_the_page(html, document):
    embedded = html.split('<script type="application/json" id="report">')[1].split("</script>")[0]
    assert json.loads(embedded) == document


def test_a_page_of_a_large_network_is_small_too(tmp_path):
    """700-1024-20, 8 samples of 300 steps, every tenth channel and neuron active in a step."""
    rng, shape = np.random.default_rng(0), {"in": 700, "hidden": 1024, "out": 20}
    program = Program(
        inputs={"in": Input((700,))},
        populations={"hidden": LIF((1024,), vth=9), "out": LI((20,))},
        connections=[
            Dense("in", "hidden", 2 * rng.integers(-127, 127, (1024, 700))),
            Dense("hidden", "out", 2 * rng.integers(-127, 127, (20, 1024))),
        ],
        outputs=["out"],
    )
    (tmp_path / "traces").mkdir()
    program.save(tmp_path / "program.nir")
    spikes = {n: (rng.random((8, 300, shape[n])) < 0.1).astype(np.uint8) for n in ("in", "hidden")}
    v = {n: rng.integers(-(2**20), 2**20, (8, 300, shape[n]), dtype=np.int32) for n in ("hidden", "out")}
    trace = Trace(output=v["out"], spikes={"hidden": spikes["hidden"]}, v=v)
    for name in ("float", "fixed"):
        trace.save(tmp_path / "traces" / f"{name}.npz")
    np.savez_compressed(tmp_path / "traces" / "input.npz", **{"in": spikes["in"]})
    decided = {"float": 0, "fixed": 0}
    samples = [
        {"clip": i, "name": f"{i}", "why": "drawn", "label": None, "decisions": decided, "on_lava": False}
        for i in range(8)
    ]
    write_json(tmp_path / "metrics.json", {"samples": samples})
    write_json(tmp_path / "card.json", {"name": "large"})
    made = report(tmp_path)
    html, every = made.to_html(), made.to_json()["samples"]["populations"]["hidden"]["every"]
    assert len(html.encode()) < MOST_BYTES
    assert every > 1 and f"One channel in {every} is shown" in html


def test_a_section_without_a_source_says_why(folder, tmp_path):
    bare = shutil.copytree(folder, tmp_path / "bare")
    for part in ("traces", "audio"):
        shutil.rmtree(bare / part)
    write_json(bare / "metrics.json", {})
    made = report(bare)
    said = made.to_json()
    missing = [id for id in SECTIONS if "missing" in said[id]]
    assert missing == ["accuracy", "parting", "samples", "rounding", "energy", "latency"]
    html = made.to_html()
    for id in missing:
        assert f"Not on this page: {said[id]['missing']}." in html.replace("&#39;", "'")


def test_a_changed_file_is_said(folder, tmp_path):
    changed = shutil.copytree(folder, tmp_path / "changed")
    with open(changed / "graph.nir", "ab") as file:
        file.write(b"more")
    files = {f["name"]: f["unchanged"] for f in report(changed).to_json()["provenance"]["files"]}
    assert files == {"graph.nir": False, "program.nir": True}


def test_the_drawing_of_a_loop_with_awkward_names():
    program = Program(
        inputs={"<in>": Input((2,))},
        populations={"a&b": LIF((3,), vth=5), "skip": LI((1,))},
        connections=[
            Dense("<in>", "a&b", [[2, 4]] * 3),
            Dense("a&b", "a&b", [[2] * 3] * 3, delay=1),
            Dense("a&b", "skip", [[2] * 3]),
            Dense("<in>", "skip", [[2, 2]]),
        ],
        outputs=["skip"],
    )
    section = plain(network_section(program))
    assert [(b["name"], b["column"]) for b in section["boxes"]] == [("<in>", 0), ("a&b", 1), ("skip", 2)]
    assert section["synapses"] == 6 + 9 + 3 + 2
    svg = graph(section)
    assert svg.count("marker-end") == 4 and "&lt;in&gt;" in svg and "<in>" not in svg and "1 late" in svg


def test_a_name_cannot_end_the_document(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    card = json.loads((copy / "card.json").read_text())
    write_json(copy / "card.json", {**card, "name": "</script><script>alert(1)</script>"})
    assert "<script>alert" not in report(copy).to_html()


# the command, and folders that are no run


def test_the_command(folder, tmp_path, capsys, document):
    out = tmp_path / "report.html"
    assert main(["report", str(folder), "-o", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == document
    assert out.read_text(encoding="utf-8") == report(folder).to_html()
    assert main(["report", str(folder), "-o", str(out)]) == 1
    assert "--force replaces it" in capsys.readouterr().err
    assert main(["report", str(folder)]) == 1
    assert "give --out" in capsys.readouterr().err


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda f: shutil.rmtree(f), "no such folder"),
        (lambda f: (f / "card.json").unlink(), "card.json: no such file"),
        (lambda f: (f / "metrics.json").write_text("{"), "metrics.json: not a readable JSON object"),
        (lambda f: (f / "traces/input.npz").write_bytes(b"PK"), "input.npz: not a readable .npz"),
        (lambda f: (f / "traces/fixed.npz").write_bytes(b"PK"), "fixed.npz: not a readable trace"),
        (lambda f: (f / "program.nir").write_bytes(b""), "program.nir"),
        (lambda f: Trace(np.zeros((3, 1, 1))).save(f / "traces/fixed.npz"), "fixed holds 3 samples"),
        (lambda f: Trace(np.zeros((8, 1, 1))).save(f / "traces/fixed.npz"), "'hidden1' was not recorded"),
    ],
    ids=["folder", "card", "metrics", "input", "trace", "program", "samples", "populations"],
)
def test_a_damaged_run_is_one_clear_line(folder, tmp_path, capsys, damage, message):
    copy = shutil.copytree(folder, tmp_path / "copy")
    damage(copy)
    with pytest.raises(BadInput, match=message):
        report(copy)
    assert main(["report", str(copy), "-o", str(tmp_path / "r.html")]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and not (tmp_path / "r.html").exists()
