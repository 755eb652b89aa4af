"""SHD and SSC: what is read, what is refused in one line, what is kept of a file with bad samples."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lavalier.simulate.errors import BadInput
from lavalier.train.data.shd import load_shd, shd_splits, torch_permutation

from .damage import damaged, drawn_damage

CLASSES = ("null", "eins", "zwei")


def write(path: Path, n: int = 6, kind: type = np.float16, replaced: Any = None) -> Path:
    """Write a file in SHD's layout; `replaced` are arrays to be put in place of it, None for left out."""
    rng = np.random.default_rng(n)
    sizes = rng.integers(1, 30, n)
    lists = {
        "spikes/times": [np.sort(rng.uniform(0, 1.5, size)).astype(kind) for size in sizes],
        "spikes/units": [rng.integers(0, 700, size).astype(np.uint16) for size in sizes],
    }
    arrays = {
        "labels": np.arange(n, dtype=np.uint16) % 3,
        "extra/speaker": np.arange(n, dtype=np.uint16) // 2,
        "extra/keys": np.array([name.encode() for name in CLASSES]),
    }
    with h5py.File(path, "w") as file:
        for name, values in ({**lists, **arrays} | (replaced or {})).items():
            if isinstance(values, list):
                data = file.create_dataset(name, (len(values),), h5py.vlen_dtype(values[0].dtype))
                for i, value in enumerate(values):
                    data[i] = value
            elif values is not None:
                file[name] = values
    return path


def spikes_of(path: Path, name: str) -> list:
    with h5py.File(path, "r") as opened:
        file: Any = opened
        return [np.array(value) for value in file[f"spikes/{name}"]]


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_every_spike_is_counted(tmp_path, kind):
    path = write(tmp_path / "shd_test.h5", kind=kind)
    held = load_shd(tmp_path, "test")
    assert held.x.shape == (6, 100, 700) and held.x.dtype == np.uint8
    assert held.y.tolist() == [0, 1, 2, 0, 1, 2] and held.classes == CLASSES
    assert held.speakers == ("0", "0", "1", "1", "2", "2") and held.names[4] == "shd_test.h5[4]"
    assert held.notes == ()
    assert held.x.sum(axis=(1, 2)).tolist() == [len(times) for times in spikes_of(path, "times")]
    assert np.array_equal(load_shd(path, "test").x, held.x)


@pytest.mark.filterwarnings("ignore")
def test_events_are_those_of_tonic(tmp_path):
    tonic = pytest.importorskip("tonic")
    (tmp_path / "SHD").mkdir()
    write(tmp_path / "SHD" / "shd_test.h5")
    (tmp_path / "SHD" / "shd_test.h5.zip").touch()  # else it would download
    theirs = tonic.datasets.SHD(str(tmp_path), train=False)
    ours = load_shd(
        tmp_path / "SHD", "test", encode=lambda times, units: np.array([np.sum(times), np.sum(units)])
    )
    assert len(theirs) == len(ours) == 6
    for i in range(6):
        events, label = theirs[i]
        assert label == ours.y[i]
        # tonic cuts times to whole microseconds
        assert abs(events["t"].sum() * 1e-6 - ours.x[i][0]) <= len(events) * 1e-6
        assert events["x"].sum() == ours.x[i][1]


def test_a_packed_file_is_read(tmp_path):
    path = write(tmp_path / "shd_test.h5")
    plain = load_shd(tmp_path, "test")
    packed = {"chunks": (4,), "maxshape": (None,), "compression": "gzip", "shuffle": True}
    with h5py.File(path, "r+") as opened:
        file: Any = opened
        for name in ("times", "units"):
            held = file[f"spikes/{name}"]
            data = file.create_dataset("packed", held.shape, held.dtype, **packed)
            for i in range(6):
                data[i] = held[i]
            del file[f"spikes/{name}"]
            file.move("packed", f"spikes/{name}")
    assert np.array_equal(load_shd(tmp_path, "test").x, plain.x)


def test_the_file_without_speakers_is_read(tmp_path):
    write(tmp_path / "shd_test.h5", replaced={"extra/speaker": None})
    assert load_shd(tmp_path, "test").speakers == ("",) * 6


def lists(name: str, i: int, value: list, kind: type) -> dict:
    """All of the usual lists, but one."""
    rng = np.random.default_rng(0)
    times, units = (
        rng.uniform(0, 1, (6, 4)).astype(np.float32),
        rng.integers(0, 700, (6, 4)).astype(np.uint16),
    )
    held = {"times": [*times], "units": [*units]}
    held[name] = [row.astype(kind) for row in held[name]]
    held[name][i] = np.array(value, dtype=kind)
    return {f"spikes/{key}": rows for key, rows in held.items()}


BAD_SAMPLES = {
    "late": (lists("times", 3, [0.1, np.nan, 0.2, 0.3], np.float32), "spike 1 is at nan s"),
    "early": (lists("times", 3, [0.1, -0.5, 0.2, 0.3], np.float32), "spike 1 is at -0.5 s"),
    "odd": (lists("times", 3, [0.1], np.float32), "one unit for each time"),
    "unit": (lists("units", 3, [1, 2, 3, 700], np.uint16), "unit 700; units are 0 to 699"),
    "label": ({"labels": np.array([0, 1, 2, 9, 1, 2])}, "label 9; labels are 0 to 2"),
    "negative": ({"labels": np.array([0, 1, 2, -1, 1, 2])}, "label -1; labels are 0 to 2"),
}


@pytest.mark.parametrize(("replaced", "message"), BAD_SAMPLES.values(), ids=BAD_SAMPLES)
def test_a_bad_sample_is_one_line_and_can_be_left_out(tmp_path, replaced, message):
    write(tmp_path / "shd_train.h5", replaced=replaced)
    with pytest.raises(BadInput, match=f"shd_train.h5: sample 3.* {message}") as caught:
        load_shd(tmp_path, "train")
    assert "\n" not in str(caught.value)
    kept = load_shd(tmp_path, "train", skip_bad=True)
    assert len(kept) == 5 and kept.y.tolist() == [0, 1, 2, 1, 2] and len(kept.x) == len(kept.names) == 5
    assert len(kept.notes) == 1 and kept.notes[0].startswith("1 left out: ") and message in kept.notes[0]


BAD_FILES = {
    "no times": ({"spikes/times": None}, "no array 'spikes/times'"),
    "no labels": ({"labels": None}, "no array 'labels'"),
    "no keys": ({"extra/keys": None}, "no array 'extra/keys'"),
    "fewer labels": ({"labels": np.zeros(5, int)}, "differ in number: .5, 6."),
    "fewer speakers": ({"extra/speaker": np.zeros(5, int)}, "differ in number: .5, 6."),
    "labels in words": ({"labels": np.array([b"null"] * 6)}, "labels holds .* not integers"),
    "times are no lists": ({"spikes/times": np.zeros(6)}, "not a list of numbers for each sample"),
    "a label missing": ({"labels": np.array([0, 1, 0, 1, 0, 1])}, "no sample of zwei; each of the 3 classes"),
    "a name with a line break": ({"extra/keys": np.array([b"a\nb", b"c", b"d"])}, "cannot be printed"),
    "a table": ({"labels": np.zeros((6, 1), int)}, "'labels' is no plain list"),
}


@pytest.mark.parametrize(("replaced", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_another_layout_is_refused(tmp_path, replaced, message):
    write(tmp_path / "shd_train.h5", replaced=replaced)
    for skip_bad in (False, True):
        with pytest.raises(BadInput, match=message) as caught:
            load_shd(tmp_path, "train", skip_bad=skip_bad)
        assert str(caught.value).startswith(f"{tmp_path / 'shd_train.h5'}: ") and "\n" not in str(
            caught.value
        )


def test_a_file_of_nothing_is_refused(tmp_path):
    nothing = {"labels": np.full(6, 9), "extra/keys": np.array([b"null"])}
    write(tmp_path / "shd_train.h5", replaced=nothing)
    with pytest.raises(BadInput, match="no sample that can be read; 6 left out: .* and 3 more"):
        load_shd(tmp_path, "train", skip_bad=True)


def test_links_are_not_followed(tmp_path):
    path = write(tmp_path / "shd_train.h5", replaced={"labels": None})
    write(tmp_path / "other.h5")
    with h5py.File(path, "r+") as file:
        file["labels"] = h5py.ExternalLink("other.h5", "labels")
    with pytest.raises(BadInput, match="no array 'labels'"):
        load_shd(tmp_path, "train")


def test_what_is_not_there_is_refused_with_the_way_out(tmp_path):
    with pytest.raises(BadInput, match="shd_train.h5: no such file; .* `lavalier download shd`, .* generate"):
        load_shd(tmp_path, "train")
    with pytest.raises(BadInput, match="split 'valid'; shd has train, test"):
        load_shd(tmp_path, "valid")
    with pytest.raises(BadInput, match="set 'shs'; it must be one of shd, ssc"):
        load_shd(tmp_path, "train", "shs")
    (tmp_path / "shd_train.h5").write_bytes(b"")
    with pytest.raises(BadInput, match="shd_train.h5: not a readable SHD file"):
        load_shd(tmp_path, "train")


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> bytes:
    return write(tmp_path_factory.mktemp("whole") / "shd_test.h5").read_bytes()


@pytest.mark.parametrize("skip_bad", [False, True])
def test_a_damaged_file_is_read_or_refused(whole, tmp_path, skip_bad):
    path = tmp_path / "shd_test.h5"

    @drawn_damage
    def check(flips, kept):
        path.write_bytes(damaged(whole, flips, kept))
        try:
            held = load_shd(path, "test", skip_bad=skip_bad)
        except BadInput as error:
            assert str(error).startswith(str(path)) and "\n" not in str(error)
            assert flips or kept < 1
        else:
            assert held.x.shape[1:] == (100, 700) and len(held.x) == len(held.y) == len(held.names)
            assert set(held.y.tolist()) == {0, 1, 2}

    check()


@pytest.fixture
def both(tmp_path):
    write(tmp_path / "shd_train.h5", 60)
    write(tmp_path / "shd_test.h5", 30)
    return tmp_path


def test_the_official_splits_hold_out_of_training(both):
    train, valid, test = shd_splits(both)
    assert (len(train), len(valid), len(test)) == (54, 6, 30)
    assert np.bincount(valid.y).tolist() == [2, 2, 2]
    assert not {*train.names} & {*valid.names} and all(name.startswith("shd_train") for name in valid.names)


def test_the_published_splits_choose_on_the_test_file(both):
    train, valid, test = shd_splits(both, protocol="abdallas")
    assert (len(train), len(valid), len(test)) == (60, 6, 24)
    assert {*valid.names, *test.names} == {f"shd_test.h5[{i}]" for i in range(30)}
    with pytest.raises(BadInput, match="protocol 'ours'; it must be one of official, abdallas"):
        shd_splits(both, protocol="ours")


def test_ssc_has_a_file_of_its_own_for_validation(tmp_path):
    for split, n in (("train", 9), ("valid", 6), ("test", 3)):
        write(tmp_path / f"ssc_{split}.h5", n)
    assert [len(part) for part in shd_splits(tmp_path, "ssc")] == [9, 6, 3]


@given(st.integers(1, 3000), st.integers(0, 2**32 - 1))
def test_the_permutation_is_that_of_torch(n, seed):
    torch = pytest.importorskip("torch")
    theirs = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    assert torch_permutation(n, seed).tolist() == theirs.tolist()
