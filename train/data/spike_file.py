"""One HDF5 file of spikes in the layout of SHD and SSC, read sample by sample.

    spikes/times  [n] lists of float, s     labels         [n] integer
    spikes/units  [n] lists of integer      extra/keys     [classes] text
                                            extra/speaker  [n] integer

The file may come from anywhere: links are not followed, no other file is opened, sizes are checked first.
"""

from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np

from ...simulate.errors import BadInput
from ...simulate.hdf5_tree import check_format

MAX_SAMPLES = 10_000_000
MAX_CLASSES = 10_000


class SpikeFile:
    """An open file of spikes; close it by leaving the `with` block.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    classes : tuple of str
    speakers : tuple of str
        Of each sample; empty texts where the file names none.

    Raises
    ------
    BadInput
        No such file, not HDF5, damaged, or not of this layout; the message names the place in it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            check_format(path, "SHD")
            self._file = h5py.File(path, "r")
        except BadInput as error:
            raise BadInput(f"{path}: {error}; get or make the file again") from error
        except Exception as error:  # h5py raises anything from KeyError to MemoryError
            raise self._damaged("the file", error) from error
        try:
            self._times, self._units = self._lists("spikes/times", "fiu"), self._lists("spikes/units", "iu")
            self._labels = self._numbers("labels")
            keys = self._array("extra/keys")
            self.classes = tuple(self._text(key) for key in self._read(keys, "extra/keys", MAX_CLASSES))
            spoken = self._numbers("extra/speaker") if "extra/speaker" in self._file else None
            held = (self._times, self._units, self._labels, *([] if spoken is None else [spoken]))
            sizes = sorted({len(array) for array in held})
            if len(sizes) > 1:
                raise BadInput(f"{path}: times, units, labels and speakers differ in number: {sizes}")
            self.speakers = ("",) * len(self) if spoken is None else tuple(str(int(s)) for s in spoken)
        except BaseException:
            self._file.close()
            raise

    def __len__(self) -> int:
        return len(self._labels)

    def __enter__(self) -> "SpikeFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def spikes(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Return times and units of sample i, of the types in the file.

        Raises
        ------
        BadInput
            They cannot be read.
        """
        try:
            return np.asarray(self._times[i]), np.asarray(self._units[i])
        except Exception as error:
            raise self._damaged(f"sample {i}", error) from error

    def label(self, i: int) -> int:
        """Return the class of sample i.

        Raises
        ------
        BadInput
            The file has no such class.
        """
        label = int(self._labels[i])
        if not 0 <= label < len(self.classes):
            raise BadInput(
                f"{self.path}: sample {i} has label {label}; labels are 0 to {len(self.classes) - 1}"
            )
        return label

    def _lists(self, name: str, kinds: str) -> h5py.Dataset:
        data = self._array(name)
        inner = h5py.check_vlen_dtype(data.dtype)
        if not isinstance(inner, np.dtype) or inner.kind not in kinds or inner.itemsize > 8:
            raise BadInput(f"{self.path}: {name} holds {data.dtype}, not a list of numbers for each sample")
        return data

    def _numbers(self, name: str) -> np.ndarray:
        data = self._array(name)
        if data.dtype.kind not in "iu":
            raise BadInput(f"{self.path}: {name} holds {data.dtype}, not integers")
        return self._read(data, name, MAX_SAMPLES)

    def _array(self, name: str) -> h5py.Dataset:
        """Look up an array of this file, step by step, so that no link leads elsewhere."""
        found: Any = self._file
        for part in name.split("/"):
            try:
                link = found.get(part, getlink=True) if isinstance(found, h5py.Group) else None
                found = found[part] if isinstance(link, h5py.HardLink) else None
            except Exception as error:
                raise self._damaged(name, error) from error
        if not isinstance(found, h5py.Dataset):
            raise BadInput(f"{self.path}: no array '{name}' in it; give a file in the layout of SHD")
        if found.shape is None or len(found.shape) != 1 or found.external or found.is_virtual:
            raise BadInput(f"{self.path}: '{name}' is no plain list of values in this file")
        if found.shape[0] > MAX_SAMPLES:
            raise BadInput(
                f"{self.path}: '{name}' has {found.shape[0]} values; at most {MAX_SAMPLES} are read"
            )
        return found

    def _read(self, data: h5py.Dataset, name: str, most: int) -> np.ndarray:
        if len(data) > most:
            raise BadInput(f"{self.path}: '{name}' has {len(data)} values; at most {most} are read")
        try:
            return np.asarray(data[()])
        except Exception as error:
            raise self._damaged(name, error) from error

    def _text(self, key: Any) -> str:
        try:
            text = key.decode() if isinstance(key, bytes) else str(key)
        except UnicodeDecodeError as error:
            raise self._damaged("extra/keys", error) from error
        if not text.isprintable() or len(text) > 100:
            raise BadInput(f"{self.path}: 'extra/keys' holds a class whose name cannot be printed")
        return text

    def _damaged(self, what: str, error: Exception) -> BadInput:
        why = " ".join(str(error).split()).encode("unicode_escape").decode() or type(error).__name__
        return BadInput(f"{self.path}: {what} is damaged ({why[:200]}); get or make the file again")
