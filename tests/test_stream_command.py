"""lavalier stream: what comes in is enhanced, whatever the input does."""

import json
import os
import threading
import time

import numpy as np
import pytest
import soundfile

from lavalier import deploy
from lavalier.cli import main
from lavalier.simulate import run
from lavalier.simulate.errors import BadInput, NotAvailable
from lavalier.sound_in import from_files, from_pipe, opened_source
from lavalier.streaming import Heard, stream_sound

from .hybrids import small_hybrid, sound


@pytest.fixture(scope="module")
def model():
    return small_hybrid()


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("model")
    model.save(path)
    return path


def wav(path, samples, rate=16000, subtype="FLOAT"):
    soundfile.write(path, samples, rate, subtype=subtype)
    return path


def test_a_file_is_what_the_batch_run_gives(folder, model, tmp_path, capsys):
    x = sound(1, 0.2)
    arguments = ["--in", str(wav(tmp_path / "in.wav", x[0])), "--out", str(tmp_path / "out.wav"), "--json"]
    assert main(["stream", str(folder), *arguments]) == 0
    said = json.loads(capsys.readouterr().out)
    found, rate = soundfile.read(tmp_path / "out.wav", dtype="float32")
    assert rate == 16000 and np.array_equal(found, run(model, x).output[0])
    assert said["seconds"] == 0.2 and said["frames"] == 81 and said["stopped"] is None
    assert 0 < said["frame_median_s"] <= said["frame_p99_s"] <= said["frame_longest_s"]
    assert main(["stream", str(folder), *arguments]) == 1
    assert "exists; --force replaces it" in capsys.readouterr().err


def test_info_says_what_stays_on_the_host(folder, capsys):
    assert main(["info", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "a sigmoid and a product of two real values" in said and "scnn (PLIF), readout (GradedLI)" in said
    assert "latency of the algorithm: 5 ms" in said and "3 steps, 7.5 ms at a step a frame" in said


def test_simulate_and_deploy_take_the_same_folder(folder, model, tmp_path, capsys):
    x = sound(1, 0.02)
    recording = str(wav(tmp_path / "in.wav", x[0]))
    commands = ["simulate"] if deploy.missing("cpu") else ["simulate", "deploy"]
    for command in commands:
        out = tmp_path / f"{command}.wav"
        assert main([command, str(folder), "-i", recording, "--out", str(out), "--check"]) == 0
        assert "= reference: yes" in capsys.readouterr().out
        assert np.array_equal(soundfile.read(out, dtype="float32")[0], run(model, x).output[0])
    assert main(["simulate", str(folder)]) == 1
    assert "takes a recording: --input noisy.wav" in capsys.readouterr().err
    wav(tmp_path / "slow.wav", x[0], 8000)
    assert main(["simulate", str(folder), "-i", str(tmp_path / "slow.wav")]) == 1
    assert "1 channels at 8000 Hz; the model takes one at 16000 Hz" in capsys.readouterr().err


def pieces_then(x, error=None, size=320, rate=16000):
    for i in range(0, len(x), size):
        yield x[i : i + size], rate
    if error:
        raise error


@pytest.mark.parametrize("error", [BadInput("stalled"), NotAvailable("device: went away")])
def test_nothing_before_the_end_of_a_device_is_lost(model, error):
    x, got = sound(1, 0.1), []
    done = stream_sound(model, pieces_then(x[0], error), got.append)
    assert done.stopped is error
    assert np.array_equal(np.concatenate(got), run(model, x).output[0])


def test_ctrl_c_finishes_what_came_before(model):
    x, got = sound(1, 0.1), []
    done = stream_sound(model, pieces_then(x[0], KeyboardInterrupt()), got.append)  # type: ignore[arg-type]
    assert len(np.concatenate(got)) == x.shape[1] and "interrupted" in done.notes[0]


def test_a_pipe_that_stalls_is_said_and_what_came_is_kept(folder, model, tmp_path, capsys, monkeypatch):
    reading, writing = os.pipe()
    x = (sound(1, 0.1) * 32768).astype("<i2")
    os.write(writing, x.tobytes()[:-1])  # the last sample in half
    with os.fdopen(reading) as source:
        monkeypatch.setattr("sys.stdin", source)
        code = main(["stream", str(folder), "--in", "-", "--out", str(tmp_path / "o.wav"), "--stall", "0.2"])
    os.close(writing)
    assert code == 1
    assert "stalled, nothing for 0.2 s; the 0.1 s before are in" in capsys.readouterr().err
    found, _ = soundfile.read(tmp_path / "o.wav", dtype="float32")
    expected = run(model, x[:, :-1].astype(np.float32) / 32768).output[0]
    assert np.array_equal(found, expected)


def test_a_slow_pipe_is_no_stall(model):
    reading, writing = os.pipe()
    x = (sound(1, 0.04) * 32768).astype("<i2").tobytes()

    def write():
        for i in range(0, len(x), 301):  # pieces that end within a sample
            os.write(writing, x[i : i + 301])
            time.sleep(0.005)
        os.close(writing)

    threading.Thread(target=write).start()
    with os.fdopen(reading) as source:
        heard = np.concatenate([piece for piece, _ in from_pipe(16000, 2.0, source)])
    assert np.array_equal(heard, np.frombuffer(x, "<i2").astype(np.float32) / 32768)


def test_rates_that_change_are_resampled_and_said(model, tmp_path):
    t = np.arange(4800) / 48000
    first = wav(tmp_path / "a.wav", 0.3 * np.sin(2 * np.pi * 500 * t), 48000)
    second = wav(tmp_path / "b.wav", 0.3 * np.sin(2 * np.pi * 500 * t[::3][:1600]), 16000)
    got = []
    done = stream_sound(model, from_files([first, second]), got.append)
    assert done.notes[:2] == [
        "resampled from 48000 to 16000 Hz",
        "the sample rate changed from 48000 to 16000 Hz",
    ]
    assert abs(len(np.concatenate(got)) - 3200) <= 2


def test_bad_sound_is_said_not_hidden(model):
    x = sound(1, 0.1)[0]
    x[100:110], x[50] = 1.0, np.nan
    got = []
    done = stream_sound(model, pieces_then(np.concatenate([x, np.zeros(20000, np.float32)])), got.append)
    assert np.isfinite(np.concatenate(got)).all()
    assert done.notes == [
        "clipped: 10 samples at full scale; what is above is lost in the input",
        f"silent: {done.heard.silent / 16000:.1f} s below -80 dB",
        "not finite: 1 samples, taken as 0",
    ]


@pytest.mark.parametrize("size", [7, 1000, 50000])
def test_silence_is_counted_across_pieces(size):
    x = np.concatenate(
        [np.full(10, 0.1), np.zeros(16000), np.full(5, 0.1), np.zeros(15999), [0.1], np.zeros(16001)]
    )
    heard = Heard(16000)
    for i in range(0, len(x), size):
        heard.take(x[i : i + size].astype(np.float32))
    heard.finish()
    assert heard.silent == 32001 and heard.samples == len(x)


def test_silence_alone_comes_back(model):
    got = []
    done = stream_sound(model, pieces_then(np.zeros(32000, np.float32)), got.append)
    assert done.notes == ["silent: 2.0 s below -80 dB"] and len(np.concatenate(got)) == 32000


def test_what_is_no_sound_or_no_model_is_one_line(folder, tmp_path, capsys):
    (tmp_path / "x.wav").write_text("no sound")
    soundfile.write(tmp_path / "two.wav", np.zeros((100, 2)), 16000)
    for arguments, message in (
        ([str(folder), "--in", str(tmp_path / "no.wav")], "no such file"),
        ([str(folder), "--in", str(tmp_path / "x.wav")], "not a sound file"),
        ([str(folder), "--in", str(tmp_path / "two.wav")], "2 channels"),
        ([str(folder), "--in", "-", "--in", "device"], "never ends, give it alone"),
        ([str(tmp_path), "--in", str(tmp_path / "x.wav")], "no hybrid model in it"),
    ):
        assert main(["stream", *arguments]) == 1
        said = capsys.readouterr().err
        assert message in said and said.count("\n") == 1


def test_a_cut_file_says_so_after_what_was_in_it(model, tmp_path):
    whole = wav(tmp_path / "a.wav", sound(1, 0.2)[0], subtype="PCM_16").read_bytes()
    (tmp_path / "a.wav").write_bytes(whole[: len(whole) // 2])
    got = []
    done = stream_sound(model, from_files([tmp_path / "a.wav"]), got.append)
    assert 0 < len(np.concatenate(got)) <= 1600 and (done.stopped or done.heard.samples <= 1600)


def test_a_device_without_its_library_is_refused_in_words():
    try:
        import sounddevice  # pyright: ignore[reportMissingImports]
    except (ImportError, OSError):
        with pytest.raises(NotAvailable, match="live sound needs"):
            next(iter(opened_source(["device"], 16000, 1.0)))
        return
    with pytest.raises(NotAvailable, match="input device no such: "):
        next(iter(opened_source(["device:no such"], 16000, 1.0)))
    assert sounddevice
