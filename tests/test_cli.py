"""The command line: exit codes, one clear line for every bad input, and nothing half-written."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nir
import numpy as np
import pytest
import soundfile

from lavalier import export
from lavalier.cli import main
from lavalier.simulate import Program, Trace
from lavalier.simulate.bounds import bounds, to_text

from .graphs import entry, exit_, joined, lif
from .test_quantize import network, spikes

COMMANDS = (
    "demo",
    "train",
    "export",
    "info",
    "quantize",
    "simulate",
    "deploy",
    "stream",
    "check",
    "compare",
    "energy",
    "fit",
    "devices",
    "report",
    "sweep",
    "generate",
    "download",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A graph of 12 inputs, events for it, and its Program."""
    folder = tmp_path_factory.mktemp("cli")
    export.write(network(0), folder / "graph.nir")
    np.save(folder / "x.npy", spikes())
    export.quantize(network(0), spikes()).save(folder / "program.nir")
    return folder


@pytest.fixture(scope="module")
def digits(tmp_path_factory) -> Path:
    """A Program that takes what the digits front end gives."""
    path = tmp_path_factory.mktemp("digits") / "program.nir"
    graph = export.read(Path(__file__).parents[1] / "models" / "digits.nir")
    export.quantize(graph).save(path)
    return path


def fails(capsys, *arguments: object) -> str:
    """Run a command that must exit 1; return its one line."""
    assert main([str(a) for a in arguments]) == 1
    said = capsys.readouterr()
    assert said.err.startswith("lavalier: ") and said.err.count("\n") == 1, said.err
    assert "Traceback" not in said.err + said.out
    return said.err


def succeeds(capsys, *arguments: object) -> str:
    assert main([str(a) for a in arguments]) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def test_help_lists_every_command():
    done = subprocess.run([sys.executable, "-m", "lavalier.cli", "--help"], capture_output=True, text=True)
    listed = [line.split()[0] for line in done.stdout.split("Commands:")[1].splitlines() if line.strip()]
    assert sorted(listed) == sorted(COMMANDS) and done.returncode == 0


def test_a_system_that_trains_itself_has_no_folds(capsys, tmp_path):
    said = fails(capsys, "sweep", "dpsnn", "--grid", "steps=1,2", "-o", tmp_path / "sweep")
    assert "dpsnn is trained in a way of its own" in said and not (tmp_path / "sweep").exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command, capsys):
    assert "Usage: lavalier" in succeeds(capsys, command, "--help")


@pytest.mark.parametrize("wrong", [["fly"], ["simulate"], ["quantize", "--nonsense"], ["energy", "a"]])
def test_wrong_usage_exits_2(wrong, capsys):
    assert main(wrong) == 2
    assert "Usage:" in capsys.readouterr().err


def test_quantize_simulate_compare_energy(folder, tmp_path, capsys):
    program, fast, law = (tmp_path / n for n in ("p.nir", "fast.npz", "law.npz"))
    text = succeeds(
        capsys, "quantize", folder / "graph.nir", "--calibration", folder / "x.npy", "-o", program
    )
    assert text.endswith("\n\n" + Program.load(program).to_text())
    run = ["simulate", program, "--input", folder / "x.npy"]
    text = succeeds(capsys, *run, "-o", fast, "--check")
    assert "8 samples of 50 steps, fast" in text and "fast = reference: yes" in text
    succeeds(capsys, *run, "-o", law, "--engine", "reference", "--samples", "8")
    assert succeeds(capsys, "compare", fast, law).endswith("equal\n")
    assert json.loads(succeeds(capsys, "compare", fast, law, "--json"))["equal"] is True
    said = succeeds(
        capsys, "energy", program, fast, "--window", "0.025", "--hop", "0.01", "--host", "fft=64000"
    )
    assert "loihi1-davies" in said and "up to a hop of 10 ms" in said and "64,000 per inference" in said
    assert "upper bound, inherited" in succeeds(capsys, "energy", program, fast, "--device", "loihi2")
    said = json.loads(succeeds(capsys, "energy", program, fast, "--input", folder / "x.npy", "--json"))
    assert len(said["by_step"]["spikes_out"]["a"]) == 50 and said["neurobench"]["MembraneUpdates"] > 0
    assert sum(said["by_step"]["input_events"]["in"]) == said["host"]["input events sent to 'in'"]
    assert said["n_dns"]["P_proxy_ops_per_s"] > 0 and said["latency"]["pipeline_steps"] == 3
    placed = json.loads(succeeds(capsys, "energy", program, fast, "--placement", "balanced", "--json"))
    assert "hops_x" in placed["layers"]["a"] and "hops_x" not in said["layers"]["a"]
    assert "--host fft: must be" in fails(capsys, "energy", program, fast, "--host", "fft")
    low, high = json.loads(succeeds(capsys, "energy", program, fast, "--json"))["per_inference_j"]
    assert 0 < low < high
    said = json.loads(succeeds(capsys, *run, "--samples", "3", "--json"))
    assert said["samples"] == 3 and said["notes"] == ["3 of 8 samples, evenly spaced"]
    assert said["counts"]["syn_ops"] > 0 and len(said["decisions"]) == 3


def test_devices_prints_every_constant_with_its_source(capsys):
    data = json.loads(succeeds(capsys, "devices", "--json"))
    text = succeeds(capsys, "devices")
    assert len(data["tables"]) > 10
    for table in data["tables"]:
        assert f"{table['name']}: {table['title']}" in text
        for constant in table["energy"].values():
            assert f"{constant['source']}, {constant['table']}" in text
    assert "grade inherited" in text and "loihi1" not in succeeds(capsys, "devices", "gpu")
    assert "no table for 'tea'" in fails(capsys, "devices", "tea")


def test_compare_of_unequal_traces_exits_1_with_the_first_difference(folder, tmp_path, capsys):
    run = ["simulate", folder / "program.nir", "--input", folder / "x.npy", "-o", tmp_path / "a.npz"]
    succeeds(capsys, *run)
    trace = Trace.load(tmp_path / "a.npz")
    trace.v["b"][2, 7, 1] += 1
    trace.save(tmp_path / "b.npz")
    assert main(["compare", str(tmp_path / "a.npz"), str(tmp_path / "b.npz")]) == 1
    said = capsys.readouterr()
    assert "v of 'b', sample 2, step 7, neuron 1" in said.err and said.out.endswith("different\n")


def test_a_float_graph_runs_too(folder, capsys):
    text = succeeds(capsys, "simulate", folder / "graph.nir", "--input", folder / "x.npy")
    assert "8 samples of 50 steps, floats" in text and "syn_ops" not in text
    said = fails(capsys, "simulate", folder / "graph.nir", "--input", folder / "x.npy", "--check")
    assert "give a Program" in said


DEFAULTS = (
    "decay euler, reset zero, compare >, order i-then-v, recurrent_bias kept, output_lag 0, gain stored"
)


def test_every_command_that_reads_a_graph_takes_a_policy_and_echoes_it(folder, tmp_path, capsys):
    graph, x = folder / "graph.nir", ["--input", folder / "x.npy"]
    assert f"policy: dt 0.001 s, {DEFAULTS}" in succeeds(capsys, "info", graph)
    said = json.loads(succeeds(capsys, "info", graph, "--preset", "spyx", "--dt", "0.0005", "--json"))
    assert said["policy"]["output_lag"] == 1 and said["policy"]["dt"] == 0.0005
    assert "reset none" in succeeds(capsys, "simulate", graph, *x, "--reset", "none")
    said = json.loads(succeeds(capsys, "simulate", graph, *x, "--decay", "exp", "--json"))
    assert said["policy"]["decay"] == "exp"
    chosen = ["--recurrent-bias", "late", "--compare", ">", "--order", "i-then-v", "--output-lag", "0"]
    assert main([str(a) for a in ("quantize", graph, "-o", tmp_path / "p.nir", "--blind", *chosen)]) == 0
    assert "recurrent_bias late" in capsys.readouterr().err
    assert "reset = 'hard' is none of" in fails(capsys, "info", graph, "--reset", "hard")
    said = fails(capsys, "quantize", graph, "-o", tmp_path / "q.nir", "--blind", "--reset", "subtract")
    assert "node 'a': reset 'subtract' has no hardware form" in said
    said = fails(capsys, "simulate", folder / "program.nir", *x, "--dt", "1")
    assert "a Program's arithmetic is the chip's; leave out dt" in said


def test_info(folder, capsys):
    said = succeeds(capsys, "info", folder / "graph.nir")
    assert "hardware: yes" in said and "in -> " in said
    program = Program.load(folder / "program.nir")
    assert succeeds(capsys, "info", folder / "program.nir") == program.to_text() + to_text(bounds(program))
    said = json.loads(succeeds(capsys, "info", folder / "program.nir", "--json"))
    assert said["program"].startswith("program ")
    assert "not HDF5" in fails(capsys, "info", folder / "x.npy")


def test_info_of_a_graph_that_hardware_cannot_take_yet(tmp_path, capsys):
    made = joined({"in": entry(1), "n": lif(reset=0.5), "m": lif(), "out": exit_()}, "in -> n -> m -> out")
    export.write(made, tmp_path / "g.nir")
    said = succeeds(capsys, "info", tmp_path / "g.nir")
    assert "hardware: no, node 'n': reset to 0.5 has no hardware form; 0 has" in said
    made.edges.append(("m", "n"))
    export.write(made, tmp_path / "g.nir")
    said = json.loads(succeeds(capsys, "info", tmp_path / "g.nir", "--json"))
    assert said["delayed_edges"] == [["m", "n"]] and not said["hardware"]["takes_it"]
    assert said["hardware"]["because"] == ["node 'n': reset to 0.5 has no hardware form; 0 has"]
    assert said["nodes"]["n"]["values"]["v_reset"] == [0.5, 0.5]


def test_several_inputs_come_from_one_file(tmp_path, capsys):
    nodes = {"l": entry(1), "r": entry(2), "w": nir.Linear(np.ones((1, 2))), "out": exit_()}
    export.write(joined(nodes, "l -> out", "r -> w -> out"), tmp_path / "g.nir")
    np.savez(tmp_path / "x.npz", l=np.ones((3, 4, 1)), r=np.ones((3, 4, 2)))
    run = ["simulate", tmp_path / "g.nir", "--input", tmp_path / "x.npz", "--samples", "2"]
    assert "2 samples of 4 steps" in succeeds(capsys, *run, "-o", tmp_path / "t.npz")
    assert Trace.load(tmp_path / "t.npz").output.tolist() == np.full((2, 4, 1), 3).tolist()
    np.savez(tmp_path / "x.npz", l=np.ones((3, 4, 1)), r=np.ones((3, 5, 2)))
    assert "same batch and steps" in fails(capsys, *run)
    np.savez(tmp_path / "x.npz", r=np.ones((3, 5, 2)))
    assert "inputs are ['l', 'r'], x has ['r']" in fails(capsys, *run)
    (tmp_path / "x.npz").write_bytes(b"PK nothing")
    assert "not a readable .npz" in fails(capsys, *run)


def wav(path: Path, samples: np.ndarray, rate: int = 8000, **options) -> Path:
    soundfile.write(path, samples, rate, **options)
    return path


def tone(seconds: float = 0.5, rate: int = 8000) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda p: p.write_bytes(b"RIFF but not a sound"), "not a sound file"),
        (lambda p: wav(p, np.stack([tone(), tone()], 1)), "2 channels"),
        (lambda p: wav(p, np.zeros(0)), "no samples"),
        (lambda p: wav(p, tone(0.003)), "at least one frame"),
        (
            lambda p: wav(p, np.where(np.arange(4000) == 7, np.nan, tone()), subtype="FLOAT"),
            "sample 7 is nan",
        ),
        (lambda p: None, "no such file"),
    ],
    ids=["no wav", "stereo", "empty", "short", "nan", "missing"],
)
def test_bad_recordings_are_one_clear_line(digits, tmp_path, capsys, make, message):
    path = tmp_path / "a.wav"
    make(path)
    said = fails(capsys, "simulate", digits, "--input", path, "-o", tmp_path / "t.npz")
    assert str(path) in said and message in said
    assert not (tmp_path / "t.npz").exists()


def test_other_rates_lengths_and_silence_are_said(digits, tmp_path, capsys):
    said = succeeds(capsys, "simulate", digits, "--input", wav(tmp_path / "a.wav", tone(0.5, 44100), 44100))
    assert "resampled from 44100 Hz to 8000 Hz" in said and "padded with silence" in said
    said = succeeds(capsys, "simulate", digits, "--input", wav(tmp_path / "b.wav", tone(1.5)))
    assert "cut at 100 steps" in said and "decisions" in said
    silent = succeeds(capsys, "simulate", digits, "--input", wav(tmp_path / "c.wav", 0 * tone()), "--json")
    assert json.loads(silent)["counts"]["spikes_in"] == json.loads(silent)["counts"]["spikes_out"]


def test_a_headerless_recording_is_refused(digits, tmp_path, capsys):
    (tmp_path / "a.raw").write_bytes(bytes(4000))
    assert "not a sound file" in fails(capsys, "simulate", digits, "--input", tmp_path / "a.raw")


def test_a_directory_without_recordings(digits, tmp_path, capsys):
    for command in (["simulate", digits], ["train", "digits", "-o", tmp_path / "run"]):
        said = fails(capsys, *command, "--data", tmp_path)
        assert str(tmp_path) in said and "{digit}_{speaker}_{index}.wav" in said
    assert "no such directory" in fails(capsys, "simulate", digits, "--data", tmp_path / "none")
    assert not (tmp_path / "run").exists()


def test_bad_programs_and_arrays_are_one_clear_line(folder, tmp_path, capsys):
    content = (folder / "program.nir").read_bytes()
    (tmp_path / "cut.nir").write_bytes(content[: len(content) // 2])
    x = folder / "x.npy"
    assert "cut.nir" in fails(capsys, "simulate", tmp_path / "cut.nir", "--input", x)
    assert "cut.nir" in fails(capsys, "deploy", tmp_path / "cut.nir", "--input", x)
    assert "not a Program" in fails(capsys, "deploy", folder / "graph.nir", "--input", x)
    (tmp_path / "x.npy").write_bytes(x.read_bytes()[:100])
    assert "not a readable .npy" in fails(
        capsys, "simulate", folder / "program.nir", "--input", tmp_path / "x.npy"
    )
    np.save(tmp_path / "o.npy", np.array([{}], dtype=object), allow_pickle=True)
    assert "o.npy" in fails(capsys, "simulate", folder / "program.nir", "--input", tmp_path / "o.npy")
    np.save(tmp_path / "s.npy", np.zeros((2, 5, 11)))
    assert "(batch, steps, 12)" in fails(
        capsys, "simulate", folder / "program.nir", "--input", tmp_path / "s.npy"
    )
    said = fails(capsys, "simulate", folder / "program.nir", "--input", x, "--data", tmp_path)
    assert "not both" in said
    said = fails(capsys, "simulate", folder / "program.nir", "--input", x, "--engine", "magic")
    assert "must be fast or reference" in said
    assert "at least 1" in fails(capsys, "simulate", folder / "program.nir", "--input", x, "--samples", "0")


def test_a_network_that_does_not_take_sound_needs_an_array(folder, tmp_path, capsys):
    for command in (
        ["simulate", folder / "program.nir"],
        ["simulate", folder / "graph.nir", "--input", wav(tmp_path / "a.wav", tone())],
        ["deploy", folder / "program.nir", "--data", tmp_path],
        ["quantize", folder / "graph.nir", "-o", tmp_path / "p.nir"],
    ):
        said = fails(capsys, *command)
        assert "takes events of shape (12,), sound is turned into (40,): give a .npy array" in said


def test_an_existing_output_is_kept_without_force(folder, tmp_path, capsys):
    out = tmp_path / "out"
    out.write_text("precious")
    x = ["--input", folder / "x.npy"]
    for command in (
        ["quantize", folder / "graph.nir", "--blind"],
        ["simulate", folder / "program.nir", *x],
        ["deploy", folder / "program.nir", *x],
        ["export", folder / "none.pt"],
    ):
        assert "exists; --force replaces it" in fails(capsys, *command, "--out", out)
        assert out.read_text() == "precious"
    succeeds(capsys, "quantize", folder / "graph.nir", "--blind", "--out", out, "--force")
    assert Program.load(out)
    assert "not a folder" in fails(capsys, "demo", "--out", out, "--force")


def test_only_ordinary_files_are_replaced(folder, tmp_path, capsys):
    blind = ["quantize", folder / "graph.nir", "--blind", "--force", "--out"]
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for out in ("folder", "pipe"):
        assert "is not an ordinary file" in fails(capsys, *blind, tmp_path / out)
    assert (tmp_path / "folder").is_dir() and (tmp_path / "pipe").is_fifo()
    (tmp_path / "file").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    succeeds(capsys, *blind, tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and Program.load(tmp_path / "file")
    assert "cannot be written" in fails(capsys, *blind, tmp_path / "no" / "folder.nir")
    assert "File name too long" in fails(capsys, *blind, tmp_path / ("n" * 300))


def test_options_that_would_be_ignored_are_refused(folder, tmp_path, capsys):
    x, out = ["--input", folder / "x.npy"], ["--out", tmp_path / "o"]
    assert "is a Program already" in fails(capsys, "quantize", folder / "program.nir", "--blind", *out)
    assert "are for Programs" in fails(capsys, "simulate", folder / "graph.nir", *x, "--engine", "fast")
    assert "are for Programs" in fails(capsys, "simulate", folder / "graph.nir", *x, "--threads", "2")
    said = fails(capsys, "simulate", folder / "program.nir", *x, "--engine", "reference", "--threads", "2")
    assert "--threads is for --engine fast" in said
    both = ["--blind", "--calibration", folder / "x.npy"]
    assert "--blind does without" in fails(capsys, "quantize", folder / "graph.nir", *both, *out)
    assert "at least 1" in fails(capsys, "demo", "--samples", "0")


@pytest.mark.parametrize(
    "x",
    [
        np.full((1, 3, 12), np.nan),
        np.zeros((1, 3, 12), complex),
        np.full((1, 3, 12), "a"),
        np.zeros((2, 0, 12)),
    ],
)
def test_odd_arrays_are_one_clear_line(folder, tmp_path, capsys, x):
    np.save(tmp_path / "x.npy", x)
    if x.size:
        assert "input 'in'" in fails(capsys, "simulate", folder / "graph.nir", "--input", tmp_path / "x.npy")
        assert "input 'in'" in fails(
            capsys, "simulate", folder / "program.nir", "--input", tmp_path / "x.npy"
        )
    else:
        succeeds(capsys, "simulate", folder / "program.nir", "--input", tmp_path / "x.npy")
    quantized = ["quantize", folder / "graph.nir", "--calibration", tmp_path / "x.npy"]
    assert "graph.nir: calibration for 'in'" in fails(capsys, *quantized, "-o", tmp_path / "p.nir")


@pytest.mark.parametrize("content", [b"", b"nothing", b"PK\x03\x04"])
def test_a_file_that_is_no_state_dict(tmp_path, capsys, content):
    (tmp_path / "w.pt").write_bytes(content)
    assert "w.pt" in fails(capsys, "export", tmp_path / "w.pt", "-o", tmp_path / "g.nir")
    assert not (tmp_path / "g.nir").exists()


def test_a_pickle_is_never_run(tmp_path, capsys):
    import torch

    class Trap:
        def __reduce__(self):
            return (Path(tmp_path / "sprung").touch, ())

    torch.save({"fc1.weight": Trap()}, tmp_path / "w.pt")
    assert "w.pt" in fails(capsys, "export", tmp_path / "w.pt", "-o", tmp_path / "g.nir")
    assert not (tmp_path / "sprung").exists()


def test_an_unsupported_node_is_named(tmp_path, folder, capsys):
    graph = network(0)
    graph.nodes["a"].v_reset[:] = 0.5
    nir.write(tmp_path / "g.nir", graph)
    said = fails(capsys, "quantize", tmp_path / "g.nir", "--blind", "-o", tmp_path / "p.nir")
    assert "g.nir: node 'a': reset to 0.5 has no hardware form" in said


def test_without_an_extra_the_way_out_is_named(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    said = fails(capsys, "export", tmp_path / "w.pt", "-o", tmp_path / "g.nir")
    assert "this needs torch: pip install 'lavalier[train]'" in said
    said = fails(capsys, "train", "digits", "-o", tmp_path / "run")
    assert "pip install 'lavalier[train]'" in said


def test_quantize_says_what_it_chose(folder, tmp_path, capsys):
    quantize = ["quantize", folder / "graph.nir", "--calibration", folder / "x.npy", "-o", tmp_path / "p.nir"]
    text = succeeds(capsys, *quantize, "--bits", "4")
    heads, *rows = text.splitlines()[:4]
    assert heads.split()[:5] == ["layer", "bits", "scale", "exp", "clipped"]
    assert [row.split()[:2] for row in rows] == [["a", "4"], ["b", "4"], ["readout", "4"]]
    assert "decisions that differ from floats" in text
    said = json.loads(succeeds(capsys, *quantize, "--force", "--bits", "a=3,b=8,readout=4", "--json"))
    assert [layer["bits"] for layer in said["layers"]] == [3, 8, 4] and said["bits"] == []
    assert said["after"]["error"] <= said["before"]["error"] and said["after"]["decisions"] == 8
    assert said["program"] == Program.load(tmp_path / "p.nir").to_text()
    for bits, message in (
        ("9", "not an integer in [1, 8]"),
        ("few", "must be 1 to 8, auto"),
        ("a=3", "names"),
    ):
        assert message in fails(capsys, *quantize, "--force", "--bits", bits)


def test_quantize_finds_the_fewest_bits(folder, tmp_path, capsys):
    quantize = ["quantize", folder / "graph.nir", "--calibration", folder / "x.npy", "-o", tmp_path / "p.nir"]
    text = succeeds(capsys, *quantize, "--bits", "auto", "--max-loss", "0.2")
    lines = text.splitlines()
    assert lines[0].split() == ["bits", "of", "a,", "b,", "readout", "memory", "loss", "output", "error"]
    assert lines[1].split()[:5] == ["8", "8", "8", "1,792", "0.0000"]
    kept = [line for line in lines[1 : lines.index("")] if not line.endswith("too much")][-1]
    chosen = [str(c.num_weight_bits) for c in Program.load(tmp_path / "p.nir").connections]
    assert kept.split()[:3] == chosen
    assert "needs calibration" in fails(
        capsys, "quantize", folder / "graph.nir", "--blind", "--bits", "auto", "-o", tmp_path / "q.nir"
    )


def test_float_input_is_encoded_by_every_command_that_runs_it(folder, tmp_path, capsys):
    x = 0.3 * np.random.default_rng(0).gamma(1, 1, (6, 20, 12))
    np.save(tmp_path / "x.npy", x)
    program = tmp_path / "p.nir"
    quantize = ["quantize", folder / "graph.nir", "--calibration", tmp_path / "x.npy", "-o", program]
    assert "input_bits" in fails(capsys, *quantize)
    text = succeeds(capsys, *quantize, "--input-bits", "6")
    entry = Program.load(program).inputs["in"]
    assert entry.message_bits == 6 and f"input 'in': {entry.scale:g} events per unit of float input" in text
    text = succeeds(capsys, "simulate", program, "--input", tmp_path / "x.npy", "-o", tmp_path / "a.npz")
    assert f"note: input 'in': floats made events, {entry.scale:g} a unit, at most 63" in text
    np.save(tmp_path / "events.npy", Program.load(program).encode(x))  # whole types are events already
    text = succeeds(capsys, "simulate", program, "--input", tmp_path / "events.npy", "-o", tmp_path / "b.npz")
    assert "note" not in text
    assert succeeds(capsys, "compare", tmp_path / "a.npz", tmp_path / "b.npz").endswith("equal\n")
