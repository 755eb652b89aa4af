"""NSynth's layout: what the generator writes the loader reads, and damage is one clear line."""

import json

import numpy as np
import pytest
import soundfile

from lavalier.simulate.errors import BadInput
from lavalier.train.data.nsynth import find_notes, read_note
from lavalier.train.generate.din import DIN, mixed
from lavalier.train.generate.notes import FAMILIES, Instrument, play
from lavalier.train.generate.nsynth import play_notes, write_notes
from lavalier.train.generate.scores import Recorded, ScoreNote, Voice, compose, generated, perform, presence
from lavalier.train.generate.sets import generate
from lavalier.train.note_sets import in_noise, note_splits

RATE = 16_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small NSynth: eight notes of two families in each split."""
    path = tmp_path_factory.mktemp("nsynth")
    for split in ("train", "valid", "test"):
        write_notes(path, split, play_notes(8, 1, split, ("flute", "reed"), seconds=0.5))
    return path


def damaged(folder, tmp_path, name, change):
    """Copy the test split with one entry of examples.json changed."""
    (tmp_path / "nsynth-test" / "audio").mkdir(parents=True)
    for wav in (folder / "nsynth-test" / "audio").iterdir():
        (tmp_path / "nsynth-test" / "audio" / wav.name).write_bytes(wav.read_bytes())
    described = json.loads((folder / "nsynth-test" / "examples.json").read_text())
    key = name or next(iter(described))
    described[key] = change(described.get(key, next(iter(described.values()))))
    (tmp_path / "nsynth-test" / "examples.json").write_text(json.dumps(described))
    return tmp_path


def test_what_is_written_is_read(folder):
    played = {note.name: note for note in play_notes(8, 1, "train", ("flute", "reed"), seconds=0.5)}
    found = find_notes(folder, "train")
    assert [note.name for note in found] == sorted(played)
    for note in found:
        samples, made = read_note(note), played[note.name]
        assert np.abs(samples - made.samples).max() <= 1 / 32767
        assert (note.family, note.source) == (made.instrument.family, made.instrument.source)
        assert (note.pitch, note.velocity) == (made.pitch, made.velocity)
    entry = json.loads((folder / "nsynth-train" / "examples.json").read_text())[found[0].name]
    assert entry["note_str"] == found[0].name and entry["instrument_family"] == 2
    assert {"qualities", "qualities_str", "sample_rate", "instrument_str"} <= entry.keys()


def test_no_instrument_is_in_two_splits():
    players = [
        {n.instrument.name for n in play_notes(20, 0, s, seconds=0.05)} for s in ("train", "valid", "test")
    ]
    assert not players[0] & players[1] and not players[0] & players[2] and not players[1] & players[2]


def test_families_are_chosen(folder):
    assert {note.family for note in find_notes(folder, "test", ("reed",))} == {"reed"}
    with pytest.raises(BadInput, match="no note of organ among its 8"):
        find_notes(folder, "test", ("organ",))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda entry: "a note", "is not described by names and values"),
        (lambda entry: entry | {"instrument_family_str": "kazoo"}, "instrument_family_str = 'kazoo'"),
        (lambda entry: entry | {"instrument_source_str": None}, "instrument_source_str = None"),
        (lambda entry: entry | {"pitch": 200}, "pitch = 200; it must be a whole number, 0 to 127"),
        (lambda entry: entry | {"velocity": "loud"}, "velocity = 'loud'"),
        (lambda entry: entry | {"velocity": True}, "velocity = True"),
    ],
)
def test_an_entry_that_is_no_notes_is_named(folder, tmp_path, change, said):
    with pytest.raises(BadInput, match=said):
        find_notes(damaged(folder, tmp_path, None, change), "test")


def test_a_name_that_leads_out_or_to_nothing_is_refused(folder, tmp_path):
    with pytest.raises(BadInput, match="must not lead out"):
        find_notes(damaged(folder, tmp_path / "a", "../../secret", lambda entry: entry), "test")
    with pytest.raises(BadInput, match="no such file, though"):
        find_notes(damaged(folder, tmp_path / "b", "flute_acoustic_009-001-001", lambda entry: entry), "test")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no such file; give the folder"),
        ("{", "not a readable JSON"),
        ("[1]", "at least one"),
        ("{}", "at"),
    ],
)
def test_a_missing_or_damaged_description_is_one_line(tmp_path, content, said):
    (tmp_path / "nsynth-train").mkdir()
    if content is not None:
        (tmp_path / "nsynth-train" / "examples.json").write_text(content)
    with pytest.raises(BadInput, match=said):
        find_notes(tmp_path, "train")
    with pytest.raises(BadInput, match="split is 'all'"):
        find_notes(tmp_path, "all")


@pytest.mark.parametrize(
    ("samples", "rate", "said"),
    [
        (np.zeros((100, 2)), RATE, "2 channels"),
        (np.zeros(100), 8000, "8000 Hz"),
        (np.zeros(0), RATE, "no samples"),
        (np.array([0.0, np.nan]), RATE, "sample 1 is not finite"),
    ],
)
def test_a_sound_that_is_none_is_refused(folder, samples, rate, said, tmp_path):
    note = find_notes(folder, "test")[0]
    bad = tmp_path / "bad.wav"
    soundfile.write(bad, samples, rate, subtype="FLOAT")
    with pytest.raises(BadInput, match=said):
        read_note(note.__class__(**{**vars(note), "path": bad}))


def test_a_sound_of_noise_bytes_is_refused(folder, tmp_path):
    note = find_notes(folder, "test")[0]
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF" + bytes(range(200)))
    with pytest.raises(BadInput, match="not a sound file that can be read"):
        read_note(note.__class__(**{**vars(note), "path": bad}))


# the generator


@pytest.mark.parametrize("family", FAMILIES)
def test_a_note_is_the_same_again_and_at_its_pitch(family):
    who = Instrument(family, "synthetic", 1)
    a, b = (play(who, 69, 100, np.random.default_rng(3), 0.5, 0.4) for _ in range(2))
    assert np.array_equal(a, b) and a.dtype == np.float32 and np.isfinite(a).all()
    spectrum = np.abs(np.fft.rfft(a * np.hanning(len(a))))
    near = np.abs(np.fft.rfftfreq(len(a), 1 / RATE) - 440) < 12
    assert spectrum[near].max() > 20 * np.median(spectrum)


def test_real_flutes_waver_and_synthetic_ones_repeat_themselves():
    def wavering(source, number):
        """How much the level of the first partial changes over half a second, shares of itself."""
        t = np.arange(8000) / RATE
        sound = play(Instrument("flute", source, number), 72, 100, np.random.default_rng(1), 1.0, 1.0)
        level = np.abs(
            np.convolve(sound[6000:14000] * np.exp(-2j * np.pi * 523.25 * t), np.ones(800), "valid")
        )
        return level.std() / level.mean()

    for number in range(5):
        assert wavering("acoustic", number) > 3 * wavering("synthetic", number)


def test_arguments_out_of_range_are_refused():
    for wrong in ({"n": 0}, {"n": 5000}, {"seed": -1}, {"split": "all"}, {"families": ("kazoo",)}):
        with pytest.raises(BadInput, match="n must be 1 to 4000"):
            play_notes(**{"n": 1, "seed": 0, "split": "test", **wrong})


# noise


@pytest.mark.parametrize("kind", DIN)
def test_noise_is_mixed_at_its_level(kind):
    sound = 0.1 * np.sin(np.arange(8000) / 5)
    noise = DIN[kind](np.random.default_rng(0), 8000, RATE)
    assert noise.shape == (8000,) and np.isfinite(noise).all()
    added = mixed(sound, noise, 10.0) - sound
    assert 10 * np.log10(np.mean(sound**2) / np.mean(added**2)) == pytest.approx(10, abs=1e-3)


def test_a_loud_sum_does_not_clip():
    both = mixed(np.ones(100), np.ones(100), 0.0)
    assert both.max() == pytest.approx(1.0)
    assert np.isfinite(mixed(np.ones(10), np.zeros(10), 0.0)).all()


def test_sounds_in_noise_keep_name_and_label():
    rng = np.random.default_rng(0)
    (name, heard, label), *_ = in_noise([("a", np.ones(8000, np.float32) / 4, 1)], 20.0, rng)
    assert (name, label, heard.shape) == ("a", 1, (8000,))


# splits and pieces


def test_splits_are_of_the_folder_or_of_the_generator(folder):
    def encode(samples):
        return np.abs(samples[:, None] * 10)

    read = note_splits(folder, 0, (4, 2, 2), 0.6, encode)
    assert [len(part) for part in read[:3]] == [4, 2, 2] and read.train.x.shape == (4, 9600, 1)
    assert "4 notes shorter than 0.6 s: followed by silence" in read.train.notes
    assert "2 of 4 notes, evenly spaced" in read.test.notes
    made = note_splits(None, 0, (4, 2, 2), 0.1, encode)
    assert made.train.y.tolist() == [1, 0, 1, 0] and made.train.x.shape == (4, 1600, 1)


def test_an_encoder_that_refuses_names_the_note(folder):
    def encode(samples):
        raise ValueError("too quiet")

    with pytest.raises(BadInput, match="flute_.*: too quiet"):
        note_splits(folder, 0, (1, 1, 1), 0.1, encode)


def test_a_melody_is_heard_where_it_sounds():
    melody = [ScoreNote(72, 100, 400), ScoreNote(74, 800, 1000)]
    voice, rng = Voice("flute", "acoustic"), np.random.default_rng(0)
    sound = perform(voice, melody, 1200, generated("test", rng), rng)
    assert sound.shape == (19_200,) and np.abs(sound).max() == pytest.approx(1)
    assert not sound[:1600].any() and not sound[int(0.49 * RATE) : int(0.8 * RATE)].any()
    assert sound[3200:6400].std() > 0.05
    assert presence(melody, 1200, 500, 250).tolist() == [1, 1, 1]
    assert presence(melody, 1200, 200, 200).tolist() == [1, 1, 0, 0, 1, 0]


def test_melodies_stay_in_the_range_of_the_family():
    for seed in range(5):
        for family, kind in FAMILIES.items():
            melody = compose(Voice(family, "acoustic"), 4000, np.random.default_rng(seed))
            assert all(kind.pitches[0] <= note.pitch <= kind.pitches[1] for note in melody)
            assert all(a.end <= b.start for a, b in zip(melody, melody[1:], strict=False))


def test_recorded_notes_are_brought_to_pitch_and_length(folder):
    sounding, rng = Recorded(folder, "test"), np.random.default_rng(0)
    voice, notes = next(iter(sounding.notes.items()))
    note = notes[0]
    notes[:] = [note]
    assert np.array_equal(sounding(voice, note.pitch, 9.0, rng), read_note(note))
    higher = sounding(voice, note.pitch + 12, 9.0, rng)
    assert len(higher) == 4000  # an octave: half as long
    assert len(sounding(voice, note.pitch, 0.2, rng)) == 3200
    with pytest.raises(BadInput, match="no note of organ, synthetic"):
        sounding(Voice("organ", "synthetic"), 60, 0.2, rng)


def test_labels_stand_in_the_columns_of_the_original():
    assert [Voice("flute", s).column for s in ("acoustic", "electronic", "synthetic")] == [2, 13, 24]


def test_a_bad_sound_can_be_left_out(folder, tmp_path):
    same = damaged(folder, tmp_path, None, lambda entry: entry)
    for split in ("train", "valid"):
        (same / f"nsynth-{split}").symlink_to(folder / f"nsynth-{split}")
    note = find_notes(same, "test", ("flute",))[0]
    note.path.write_bytes(b"nothing")

    def encode(samples):
        return np.abs(samples[:, None])

    with pytest.raises(BadInput, match="not a sound file that can be read"):
        note_splits(same, 0, (4, 4, 4), 0.1, encode)
    left = note_splits(same, 0, (4, 4, 4), 0.1, encode, skip_bad=True).test
    assert len(left) == 3 and left.notes[0].startswith(f"1 left out: {note.path}")
    sounding, voice = Recorded(same, "test", skip_bad=True), Voice(note.family, note.source)
    sounding.notes[voice] = [note]
    with pytest.raises(BadInput, match="none of the 1 notes of flute near"):
        sounding(voice, note.pitch, 0.1, np.random.default_rng(0))


def test_a_small_nsynth_is_generated_by_name(tmp_path):
    record = generate("nsynth", tmp_path / "set", n=6, seed=2)
    assert record["set"] == "nsynth"
    assert [len(find_notes(tmp_path / "set", split)) for split in ("train", "valid", "test")] == [6, 1, 2]
    with pytest.raises(BadInput, match="n = 5; at least 6"):
        generate("nsynth", tmp_path / "other", n=5)
