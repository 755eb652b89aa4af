"""What a Hybrid leaves on the host, why, what that costs, and what crosses the cut; and how late it is."""

from typing import Any

from ..cost.metrics import ndns_metrics
from ..trace import Trace
from .hybrid import Hybrid
from .stages import Stage

MEMBRANE_BITS = 24


def account(hybrid: Hybrid, trace: Trace | None = None) -> dict[str, Any]:
    """Say what runs where.

    Parameters
    ----------
    hybrid : Hybrid
        The model.
    trace : Trace, optional
        A run of it: adds events across the cut, and the N-DNS proxy with the share of the host.

    Returns
    -------
    dict
        "host": stage, why, operations a frame; "chip": populations, synapses; "cut": bits at most a frame;
        "latency": algorithmic, and of the pipeline of a chip that takes a step for each synapse passed.
    """
    program, per_s = hybrid.program, hybrid.rate / hybrid.hop
    (entry,), (out,) = program.inputs.values(), program.outputs
    host = [_stage(stage) for stage in (*hybrid.before, *hybrid.after)]
    operations = sum(stage["operations"] for stage in host)
    synapses = sum(c.matrix.nnz for c in program.connections)
    found: dict[str, Any] = {
        "rate_hz": hybrid.rate,
        "frames_per_s": per_s,
        "host": host,
        "host_operations_per_frame": operations,
        "chip": {
            "populations": {name: type(p).__name__ for name, p in program.populations.items()},
            "neurons": sum(p.size for p in program.populations.values()),
            "synapses": synapses,
        },
        "cut": {
            "to_chip": {"channels": entry.size, "bits": entry.message_bits or 1},
            "to_host": {"channels": program.size(out), "bits": _bits(program, out)},
        },
        "latency": latency(hybrid),
    }
    if trace is not None:
        found["measured"] = _measured(hybrid, trace, operations * per_s)
    return found


def latency(hybrid: Hybrid) -> dict[str, float]:
    """Return how late sound or a label comes out, seconds.

    The algorithm waits for a window; a label also for the steps that it is about. A chip that takes a step
    for each synapse passed adds `pipeline_steps`: frames, if it takes a step a frame, and the host then holds
    what it masks by as many; or none but the time to compute, if it takes `substeps_for_none` steps within a
    frame, each population acting in one of them. Both give the same integers: the only loops are within a
    population.
    """
    steps, dt = hybrid.program.latency, hybrid.hop / hybrid.rate
    window = hybrid.waits / hybrid.rate
    return {
        "algorithmic_s": window,
        "pipeline_steps": steps,
        "pipeline_s": steps * dt,
        "total_at_one_step_a_frame_s": window + steps * dt,
        "host_delay_frames": steps,
        "substeps_for_none": steps + 1,
    }


def to_text(found: dict[str, Any]) -> str:
    """Return an account for people."""
    late = found["latency"]
    lines = [f"{found['rate_hz']} Hz, {found['frames_per_s']:g} frames a second"]
    lines += ["host part:"]
    for stage in found["host"]:
        lines.append(f"  {stage['stage']:<13}{stage['operations']:>9,} operations a frame  {stage['why']}")
    chip, cut = found["chip"], found["cut"]
    layers = ", ".join(f"{name} ({kind})" for name, kind in chip["populations"].items())
    lines.append(f"chip part: {layers}; {chip['neurons']:,} neurons, {chip['synapses']:,} synapses")
    for way, there in (("to_chip", "to the chip"), ("to_host", "to the host")):
        lines.append(f"  {there}: at most {cut[way]['channels']} events of {cut[way]['bits']} bits a frame")
    if "measured" in found:
        lines += _measured_text(found["measured"])
    lines += [
        f"latency of the algorithm: {1e3 * late['algorithmic_s']:g} ms, a window",
        f"latency of a chip's pipeline: {late['pipeline_steps']} steps, {1e3 * late['pipeline_s']:g} ms at a "
        "step a frame (the host holds what it masks as long); none at "
        f"{late['substeps_for_none']} sub-steps a frame",
    ]
    return "\n".join(lines) + "\n"


def _stage(stage: Stage) -> dict[str, Any]:
    return {"stage": type(stage).__name__, "why": stage.why, "operations": stage.operations}


def _bits(program, name: str) -> int:
    """Bits of what a population sends; of a membrane, its register's."""
    return program.message_bits(name) or 1 if program.sends(name) else MEMBRANE_BITS


def _measured(hybrid: Hybrid, trace: Trace, host_per_s: float) -> dict[str, Any]:
    program = hybrid.program
    late = latency(hybrid)
    proxy = ndns_metrics(program, trace, late["algorithmic_s"], host_per_s)
    batch, given = trace.output.shape
    seconds = given / hybrid.end.size * hybrid.hop / hybrid.rate
    first = {c.target for c in program.connections if c.source in program.inputs}
    frames = seconds * batch * hybrid.rate / hybrid.hop
    (out,) = program.outputs  # a membrane is read in every frame
    sent = trace.counts.spikes_out[out].sum() if program.sends(out) else program.size(out) * frames
    return {
        "events_to_chip_per_frame": sum(int(trace.counts.spikes_in[name].sum()) for name in first) / frames,
        "events_to_host_per_frame": float(sent / frames),
        "host_operations_per_s": host_per_s,
        "host_share": host_per_s / proxy["P_proxy_with_host_ops_per_s"],
        "n_dns": proxy,
    }


def _measured_text(measured: dict[str, Any]) -> list[str]:
    proxy = measured["n_dns"]
    return [
        f"  measured: {measured['events_to_chip_per_frame']:.1f} events to the chip and "
        f"{measured['events_to_host_per_frame']:.1f} to the host a frame",
        f"N-DNS proxy: {proxy['P_proxy_ops_per_s'] / 1e6:.2f} M-ops/s, PDP "
        f"{proxy['PDP_proxy_ops'] / 1e6:.4f} M-ops, without the host",
        f"with the host's dense {measured['host_operations_per_s'] / 1e6:.2f} M-ops/s: "
        f"{proxy['P_proxy_with_host_ops_per_s'] / 1e6:.2f} M-ops/s, of which "
        f"{100 * measured['host_share']:.0f} % do not spike",
    ]
