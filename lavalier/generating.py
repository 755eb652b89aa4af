"""What the commands for data sets say: what was generated, and what came from where."""

from typing import Any

from lavalier.train.data.download import SOURCES
from lavalier.train.generate.sets import SETS


def generated_text(record: dict[str, Any], out: object) -> str:
    """Say what `generate` wrote."""
    size = "its default size" if record["n"] is None else f"{record['n']} {SETS[record['set']].counts}"
    made = f"from {record['from']}" if record["from"] else "from formulas"
    return f"{record['set']}: {size}, seed {record['seed']}, {made}\nwritten: {out}\n"


def downloaded_text(record: dict[str, Any], out: object) -> str:
    """Say what `download` got, and whether anyone vouches for it."""
    source, lines = SOURCES[record["set"]], []
    published = {archive.url for archive in source.archives if archive.md5}
    for archive in record["archives"]:
        sums = f"md5 {archive['md5']}, as published"
        if archive["url"] not in published:
            sums = f"sha256 {archive['sha256']}; no sum is published"
        lines.append(f"{archive['url']}: {sums}")
    lines.append(f"{record['set']}: {source.licence}, {source.page}")
    return "\n".join([*lines, f"there: {out}"]) + "\n"
