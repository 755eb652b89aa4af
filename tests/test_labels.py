"""Models that end with labels: decisions by hand, events of the cochlea, any pieces, hostile files."""

import csv
import json

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from lavalier.cli import main
from lavalier.export.hearing import cochlea_stages, hearing
from lavalier.models.front_ends.cochlea import cochlea_events
from lavalier.models.readout import decide as largest_mean
from lavalier.models.readout import majority
from lavalier.simulate import LI, Dense, Hybrid, Input, Program, Stream, compare, reference, run
from lavalier.simulate.errors import BadInput
from lavalier.simulate.hybrid.account import account, latency
from lavalier.simulate.hybrid.decide import Decide
from lavalier.simulate.hybrid.hearing import Bands, Counts, Rectified, Spectrum, UnitRange
from lavalier.simulate.hybrid.stages import Frames
from lavalier.train.recipes import load
from lavalier.train.recipes.instrument import STRIDE, WINDOW, heard

from .listeners import listener, sound

# decisions


def labels_of(stage: Decide, steps) -> list[int]:
    kept = stage.start()
    return [int(stage.step(kept, np.atleast_1d(values))[0]) for values in np.asarray(steps)]


def test_decisions_by_hand():
    spikes = [1, 1, 0, 0, 1, 1, 1, 0]
    assert labels_of(Decide(1, ("no", "yes"), 4, 2, 0.5), spikes) == [-1, -1, -1, 0, -1, 0, -1, 1]
    assert labels_of(Decide(1, ("no", "yes"), 2, 3, 0.5), spikes) == [-1, 1, -1, -1, 0, -1, -1, 0]
    assert labels_of(Decide(1, ("no", "yes"), 2, 1), [-3, 3, -2, 5]) == [-1, 0, 1, 1]
    several = [[1, 0, 1], [0, 2, 0], [0, 0, 3]]
    assert labels_of(Decide(3, ("a", "b", "c"), 2, 1), several) == [-1, 1, 2]
    assert labels_of(Decide(2, ("a", "b"), 1, 1), [[4, 4]]) == [0]


@given(st.lists(st.integers(-(2**23), 2**23), min_size=1, max_size=40), st.integers(1, 9), st.integers(1, 9))
def test_every_window_is_decided_as_if_it_were_all(values, window, stride):
    found = labels_of(Decide(1, ("no", "yes"), window, stride, 0.25), values)
    for end, label in enumerate(found, 1):
        due = end >= window and (end - window) % stride == 0
        assert label == (int(sum(values[end - window : end]) > 0.25 * window) if due else -1)


@given(st.integers(1, 30), st.integers(0, 1000))
def test_decisions_are_those_of_the_recipes(window, seed):
    rng = np.random.default_rng(seed)
    spikes, several = rng.integers(0, 2, (1, window, 1)), rng.integers(-9, 9, (1, window, 3))
    one = labels_of(Decide(1, ("no", "yes"), window, window, 0.5), spikes[0])
    many = labels_of(Decide(3, ("a", "b", "c"), window, window), several[0])
    assert one[-1] == majority(spikes)[0] and many[-1] == largest_mean(several)[0]


def test_the_half_seconds_of_instrument_are_decided_as_its_score():
    score = np.random.default_rng(0).integers(-9, 9, (1, 1000, 1))
    found = labels_of(Decide(1, ("no", "yes"), WINDOW, STRIDE), score[0])
    assert [label for label in found if label >= 0] == heard(score)[0].astype(int).tolist()


# events


@pytest.mark.parametrize("lateral", [True, False])
def test_events_are_the_cochlea_s(lateral):
    """An event whose float lies between two may be the other one: none or few of 24,000."""
    stages, x = cochlea_stages(lateral), sound(0.15)
    kept, found = [stage.start() for stage in stages], []
    for hop in x.reshape(-1, 32):
        for stage, held in zip(stages, kept, strict=True):
            hop = stage.step(held, hop)
        found.append(hop)
    expected = cochlea_events(np.pad(x, (160, 0)), 16_000, lateral).astype(int)
    apart = np.abs(np.array(found) - expected)
    assert expected.any() and apart.max() <= 1 and np.count_nonzero(apart) <= 5


# models


def test_a_stream_in_any_pieces_is_the_batch_run():
    model, x = listener(), sound()
    whole = run(model, x[None]).output[0]
    assert set(whole.tolist()) == {-1, 0, 1} and whole.shape == (150,) and whole.dtype == np.int32

    @given(st.lists(st.integers(0, len(x)), max_size=6))
    @settings(max_examples=5, deadline=None)
    def same(cuts):
        stream = Stream(model)
        parts = [stream.run(piece) for piece in np.split(x, sorted(cuts))]
        assert np.array_equal(np.concatenate([*parts, stream.finish()]), whole)

    same()


def test_a_frame_that_has_begun_is_a_frame():
    model, x = listener(), sound()[:1601]
    stream = Stream(model)
    first, last = stream.run(x), stream.finish()
    assert (len(first), len(last)) == (50, 1)
    assert np.array_equal(np.concatenate([first, last]), run(model, x[None]).output[0])


def test_the_chip_part_equals_the_reference():
    model, x = listener(), sound(0.1)[None]
    names = tuple(model.program.populations)
    law = model.run(x, lambda events, record: reference.run(model.program, events, record), names)
    ran = run(model, x, names)
    assert ran.spikes["layer"].any() and compare(ran, law).equal


def test_a_window_of_steps_is_latency():
    model, x = listener(window=10), sound(0.1)[None]
    assert latency(model)["algorithmic_s"] == pytest.approx(0.012 + 9 * 0.002)
    found = account(model, run(model, x))
    assert found["host"][-1]["stage"] == "Decide" and found["host"][-1]["operations"] == 4
    assert 0 < found["measured"]["events_to_chip_per_frame"] <= 320
    assert 0 < found["measured"]["events_to_host_per_frame"] <= 1


def test_channels_of_two_axes_and_a_membrane_are_taken():
    """As `instrument` has them; an axis of 1 before the 320, and a readout that does not fire."""
    weights, x = np.where(np.arange(320) < 128, -2, 4)[None], sound(0.1)[None]
    program = Program(
        {"input": Input((1, 320), message_bits=10)},
        {"hold": LI((1,), dv=36)},
        [Dense("input", "hold", weights)],
        ["hold"],
        dt=0.002,
    )
    model = hearing(program, Decide(1, ("no", "yes"), 10, 5))
    trace = run(model, x, ("hold",))
    means = np.convolve(trace.v["hold"][0, :, 0], np.ones(10), "valid")[::5]
    assert trace.output[0][9::5].tolist() == (means > 0).astype(int).tolist()
    assert account(model, trace)["measured"]["events_to_host_per_frame"] == pytest.approx(1)


def test_a_folder_holds_it(tmp_path):
    model, x = listener(), sound(0.1)[None]
    model.save(tmp_path / "m")
    again = Hybrid.load(tmp_path / "m")
    assert np.array_equal(run(again, x).output, run(model, x).output)
    assert again.end.names == ("low", "high")  # type: ignore[attr-defined]


CHANGES = [
    ("after", 0, "window", 0, "Decide: window = 0 must be a whole number, 1 to 1000000"),
    ("after", 0, "window", 10**12, "Decide: window = 1000000000000 must be"),
    ("after", 0, "stride", 1.5, "Decide: stride = 1.5 must be"),
    ("after", 0, "n", True, "Decide: n = True must be"),
    ("after", 0, "n", 2, "do not fit each other"),
    ("after", 0, "n", 3, "Decide: 2 names for 3 channels; give 3"),
    ("after", 0, "names", ["low", 5], "must be words that can be printed"),
    ("after", 0, "names", ["low", "hi\ngh"], "must be words that can be printed"),
    ("after", 0, "threshold", float("nan"), "Decide: threshold = nan must be a number"),
    ("after", 0, "stage", "Dequantize", "damaged"),
    ("before", 1, "n", 100, "Spectrum: n = 100 must be at least its window, 192"),
    ("before", 1, "n", 10**12, "Spectrum: n = 1000000000000 must be"),
    ("before", 1, "n", 4000, "do not fit each other"),
    ("before", 1, "weight", 5, "Spectrum: weight must be an array of 1 axes"),
    ("before", 2, "weight", [1, 2], "Bands: weight must be an array of 2 axes"),
    ("before", 3, "smallest", 0, "UnitRange: smallest = 0 must be a number above 0"),
    ("before", 5, "scale", "x", "Counts: scale = x must be a number above 0"),
    ("before", 5, "largest", 2**24, "Counts: largest = 16777216 must be"),
]


@pytest.mark.parametrize(("part", "stage", "what", "value", "message"), CHANGES)
def test_a_hostile_file_is_one_line(tmp_path, capsys, part, stage, what, value, message):
    listener().save(tmp_path / "m")
    host = tmp_path / "m" / "host.json"
    said = json.loads(host.read_text())
    said[part][stage][what] = value
    host.write_text(json.dumps(said))
    assert main(["info", str(tmp_path / "m")]) == 1
    error = capsys.readouterr().err
    assert message in error and f"{tmp_path / 'm'}: " in error and error.count("\n") == 1


def test_a_window_of_another_length_is_refused():
    before, model = list(cochlea_stages()), listener()
    for other in (Spectrum([1.0], 8000), Spectrum(np.ones(100), 8000)):
        before[1] = other
        with pytest.raises(BadInput, match="frames of 192"):
            Hybrid(before, model.program, model.after, 16_000)  # type: ignore[arg-type]


def test_stages_by_hand():
    assert Spectrum([1, 0], 4).operations == 2 + 8 + 3
    assert Bands([[1, 0, 2], [0, 0, 0]]).operations == 2
    assert Bands([[1, 0, 2]]).step(None, np.array([1, 5, 3], np.float32)).tolist() == [7]
    assert Rectified([[1, -1], [-1, 1]]).step(None, np.array([3, 1], np.float32)).tolist() == [2, 0]
    assert UnitRange(2, 1).step(None, np.array([4, 8], np.float32)).tolist() == [1, 2]
    assert Counts(2, 10, 12).step(None, np.array([0.25, 2], np.float32)).tolist() == [2, 12]
    assert Decide(1, ("no", "yes"), 4, 2).waits(Frames(10, 5)) == 25


# recipes


def test_recipes_decide_as_they_score():
    model = listener()
    cochlea, instrument = load("cochlea"), load("instrument")
    options = cochlea.chosen(None, {"seconds": 0.1, "lateral": False})
    made = cochlea.hybrid(model.program, options)  # type: ignore[attr-defined]
    assert (made.end.window, made.end.stride, made.end.threshold) == (50, 25, 0.5)
    assert np.array_equal(made.before[4].weight, cochlea_stages(lateral=False)[4].weight)  # type: ignore[attr-defined]
    made = instrument.hybrid(model.program, instrument.chosen(None, {"family": "reed"}))  # type: ignore[attr-defined]
    assert made.end.names == ("no acoustic reed", "acoustic reed") and made.waits == 192 + 249 * 32


# the command line


@pytest.fixture
def folder(tmp_path):
    listener().save(tmp_path / "model")
    soundfile.write(tmp_path / "x.wav", sound(), 16_000, subtype="FLOAT")
    return tmp_path


def expected() -> list[tuple[float, str]]:
    labels = run(listener(), sound()[None]).output[0]
    return [(round((t + 1) * 0.002, 6), ("low", "high")[labels[t]]) for t in np.flatnonzero(labels >= 0)]


def test_a_line_for_each_label(folder, capsys):
    arguments = [
        "stream",
        str(folder / "model"),
        "--in",
        str(folder / "x.wav"),
        "--out",
        str(folder / "x.csv"),
    ]
    assert main(arguments) == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [f"{seconds:.3f} {label}" for seconds, label in expected()]
    assert "a frame every 2 ms takes" in said.err
    with open(folder / "x.csv", newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["seconds", "label"] and [(float(s), label) for s, label in rows] == expected()
    assert main([*arguments, "--json", "--force"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert [(d["seconds"], d["label"]) for d in plain["decisions"]] == expected()


def test_labels_are_not_played(folder, capsys):
    assert main(["stream", str(folder / "model"), "--in", str(folder / "x.wav"), "--out", "device"]) == 1
    error = capsys.readouterr().err
    assert "gives labels, which cannot be played; give a csv file" in error and error.count("\n") == 1


def test_simulate_takes_the_same_folder(folder, capsys):
    arguments = ["simulate", str(folder / "model"), "--input", str(folder / "x.wav"), "--check"]
    assert main([*arguments, "--out", str(folder / "y.csv")]) == 0
    text = capsys.readouterr().out
    assert all(f"{seconds:.3f} {label}\n" in text for seconds, label in expected())
    assert "= reference: yes" in text and (folder / "y.csv").read_text().startswith("seconds,label\n0.02,")
    assert main([*arguments, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["decisions"]) == len(expected())
