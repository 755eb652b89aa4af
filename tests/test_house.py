"""The house keeps its rules: one-way imports, light imports, every neuron type in every stage."""

import ast
import doctest
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "simulate": set(),
    "models": set(),
    "export": {"models", "simulate"},
    "train": {"models", "export", "simulate"},
    "deploy": {"simulate"},
    "lavalier": {"models", "train", "export", "simulate", "deploy"},
}


def imported_stages(path: Path, stage: str) -> set[str]:
    """Stages that a file imports, relative or by full name."""
    depth = len(path.relative_to(ROOT / stage).parts)
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("lavalier.")}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            parts = node.module.split(".")
            if parts[0] == "lavalier":
                found |= {parts[1]} if len(parts) > 1 else {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == depth + 1:
            found |= {node.module.split(".")[0]} if node.module else {a.name for a in node.names}
    return found & set(MAY_IMPORT) - {stage}


@pytest.mark.parametrize("stage", MAY_IMPORT)
def test_imports_flow_one_way(stage):
    files = sorted((ROOT / stage).rglob("*.py"))
    assert files
    for path in files:
        against = imported_stages(path, stage) - MAY_IMPORT[stage]
        assert not against, f"{path.relative_to(ROOT)} imports {sorted(against)} against the flow"


def test_the_flow_test_can_fail(tmp_path, monkeypatch):
    (tmp_path / "simulate").mkdir()
    bad = tmp_path / "simulate" / "bad.py"
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    for line in ("from ..train import fit", "from .. import train", "import lavalier.train.fit"):
        bad.write_text(line)
        assert imported_stages(bad, "simulate") == {"train"}


def test_the_cache_of_kernels_knows_every_source():
    from lavalier.simulate import compiled

    for source in compiled.SOURCES:
        tree = ast.parse((ROOT / "simulate" / source).read_text())
        imported = {f"{n.module}.py" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.level}
        assert imported <= {*compiled.SOURCES}, source


def test_a_kernel_is_compiled_anew_when_a_source_that_it_imports_changes(tmp_path):
    from lavalier.simulate.compiled import _version

    def version(**sources: str) -> str:
        for name, text in sources.items():
            (tmp_path / f"{name}.py").write_text(text)
        _version.cache_clear()
        return _version(tmp_path / "kernels.py")

    before = version(
        kernels="from .inlined import (\n    two,\n)", inlined="from .far import one", far="one = 1"
    )
    assert version(other="from .kernels import two") == before
    assert version(far="one = 2") != before


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize(
    "statement, without",
    [
        ("import lavalier", {"numpy", "torch", "lava", "numba", "nir"}),
        ("import lavalier.cli", {"numpy", "torch", "lava", "numba", "nir", "rich"}),
        ("from lavalier.simulate import Program, Trace, run, compare", {"torch", "lava", "numba"}),
        ("from lavalier.simulate import fast, reference, energy", {"torch", "lava"}),
        ("from lavalier.simulate import fit", {"torch", "lava", "numba"}),
        ("from lavalier.simulate import report", {"torch", "lava", "numba", "plotly", "jinja2"}),
        ("from lavalier.export import read, write, quantize", {"torch", "lava"}),
        ("import lavalier.deploy; lavalier.deploy.run", {"torch", "lava"}),
        ("from lavalier.train import recordings, speech", {"torch", "lava"}),
        ("from lavalier.models import log_mel, readout", {"torch", "lava"}),
    ],
)
def test_importing_a_stage_loads_that_stage_alone(statement, without):
    assert not loaded_by(statement) & without


def test_every_public_name_exists():
    for stage in ("lavalier", *(f"lavalier.{s}" for s in MAY_IMPORT if s != "lavalier")):
        module = importlib.import_module(stage)
        for name in getattr(module, "__all__", []):
            assert getattr(module, name) is not None
        with pytest.raises(AttributeError, match="no attribute 'nothing'"):
            _ = module.nothing


def modules() -> list[str]:
    found = ["lavalier.cli"]
    for stage in ("simulate", "simulate.resources", "export", "models", "train", "deploy"):
        package = importlib.import_module(f"lavalier.{stage}")
        found += [m.name for m in pkgutil.walk_packages(package.__path__, f"lavalier.{stage}.")]
    assert len(found) > 30
    # these import Lava, which sets the start method of the whole process: for the worker alone
    of_lava = ("lavalier.deploy.network", "lavalier.deploy.running", "lavalier.deploy.processes.")
    return [name for name in found if not name.startswith(of_lava)]


@pytest.mark.parametrize("name", modules())
def test_examples_in_docstrings(name):
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0


def test_examples_exist():
    tested = sum(
        len(test.examples)
        for name in modules()
        if not name.startswith("lavalier.deploy")
        for test in doctest.DocTestFinder().find(importlib.import_module(name))
    )
    assert tested > 20


def test_every_neuron_type_is_known_to_every_stage():
    from lavalier.deploy.neurons import PROCESSES
    from lavalier.simulate import membranes, plan, reference
    from lavalier.simulate.neurons import NEURONS, GradedReLU

    stages = {
        "simulate/reference.py": reference.RULES,
        "simulate/plan.py": plan.FORMS,
        "simulate/membranes.py": {GradedReLU, *membranes.REACHES},  # the one type without a membrane
        "deploy/neurons.py": PROCESSES,
    }
    for name, neuron in NEURONS.items():
        assert name == neuron.__name__
        for stage, known in stages.items():
            assert neuron in known, f"{stage} has no rule for {name}"
    for stage, known in stages.items():
        assert set(known) == set(NEURONS.values()), f"{stage} knows a type that simulate/neurons.py lacks"


def test_no_address_and_no_machine_path_in_what_builds():
    for path in [*ROOT.glob("locks/*"), ROOT / "pyproject.toml", ROOT / "Makefile", ROOT / "bootstrap"]:
        text = path.read_text()
        assert "://" not in text and "/root" not in text, path.name


def test_links_for_type_checkers_lead_home():
    links = {p.name: p.resolve() for p in (ROOT / ".links" / "lavalier").iterdir()}
    for stage in MAY_IMPORT:
        if stage != "lavalier":
            assert links[stage] == ROOT / stage
    for path in (ROOT / "lavalier").glob("*.py"):
        assert links[path.name] == path
