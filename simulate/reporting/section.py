"""What every section of the report is: plain data, or the reason why there is none."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Missing:
    """A section without a source."""

    missing: str


def plain(section: Any) -> dict:
    """Return a section as what json can write."""
    return asdict(section)
