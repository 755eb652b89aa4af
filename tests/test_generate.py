"""Generated sets: the layout of the real ones, the same files for the same seed, all of it or nothing."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import soundfile

from lavalier.cli import main
from lavalier.simulate.errors import BadInput
from lavalier.train.data.audiomnist import load_audiomnist, read_meta
from lavalier.train.data.fsdd import load_fsdd
from lavalier.train.data.shd import load_shd, shd_splits
from lavalier.train.data.whales import load_whales
from lavalier.train.generate.ear import hear, places_hz
from lavalier.train.generate.sets import SETS, generate, generated
from lavalier.train.generate.shd import WORDS, Utterance, write_heard
from lavalier.train.generate.whales import write_whales
from lavalier.train.generate.words import SHD_WORDS, SSC_WORDS
from lavalier.train.speech import generate as speech


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def shd(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("sets") / "shd"
    generate("shd", out, n=80)
    return out


def test_shd_is_laid_out_as_the_real_one(shd):
    assert {p.name for p in shd.iterdir()} == {"shd_train.h5", "shd_test.h5", "generated.json"}
    with h5py.File(shd / "shd_train.h5") as opened:
        file: Any = opened
        assert h5py.check_vlen_dtype(file["spikes/times"].dtype) == np.float16
        assert h5py.check_vlen_dtype(file["spikes/units"].dtype) == np.uint16
        assert len(file["spikes/times"]) == len(file["labels"]) == len(file["extra/speaker"]) == 80
        assert file["extra/keys"][0] == b"zero" and file["extra/keys"][10] == b"null"
        assert max(times.max() for times in file["spikes/times"]) < 1.4


def test_shd_is_as_lively_as_the_real_one(shd):
    train, valid, test = shd_splits(shd, protocol="abdallas")
    assert len(train.classes) == 20 and np.bincount(train.y).tolist() == [4] * 20
    assert (len(valid), len(test)) == (4, 16)
    counts = np.asarray(train.x)
    assert 0.02 < (counts > 0).mean() < 0.12 and counts.max() > 2
    # two speakers are in the test alone, and say most of it
    heard = [*valid.speakers, *test.speakers]
    assert not {"4", "5"} & {*train.speakers} and sum(s in ("4", "5") for s in heard) > 10


@pytest.fixture
def three_words(monkeypatch):
    """Few words, so that few samples do."""
    words = {name: (names[:3], sounds[:3]) for name, (names, sounds) in WORDS.items()}
    monkeypatch.setattr("lavalier.train.generate.shd.WORDS", words)


@pytest.mark.parametrize(("name", "n"), [("shd", 12), ("ssc", 20), ("whales", 10)])
def test_the_seed_decides_every_byte(three_words, tmp_path, name, n):
    for folder, seed in (("first", 0), ("again", 0), ("other", 1)):
        generate(name, tmp_path / folder, n=n, seed=seed)
    first, again, other = (files(tmp_path / folder) for folder in ("first", "again", "other"))
    assert first == again
    assert first.keys() == other.keys()
    assert all(first[path] != other[path] for path in first if path.endswith(("h5", "wav", "aiff")))


def test_shd_is_made_from_recordings(tmp_path):
    (tmp_path / "in").mkdir()
    for i, (samples, label) in enumerate(speech(20, 0, "train")):
        soundfile.write(tmp_path / "in" / f"{label}_ann_{i // 10 * 5}.wav", samples, 8000)
    for digit in range(10):
        for index in (0, 5):
            if not (tmp_path / "in" / f"{digit}_ann_{index}.wav").exists():
                samples = speech(10, 1, "train")[0][0]
                soundfile.write(tmp_path / "in" / f"{digit}_ann_{index}.wav", samples, 8000)
    record = generate("shd", tmp_path / "out", source=tmp_path / "in")
    assert record["from"] == str(tmp_path / "in")
    train, test = load_shd(tmp_path / "out", "train"), load_shd(tmp_path / "out", "test")
    assert train.classes == SHD_WORDS[0][:10] and train.y.tolist() == test.y.tolist() == list(range(10))
    with pytest.raises(BadInput, match="whales is not made from recordings"):
        generate("whales", tmp_path / "whales", source=tmp_path / "in")


def test_words_differ_in_sound():
    for classes, words in (SHD_WORDS, SSC_WORDS):
        assert len(classes) == len(set(classes)) == len(words) == len(set(words))
    assert (len(SHD_WORDS[0]), len(SSC_WORDS[0])) == (20, 35)


def test_ssc_has_three_files(three_words, tmp_path):
    generate("ssc", tmp_path / "ssc", n=20)
    assert [len(part) for part in shd_splits(tmp_path / "ssc", "ssc")] == [20, 3, 5]


def test_a_tone_is_heard_at_its_place():
    t = np.arange(4000) / 8000
    for hz in (300.0, 1200.0):
        times, units = hear(np.sin(2 * np.pi * hz * t), seed=0)
        most = places_hz()[np.bincount(units, minlength=700).argmax()]
        assert abs(np.log2(most / hz)) < 0.15
        assert (np.diff(times) >= 0).all() and times.max() < 0.5


def test_the_ear_follows_a_low_tone_in_phase():
    hz = 200.0
    times, units = hear(np.sin(2 * np.pi * hz * np.arange(8000) / 8000), seed=0)
    near = np.abs(places_hz()[units] - hz) < 5
    strength = np.abs(np.exp(2j * np.pi * hz * times[near]).mean())
    assert near.sum() > 50 and strength > 0.6


def test_level_does_not_matter_to_the_ear_and_its_seed_does():
    sound = speech(1, 0, "train")[0][0]
    first, louder, other = hear(sound, 0), hear(3 * sound.astype(float), 0), hear(sound, 1)
    assert np.array_equal(first[1], louder[1]) and not np.array_equal(first[1], other[1])
    assert abs(len(first[1]) / len(other[1]) - 1) < 0.1


@pytest.mark.parametrize("sound", [np.zeros(100), np.zeros(0), np.full(100, np.nan), np.ones((100, 2))])
def test_what_cannot_be_heard_is_refused(sound):
    with pytest.raises(ValueError, match="must be one channel of finite values"):
        hear(sound, 0)


def test_no_file_is_left_when_hearing_fails(tmp_path):
    bad = [Utterance(np.zeros(100), 0, 0)]
    with pytest.raises(ValueError):
        write_heard(tmp_path / "a.h5", ("zero",), bad, 1, 0)
    assert not [*tmp_path.iterdir()]


def test_audiomnist_is_laid_out_as_the_real_one(tmp_path):
    generate("audiomnist", tmp_path / "set", n=1)
    folders = sorted(p.name for p in (tmp_path / "set" / "data").iterdir() if p.is_dir())
    assert folders == [f"{speaker:02}" for speaker in range(1, 61)]
    info = soundfile.info(str(tmp_path / "set" / "data" / "07" / "3_07_0.wav"))
    assert (info.samplerate, info.channels, info.subtype) == (48_000, 1, "PCM_16")
    assert sorted(read_meta(tmp_path / "set")) == folders
    held = load_audiomnist(tmp_path / "set", "valid", fold=2)
    assert len(held) == 120 and all(0.1 < len(samples) / 16_000 < 1.3 for samples in held.x)


def test_fsdd_is_laid_out_as_the_real_one(tmp_path):
    generate("fsdd", tmp_path / "set", n=6)
    held = load_fsdd(tmp_path / "set", "test")
    assert len(held) == 300 and len(set(held.speakers)) == 6
    assert len(load_fsdd(tmp_path / "set", "train")) == 60


def test_whales_are_laid_out_as_the_real_ones(tmp_path):
    generate("whales", tmp_path / "set", n=100)
    info = soundfile.info(str(tmp_path / "set" / "data" / "train" / "train100.aiff"))
    assert (info.format, info.samplerate, info.frames, info.subtype) == ("AIFF", 2000, 4000, "PCM_16")
    assert len([*(tmp_path / "set" / "data" / "test").iterdir()]) == 25
    held = load_whales(tmp_path / "set")
    assert len(held) == 100 and held.y.sum() == 24


def test_only_the_shape_of_a_call_tells(tmp_path):
    """Energy in the band does not separate the classes, a sweep that matches does."""
    write_whales(tmp_path, n=400)
    held = load_whales(tmp_path)
    t = np.arange(2000) / 2000
    sweep = np.exp(2j * np.pi * np.cumsum(85 + 110 * t**1.7) / 2000)
    spectra = np.abs(np.fft.rfft(held.x))[:, 100:500] ** 2
    energy = np.log(spectra.sum(axis=1) / (np.abs(np.fft.rfft(held.x)) ** 2)[:, 500:].sum(axis=1))
    unit = held.x / held.x.std(axis=1, keepdims=True)
    length = 1 << 13
    matched = np.fft.ifft(np.fft.fft(unit, length) * np.conj(np.fft.fft(sweep, length)))
    score = np.abs(matched).max(axis=1)

    def auc(values):
        up, other = values[held.y == 1], values[held.y == 0]
        return (up[:, None] > other).mean()

    assert 0.5 < auc(energy) < 0.8 < auc(score) + 0.05


def test_nothing_real_is_ever_replaced(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "train.csv").write_text("mine")
    for force in (False, True):
        with pytest.raises(BadInput, match="exists and was not generated"):
            generate("whales", tmp_path / "real", n=20, force=force)
    assert files(tmp_path / "real") == {"train.csv": b"mine"}
    generate("whales", tmp_path / "set", n=20)
    with pytest.raises(BadInput, match="--force replaces it"):
        generate("whales", tmp_path / "set", n=30)
    generate("whales", tmp_path / "set", n=30, force=True)
    assert len(load_whales(tmp_path / "set")) == 30


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("whale",), "set 'whale'; it must be one of shd, ssc, audiomnist, fsdd, whales"),
        (("whales", 9), "n = 9; at least 10 clips"),
        (("shd", 79), "n = 79; 20 classes need at least 80"),
        (("ssc", 233), "n = 233; 35 classes need at least 234"),
        (("fsdd", 5), "n = 5; 6 to 50 recordings"),
        (("audiomnist", 51), "n = 51; 1 to 50 recordings"),
        (("whales", 20, -1), "seed = -1; it must be at least 0"),
    ],
)
def test_refusals_say_what_and_leave_nothing(tmp_path, arguments, message):
    name, *more = arguments
    with pytest.raises(BadInput, match=message):
        generate(name, tmp_path / "set", *more)
    assert not [*tmp_path.iterdir()]


def test_the_cache_makes_a_set_once(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = generated("whales", n=20)
    stamp = (first / "data" / "train.csv").stat().st_mtime_ns
    assert generated("whales", n=20) == first and first.is_relative_to(tmp_path)
    assert (first / "data" / "train.csv").stat().st_mtime_ns == stamp
    assert generated("whales", n=21) != first != generated("whales", n=20, seed=1)


def test_the_command_writes_a_set(tmp_path, capsys):
    out = str(tmp_path / "set")
    assert main(["generate", "whales", "--out", out, "--n", "20", "--seed", "3"]) == 0
    assert capsys.readouterr().out == f"whales: 20 labeled clips, seed 3, from formulas\nwritten: {out}\n"
    assert json.loads((tmp_path / "set" / "generated.json").read_text())["seed"] == 3
    assert main(["generate", "whales", "--out", out, "--n", "20"]) == 1
    assert capsys.readouterr().err == f"lavalier: {out}: exists; --force replaces it\n"
    assert main(["generate", "whales", "--out", out, "--n", "20", "--force", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["seed"] == 0


def test_every_set_says_what_its_size_counts():
    for made in SETS.values():
        assert made.counts and callable(made.write)
