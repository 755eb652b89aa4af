"""What the README says is so."""

import json
import re
import shutil
from pathlib import Path

import pytest
import soundfile

from lavalier.cli import main
from lavalier.simulate import Dense, Input, Program
from lavalier.simulate.neurons import NEURONS
from lavalier.simulate.program_nir import from_nir, to_nir

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def between(mark: str, text: str = README) -> str:
    return text.split(f"<!-- {mark} -->")[1].split(f"<!-- /{mark} -->")[0].strip()


def rows(table: str) -> list[list[str]]:
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def nir_forms(neuron) -> set[str]:
    """Nodes that Programs of this neuron are written as; each must come back the same."""
    forms = set()
    for registers in ({"dv": 9}, {"dv": 0}, {"dv": 9, "du": 7}):
        registers = registers if "dv" in neuron.registers() else {}
        program = Program(
            inputs={"in": Input((1,))},
            populations={"n": neuron((2,), **registers)},
            connections=(Dense("in", "n", [[2], [4]]),),
            outputs=("n",),
        )
        graph = to_nir(program)
        assert from_nir(graph) == program
        nodes = [graph.nodes[name] for name in ("n", "n_fires") if name in graph.nodes]
        forms.add(" -> ".join(type(node).__name__ for node in nodes))
    return forms


def test_the_table_of_neurons_is_the_registry():
    from lavalier.deploy.neurons import PROCESSES
    from lavalier.simulate import plan, reference

    table = {row[3]: row for row in rows(between("works"))}
    assert table.keys() == NEURONS.keys()
    for name, (_, _, in_nir, _, in_reference, in_fast, in_lava) in table.items():
        neuron = NEURONS[name]
        assert set(in_nir.split(", ")) == nir_forms(neuron)
        assert (in_reference == "yes") == (neuron in reference.RULES)
        assert (in_fast == "yes") == (neuron in plan.FORMS)
        assert in_lava.split("`")[1] in PROCESSES[neuron].process


def test_its_figures_are_the_measured_ones():
    measured = {e["name"]: e for e in json.loads((ROOT / "benchmarks" / "results.json").read_text())}
    shown = rows(between("figures"))
    assert len(shown) >= 8
    for name, value, *_ in shown:
        assert float(value) == measured[name.strip("`")]["value"], name


def test_the_figures_of_recipes_are_the_measured_ones():
    measured = {e["name"]: e["value"] for e in json.loads((ROOT / "benchmarks" / "results.json").read_text())}
    shown = rows(between("figures", (ROOT / "docs" / "recipes.md").read_text()))
    assert len(shown) >= 7
    for name, _, *values in shown:
        for end, value in zip(("float", "fixed", "bit_true", "ann"), values, strict=True):
            figure = f"{name.strip('`')}.{end}"
            assert measured.get(figure) == (float(value) if value else None), figure


def test_every_figure_belongs_to_a_benchmark():
    from benchmarks.__main__ import benchmark_of

    for entry in json.loads((ROOT / "benchmarks" / "results.json").read_text()):
        assert benchmark_of(entry["name"]) is not None, entry["name"]


def test_the_demo_output_is_of_the_shipped_network():
    card = json.loads((ROOT / "models" / "digits.json").read_text())
    shown = between("demo")
    assert f"float accuracy        {100 * card['accuracy']:.1f} %" in shown
    for label in ("fixed-point accuracy", "Lava = reference      yes", "syn_ops", "energy"):
        assert label in shown


def commands() -> list[list[str]]:
    found = [line.split("#")[0].split() for line in README.splitlines() if line.startswith("    lavalier ")]
    assert len(found) >= 7
    return found


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_its_commands_exist_with_their_options(words, capsys):
    names = [w for w in words[1:3] if re.fullmatch("[a-z]+", w)]
    assert main([*names, "--help"]) == 0
    text = capsys.readouterr().out
    for option in (w for w in words if w.startswith("--")):
        assert option in text, option


@pytest.mark.lava
def test_its_commands_work_in_their_order(run_folder, tmp_path, monkeypatch, capsys):
    """All but trainings, of which the shipped network stands for the result."""
    from lavalier import deploy
    from lavalier.train.speech import generate

    if deploy.missing("cpu"):
        pytest.skip(str(deploy.missing("cpu")))
    (tmp_path / "DIR").mkdir()
    shutil.copytree(run_folder, tmp_path / "runs" / "digits")
    shutil.copy(ROOT / "models" / "digits.pt", tmp_path / "runs" / "digits")
    for i, (samples, label) in enumerate(generate(30, 0, "test")):
        soundfile.write(tmp_path / "DIR" / f"{label}_voice{i}_{i % 10}.wav", samples, 8000)
    monkeypatch.chdir(tmp_path)
    for words in (w for w in commands() if w[1] != "train"):
        assert main(words[1:]) == 0, capsys.readouterr().err
    assert "equal\n" in capsys.readouterr().out


def test_its_folders_exist():
    for (folder, *_), expected in zip(
        rows(README.split("## The folders")[1].split("Imports")[0]),
        ("models", "train", "simulate", "export", "deploy", "lavalier"),
        strict=True,
    ):
        assert folder == f"`{expected}`" and (ROOT / expected).is_dir()
