"""A Program over many samples, in parts that land one by one: in this process, or on Ray."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ...simulate import fast
from ...simulate.program import Program
from ...simulate.trace import COUNTERS, Counts, Trace
from ..run_folder import SETTINGS, check_resumed, start_run
from .cluster import RETRIES, connect

SAMPLES = 256  # in a part
Part = tuple[int, int]


def run_in_shards(
    program: Program,
    x: np.ndarray,
    folder: Path,
    ray: bool = False,
    address: str | None = None,
    samples: int = SAMPLES,
    say: Callable[[str], None] = lambda line: None,
) -> Trace:
    """Run a Program on all samples; outputs and counts, nothing recorded.

    Parameters
    ----------
    program : Program
        With one input.
    x : array (n, steps, *shape)
        Its events.
    folder : path
        Gets a file for each part. Those of the same Program and events that are there do not run again.
    ray, address
        Whether the parts run on Ray, here or on the cluster at the address, which shares the folder. A
        part whose worker is killed runs again.
    samples : int
        In a part.
    say : callable
        Told of each part that has landed.

    Raises
    ------
    BadInput
        The folder is that of another run, or x does not fit.
    NotAvailable
        There is no Ray.
    """
    folder = Path(folder).resolve()
    decisive = {
        "program": _digest(program.to_text().encode()),
        "x": _digest(np.ascontiguousarray(x).tobytes()),
    }
    decisive |= {"samples": samples}
    if (folder / SETTINGS).exists():
        check_resumed(folder, decisive)
    else:
        start_run(folder, decisive, ())
    parts = [(low, min(low + samples, len(x))) for low in range(0, len(x), samples)]
    todo = [part for part in parts if not _path(folder, part).exists()]
    say(f"{len(parts)} parts, {len(parts) - len(todo)} finished before")
    if ray and todo:
        _on_ray(program, x, folder, todo, address, say)
    else:
        for part in todo:
            _run(program, x, folder, part, None)
            say(_path(folder, part).stem)
    return joined([Trace.load(_path(folder, part)) for part in parts])


def joined(traces: Sequence[Trace]) -> Trace:
    """Return the traces of parts as one, outputs and counts.

    >>> part = Trace(np.zeros((2, 1, 1)), counts=Counts(spikes_out={"a": np.array([1, 2])}))
    >>> whole = joined([part, part])
    >>> whole.output.shape, whole.counts.spikes_out["a"].tolist()
    ((4, 1, 1), [1, 2, 1, 2])
    """

    def together(arrays: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
        return {name: np.concatenate([a[name] for a in arrays]) for name in arrays[0]}

    outputs = together([trace.outputs for trace in traces])
    output = outputs if isinstance(traces[0].output, Mapping) else outputs["output"]
    counts = Counts(**{c: together([getattr(trace.counts, c) for trace in traces]) for c in COUNTERS})
    return Trace(output, counts=counts)


def _on_ray(program: Program, x: np.ndarray, folder: Path, todo: list[Part], address, say) -> None:
    connect(address)
    import ray

    whole = ray.put(x)
    remote = ray.remote(num_cpus=1, max_retries=RETRIES)(_run)
    waiting = {remote.remote(program, whole, folder, part, 1): part for part in todo}
    while waiting:
        (done,), _ = ray.wait(list(waiting))
        ray.get(done)
        say(_path(folder, waiting.pop(done)).stem)


def _run(program: Program, x: np.ndarray, folder: Path, part: Part, threads: int | None) -> None:
    fast.run(program, x[slice(*part)], threads=threads).save(_path(folder, part))


def _path(folder: Path, part: Part) -> Path:
    return folder / f"samples-{part[0]:08d}-{part[1]:08d}.npz"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
