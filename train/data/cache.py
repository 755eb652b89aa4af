"""Where data sets are kept that were downloaded or generated."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return the folder `lavalier` of the user's cache: in $XDG_CACHE_HOME, else in ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lavalier"
