"""Deliberate errors in the law and in the kernels: the suite must notice every one."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MUTANTS = [
    ("reference.py", "(4096 - (du + 1))", "(4096 - du)"),
    ("reference.py", "(4096 - dv)", "(4095 - dv)"),
    ("reference.py", "return x >> bits if x >= 0 else -(-x >> bits)", "return x >> bits"),
    ("reference.py", "s, 0 if s else cut(total), wrapped)", "s, cut(total), wrapped)"),
    ("reference.py", "_step(before, u, total, s, 0 if s", "_step(before, 0 if s else u, total, s, 0 if s"),
    ("reference.py", "s = int(cut(total) >= vth << 6)", "s = int(cut(total) > vth << 6)"),
    ("reference.py", "- fired * (vth << 6))", "- fired * vth)"),
    ("reference.py", "(rest - 1,)", "(rest,)"),
    ("reference.py", "(s * refractory,)", "(s * (refractory + 1),)"),
    ("reference.py", "e * (4096 - de)", "e * (4095 - de)"),
    ("reference.py", "+ fired * jump)", "+ jump)"),
    ("reference.py", "threshold = (vth << 6) + e", "threshold = vth << 6"),
    ("reference.py", "- fired * threshold)", "- fired * (vth << 6))"),
    ("reference.py", "v >> 6 if v > vth << 6 else 0", "v >> 6 if v >= vth << 6 else 0"),
    ("reference.py", "a_in if a_in > vth else 0", "a_in if a_in >= vth else 0"),
    ("reference.py", "if c.delay <= t:", "if c.delay < t:"),
    ("reference.py", "if u <= -M:", "if u < -M:"),
    ("reference.py", "if before > M else before", "if before >= M else before"),
    ("reference.py", "-M + 1), M - 1)", "-M), M - 1)"),
    ("reference.py", "-M + 1), M - 1)", "-M + 1), M)"),
    ("reference.py", "s = int(cut(total) > vth << 6)", "s = int(cut(total) >= vth << 6)"),
    ("reference.py", "a_in << 6", "a_in << 5"),
    ("reference.py", "else total >> -weight_exp", "else shift_toward_zero(total, -weight_exp)"),
    ("reference.py", "return (x + (1 << 31)) % (1 << 32) - (1 << 31)", "return x"),
    ("kernels.py", "left_u[j]) + np.int32(a_in[j] << 6)", "left_u[j]) + np.int32(a_in[j] << 5)"),
    ("kernels.py", "spiked = cut > threshold", "spiked = cut >= threshold"),
    ("kernels.py", "if w <= -HALF_RANGE else w", "if w < -HALF_RANGE else w"),
    ("kernels.py", "if current > HALF_RANGE", "if current >= HALF_RANGE"),
    ("kernels.py", "V_LIMIT = (1 << 23) - 1", "V_LIMIT = 1 << 23"),
    ("kernels.py", "x & np.int32(4095)) * left) + up)", "x & np.int32(4095)) * left))"),
    ("kernels.py", "counts[1] += reached", "counts[1] += n"),
    (
        "kernels.py",
        "IN_16_BITS, ROWS_TIMES_DIGIT_IN_16_BITS = 256, 16",
        "IN_16_BITS, ROWS_TIMES_DIGIT_IN_16_BITS = 512, 16",
    ),
    (
        "kernels.py",
        "IN_16_BITS, ROWS_TIMES_DIGIT_IN_16_BITS = 256, 16",
        "IN_16_BITS, ROWS_TIMES_DIGIT_IN_16_BITS = 256, 32",
    ),
    ("kernels.py", "fired[k] = null", "fired[k] = 0"),
    ("kernels.py", "w |= words[k]", "w = words[k]"),
    ("kernels.py", "np.int32(a_in[j] << 6), v[j]", "np.int32(a_in[j] << 5), v[j]"),
    ("unchecked.py", "builder.ashr", "builder.lshr"),
    ("kernels.py", "fired = (cut > above) & (not resting)", "fired = (cut >= above) & (not resting)"),
    ("kernels.py", "(above & held[j] & drop[j])", "(threshold[j] & held[j] & drop[j])"),
    ("kernels.py", "rest[j] - 1) if resting", "rest[j]) if resting"),
    ("kernels.py", "total = v[j] if resting else total", "total = total"),
    ("kernels.py", "cut & kept[j] if fired", "cut if fired"),
    ("kernels.py", "(jump[j] & held[j])", "jump[j]"),
    ("kernels.py", "cut >> 6) if cut > threshold[j]", "cut >> 6) if cut >= threshold[j]"),
    ("kernels.py", "a_in[j] if a_in[j] > threshold[j]", "a_in[j] if a_in[j] >= threshold[j]"),
    ("kernels.py", "then = here - link.delay * row", "then = here"),
    ("kernels.py", "if rows > 1:", "if rows < 1:"),
    ("kernels.py", "_copy(plan.u0, scratch.u)", "scratch.u[:] = 0"),
    ("kernels.py", "MOST_STEPS = 255", "MOST_STEPS = 256"),
    ("kernels.py", "messages[j] >> shift", "messages[j] >> 0"),
    ("plan.py", '(_register(neuron, "du") + 1)', '_register(neuron, "du")'),
    ("plan.py", 'DECAY_ONE - _register(neuron, "dv")', 'DECAY_ONE - (_register(neuron, "dv") + 1)'),
    ("plan.py", "(neuron.vth << V_SHIFT) - 1", "neuron.vth << V_SHIFT"),
    ("plan.py", "neuron.vth << V_SHIFT", "neuron.vth << V_SHIFT - 1"),
    ("plan.py", "np.full(neuron.shape, V_MAX", "np.full(neuron.shape, V_MAX - 1"),
    ("plan.py", "no_memory and neuron.bias.all()", "no_memory and neuron.bias.any()"),
    ("plan.py", "no_memory and neuron.bias.all()", "neuron.bias.all()"),
    ("plan.py", "_largest_u(program, name) < U_HALF_RANGE", "_largest_u(program, name) <= U_HALF_RANGE"),
    ("plan.py", "(sums >> -c.weight_exp) + 1", "(sums >> -c.weight_exp)"),
    ("neurons.py", "self.bias_mant << self.bias_exp", "self.bias_mant"),
]


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """The package as one folder, with its tests, outside the clone."""
    top = tmp_path_factory.mktemp("mutants")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "lavalier", top / "lavalier", ignore=ignored)
    shutil.copytree(ROOT / "simulate", top / "lavalier" / "simulate", ignore=ignored)
    shutil.copytree(ROOT / "tests", top / "tests", ignore=ignored)
    return top


def suite_passes(copy: Path) -> bool:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    command.append("--hypothesis-profile=mutants")
    tests = ["tests/test_reference.py", "tests/test_fast.py"]
    done = subprocess.run([*command, *tests], cwd=copy, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.returncode == 0


@pytest.mark.slow
def test_the_suite_passes_on_the_unchanged_copy(copy):
    assert suite_passes(copy)


@pytest.mark.slow
@pytest.mark.parametrize("file, right, wrong", MUTANTS)
def test_the_suite_notices(copy, file, right, wrong):
    path = copy / "lavalier" / "simulate" / file
    original = path.read_text()
    assert right in original, f"{file} has changed: mend the list of mutants"
    path.write_text(original.replace(right, wrong))
    try:
        assert not suite_passes(copy), f"nobody noticed {wrong!r} in {file}"
    finally:
        path.write_text(original)
