"""Deliberate errors in the law, in the kernels and in our Lava process: the suite must notice every one."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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
    ("simulate/kernels.py", "left_u[j]) + np.int32(a_in[j] << 6)", "left_u[j]) + np.int32(a_in[j] << 5)"),
    ("simulate/kernels.py", "spiked = cut > threshold", "spiked = cut >= threshold"),
    ("simulate/kernels.py", "if w <= -HALF_RANGE else w", "if w < -HALF_RANGE else w"),
    ("simulate/kernels.py", "if current > HALF_RANGE", "if current >= HALF_RANGE"),
    ("simulate/kernels.py", "V_LIMIT = (1 << 23) - 1", "V_LIMIT = 1 << 23"),
    ("simulate/kernels.py", "x & np.int32(4095)) * left) + up)", "x & np.int32(4095)) * left))"),
    ("simulate/kernels.py", "counts[1] += reached", "counts[1] += n"),
    (
        "simulate/kernels.py",
        "IN_16_BITS, ROWS_TIMES_DIGIT_IN_16_BITS = 128, 8",
        "IN_16_BITS, ROWS_TIMES_DIGIT_IN_16_BITS = 256, 8",
    ),
    (
        "simulate/kernels.py",
        "IN_16_BITS, ROWS_TIMES_DIGIT_IN_16_BITS = 128, 8",
        "IN_16_BITS, ROWS_TIMES_DIGIT_IN_16_BITS = 128, 16",
    ),
    ("simulate/kernels.py", "1 << (halved + max(shift, 0))", "1 << max(shift, 0)"),
    ("simulate/kernels.py", "v[j] | current | cut", "current | cut"),
    ("simulate/kernels.py", "(u[j] | v[j] | current | cut)", "(v[j] | current | cut)"),
    (
        "simulate/kernels.py",
        "halved + max(shift, 0), max(-shift, 0), 0 if",
        "max(shift, 0), max(-shift, 0), 0 if",
    ),
    ("simulate/kernels.py", "max(-shift, 0), 0 if first else -1", "max(-shift, 0), -1"),
    ("simulate/kernels.py", "if n <= ROWS_IN_16_BITS << halved", "if True"),
    (
        "simulate/unchecked.py",
        "builder.sext(builder.load(total), wide)",
        "builder.zext(builder.load(total), wide)",
    ),
    ("simulate/kernels.py", "np.int32(row[j]) * event", "np.int32(row[j])"),
    ("simulate/kernels.py", "weights_of_link + run.weights", "run.weights"),
    ("simulate/kernels.py", "first_of_link + first_run[channel], first", "first_run[channel], first"),
    ("simulate/kernels.py", "np.int32(8 * p)", "np.int32(4 * p)"),
    ("simulate/synapse_plan.py", "targets[:-1] + 1", "targets[:-1] + 2"),
    ("simulate/synapse_plan.py", "begins[ends[:-1][ends[:-1] < targets.size]] = True", "pass"),
    ("simulate/synapse_plan.py", '(connection.sign_mode == "mixed")', "1"),
    ("simulate/windows.py", "n_out // groups, axis=0", "1, axis=0"),
    ("simulate/windows.py", "(columns > 0) & (entries != 0)", "(columns > 0)"),
    ("simulate/kernels.py", "fired[k] = null", "fired[k] = 0"),
    ("simulate/kernels.py", "w |= words[k]", "w = words[k]"),
    ("simulate/kernels.py", "np.int32(a_in[j] << 6), v[j]", "np.int32(a_in[j] << 5), v[j]"),
    ("simulate/unchecked.py", "builder.ashr", "builder.lshr"),
    (
        "simulate/kernels.py",
        "fired = (cut > above) & (not resting)",
        "fired = (cut >= above) & (not resting)",
    ),
    ("simulate/kernels.py", "(above & held[j] & drop[j])", "(threshold[j] & held[j] & drop[j])"),
    ("simulate/kernels.py", "rest[j] - 1) if resting", "rest[j]) if resting"),
    ("simulate/kernels.py", "total = v[j] if resting else total", "total = total"),
    ("simulate/kernels.py", "cut & kept[j] if fired", "cut if fired"),
    ("simulate/kernels.py", "(jump[j] & held[j])", "jump[j]"),
    ("simulate/kernels.py", "cut >> 6) if cut > threshold[j]", "cut >> 6) if cut >= threshold[j]"),
    ("simulate/kernels.py", "a_in[j] if a_in[j] > threshold[j]", "a_in[j] if a_in[j] >= threshold[j]"),
    ("simulate/kernels.py", "then = here - link.delay * row", "then = here"),
    ("simulate/kernels.py", "if done == 0 and rows > 1:", "if rows < 1:"),
    ("simulate/kernels.py", "_copy(plan.u0, scratch.u)", "scratch.u[:] = 0"),
    ("simulate/kernels.py", "MOST_STEPS = 255", "MOST_STEPS = 256"),
    ("simulate/kernels.py", "messages[j] >> shift", "messages[j] >> 0"),
    ("simulate/plan.py", '(_register(neuron, "du") + 1)', '_register(neuron, "du")'),
    ("simulate/plan.py", 'DECAY_ONE - _register(neuron, "dv")', 'DECAY_ONE - (_register(neuron, "dv") + 1)'),
    ("simulate/plan.py", "(neuron.vth << V_SHIFT) - 1", "neuron.vth << V_SHIFT"),
    ("simulate/plan.py", "neuron.vth << V_SHIFT", "neuron.vth << V_SHIFT - 1"),
    ("simulate/plan.py", "np.full(neuron.shape, V_MAX", "np.full(neuron.shape, V_MAX - 1"),
    ("simulate/plan.py", "CALM if neuron.bias.all()", "CALM if neuron.bias.any()"),
    ("simulate/plan.py", "bool(no_memory and _largest_u", "bool(_largest_u"),
    (
        "simulate/plan.py",
        "_largest_u(program, name) < U_HALF_RANGE",
        "_largest_u(program, name) <= U_HALF_RANGE",
    ),
    ("simulate/plan.py", "(sums >> -c.weight_exp) + 1", "(sums >> -c.weight_exp)"),
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
TESTS = {  # of a folder, or of one file
    "simulate": ["tests/test_reference.py", "tests/test_connections.py", "tests/test_fast.py"],
    "deploy": ["tests/test_arithmetic.py"],
    "simulate/wide.py": ["tests/test_arithmetic.py"],
    "simulate/cost/counting.py": ["tests/test_counting.py"],
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


def suite_passes(copy: Path, part: str) -> bool:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    command.append("--hypothesis-profile=mutants")
    done = subprocess.run([*command, *TESTS[part]], cwd=copy, capture_output=True, text=True)
    crashed = done.returncode < 0  # where a neuron that pads a vector spikes
    assert crashed or done.returncode in (0, 1), done.stdout + done.stderr
    return done.returncode == 0


@pytest.mark.parametrize("file, right, wrong", MUTANTS)
def test_the_list_fits_the_code(file, right, wrong):
    assert right in (ROOT / file).read_text(), f"{file} has changed: mend the list of mutants"


@pytest.mark.slow
@pytest.mark.parametrize("part", TESTS)
def test_the_suite_passes_on_the_unchanged_copy(copy, part):
    assert suite_passes(copy, part)


@pytest.mark.slow
@pytest.mark.parametrize("file, right, wrong", MUTANTS)
def test_the_suite_notices(copy, file, right, wrong):
    path = copy / "lavalier" / file
    original = path.read_text()
    path.write_text(original.replace(right, wrong))
    try:
        part = file if file in TESTS else file.split("/")[0]
        assert not suite_passes(copy, part), f"nobody noticed {wrong!r} in {file}"
    finally:
        path.write_text(original)
