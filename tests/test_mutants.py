"""Deliberate errors in the law, in the kernels and in our Lava process: the suite must notice every one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lavalier.simulate.lanes import COMPRESSES, TOWARD_ZERO

ROOT = Path(__file__).parents[1]
MUTANTS = [
    ("simulate/reference.py", "(4096 - (du + 1))", "(4096 - du)"),
    ("simulate/reference.py", "(4096 - dv)", "(4095 - dv)"),
    ("simulate/reference.py", "return x >> bits if x >= 0 else -(-x >> bits)", "return x >> bits"),
    ("simulate/reference.py", "s, 0 if s else cut(total), wrapped)", "s, cut(total), wrapped)"),
    (
        "simulate/reference.py",
        "_step(before, u, total, s, 0 if s",
        "_step(before, 0 if s else u, total, s, 0 if s",
    ),
    ("simulate/reference.py", "s = int(cut(total) >= vth << 6)", "s = int(cut(total) > vth << 6)"),
    ("simulate/reference.py", "- fired * (vth << 6))", "- fired * vth)"),
    ("simulate/reference.py", "(rest - 1,)", "(rest,)"),
    ("simulate/reference.py", "(s * refractory,)", "(s * (refractory + 1),)"),
    ("simulate/reference.py", "e * (4096 - de)", "e * (4095 - de)"),
    ("simulate/reference.py", "+ fired * jump)", "+ jump)"),
    ("simulate/reference.py", "threshold = (vth << 6) + e", "threshold = vth << 6"),
    ("simulate/reference.py", "- fired * threshold)", "- fired * (vth << 6))"),
    ("simulate/reference.py", "v >> 6 if v > vth << 6 else 0", "v >> 6 if v >= vth << 6 else 0"),
    ("simulate/reference.py", "a_in if a_in > vth else 0", "a_in if a_in >= vth else 0"),
    ("simulate/reference.py", "if c.delay <= t:", "if c.delay < t:"),
    ("simulate/reference.py", "if u <= -M:", "if u < -M:"),
    ("simulate/reference.py", "if before > M else before", "if before >= M else before"),
    ("simulate/reference.py", "-M + 1), M - 1)", "-M), M - 1)"),
    ("simulate/reference.py", "-M + 1), M - 1)", "-M + 1), M)"),
    ("simulate/reference.py", "s = int(cut(total) > vth << 6)", "s = int(cut(total) >= vth << 6)"),
    ("simulate/reference.py", "a_in << 6", "a_in << 5"),
    ("simulate/reference.py", "else total >> -weight_exp", "else shift_toward_zero(total, -weight_exp)"),
    ("simulate/reference.py", "w * stride + k * dilation - padding", "w * stride + k * dilation"),
    ("simulate/reference.py", "within * (out // per_group)", "within * out"),
    ("simulate/reference.py", "if weight and all(0 <= i < n", "if all(0 <= i < n"),
    ("simulate/reference.py", "if weight and all(0 <= i < n", "if weight and all(0 <= i <= n"),
    ("simulate/reference.py", "if w] for row", "] for row"),
    ("simulate/reference.py", "return (x + (1 << 31)) % (1 << 32) - (1 << 31)", "return x"),
    ("simulate/plan.py", "isinstance(program.populations[c.target], GradedReLU)", "False"),
    ("simulate/plan.py", "0 if weight_units else V_SHIFT", "0 if weight_units else V_SHIFT - 1"),
    ("simulate/plan.py", "(0, -exponent, unit)", "(0, -exponent, 0)"),
    ("simulate/plan.py", "= up + halved", "= up"),
    ("simulate/plan.py", "lowest(connection) << up if", "lowest(connection) if"),
    ("simulate/plan.py", "part[c.target], c is arrival[c.target]", "part[c.target], True"),
    ("simulate/plan.py", "part[c.target], c is arrival[c.target]", "part[c.target], False"),
    ("simulate/plan.py", "return min(back, default=BLOCK)", "return BLOCK"),
    ("simulate/plan.py", "part.get(c.source) == part[c.target], c is", "False, c is"),
    ("simulate/stepping.py", "spiked = cut > above\n", "spiked = cut > above - 1\n"),
    ("simulate/stepping.py", "w < 1 - HALF_RANGE", "w < -HALF_RANGE"),
    ("simulate/stepping.py", "where(current > HALF_RANGE", "where(current > HALF_RANGE - 1"),
    ("simulate/stepping.py", "V_LIMIT = (1 << 23) - 1", "V_LIMIT = 1 << 23"),
    (
        "simulate/stepping.py",
        "left\n    low = where(x < 0, low + 4095, low)",
        "left\n    low = where(x < 0, low, low)",
    ),
    ("simulate/stepping.py", "silent = total <= above", "silent = total < above"),
    ("simulate/stepping.py", "_beyond(low_u, high_u, 1 - HALF_RANGE, HALF_RANGE) or", ""),
    ("simulate/stepping.py", "or _beyond(low, high, -V_LIMIT, V_LIMIT)", ""),
    ("simulate/stepping.py", "if _ones(low < -V_LIMIT)", "if False"),
    ("simulate/stepping.py", "= u_j, u_j, none, none", "= none, none, none, none"),
    ("simulate/stepping.py", "!= 0) | awake)", "!= 0))"),
    ("simulate/stepping.py", "(u_j | v_j | wrapped | cut)", "(u_j | wrapped | cut)"),
    ("simulate/stepping.py", "(u_j | v_j | wrapped | cut)", "(v_j | wrapped | cut)"),
    ("simulate/stepping.py", "(u_j | v_j | current)", "(u_j | current)"),
    ("simulate/stepping.py", "(u_j | v_j | current)", "(v_j | current)"),
    ("simulate/stepping.py", "cuts += _ones(cut != total)", "cuts += 0"),
    ("simulate/stepping.py", "_ones(wrapped != current)", "0"),
    ("simulate/stepping.py", "cut > above  #", "cut > above - 1  #"),
    (
        "simulate/stepping.py",
        "(above & held_j & load(none, drop, at))",
        "(load(none, threshold, at) & held_j & load(none, drop, at))",
    ),
    ("simulate/stepping.py", "rest_j - 1", "rest_j"),
    ("simulate/stepping.py", "total = where(resting, v_j, total)", "total = where(resting, total, total)"),
    ("simulate/stepping.py", "cut & load(none, kept, at), cut)", "cut, cut)"),
    ("simulate/stepping.py", "(load(none, jump, at) & held_j)", "load(none, jump, at)"),
    ("simulate/stepping.py", "where(cut > above, cut >> 6", "where(cut > above - 1, cut >> 6"),
    ("simulate/stepping.py", "where(current > above, current", "where(current > above - 1, current"),
    ("simulate/sums.py", "ROWS_IN_16_BITS = 257", "ROWS_IN_16_BITS = 258"),
    ("simulate/sums.py", "if n <= ROWS_IN_16_BITS", "if True"),
    ("simulate/sums.py", "HALF_16 = 1 << 15", "HALF_16 = 1 << 14"),
    ("simulate/sums.py", "both - (high << 8), high", "both, high"),
    ("simulate/sums.py", "_halves(even, up), _halves(odd, up)", "_halves(odd, up), _halves(even, up)"),
    ("simulate/sums.py", "sums = sums + (_in_32", "sums = (_in_32"),
    ("simulate/sums.py", "value + n * link.least", "value + link.least"),
    ("simulate/sums.py", "link.up) + n * link.least", "link.up) + link.least"),
    ("simulate/sums.py", "most = max(most, n)", "most = n"),
    ("simulate/sums.py", "most = max(most, 2 * n)", "most = 0"),
    ("simulate/sums.py", "value >> link.down << link.back", "value << link.back"),
    ("simulate/sums.py", "if not link.first:", "if False:"),
    ("simulate/sums.py", "DIGIT = 15", "DIGIT = 16"),
    ("simulate/sums.py", "(part << low)", "part"),
    ("simulate/sums.py", "events[channel + 1], low)", "events[channel], low)"),
    ("simulate/sums.py", "masks[g] >> np.uint64(1)) & EVEN", "masks[g]) & EVEN"),
    ("simulate/sums.py", "second * fan_out[channel + 1]", "0"),
    ("simulate/sums.py", "reached += fan_out[channel]", "reached += 1"),
    ("simulate/sums.py", "counts[1] += fan_out[channel]", "counts[1] += 1"),
    ("simulate/sums.py", "np.int32(row[j]) * event", "np.int32(row[j])"),
    ("simulate/sums.py", "total[:] = 0\n        for k", "for k"),
    ("simulate/lanes.py", "and kinds.args[0].bits == 16", "and False"),
    ("simulate/kernels.py", "reach + done - link.delay", "reach + done"),
    ("simulate/kernels.py", "bound <= layer.calm", "True"),
    ("simulate/kernels.py", "bound += most * link.reach", "bound = most * link.reach"),
    ("simulate/kernels.py", "bound = scratch.bound[i]\n", "bound = 0\n"),
    ("simulate/kernels.py", "_start(plan, scratch)\n        for", "pass\n        for"),
    ("simulate/kernels.py", "scratch.masks[j] = 0", "pass"),
    ("simulate/kernels.py", "scratch.masks[j + steps * plan.mask_row]", "scratch.masks[j]"),
    ("simulate/kernels.py", "scratch.messages[j + steps * plan.message_row]", "scratch.messages[j]"),
    ("simulate/kernels.py", "= plan.u0[j], plan.v0[j]", "= 0, plan.v0[j]"),
    ("simulate/kernels.py", ">> np.uint64(64 - rest)", ">> np.uint64(0)"),
    ("simulate/kernels.py", "row_u, row_v = n * (layer.u >= 0)", "row_u, row_v = 0 * (layer.u >= 0)"),
    ("simulate/kernels.py", "bits_of((seen & ~1) != 0) != 0", "False"),
    ("simulate/kernels.py", "if spikes.size > end:", "if False:"),
    ("simulate/kernels.py", "rest >> np.uint64(32), end + 4", "rest, end + 4"),
    ("simulate/kernels.py", "rest >> np.uint64(16), end + 2", "rest >> np.uint64(16), end"),
    ("simulate/kernels.py", "scratch.link_counts[:] = 0", "pass"),
    ("simulate/kernels.py", "scratch.layer_counts[:] = 0", "pass"),
    ("simulate/kernels.py", "layer.spikes * whole + to", "layer.spikes + to"),
    ("simulate/kernels.py", "layer.messages * whole + to", "layer.messages + to"),
    ("simulate/kernels.py", "layer.u * whole + to", "layer.u + to"),
    ("simulate/kernels.py", "layer.v * whole + to", "layer.v + to"),
    ("simulate/keeping.py", "for n in listened if n in record or n not in sending", "for n in record"),
    ("simulate/kernels.py", "steps * layer.size - own[1]", "steps * layer.lanes - own[1]"),
    ("simulate/kernels.py", "here[5] += scratch", "here[5] = scratch"),
    ("simulate/kernels.py", "own[0] * layer.destinations", "own[0]"),
    ("simulate/synapse_plan.py", "targets[:-1] + 1", "targets[:-1] + 2"),
    ("simulate/synapse_plan.py", "begins[ends[:-1][ends[:-1] < targets.size]] = True", "pass"),
    ("simulate/synapse_plan.py", 'connection.sign_mode == "mixed"', "True"),
    ("simulate/synapse_plan.py", "-low >> halved, np.uint8)", "0, np.uint8)"),
    ("simulate/windows.py", "n_out // groups, axis=0", "1, axis=0"),
    ("simulate/windows.py", "(columns > 0) & (entries != 0)", "(columns > 0)"),
    ("simulate/plan.py", '(_register(neuron, "du") + 1)', '_register(neuron, "du")'),
    ("simulate/plan.py", 'DECAY_ONE - _register(neuron, "dv")', 'DECAY_ONE - (_register(neuron, "dv") + 1)'),
    ("simulate/plan.py", "(neuron.vth << V_SHIFT) - 1", "neuron.vth << V_SHIFT"),
    ("simulate/plan.py", "neuron.vth << V_SHIFT", "neuron.vth << V_SHIFT - 1"),
    ("simulate/plan.py", "np.full(neuron.shape, V_MAX", "np.full(neuron.shape, V_MAX - 1"),
    ("simulate/plan.py", "V_MAX - int(highest.max())", "V_MAX"),
    ("simulate/plan.py", "threshold(neuron), neuron.v0)", "threshold(neuron), 0)"),
    ("simulate/plan.py", " + np.maximum(neuron.bias, 0)", ""),
    ("simulate/plan.py", "(neuron.du == DECAY_ONE - 1).all()", "(neuron.du == DECAY_ONE - 1).any()"),
    ("simulate/plan.py", "(most >> -exponent) + 2", "(most >> -exponent)"),
    ("simulate/neurons.py", "self.bias_mant << self.bias_exp", "self.bias_mant"),
    ("deploy/arithmetic.py", 'registers["du"] + 1', 'registers["du"]'),
    ("simulate/wide.py", "int32(total << weight_exp) if", "total << weight_exp if"),
    ("simulate/wide.py", "total >> -weight_exp", "total // -weight_exp"),
    ("simulate/wide.py", "total = int32(total)", "pass"),
    ("simulate/wide.py", "DECAY_ONE - decay", "DECAY_ONE - 1 - decay"),
    ("simulate/wide.py", "np.sign(product) * (np.abs(product) >> 12)", "product >> 12"),
    ("simulate/wide.py", "values.astype(np.int32).astype(np.int64)", "values"),
    ("deploy/arithmetic.py", "a_in << V_SHIFT", "a_in << V_SHIFT - 1"),
    ("deploy/arithmetic.py", "current > U_HALF_RANGE", "current >= U_HALF_RANGE"),
    ("deploy/arithmetic.py", "u <= -U_HALF_RANGE", "u < -U_HALF_RANGE"),
    ("deploy/arithmetic.py", "np.clip(total, -V_MAX, V_MAX)", "total"),
    ("deploy/arithmetic.py", "np.clip(total, -V_MAX, V_MAX)", "np.clip(total, -V_MAX - 1, V_MAX)"),
    ("deploy/arithmetic.py", "else (v > threshold)", "else (v >= threshold)"),
    ("deploy/arithmetic.py", "(v >= threshold) if", "(v > threshold) if"),
    ("deploy/arithmetic.py", "a_in > registers", "a_in >= registers"),
    ("deploy/arithmetic.py", "np.minimum(raised, V_MAX)", "raised"),
    ("deploy/arithmetic.py", 'state["held"] * registers["jump"]', 'registers["jump"]'),
    ("deploy/arithmetic.py", 'total - state["held"] * threshold', "total - threshold"),
    ("deploy/arithmetic.py", '= ("LIFSubtract", "ALIF")', '= ("ALIF",)'),
    ("deploy/arithmetic.py", "if kind in KEEP else", "if kind in SUBTRACT else"),
    ("deploy/arithmetic.py", 'state["v"], total)', "0, total)"),
    ("deploy/arithmetic.py", "& ~resting", "& True"),
    ("deploy/arithmetic.py", 'state["rest"] - 1', 'state["rest"]'),
    ("deploy/arithmetic.py", "np.where(fired, v >> V_SHIFT, 0)", "v >> V_SHIFT"),
    ("deploy/arithmetic.py", "(before | u | v) != 0", "(u | v) != 0"),
    ("deploy/arithmetic.py", 'bias_mant"] << registers', 'bias_mant"] + registers'),
    (
        "simulate/cost/counting.py",
        "late[:, connection.delay :] = events",
        "late[:, : events.shape[1]] = events",
    ),
    ("simulate/cost/counting.py", "events @ stored_fan_out(c)", "events @ c.fan_out"),
    ("simulate/cost/counting.py", "(np.ravel(neuron.bias) != 0)", "True"),
    ("simulate/cost/counting.py", "values[:, :-1]", "values[:, 1:]"),
    ("simulate/cost/counting.py", "happened[name] * program.destinations(name)", "happened[name]"),
]
if TOWARD_ZERO:
    MUTANTS += [
        ("simulate/lanes.py", "[1 / 4096]", "[1 / 4095]"),
        ("simulate/lanes.py", "0b1011", "0b1000"),
    ]
if COMPRESSES:
    MUTANTS += [
        ("simulate/sums.py", "if ones > FEW:", "if False:"),
        ("simulate/sums.py", "widened(places, FEW) + first", "widened(places, FEW)"),
        ("simulate/sums.py", "widened(places, WORD) + first", "widened(places, WORD)"),
    ]
GENERIC = [  # in what is compiled for a processor of which nothing is known
    ("simulate/stepping.py", "x & ~0xF000", "x & ~0xE000"),
    (
        "simulate/stepping.py",
        "decay)\n        low = where(x < 0, low + 4095, low)",
        "decay)\n        low = where(x < 0, low, low)",
    ),
    ("simulate/stepping.py", "dot(x >> 12, decay)", "dot(x >> 11, decay)"),
    ("simulate/sums.py", "        while mask:", "        while False:"),
    ("simulate/sums.py", "            n += AT_ONCE", "            n += 0"),
]
TESTS = {  # of a file, or else of its folder; those that notice most come first
    "simulate/reference.py": ["tests/test_reference.py", "tests/test_connections.py", "tests/test_fast.py"],
    "simulate/wide.py": ["tests/test_arithmetic.py"],
    "simulate/cost/counting.py": ["tests/test_counting.py"],
    "simulate": ["tests/test_fast.py", "tests/test_connections.py", "tests/test_reference.py"],
    "deploy": ["tests/test_arithmetic.py"],
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """The package as one folder, with its tests, outside the clone."""
    top = tmp_path_factory.mktemp("mutants")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "lavalier", top / "lavalier", ignore=ignored)
    for folder in ("simulate", "deploy"):
        shutil.copytree(ROOT / folder, top / "lavalier" / folder, ignore=ignored)
    shutil.copytree(ROOT / "tests", top / "tests", ignore=ignored)
    return top


def suite_passes(copy: Path, part: str, processor: str) -> bool:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    command.append("--hypothesis-profile=mutants")
    environment = os.environ | {"NUMBA_CPU_NAME": processor} if processor else None
    done = subprocess.run([*command, *TESTS[part]], cwd=copy, env=environment, capture_output=True, text=True)
    crashed = done.returncode < 0  # where a neuron that pads a vector spikes
    assert crashed or done.returncode in (0, 1), done.stdout + done.stderr
    return done.returncode == 0


@pytest.mark.parametrize("file, right, wrong", MUTANTS + GENERIC)
def test_the_list_fits_the_code(file, right, wrong):
    assert right in (ROOT / file).read_text(), f"{file} has changed: mend the list of mutants"


def part_of(file: str) -> str:
    return file if file in TESTS else file.split("/")[0]


@pytest.mark.slow
@pytest.mark.parametrize("part, processor", [*((part, "") for part in TESTS), ("simulate", "generic")])
def test_the_suite_passes_on_the_unchanged_copy(copy, part, processor):
    assert suite_passes(copy, part, processor)


@pytest.mark.slow
@pytest.mark.parametrize(
    "file, right, wrong, processor",
    [*((*mutant, "") for mutant in MUTANTS), *((*mutant, "generic") for mutant in GENERIC)],
)
def test_the_suite_notices(copy, file, right, wrong, processor):
    path = copy / "lavalier" / file
    original = path.read_text()
    path.write_text(original.replace(right, wrong))
    try:
        assert not suite_passes(copy, part_of(file), processor), f"nobody noticed {wrong!r} in {file}"
    finally:
        path.write_text(original)
