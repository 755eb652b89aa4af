"""AudioMNIST, FSDD and the whale challenge: what is read, refused in one line, or left out and said."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lavalier.simulate.errors import BadInput
from lavalier.train.data.audiomnist import GROUPS, fold_speakers, load_audiomnist, read_meta
from lavalier.train.data.fsdd import load_fsdd
from lavalier.train.data.labeled import stratified_folds
from lavalier.train.data.sound_file import read_exact
from lavalier.train.data.whales import load_whales, whale_splits
from lavalier.train.recordings import load_recordings

from .damage import damaged, drawn_damage

FSDD = Path(__file__).parents[2] / "shared" / "data" / "fsdd"


def tone(n: int, hz: float = 40.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * np.arange(n) / hz)


def put(path: Path, samples: np.ndarray, rate: int, kind: str = "WAV", subtype: str = "PCM_16") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, format=kind, subtype=subtype)
    return path


@pytest.fixture
def spoken(tmp_path) -> Path:
    """AudioMNIST with one take of each digit by each speaker of the test of fold 0."""
    for speaker in fold_speakers(0, "test"):
        for digit in range(10):
            put(tmp_path / "data" / speaker / f"{digit}_{speaker}_0.wav", tone(480 + 48 * digit), 48_000)
    return tmp_path


def test_folds_are_the_published_ones():
    assert sorted(s for group in GROUPS for s in group) == list(range(1, 61))
    assert fold_speakers(0, "test") == tuple(f"{s:02}" for s in sorted(GROUPS[0]))
    assert set(fold_speakers(0, "valid")) == {f"{s:02}" for s in GROUPS[4]}
    assert set(fold_speakers(3, "valid")) == {f"{s:02}" for s in GROUPS[2]}
    for fold in range(5):
        parts = [fold_speakers(fold, split) for split in ("train", "valid", "test")]
        assert [len(part) for part in parts] == [36, 12, 12] and len(
            {s for part in parts for s in part}
        ) == 60
    with pytest.raises(BadInput, match="fold 5, split 'test'; folds are 0 to 4"):
        fold_speakers(5, "test")


def test_sounds_are_resampled_and_in_order(spoken):
    held = load_audiomnist(spoken, "test")
    assert len(held) == 120 and held.rate_hz == 16_000 and held.notes == ()
    assert held.names[:2] == ("0_05_0.wav", "1_05_0.wav") and held.speakers[:11] == ("05",) * 10 + ("13",)
    assert held.y.tolist() == list(range(10)) * 12 and held.y.dtype == np.int64
    assert [len(samples) for samples in held.x[:3]] == [160, 176, 192] and held.x[0].dtype == np.float32
    plain = load_audiomnist(spoken / "data", "test", rate_hz=48_000)
    assert np.abs(plain.x[0] - tone(480)).max() < 1 / 32768


def test_takes_are_ordered_by_number(spoken):
    for index in (10, 9):
        put(spoken / "data" / "05" / f"0_05_{index}.wav", tone(480), 48_000)
    assert load_audiomnist(spoken, "test").names[:3] == ("0_05_0.wav", "0_05_9.wav", "0_05_10.wav")


BAD_WAVS = {
    "rate": ((tone(441), 44_100), "44100 Hz; this set has 48000 Hz"),
    "stereo": ((np.zeros((480, 2)), 48_000), "2 channels; the limit is 1"),
    "empty": ((np.zeros(0), 48_000), "no samples"),
    "silent": ((np.zeros(480), 48_000), "silent, all 480 samples are 0.0"),
    "nan": ((np.full(480, np.nan), 48_000), "sample 0 is nan"),
}


@pytest.mark.parametrize(("sound", "message"), BAD_WAVS.values(), ids=BAD_WAVS)
def test_a_bad_recording_is_one_line_and_can_be_left_out(spoken, sound, message):
    path = put(spoken / "data" / "13" / "4_13_7.wav", *sound, subtype="FLOAT")
    with pytest.raises(BadInput, match=message) as caught:
        load_audiomnist(spoken, "test")
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)
    kept = load_audiomnist(spoken, "test", skip_bad=True)
    assert len(kept) == 120 and kept.notes[0].startswith(f"1 left out: {path}: ")


def test_a_missing_speaker_can_be_left_out_but_not_a_digit(spoken):
    for path in (spoken / "data" / "05").iterdir():
        path.unlink()
    (spoken / "data" / "05").rmdir()
    with pytest.raises(BadInput, match="05: no such directory; the fold needs speaker 05"):
        load_audiomnist(spoken, "test")
    assert len(load_audiomnist(spoken, "test", skip_bad=True)) == 110
    for path in (spoken / "data").glob("*/3_*.wav"):
        path.unlink()
    with pytest.raises(BadInput, match="no sample of 3; each of the 10 classes needs at least one"):
        load_audiomnist(spoken, "test", skip_bad=True)


def test_names_are_checked(spoken):
    put(spoken / "data" / "13" / "noise.wav", tone(480), 48_000)
    assert load_audiomnist(spoken, "test").notes == (
        "1 wav files left out: not named {digit}_{speaker}_{index}.wav",
    )
    put(spoken / "data" / "13" / "4_14_0.wav", tone(480), 48_000)
    with pytest.raises(BadInput, match="of speaker 14, in the folder of 13"):
        load_audiomnist(spoken, "test")
    with pytest.raises(BadInput, match="nowhere: no such directory"):
        load_audiomnist(spoken / "nowhere", "test")


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"01": 2}', "\x00", '{"01":' * 2000, "\udc80"])
def test_what_is_no_table_of_speakers_is_refused(spoken, text):
    path = spoken / "data" / "audioMNIST_meta.txt"
    with pytest.raises(BadInput, match="no such file"):
        read_meta(spoken)
    path.write_text(text, errors="surrogateescape")
    with pytest.raises(BadInput, match="not readable JSON|must map each speaker") as caught:
        read_meta(spoken)
    assert "\n" not in str(caught.value)
    path.write_text(json.dumps({"01": {"gender": "male"}}))
    assert read_meta(spoken)["01"]["gender"] == "male"


@pytest.fixture
def recorded(tmp_path) -> Path:
    for digit in range(10):
        for index in (0, 5):
            put(tmp_path / "recordings" / f"{digit}_ann_b_{index}.wav", tone(800 + 80 * digit), 8000)
    return tmp_path


def test_fsdd_is_sound_of_the_rate_asked_for(recorded):
    held = load_fsdd(recorded, "test", rate_hz=16_000)
    assert held.names[3] == "3_ann_b_0.wav" and held.speakers == ("ann_b",) * 10 and held.notes == ()
    assert [len(samples) for samples in held.x[:2]] == [1600, 1760]
    assert np.abs(load_fsdd(recorded, "train").x[0] - tone(800)).max() < 1 / 32768


def test_fsdd_without_a_digit_or_with_a_bad_file(recorded):
    path = put(recorded / "recordings" / "3_ann_b_1.wav", np.zeros((800, 2)), 8000)
    with pytest.raises(BadInput, match="2 channels"):
        load_fsdd(recorded, "test")
    assert load_fsdd(recorded, "test", skip_bad=True).notes == (
        f"1 left out: {path}: 2 channels; the limit is 1, mix it down first",
    )
    assert any("1 left out" in note for note in load_recordings(recorded, "test", skip_bad=True).notes)
    (recorded / "recordings" / "3_ann_b_0.wav").unlink()
    with pytest.raises(BadInput, match="test: no sample of 3"):
        load_fsdd(recorded, "test", skip_bad=True)


def test_nothing_but_bad_recordings_is_refused(tmp_path):
    put(tmp_path / "3_ann_1.wav", np.zeros((800, 2)), 8000)
    with pytest.raises(BadInput, match="every recording for test is bad; 1 left out"):
        load_recordings(tmp_path, "test", skip_bad=True)


@pytest.mark.skipif(not FSDD.is_dir(), reason="needs ../shared/data/fsdd beside the clone")
def test_the_real_recordings():
    held = load_fsdd(FSDD, "test")
    assert np.bincount(held.y).tolist() == [25] * 10 and len(set(held.speakers)) == 5


@pytest.fixture
def sea(tmp_path) -> Path:
    """A challenge of twelve clips."""
    for i in range(1, 13):
        put(tmp_path / "data" / "train" / f"train{i}.aiff", tone(4000, 10 + i), 2000, "AIFF")
    rows = [f"train{i}.aiff,{int(i > 6)}" for i in range(1, 13)]
    (tmp_path / "data" / "train.csv").write_text("\n".join(["clip_name,label", *rows]) + "\n")
    return tmp_path


def test_clips_are_in_the_order_of_the_table(sea):
    held = load_whales(sea)
    assert held.x.shape == (12, 4000) and held.x.dtype == np.float32 and held.rate_hz == 2000
    assert held.y.tolist() == [0] * 6 + [1] * 6 and held.names[1] == "train2.aiff"
    assert np.abs(held.x[1] - tone(4000, 12)).max() < 1 / 32768
    assert np.array_equal(load_whales(sea / "data").x, held.x)


def rewritten(sea: Path, before: str, after: str) -> None:
    table = sea / "data" / "train.csv"
    text = table.read_text()
    assert before in text
    table.write_text(text.replace(before, after))


BAD_ROWS = {
    "label": ("train3.aiff,0", "train3.aiff,2", "line 4: `train3.aiff,2` is not a file name and 0 or 1"),
    "missing": ("train3.aiff,0", "train3.aiff", "line 4: `train3.aiff` is not"),
    "more": ("train3.aiff,0", "train3.aiff,0,1", "line 4: `train3.aiff,0,1` is not"),
    "empty": ("train3.aiff,0", ",0", "line 4: '' is not the name of a file"),
    "outside": ("train3.aiff,0", "../train3.aiff,0", "line 4: '../train3.aiff' is not the name of a file"),
    "twice": ("train3.aiff,0", "train2.aiff,0", "line 4: train2.aiff is in the table twice"),
    "no file": ("train3.aiff,0", "train99.aiff,0", "train99.aiff: no such file; give a mono aiff file"),
}


@pytest.mark.parametrize(("before", "after", "message"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_bad_row_is_one_line_and_can_be_left_out(sea, before, after, message):
    rewritten(sea, before, after)
    with pytest.raises(BadInput, match=message.replace("..", r"\.\.")) as caught:
        load_whales(sea)
    assert "\n" not in str(caught.value)
    kept = load_whales(sea, skip_bad=True)
    assert len(kept) == 11 and kept.notes[0].startswith("1 left out: ")


BAD_CLIPS = {
    "rate": ((tone(4000), 4000), "4000 Hz; this set has 2000 Hz"),
    "short": ((tone(3999), 2000), "3999 samples; a clip has 4000"),
    "silent": ((np.zeros(4000), 2000), "silent"),
    "stereo": ((np.zeros((4000, 2)), 2000), "2 channels"),
}


@pytest.mark.parametrize(("sound", "message"), BAD_CLIPS.values(), ids=BAD_CLIPS)
def test_a_bad_clip_is_one_line_and_can_be_left_out(sea, sound, message):
    put(sea / "data" / "train" / "train3.aiff", *sound, kind="AIFF")
    with pytest.raises(BadInput, match=f"train3.aiff: {message}"):
        load_whales(sea)
    assert len(load_whales(sea, skip_bad=True)) == 11


def test_a_table_of_another_kind_is_refused(sea):
    rewritten(sea, "clip_name,label", "clip,label")
    with pytest.raises(BadInput, match="line 1 must be `clip_name,label`"):
        load_whales(sea, skip_bad=True)
    (sea / "data" / "train.csv").unlink()
    with pytest.raises(BadInput, match="train.csv: no such file; .* `lavalier generate whales`"):
        load_whales(sea)


def test_a_class_without_a_clip_is_refused(sea):
    rewritten(sea, ",1", ",0")
    with pytest.raises(BadInput, match="train.csv: no sample of upcall; each of the 2 classes"):
        load_whales(sea)


def test_a_damaged_table_is_read_or_refused(sea):
    table = sea / "data" / "train.csv"
    whole = table.read_bytes()

    @drawn_damage
    def check(flips, kept):
        table.write_bytes(damaged(whole, flips, kept))
        try:
            held = load_whales(sea)
        except BadInput as error:
            assert str(error).startswith(str(sea)) and "\n" not in str(error)
        else:
            assert held.x.shape[1:] == (4000,) and len(held.x) == len(held.y)

    check()


@pytest.mark.parametrize("kind, rate", [("WAV", 48_000), ("AIFF", 2000)])
def test_a_damaged_sound_is_read_or_refused(tmp_path, kind, rate):
    path = put(tmp_path / f"a.{kind.lower()}", tone(600), rate, kind)
    whole = path.read_bytes()

    @drawn_damage
    def check(flips, kept):
        path.write_bytes(damaged(whole, flips, kept))
        try:
            samples = read_exact(path, rate, kind)
        except BadInput as error:
            assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
            assert flips or kept < 1
        else:
            assert 0 < len(samples) <= len(whole) and np.isfinite(samples).all()

    check()


def test_splits_of_the_challenge_keep_the_share_of_upcalls(sea):
    with pytest.raises(BadInput, match="10 folds of classes with 6 samples"):
        whale_splits(load_whales(sea))
    y = np.array([0] * 60 + [1] * 40)
    held = load_whales(sea).take(np.arange(100) % 12)
    held = type(held)(held.x, y, held.classes, tuple(str(i) for i in range(100)))
    train, valid, test = whale_splits(held, seed=3)
    assert [len(part) for part in (train, valid, test)] == [70, 10, 20]
    assert [int(part.y.sum()) for part in (train, valid, test)] == [28, 4, 8]
    assert len({*train.names, *valid.names, *test.names}) == 100


def test_folds_hold_every_sample_once_and_every_class_alike():
    y = np.array([0] * 33 + [1] * 8 + [2] * 5)
    folds = stratified_folds(y, 5, seed=1)
    assert sorted(np.concatenate(folds).tolist()) == list(range(46))
    assert {len(fold) for fold in folds} == {9, 10}
    counts = np.array([np.bincount(y[fold], minlength=3) for fold in folds])
    assert (np.ptp(counts, axis=0) <= 1).all()
    assert not np.array_equal(folds[0], stratified_folds(y, 5, seed=2)[0])
