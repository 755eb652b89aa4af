"""Sweeps that are killed, with and without Ray: nothing finished runs again, each cell is there once."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lavalier.train.fit import CHECKPOINT

ROOT = Path(__file__).parents[1]
PATIENCE_S = 600  # on a busy machine
TRIALS = 8


def start(out, *flags):
    """Start a sweep of the toy recipe in a process group of its own."""
    command = [sys.executable, "-m", "tests.sweep_driver", out, "--slow", *flags]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def wait_for(what, running):
    """Wait until `what()` is true, and return it."""
    end = time.monotonic() + PATIENCE_S
    while not (found := what()):
        assert running.poll() is None, running.stdout.read()
        assert time.monotonic() < end
        time.sleep(0.1)
    return found


def finished(out):
    return {p.parent.name: p.stat().st_mtime_ns for p in out.glob("trials/*/row.json")}


def begun(out):
    """Trials with a checkpoint that have not finished."""
    return {p.parent.name for p in out.glob(f"trials/*/{CHECKPOINT}")} - finished(out).keys()


def check(out, said):
    rows = list(csv.DictReader((out / "table.csv").read_text().splitlines()))
    cells = [(row["hidden"], row["learning_rate"], row["fold"]) for row in rows]
    assert len(cells) == len(set(cells)) == TRIALS
    assert all(row["float"] and row["fixed"] and not row["failure"] for row in rows), said


def children(pid):
    """Processes below one, by name; Linux."""
    found, below = {}, {pid}
    stats = [p.read_text().rsplit(")", 1) for p in Path("/proc").glob("[0-9]*/stat") if p.exists()]
    parents = {
        int(head.split(" ", 1)[0]): (int(tail.split()[1]), head.split("(", 1)[1]) for head, tail in stats
    }
    while more := {p for p, (parent, _) in parents.items() if parent in below} - below:
        below |= more
    for p in below - {pid}:
        found[p] = Path(f"/proc/{p}/cmdline").read_bytes().decode(errors="replace").strip("\0")
    return found


@pytest.mark.slow
def test_a_driver_that_is_killed(tmp_path):
    out = tmp_path / "sweep"
    running = start(out)
    wait_for(lambda: finished(out) and begun(out), running)
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()
    before, half_done = finished(out), begun(out)
    assert 0 < len(before) < TRIALS and half_done
    again = start(out)
    said, _ = again.communicate(timeout=PATIENCE_S)
    assert again.returncode == 0, said
    assert f"{len(before)} finished before, {len(half_done)} go on from a checkpoint" in said
    assert f"ran {TRIALS - len(before)}" in said
    assert {name: finished(out)[name] for name in before} == before
    check(out, said)


@pytest.mark.slow
def test_a_worker_and_then_the_driver_on_ray_are_killed(tmp_path):
    pytest.importorskip("ray", reason="needs lavalier[sweep]")
    out = tmp_path / "sweep"
    running = start(out, "--ray")
    wait_for(lambda: begun(out), running)
    workers = [p for p, name in children(running.pid).items() if name.startswith("ray::") and "train" in name]
    assert workers
    os.kill(workers[0], signal.SIGKILL)
    wait_for(lambda: len(finished(out)) > 1 and begun(out), running)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    running.stdout.close()
    before = finished(out)
    assert len(before) < TRIALS
    again = start(out, "--ray")
    said, _ = again.communicate(timeout=PATIENCE_S)
    assert again.returncode == 0, said
    after = finished(out)
    assert {name: after[name] for name in before} == before
    check(out, said)
