"""A Fit as text and as plain data, with the same numbers."""

import numpy as np

from .fitting import Fit

WIDTH = 10  # characters of a bar
SHOWN = 24  # cores printed one by one


def to_json(fit: Fit) -> dict:
    """Return every figure."""
    device, placed = fit.device, fit.placement
    return {
        "device": device.name,
        "chips": fit.chips,
        "placement": fit.way,
        "fits": fit.fits,
        "violations": [v.to_json() for v in fit.violations],
        "notes": fit.notes,
        "totals": _totals(fit),
        "populations": {name: _population(fit, name) for name in fit.needs.groups},
        "cores": [_core(fit, core) for core in placed.cores],
        "unpublished": _unpublished(fit),
        "table": device.model_dump(),
    }


def _totals(fit: Fit) -> dict:
    cores = fit.placement.cores.values()
    return {
        "neurons": sum(d.neurons for d in cores),
        "synapses_stored": sum(d.synapses for d in cores),
        "synapse_bytes": sum(d.synapse_bytes for d in cores),
        "cores": len(cores),
        "cores_at_least": fit.least_cores,
        "cores_available": fit.device.cores * fit.chips,
        "chips_needed": -(-len(cores) // fit.device.cores),
    }


def _population(fit: Fit, name: str) -> dict:
    group, incoming = fit.needs.groups[name], fit.needs.incoming[name]
    demands = [fit.placement.pieces[p] for p in fit.placement.of[name]]
    stock = group.kind in fit.device.neurons.stock and group.at_rest
    other = "microcode" if fit.device.neurons.microcode else "none"
    return {
        "neuron": group.kind,
        "runs_on": "stock" if stock else other,
        "neurons": group.size,
        "order": "C" if np.array_equal(group.order, np.arange(group.size)) else "window after window",
        "cores": len(demands),
        "synapses_stored": sum(d.synapses for d in demands),
        "synapse_bytes": sum(d.synapse_bytes for d in demands),
        "fan_in": sum(link.synapses.fan_in for link in incoming),
        "longest_delay": max(d.longest_delay for d in demands),
    }


def _core(fit: Fit, core: int) -> dict:
    place, demand = fit.placement.place(core), fit.placement.cores[core]
    return {
        "core": core,
        "chip": core // fit.device.cores,
        "tile": None if place is None else [place.x, place.y],
        "pieces": [[p.population, p.low, p.high] for p in fit.placement.on[core]],
        **demand.measures,
        "synapses_stored": demand.synapses,
        "longest_delay": demand.longest_delay,
        "weight_formats": sorted(map(list, demand.formats)),
    }


def _unpublished(fit: Fit) -> dict[str, int]:
    """Return the largest count on a core of everything that has no published limit."""
    cores = fit.placement.cores.values()
    return {what: max(d.measures[what] for d in cores) for what in fit.device.unpublished}


def to_text(fit: Fit) -> str:
    """Return the verdict, what does not fit, totals, populations, cores, and every limit with its source."""
    said, device = to_json(fit), fit.device
    totals = said["totals"]
    chips = f"{fit.chips} chip" + "s" * (fit.chips > 1)
    lines = [f"{device.title}, {chips}, {fit.way} placement: {'fits' if fit.fits else 'does not fit'}"]
    lines += [f"violation  {v}" for v in fit.violations]
    lines += [f"note  {note}" for note in fit.notes]
    lines.append(
        f"{totals['cores']:,} of {totals['cores_available']:,} cores, at least {totals['cores_at_least']:,} "
        f"by any placement; {totals['neurons']:,} neurons, {totals['synapses_stored']:,} synapses stored in "
        f"{totals['synapse_bytes']:,} bytes"
    )
    lines += ["", *_population_lines(said["populations"]), "", *_core_lines(fit, said["cores"])]
    for what, count in said["unpublished"].items():
        lines.append(f"no limit published: {what}, at most {count:,} on a core")
    return "\n".join([*lines, "", *_source_lines(fit)]) + "\n"


def _population_lines(populations: dict[str, dict]) -> list[str]:
    wide = max(10, *map(len, populations))
    lines = [
        f"{'population':<{wide}}  {'neuron':<13}{'runs on':<10}{'neurons':>9}{'cores':>7}"
        f"{'synapses':>12}{'bytes':>12}{'fan-in':>8}{'delay':>7}"
    ]
    for name, p in populations.items():
        lines.append(
            f"{name:<{wide}}  {p['neuron']:<13}{p['runs_on']:<10}{p['neurons']:>9,}{p['cores']:>7,}"
            f"{p['synapses_stored']:>12,}{p['synapse_bytes']:>12,}{p['fan_in']:>8,}{p['longest_delay']:>7}"
        )
    return lines


def _core_lines(fit: Fit, cores: list[dict]) -> list[str]:
    lines = [f"{'core':>5}  {'tile':<7}{'neurons':<20}{'synapse bytes':<22}{'axons in, out':<15}holds"]
    for core in cores[:SHOWN]:
        tile = "" if core["tile"] is None else "{},{}".format(*core["tile"])
        holds = ", ".join(f"{name}[{low}:{high}]" for name, low, high in core["pieces"][:4])
        more = f", and {len(core['pieces']) - 4} more" if len(core["pieces"]) > 4 else ""
        axons = f"{core['axons_in']:,}, {core['axons_out']:,}"
        neurons, synapses = _bar(fit, core, "neurons"), _bar(fit, core, "synapse_bytes")
        lines.append(f"{core['core']:>5}  {tile:<7}{neurons:<20}{synapses:<22}{axons:<15}{holds}{more}")
    if len(cores) > SHOWN:
        lines.append(f"  and {len(cores) - SHOWN:,} more cores; --json has them")
    return lines


def _bar(fit: Fit, core: dict, what: str) -> str:
    value, limit = core[what], fit.device.limits[f"{what}_per_core"].value  # type: ignore[index]
    filled = min(WIDTH, -(-WIDTH * value // limit))
    return "#" * filled + "." * (WIDTH - filled) + f" {value:,}"


def _source_lines(fit: Fit) -> list[str]:
    device, layout = fit.device, fit.device.layout
    lines = [f"layout: {layout.name}; grade {layout.grade}; {layout.source}; {layout.table}"]
    for name, limit in (*device.limits.items(), *device.registers.items(), *device.beside.items()):
        low = getattr(limit, "low", None)
        allowed = f"{limit.value:,}" if low is None else f"{low:,} to {limit.value:,}"
        note = f"; {limit.note}" if limit.note else ""
        lines.append(
            f"limit  {name:<23}{allowed:>17} {limit.unit}  grade {limit.grade}  {limit.source}, "
            f"{limit.table}{note}"
        )
    return lines
