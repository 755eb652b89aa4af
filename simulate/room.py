"""Whether a run fits: into memory, and onto the disk where Lava writes."""

import os
import shutil
from pathlib import Path

from .errors import BadInput

CONTAINER = Path("/sys/fs/cgroup/memory.max")
LITTLE = 2**24  # bytes that a process has: to ask takes as long as a small run


def check_memory(size: int, what: str) -> None:
    """Say before it starts that a run would not fit into memory.

    Parameters
    ----------
    size : int
        Bytes that it takes.
    what : str
        What takes them, and what would be less.

    Raises
    ------
    BadInput
        The machine, the container or the process (`ulimit -v`) has less.
    """
    if size <= LITTLE:
        return
    limit = memory_limit()
    if size > limit:
        raise BadInput(f"{size / 2**30:.1f} GiB of memory needed, there are {limit / 2**30:.1f}: {what}")


def memory_limit() -> float:
    """Return the bytes of memory that this process can ever have; inf where nobody knows."""
    limits = [float("inf")]
    if hasattr(os, "sysconf"):
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
        limits.append(_of_process())
    if CONTAINER.exists() and (text := CONTAINER.read_text().strip()).isdigit():
        limits.append(int(text))
    return min(limits)


def _of_process() -> float:
    import resource  # not on every system

    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return float("inf") if soft == resource.RLIM_INFINITY else soft


def check_disk(folder: Path, size: int, what: str) -> None:
    """Say before it starts that files would not fit; a full disk under a mapped file kills a process.

    Raises
    ------
    BadInput
        There is less room where `folder` is.
    """
    free = shutil.disk_usage(folder).free
    if size > free:
        raise BadInput(f"{size / 2**30:.1f} GiB needed in {folder}, {free / 2**30:.1f} are free: {what}")
