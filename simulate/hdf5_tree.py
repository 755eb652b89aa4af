"""An HDF5 file as a tree of dicts, arrays and text: no link leads elsewhere, sizes are counted first."""

import struct
from math import prod
from mmap import ACCESS_READ, mmap
from pathlib import Path
from reprlib import repr as shortened
from typing import Any

import h5py
import numpy as np

from .errors import BadInput

MAX_BYTES = 2**33  # of all arrays and texts
MAX_PARTS = 1_000_000  # groups, arrays, their chunks, and texts: 100,000 nodes of ten fields
MAX_LEVELS = 64  # groups in groups

Tree = dict[str, Any]  # of trees, arrays, text and lists of text


def is_name(name: Any) -> bool:
    """Whether a name can stand in a message: one line, not too long."""
    return isinstance(name, str) and name.isprintable() and len(name) <= 255


def short(value: Any) -> str:
    """Print a value that may be anything in a few words of one line."""
    return " ".join(shortened(value).split())


def read_tree(path: Path, root: str, kind: str = "NIR") -> Tree:
    """Read all that stands under one group of a file.

    Parameters
    ----------
    path : Path
        May come from anywhere: no code in it runs, no other file is opened for it.
    root : str
        Name of the group.
    kind : str
        What such a file is called.

    Returns
    -------
    {name: tree, array, text or list of text}

    Raises
    ------
    BadInput
        No such file, not HDF5, damaged, too large, or with links; the place in the file is named.
    """
    check_format(path, kind, f"export the network to {kind}")
    return _read(path, root, kind)


def check_format(path: Path, kind: str, way_out: str) -> None:
    """Look at the bytes before HDF5 does; `way_out` is for who has a pickle.

    Raises
    ------
    BadInput
        No such file, not HDF5, or its store of text and lists would send HDF5 in circles.
    """
    try:
        if not path.is_file():
            raise BadInput("not a file" if path.exists() else "no such file")
        if path.stat().st_size == 0:
            raise BadInput(f"not a readable {kind} file (empty)")
        with path.open("rb") as stream, mmap(stream.fileno(), 0, access=ACCESS_READ) as content:
            # torch.save writes a zip that begins with data.pkl, before torch 1.6 a bare pickle
            if content[:1] == b"\x80" or content[:2] == b"PK" and b"data.pkl" in content[:512]:
                raise BadInput(f"a pickle is never opened, it can run any code; {way_out}")
            if not h5py.is_hdf5(path):
                raise BadInput(f"not a readable {kind} file (not HDF5)")
            _check_heaps(content, kind)
    except OSError as error:
        raise BadInput(f"cannot be read ({error.strerror})") from error


def _check_heaps(content: mmap, kind: str) -> None:
    """Walk through the stores of text: in a damaged one HDF5 goes in circles for ever.

    Source: HDF5 file format specification 3.0, III.E global heap; hang as in HDFGroup/hdf5 #1707.
    """
    heap = content.find(b"GCOL\x01")
    while heap >= 0 and heap + 16 <= len(content):
        place, end = heap + 16, heap + struct.unpack_from("<Q", content, heap + 8)[0]
        while end <= len(content) and place + 16 <= end:
            index, size = struct.unpack_from("<H6xQ", content, place)
            step = 16 + (size + 7) // 8 * 8 if index else size  # object 0 is the free rest
            if not 16 <= step <= end - place:
                raise BadInput(f"damaged, no readable {kind} file (its store of text does not add up)")
            place += step
        heap = content.find(b"GCOL\x01", heap + 1)


def _read(path: Path, root: str, kind: str) -> Tree:
    try:
        with h5py.File(path, "r") as file:
            tree = _Reading().member(file, root, "", 0) if root in file else None
    except BadInput:
        raise
    except Exception as error:  # h5py raises anything from KeyError to MemoryError
        why = " ".join(str(error).split()).encode("unicode_escape").decode() or type(error).__name__
        damage = "cut short" if "truncated" in why else "damaged"
        raise BadInput(f"{damage}, no readable {kind} file ({why})") from error
    if not isinstance(tree, dict):
        raise BadInput(f"HDF5 without a group '{root}', so not a {kind} network")
    return tree


class _Reading:
    """One pass over an open file, with what is left of the limits."""

    def __init__(self) -> None:
        self.bytes_left, self.parts_left = MAX_BYTES, MAX_PARTS
        self.opened: set[int] = set()

    def member(self, group: h5py.Group, name: Any, where: str, level: int) -> Any:
        """Read what a group holds under a name."""
        if not is_name(name):
            raise BadInput(f"{where} holds {short(name)}; a name must be printable and at most 255 long")
        where = f"{where}/{name}"
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise BadInput(f"{where} is a link to another place; only hard links are followed")
        found = group[name]
        if isinstance(found, h5py.Group):
            return self.members(found, where, level + 1)
        if isinstance(found, h5py.Dataset):
            return self.values(found, where)
        raise BadInput(f"{where} is neither a group nor an array")

    def members(self, group: h5py.Group, where: str, level: int) -> Tree:
        """Read a group."""
        address = hash(group)  # h5py hashes its place in the file
        if address in self.opened:
            raise BadInput(f"{where} is a group that stands in the file twice")
        if level > MAX_LEVELS:
            raise BadInput(f"{where} is nested deeper than {MAX_LEVELS} groups")
        self.opened.add(address)
        self.spend(where, parts=len(group))
        names: list[Any] = list(group)
        return {name: self.member(group, name, where, level) for name in names}

    def values(self, data: h5py.Dataset, where: str) -> Any:
        """Read numbers or text, once it is known how many, and that they lie here."""
        dtype, shape = data.dtype, data.shape
        text = h5py.check_string_dtype(dtype) is not None
        if not text and (dtype.kind not in "biuf" or dtype.itemsize > 8):
            raise BadInput(f"{where} holds {short(dtype)}, neither numbers of up to 8 bytes nor text")
        if shape is None:
            raise BadInput(f"{where} holds no values")
        if data.external or data.is_virtual:
            raise BadInput(f"{where} keeps its values in other files")
        chunks = data.chunks or shape
        if len(chunks) != len(shape):
            raise BadInput(f"{where} is damaged: shape {shape} in chunks of {chunks}")
        count = prod(-(-n // max(chunk, 1)) for n, chunk in zip(shape, chunks, strict=True))
        self.spend(where, size=prod(shape) * dtype.itemsize, parts=prod(shape) if text else count)
        if text:
            return self.text(data, where)
        values = np.asarray(data[()])
        return values.astype(values.dtype.newbyteorder("="), copy=False)

    def text(self, data: h5py.Dataset, where: str) -> Any:
        """Read one text, or lists of it."""
        # a hundred thousand texts may all be the same one that fills the file: then one at a time
        at_once = prod(data.shape) * data.file.id.get_filesize() <= MAX_BYTES
        texts = []
        for raw in np.ravel(data[()]) if at_once else map(data.__getitem__, np.ndindex(data.shape)):
            self.spend(where, size=len(raw))
            try:
                texts.append(raw.decode())
            except UnicodeDecodeError as error:
                raise BadInput(f"{where} holds {short(bytes(raw))}, which is not UTF-8") from error
        return np.array(texts, object).reshape(data.shape).tolist()

    def spend(self, where: str, size: int = 0, parts: int = 0) -> None:
        """Count against the limits."""
        self.bytes_left -= size
        self.parts_left -= parts
        if self.bytes_left < 0:
            raise BadInput(f"{where}: up to here the file's arrays take more than {MAX_BYTES / 2**30:g} GiB")
        if self.parts_left < 0:
            raise BadInput(f"{where}: up to here the file has more than {MAX_PARTS} groups, arrays and texts")
