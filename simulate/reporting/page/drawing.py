"""The network as an SVG drawing: boxes in columns, arrows between them, loops underneath."""

from html import escape

WIDTH, HEIGHT, GAP_X, GAP_Y = 132, 62, 110, 46
MARGIN = 24


def graph(network: dict) -> str:
    """Return the SVG of a network section."""
    boxes = {box["name"]: box for box in network["boxes"]}
    columns = 1 + max(box["column"] for box in boxes.values())
    rows = 1 + max(box["row"] for box in boxes.values())
    back = [e for e in network["edges"] if boxes[e["target"]]["column"] <= boxes[e["source"]]["column"]]
    width = 2 * MARGIN + columns * WIDTH + (columns - 1) * GAP_X
    height = 2 * MARGIN + rows * HEIGHT + (rows - 1) * GAP_Y + (40 if back else 0)
    arrows = "".join(_arrow(edge, boxes) for edge in network["edges"])
    return (
        f'<svg id="graph" viewBox="0 0 {width} {height}" role="img" aria-label="The network as a graph" '
        f'style="max-width:{width}px">'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>'
        f"{arrows}{''.join(_box(box) for box in boxes.values())}</svg>"
    )


def _corner(box: dict) -> tuple[int, int]:
    return MARGIN + box["column"] * (WIDTH + GAP_X), MARGIN + box["row"] * (HEIGHT + GAP_Y)


def _box(box: dict) -> str:
    x, y = _corner(box)
    middle = x + WIDTH // 2
    registers = ", ".join(f"{f} {low} to {high}" for f, (low, high) in box["registers"].items())
    size = " × ".join(map(str, box["shape"]))
    return (
        f'<g class="{"out" if box["output"] else "box"}">'
        f"<title>{escape(box['name'])}: {escape(registers) or size}</title>"
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="8"/>'
        f'<text class="name" x="{middle}" y="{y + 26}">{escape(_cut(box["name"]))}</text>'
        f'<text x="{middle}" y="{y + 45}">{size} {escape(box["kind"])}</text></g>'
    )


def _arrow(edge: dict, boxes: dict[str, dict]) -> str:
    source, target = boxes[edge["source"]], boxes[edge["target"]]
    (x, y), (to_x, to_y) = _corner(source), _corner(target)
    said = f"{edge['synapses']:,} synapses"
    late = f", {edge['delay']} late" if edge["delay"] else ""
    if target["column"] > source["column"]:
        x, y, to_y = x + WIDTH, y + HEIGHT // 2, to_y + HEIGHT // 2
        bend = (to_x - x) // 2
        # an arrow over a column passes below the boxes between
        dip = (HEIGHT // 2 + 18) * (target["column"] - source["column"] > 1 and y == to_y)
        path = f"M{x} {y}C{x + bend} {y + 2 * dip} {to_x - bend} {to_y + 2 * dip} {to_x} {to_y}"
        at = ((x + to_x) // 2, (y + to_y) // 2 + 3 * dip // 2 - 8)
    else:
        x, y, to_x, to_y = x + WIDTH - 20, y + HEIGHT, to_x + 20, to_y + HEIGHT
        path = f"M{x} {y}C{x + 30} {y + 46} {to_x - 30} {to_y + 46} {to_x} {to_y}"
        at = ((x + to_x) // 2, max(y, to_y) + 48)
    bits = f"{edge['bits']} bits{late}"
    form = f"{edge['kind']} {' × '.join(map(str, edge['shape']))}, weights times 2^{edge['exp']}"
    return (
        f'<g><title>{escape(edge["name"])}: {form}</title><path d="{path}" marker-end="url(#tip)"/>'
        f'<text x="{at[0]}" y="{at[1]}">{said}</text><text x="{at[0]}" y="{at[1] + 24}">{bits}</text></g>'
    )


def _cut(name: str) -> str:
    return name if len(name) <= 17 else f"{name[:16]}…"
