"""What a run costs by itself: with batch, steps and activity, at the first call, and in memory."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np

from lavalier.simulate import Program, fast

from ..measure import ROUNDS, Figure, point, ratio, times_in_turn
from .against import three_layers
from .networks import BATCH, STEPS

BATCHES, LENGTHS = (64, 128, 256), (50, 100, 200)
SIZES = "700-256-256-20"
FIRST_CALLS = 9
MEMORY_GIB = 4

FIRST_CALL = """
import sys
import numpy as np
from lavalier.simulate import Program, run
run(Program.load(sys.argv[1]), np.load(sys.argv[2]))
"""
# random weights on the grid of 8 bits; events at 5 %, drawn sample by sample so that drawing takes no room
PEAK = """
import sys
from pathlib import Path
import numpy as np
from lavalier.simulate import LIF, Dense, Input, Program, run
batch, steps, *sizes = map(int, sys.argv[1:])
rng = np.random.default_rng(0)
names = ["input", *(f"layer{i}" for i in range(1, len(sizes)))]
program = Program(
    inputs={"input": Input((sizes[0],))},
    populations={name: LIF((n,), du=4095, dv=512, vth=4000) for name, n in zip(names[1:], sizes[1:])},
    connections=[
        Dense(a, b, rng.integers(-128, 128, (n_out, n_in), np.int16) * np.int16(2))
        for a, b, n_in, n_out in zip(names, names[1:], sizes, sizes[1:])
    ],
    outputs=[names[-1]],
)
x = np.empty((batch, steps, sizes[0]), np.uint8)
for sample in x:
    sample[:] = rng.random(sample.shape, np.float32) < 0.05
run(program, x)
# not ru_maxrss, which begins with what the process held that started this one
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""


def cost(data: Path | None) -> Iterator[Figure]:
    """Time per sample and step as batch and steps grow, and how it falls with activity; 2 threads."""
    program, x = three_layers(0.05)[1:3]
    samples, steps = np.resize(x, (max(BATCHES), *x.shape[1:])), np.resize(x, (BATCH, max(LENGTHS), 700))
    runs = {f"batch_{n}": samples[:n] for n in BATCHES} | {f"steps_{n}": steps[:, :n].copy() for n in LENGTHS}
    times = times_in_turn(ROUNDS, *(lambda x=x: fast.run(program, x) for x in runs.values()))
    each = {
        name: [1e6 * t / (len(x) * x.shape[1]) for t in taken]
        for (name, x), taken in zip(runs.items(), times, strict=True)
    }
    for name, taken in each.items():
        batch, length = runs[name].shape[:2]
        unit = f"us per sample and step, {SIZES}, {batch} samples of {length} steps"
        yield Figure(f"simulate.cost.{name}", median(taken), unit, None, "lower", (min(taken), max(taken)))
    for kind, sizes in (("batch", BATCHES), ("steps", LENGTHS)):
        few, many = each[f"{kind}_{sizes[0]}"], each[f"{kind}_{sizes[-1]}"]
        unit = f"times the cost per sample and step, {kind} of {sizes[-1]} and of {sizes[0]}; 1 is linear"
        yield ratio(f"simulate.cost.{kind}", few, many, unit, 1.1, "lower")
    yield _less_active(program, x)


def _less_active(program: Program, x: np.ndarray) -> Figure:
    """The same weights with 2 inputs of 5 kept."""
    rare = x * (np.random.default_rng(0).random(x.shape, np.float32) < 0.4)
    many, few = times_in_turn(ROUNDS, lambda: fast.run(program, x), lambda: fast.run(program, rare))
    unit = f"times the cost with inputs at 5 %, same weights of {SIZES}, inputs at 2 %"
    return ratio("simulate.cost.activity", many, few, unit, 1, "lower")


def first_call(data: Path | None) -> Iterator[Figure]:
    """A whole process that loads a Program and runs it, its machine code cached by an earlier process."""
    program, x = three_layers(0.05)[1:3]
    with tempfile.TemporaryDirectory() as folder:
        paths = Path(folder) / "program.nir", Path(folder) / "x.npy"
        program.save(paths[0])
        np.save(paths[1], x)
        (taken,) = times_in_turn(FIRST_CALLS, lambda: _python(FIRST_CALL, *paths))
    unit = f"s, whole process: start, import, load, run {BATCH} samples of {STEPS} steps, {SIZES}"
    yield Figure("simulate.first_call_s", median(taken), unit, 3, "lower", (min(taken), max(taken)))


def peak(data: Path | None) -> Iterator[Figure]:
    """Most memory that a whole process holds which makes a network and its input, and runs it, record=()."""
    for name, shape, sizes in (
        ("synapses_60m", (128, 100), (13905, 4096, 512, 64, 2)),
        ("steps_4000", (128, 4000), (700, 256, 256, 20)),
    ):
        used = int(_python(PEAK, *shape, *sizes)) * 1024 / 2**30
        unit = f"GiB, whole process, {shape[0]} samples of {shape[1]} steps, {'-'.join(map(str, sizes))}"
        yield point(f"simulate.peak_gib.{name}", used, unit, MEMORY_GIB, "lower")


def _python(code: str, *arguments: object) -> str:
    done = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], check=True, capture_output=True)
    return done.stdout.decode()
