"""What every test file shares: hypothesis settings, and where the real data lies if it is here."""

import os
from pathlib import Path

import pytest
from hypothesis import Phase, settings

settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("dev", deadline=None)
settings.register_profile("mutants", derandomize=True, deadline=None, phases=(Phase.explicit, Phase.generate))
settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and fixtures beside the clone; tests that need it skip without it."""
    folder = Path(__file__).parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("needs ../shared with real recordings and fixtures")
    return folder


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory) -> Path:
    """The folder of a run, to be read only."""
    from .runs import write_run

    path = tmp_path_factory.mktemp("runs") / "digits"
    write_run(path)
    return path
