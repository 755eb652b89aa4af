"""What it costs and whether it fits, by device: what `energy`, `latency` and `fit` say."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..resources.fitting import fit
from .folder import RunFolder
from .section import Missing

DEVICES = ("loihi1", "loihi2")


@dataclass(frozen=True)
class EnergySection:
    """`Energy.to_json()` of the whole test, by device."""

    devices: Mapping[str, Any]


@dataclass(frozen=True)
class LatencySection:
    """`Latency.to_json()` of the whole test, by device."""

    devices: Mapping[str, Any]


@dataclass(frozen=True)
class Filled:
    """How full the cores are that a placement uses: shares of each limit, 1 is full; a row for each limit."""

    cores: list[int]
    limits: list[str]
    shares: list[list[float]]


@dataclass(frozen=True)
class FitSection:
    """`Fit.to_json()`, and how full its cores are, by device."""

    devices: Mapping[str, Any]
    filled: dict[str, Filled]


def energy_section(run: RunFolder) -> EnergySection | Missing:
    """Return the energies that the run priced."""
    if not run.metrics.get("energies"):
        return Missing("the run counted nothing that could be priced")
    return EnergySection(run.metrics["energies"])


def latency_section(run: RunFolder) -> LatencySection | Missing:
    """Return the latencies that the run bounded."""
    if not run.metrics.get("latencies"):
        return Missing("the run counted nothing that would bound a step")
    return LatencySection(run.metrics["latencies"])


def fit_section(run: RunFolder) -> FitSection:
    """Place the Program on one chip of each device."""
    devices = {device: fit(run.program, device).to_json() for device in DEVICES}
    return FitSection(devices, {device: _filled(said) for device, said in devices.items()})


def _filled(said: Mapping[str, Any]) -> Filled:
    limits = {
        name: limit["value"]
        for name, limit in said["table"]["limits"].items()
        if name.removesuffix("_per_core") in said["cores"][0]
    }
    shares = [
        [core[name.removesuffix("_per_core")] / limit for core in said["cores"]]
        for name, limit in limits.items()
    ]
    return Filled([core["core"] for core in said["cores"]], list(limits), shares)
