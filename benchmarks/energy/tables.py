"""Measured tables in docs/energy.md: a benchmark writes its own between two marks."""

from pathlib import Path

from lavalier.simulate.files import atomic

DOCUMENT = Path(__file__).parents[2] / "docs" / "energy.md"


def put(mark: str, header: list[str], rows: list[list[str]]) -> None:
    """Replace the table between `<!-- mark -->` and `<!-- /mark -->`."""
    lines = ["| " + " | ".join(cells) + " |" for cells in (header, ["---"] * len(header), *rows)]
    begin, end = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    before, rest = DOCUMENT.read_text().split(begin)
    after = rest.split(end)[1]
    with atomic(DOCUMENT) as temporary:
        temporary.write_text("\n".join([before + begin, *lines, end + after]))
