"""The wheel works where there is no clone."""

import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STAGES = ("models", "train", "simulate", "export", "deploy")


@pytest.mark.slow
def test_the_wheel_holds_every_stage_and_its_data(tmp_path):
    """Built without isolation and unpacked beside this environment's packages: no index is needed."""
    subprocess.run(
        [
            sys.executable,
            "-c",
            "from setuptools import build_meta as b; import sys; b.build_wheel(sys.argv[1])",
        ]
        + [str(tmp_path)],
        cwd=_copy_of_the_tree(tmp_path / "tree"),
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("lavalier-*.whl")
    venv.create(tmp_path / "env", with_pip=False, system_site_packages=False)
    python = tmp_path / "env" / "bin" / "python"
    (site,) = (tmp_path / "env" / "lib").glob("python*/site-packages")
    subprocess.run([sys.executable, "-m", "zipfile", "-e", str(wheel), str(site)], check=True)
    here = [p for p in sys.path if p.endswith("site-packages")]
    (site / "dependencies.pth").write_text("\n".join(here))
    checks = "\n".join(
        [
            "import importlib, lavalier",
            "from importlib.resources import files",
            f"for stage in {STAGES!r}: importlib.import_module('lavalier.' + stage)",
            f"assert lavalier.__file__.startswith({str(site)!r}), lavalier.__file__",
            "for name in ('digits.pt', 'digits.nir', 'digits.json', 'py.typed'):",
            "    assert (files('lavalier.models') / name).is_file(), name",
            "for name in ('page.html', 'costs.html', 'page.css', 'page.js', 'samples.js'):",
            "    assert (files('lavalier.simulate.reporting.page') / name).is_file(), name",
            "from lavalier.simulate import Program, energy",
            "from lavalier.simulate.resources.limits import device_limits",
            "assert device_limits('loihi1').name == 'loihi1' and device_limits('loihi2').cores == 128",
            "from lavalier.simulate.cost.tables import device_tables",
            "assert len(device_tables('loihi1')) == 3",
            "import lavalier.simulate.fast, lavalier.export.quantization",
        ]
    )
    subprocess.run([str(python), "-c", checks], cwd=tmp_path, check=True)


def _copy_of_the_tree(to: Path) -> Path:
    """Copy what git tracks, so that the build leaves nothing in the clone."""
    to.mkdir()
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    for name in names.decode().split("\0"):
        source = ROOT / name
        if name and source.is_file() and not name.startswith(".links"):
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            (to / name).write_bytes(source.read_bytes())
    return to
