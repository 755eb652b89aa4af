"""Reading wav files: what is accepted, what is said about it, what is refused."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lavalier.simulate.errors import BadInput
from lavalier.train.recordings import load_recordings, read_wav

FSDD = Path(__file__).parents[2] / "shared" / "data" / "fsdd"


def tone(n=4000, rate=8000, hz=440.0):
    return 0.5 * np.sin(2 * np.pi * hz * np.arange(n) / rate)


def write(path, samples, rate=8000, subtype="PCM_16"):
    soundfile.write(path, samples, rate, subtype=subtype, format="WAV")
    return path


def test_a_plain_file_is_read_as_it_is(tmp_path):
    samples, notes = read_wav(write(tmp_path / "a.wav", tone()))
    assert samples.dtype == np.float32 and notes == ()
    assert np.abs(samples - tone()).max() < 1 / 32768


def test_another_rate_is_resampled_and_said(tmp_path):
    samples, notes = read_wav(write(tmp_path / "a.wav", tone(22050, 44100), 44100))
    assert notes == ("resampled from 44100 Hz to 8000 Hz",)
    assert len(samples) == 4000
    assert np.abs(samples - tone())[200:-200].max() < 1e-3


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((4000, 2)), "2 channels; the limit is 1"),
        (np.zeros(0), "no samples; at least one frame of 200"),
        (np.zeros(199), "199 samples .* at least one frame of 200"),
        (np.r_[tone(), np.nan], "sample 4000 is nan; all must be finite"),
        (np.r_[tone(), np.inf], "sample 4000 is inf; all must be finite"),
    ],
    ids=["stereo", "empty", "short", "nan", "inf"],
)
def test_bad_sound_is_refused_in_one_line(tmp_path, samples, message):
    path = write(tmp_path / "bad.wav", samples, subtype="FLOAT")
    with pytest.raises(BadInput, match=message) as caught:
        read_wav(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize("rate", [44100, 48000, 11025])
def test_bad_sound_at_another_rate_is_refused(tmp_path, rate):
    for samples in (np.zeros(0), np.zeros(20), np.full(9000, np.nan)):
        with pytest.raises(BadInput, match=r"bad\.wav: "):
            read_wav(write(tmp_path / "bad.wav", samples, rate, "FLOAT"))


def test_what_is_no_wav_is_refused(tmp_path):
    path = tmp_path / "text.wav"
    path.write_text("this is not a wav file, it only has the name of one")
    with pytest.raises(BadInput, match=r"text\.wav: not a sound file .*; give a mono wav"):
        read_wav(path)
    path.write_bytes(write(tmp_path / "a.wav", tone()).read_bytes()[:20])
    with pytest.raises(BadInput, match=r"text\.wav: "):
        read_wav(path)


def test_what_does_not_exist_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"none\.wav: no such file"):
        read_wav(tmp_path / "none.wav")


@pytest.fixture
def layout(tmp_path):
    for index in (0, 4, 5, 12):
        for digit in (3, 7):
            write(tmp_path / f"{digit}_ann_b_{index}.wav", tone(3000 + 500 * digit + 500 * index))
    return tmp_path


def test_splits_are_by_index(layout):
    test, train = load_recordings(layout, "test"), load_recordings(layout, "train")
    assert test.names == ("3_ann_b_0.wav", "3_ann_b_4.wav", "7_ann_b_0.wav", "7_ann_b_4.wav")
    assert train.names == ("3_ann_b_12.wav", "3_ann_b_5.wav", "7_ann_b_12.wav", "7_ann_b_5.wav")
    assert test.labels.tolist() == train.labels.tolist() == [3, 3, 7, 7]
    assert test.labels.dtype == np.int64
    assert test.events.shape == (4, 100, 40) and test.events.dtype == np.uint8


def test_cut_padded_resampled_and_left_out_are_counted(layout):
    write(layout / "1_ann_2.wav", tone(44100, 44100), 44100)
    write(layout / "noise.wav", tone())
    (layout / "readme.txt").write_text("not a wav")
    # samples: 4500, 6500, 6500, 8500 and the resampled 8000
    assert load_recordings(layout, "test").notes == (
        "1 of 5 clips resampled from 44100 Hz to 8000 Hz",
        "1 wav files left out: not named {digit}_{speaker}_{index}.wav",
        "1 clip longer than 1.0 s: cut at 100 steps",
        "3 clips shorter than 1.0 s: padded with silence",
    )


def test_a_folder_named_recordings_is_looked_into(layout):
    inner = layout / "set" / "recordings"
    inner.mkdir(parents=True)
    for path in layout.glob("*.wav"):
        path.rename(inner / path.name)
    assert len(load_recordings(layout / "set", "test").labels) == 4


def test_a_bad_file_in_a_directory_is_named(layout):
    write(layout / "5_ann_1.wav", np.zeros((4000, 2)))
    with pytest.raises(BadInput, match=r"5_ann_1\.wav: 2 channels"):
        load_recordings(layout, "test")


def test_directories_without_recordings_are_refused(tmp_path):
    with pytest.raises(BadInput, match="nowhere: no such directory"):
        load_recordings(tmp_path / "nowhere", "test")
    with pytest.raises(BadInput, match="no wav files in it"):
        load_recordings(tmp_path, "test")
    write(tmp_path / "seven.wav", tone())
    with pytest.raises(BadInput, match="none of its 1 wav files is named {digit}_{speaker}"):
        load_recordings(tmp_path, "test")
    write(tmp_path / "7_ann_3.wav", tone())
    with pytest.raises(BadInput, match="split is 'valid'; it must be one of train, test"):
        load_recordings(tmp_path, "valid")
    with pytest.raises(BadInput, match="no recordings for train; test is index 0 to 4"):
        load_recordings(tmp_path, "train")


@pytest.mark.parametrize(
    "module", ["models.log_mel", "models.readout", "train", "train.recordings", "train.speech"]
)
def test_no_torch_is_needed(module):
    code = f"import sys, lavalier.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.skipif(not FSDD.is_dir(), reason="needs ../shared/data/fsdd beside the clone")
def test_real_recordings():
    test = load_recordings(FSDD, "test")
    assert np.bincount(test.labels).tolist() == [25] * 10
    # about 0.4 s of speech each, silence after it; the quietest clips lie near the absolute floor
    assert (test.events.max(axis=(1, 2)) > 150).all()
    assert 0.05 < (test.events > 0).mean() < 0.4
