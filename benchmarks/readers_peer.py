"""What other people's readers make of NIR files: run by `benchmarks.readers` in the peers' environment.

    python readers_peer.py FOLDER

Reads NAME.nir and NAME.npy (batch, steps, *shape) in FOLDER, writes NAME.READER.npy and said.json. It
imports nothing of lavalier.
"""

import contextlib
import io
import json
import logging
import re
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nir
import norse.torch  # pyright: ignore[reportMissingImports]
import numpy as np
import snntorch.import_nir
import torch

DT = 1e-4  # of the files; snnTorch has no other
READERS: dict[str, Callable[[nir.NIRGraph], torch.nn.Module]] = {
    "snnTorch": snntorch.import_nir.import_from_nir,
    "Norse": lambda graph: norse.torch.from_nir(graph, dt=DT),
    "Norse without dt": norse.torch.from_nir,
}


class _Warnings(logging.Handler):
    """Keeps the beginning of what is logged, once."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.kept: dict[str, None] = {}

    def emit(self, record: logging.LogRecord) -> None:
        self.kept[re.split(r" is |\.", record.getMessage())[0]] = None


def read(path: Path) -> str | None:
    """Return why nir itself refuses a file, types checked; None if it does not."""
    try:
        nir.read(path, type_check=True)
    except Exception as error:
        return _first_line(error)
    return None


def ask(reader: str, path: Path) -> dict[str, Any]:
    """Let one reader load and run a file; return what it did, and save what it sent."""
    warnings = _Warnings()
    logging.getLogger().handlers = [warnings]
    said: dict[str, Any] = {}

    def load() -> torch.nn.Module:
        with contextlib.redirect_stdout(io.StringIO()):
            return READERS[reader](nir.read(path))

    try:
        said |= _faults(load())
    except Exception as error:
        return {"refused": _first_line(error)}
    x = torch.from_numpy(np.load(path.with_suffix(".npy"))).float()
    try:
        sent, said["batched"] = _run_batch_or_each(load, x)
        np.save(path.with_suffix(f".{reader}.npy"), sent.numpy())
    except Exception as error:
        said["failed"] = _first_line(error)
    return said | {"warnings": list(warnings.kept)}


def _faults(module: Any) -> dict[str, Any]:
    """Return what nirtorch's executor for Norse left out in silence, and the node whose output it returns."""
    if not hasattr(module, "execution_order"):
        return {}
    last = module.execution_order[-1]
    is_output = getattr(last.elem, "node_type", None) == "output"
    left_out = [name for part, name in module.graph.module_names.items() if part is None]
    return {"left_out": left_out, "ends_at": None if is_output else last.name}


def _run_batch_or_each(load: Callable[[], torch.nn.Module], x: torch.Tensor) -> tuple[torch.Tensor, bool]:
    """Run a batch, or if that fails its samples without the batch axis, which NIR's shapes do not have."""
    try:
        return _run(load(), x.transpose(0, 1)).transpose(0, 1), True
    except Exception as error:
        try:
            return torch.stack([_run(load(), sample) for sample in x]), False
        except Exception:
            raise error from None


def _run(module: torch.nn.Module, steps: torch.Tensor) -> torch.Tensor:
    state, sent = None, []
    for x_t in steps:
        out, state = module(x_t, state)
        sent.append(out.detach())
    return torch.stack(sent)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"


def main() -> None:
    """Let every reader try every file of the folder."""
    folder = Path(sys.argv[1])
    said = {
        path.stem: {"nir": read(path)} | {reader: ask(reader, path) for reader in READERS}
        for path in sorted(folder.glob("*.nir"))
    }
    versions = {name: version(name) for name in ("nir", "nirtorch", "norse", "snntorch", "torch")}
    (folder / "said.json").write_text(json.dumps({"versions": versions, "files": said}))


if __name__ == "__main__":
    main()
