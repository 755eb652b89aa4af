"""What is in a NIR file: nodes, shapes, parameters, policy, and what hardware can take."""

from dataclasses import dataclass
from pathlib import Path

import nir
import numpy as np

from lavalier.export.populations import refusals
from lavalier.simulate.network import Network, network_of
from lavalier.simulate.shapes import parameters

SHOWN = ("tau", "tau_syn", "tau_mem", "r", "w_in", "v_leak", "v_threshold", "v_reset", "threshold", "delay")
SIZES = ("kernel_size", "stride", "padding", "dilation", "groups", "start_dim", "end_dim")


@dataclass(frozen=True)
class Info:
    """A graph as it was read.

    Attributes
    ----------
    path : Path
    graph : nir.NIRGraph
    """

    path: Path
    graph: nir.NIRGraph

    def to_json(self) -> dict:
        """Return everything as plain data."""
        network = network_of(self.graph)
        refused = refusals(network)
        return {
            "file": str(self.path),
            "policy": network.policy.to_metadata(),
            "read_as": self.graph.metadata.get("read_as"),
            "nodes": {name: _node(network, name) for part in network.parts for name in part},
            "edges": [list(edge) for edge in network.flat.edges],
            "delayed_edges": [list(edge) for edge in sorted(network.delayed)],
            "parameters": sum(_count(node) for node in network.flat.nodes.values()),
            "hardware": {"takes_it": not refused, "because": refused},
        }

    def to_text(self) -> str:
        """Return the same for people."""
        said = self.to_json()
        lines = [
            f"{self.path}: {len(said['nodes'])} nodes, {len(said['edges'])} edges, "
            f"{said['parameters']:,} parameters",
            f"policy: {network_of(self.graph).policy}",
        ]
        if said["read_as"]:
            lines.append(f"read as: {said['read_as']}")
        rows = [("node", "type", "takes", "gives", "parameters", "")]
        for name, node in said["nodes"].items():
            takes, gives = ("x".join(map(str, node[end])) for end in ("takes", "gives"))
            values = ", ".join(f"{field} {_range(value)}" for field, value in node["values"].items())
            rows.append((name, node["type"], takes, gives, f"{node['parameters']:,}", values))
        widths = [max(len(row[i]) for row in rows) for i in range(5)]
        lines += [
            "  ".join(cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)).rstrip()
            for row in rows
        ]
        lines += [f"edges: {', '.join(f'{a} -> {b}' for a, b in said['edges'])}"]
        lines += [f"one step late, as it closes a loop: {a} -> {b}" for a, b in said["delayed_edges"]]
        lines += [f"hardware: no, {reason}" for reason in said["hardware"]["because"]] or [
            "hardware: yes, lavalier quantize makes a Program of it"
        ]
        return "\n".join(lines) + "\n"


def _node(network: Network, name: str) -> dict:
    node = network.flat.nodes[name]
    ranges = {
        field: [float(values.min()), float(values.max())]
        for field, values in parameters(node).items()
        if field in SHOWN
    }
    sizes = {
        field: values.tolist() if values.dtype.kind != "S" else str(values)
        for field, values in parameters(node).items()
        if field in SIZES
    }
    return {
        "type": type(node).__name__,
        "takes": list(network.shapes[name]),
        "gives": list(network.shapes_after[name]),
        "parameters": _count(node),
        "values": {**ranges, **sizes},
    }


def _count(node: nir.NIRNode) -> int:
    """Return how many numbers a node holds that may be trained."""
    counted = (
        values for field, values in parameters(node).items() if field in (*SHOWN, "weight", "bias", "scale")
    )
    return sum(int(np.size(values)) for values in counted)


def _range(value: list | int | str) -> str:
    if isinstance(value, list) and isinstance(value[0], float):
        low, high = value
        return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"
    return "x".join(map(str, value)) if isinstance(value, list) else str(value)
