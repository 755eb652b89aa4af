"""Getting data sets from their official addresses: checked, unpacked, and not a second time."""

import hashlib
import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO
from urllib.error import URLError
from urllib.request import urlopen

from ...simulate.errors import BadInput, NotAvailable
from ...simulate.files import write_json

RECORD = "downloaded.json"
TIMEOUT_S = 60
MAX_UNPACKED = 2**36  # of one archive, bytes
_BLOCK = 2**20


@dataclass(frozen=True)
class Archive:
    """One zip file at an official address.

    Parameters
    ----------
    url : str
        Where it is.
    md5 : str or None
        As published; None where nobody publishes one.
    """

    url: str
    md5: str | None = None


@dataclass(frozen=True)
class Source:
    """Where a set comes from.

    Parameters
    ----------
    archives : tuple of Archive
        Empty where one must log in.
    page : str
        For people.
    licence : str
        Of the data.
    login : str
        What one must do by hand; empty where nothing.
    """

    archives: tuple[Archive, ...]
    page: str
    licence: str
    login: str = ""


_ZENKE = "https://zenkelab.org/datasets"
# md5: as tonic 1.7 states them in tonic/datasets/hsd.py
SOURCES = {
    "shd": Source(
        (
            Archive(f"{_ZENKE}/shd_train.h5.zip", "f3252aeb598ac776c1b526422d90eecb"),
            Archive(f"{_ZENKE}/shd_test.h5.zip", "1503a5064faa34311c398fb0a1ed0a6f"),
        ),
        "https://zenkelab.org/resources/spiking-heidelberg-datasets-shd",
        "CC BY 4.0",
    ),
    "ssc": Source(
        (
            Archive(f"{_ZENKE}/ssc_train.h5.zip", "d102be95e7144fcc0553d1f45ba94170"),
            Archive(f"{_ZENKE}/ssc_valid.h5.zip", "b4eee3516a4a90dd0c71a6ac23a8ae43"),
            Archive(f"{_ZENKE}/ssc_test.h5.zip", "a35ff1e9cffdd02a20eb850c17c37748"),
        ),
        "https://zenkelab.org/resources/spiking-heidelberg-datasets-shd",
        "CC BY 4.0",
    ),
    "audiomnist": Source(
        (Archive("https://github.com/soerenab/AudioMNIST/archive/refs/heads/master.zip"),),
        "https://github.com/soerenab/AudioMNIST",
        "MIT",
    ),
    "fsdd": Source(
        (Archive("https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/heads/master.zip"),),
        "https://github.com/Jakobovski/free-spoken-digit-dataset",
        "CC BY-SA 4.0",
    ),
    "whales": Source(
        (),
        "https://www.kaggle.com/c/whale-detection-challenge/data",
        "Kaggle's terms of the challenge",
        "log in there, accept the rules, download whale_data.zip and unpack it",
    ),
}


def download(
    name: str,
    out: str | Path,
    progress: Callable[[int, int], None] | None = None,
    sources: dict[str, Source] = SOURCES,
) -> dict[str, Any]:
    """Get a set into a folder; what is there already is not fetched again.

    Parameters
    ----------
    name : str
        One of `sources`.
    out : path
        Folder, made if it is not there; gets the unpacked files and `downloaded.json`.
    progress : callable (bytes, bytes of this archive or 0 if unknown), optional
        Called after every MiB.
    sources : {name: Source}
        Where sets come from.

    Returns
    -------
    record : dict
        set, page, licence, and the archives with url, md5 and sha256; as in `downloaded.json`.

    Raises
    ------
    BadInput
        There is no such set, it needs a login, or what came is not what was published.
    NotAvailable
        The address cannot be reached.
    """
    if name not in sources:
        raise BadInput(f"set {name!r}; it must be one of {', '.join(sources)}")
    source, out = sources[name], Path(out)
    if not source.archives:
        raise BadInput(f"{name}: {source.page} needs a login: {source.login}; then give the folder as --data")
    if out.is_dir() and any(out.iterdir()) and not (out / RECORD).is_file():
        raise BadInput(
            f"{out}: holds other files; give an empty folder, or this one as --data if it is the set"
        )
    out.mkdir(parents=True, exist_ok=True)
    record: dict[str, Any] = {"set": name, "page": source.page, "licence": source.licence, "archives": []}
    before = _record(out / RECORD, record)
    for archive in source.archives:
        kept = before.get(archive.url)
        record["archives"].append(_get(archive, out, progress) if kept is None else kept)
        write_json(out / RECORD, record)
    return record


def _record(path: Path, record: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Return the archives that are there already, by address."""
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text())
        archives = {archive["url"]: archive for archive in found["archives"]}
        held = found["set"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BadInput(f"{path}: damaged; delete its folder and download again") from error
    if held != record["set"]:
        raise BadInput(f"{path.parent}: holds the set {held}; give another output")
    return archives


def _get(archive: Archive, out: Path, progress: Callable[[int, int], None] | None) -> dict[str, str]:
    with tempfile.TemporaryDirectory(dir=out, prefix=".download.") as folder:
        path = Path(folder) / "archive.zip"
        sums = _fetch(archive, path, progress)
        _unpack(path, archive.url, Path(folder) / "unpacked")
        _move(Path(folder) / "unpacked", out)
    return {"url": archive.url, **sums}


def _fetch(archive: Archive, path: Path, progress: Callable[[int, int], None] | None) -> dict[str, str]:
    """Save what is at an address, and return its sums."""
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    try:
        with urlopen(archive.url, timeout=TIMEOUT_S) as stream, path.open("wb") as file:
            size, done = int(stream.headers.get("Content-Length") or 0), 0
            while block := stream.read(_BLOCK):
                file.write(block)
                md5.update(block)
                sha256.update(block)
                done += len(block)
                if progress:
                    progress(done, size)
    except (URLError, TimeoutError, ConnectionError) as error:
        why = " ".join(str(error).split())
        raise NotAvailable(
            f"{archive.url}: cannot be reached ({why}); get it by hand and unpack it"
        ) from error
    if size and done != size:
        raise BadInput(f"{archive.url}: {done} of {size} bytes came; try again")
    if archive.md5 not in (None, md5.hexdigest()):
        raise BadInput(f"{archive.url}: md5 is {md5.hexdigest()}, published is {archive.md5}; try again")
    return {"md5": md5.hexdigest(), "sha256": sha256.hexdigest()}


def _unpack(path: Path, url: str, to: Path) -> None:
    """Unpack a zip whose names all stay in the folder."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if not members:
                raise BadInput(f"{url}: holds no file; try again")
            if sum(member.file_size for member in members) > MAX_UNPACKED:
                raise BadInput(f"{url}: unpacks to more than {MAX_UNPACKED / 2**30:g} GiB; unpack it by hand")
            for member in members:
                name = PurePosixPath(member.filename)
                if name.is_absolute() or ".." in name.parts:
                    raise BadInput(f"{url}: holds {member.filename[:60]!r}, which leads out of the folder")
                target = to / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as stream, target.open("wb") as file:
                    _copy(stream, file, member.file_size, url)
    except BadInput:
        raise
    except Exception as error:  # zipfile raises anything from OSError to struct.error
        why = " ".join(str(error).split()).encode("unicode_escape").decode()[:200] or type(error).__name__
        raise BadInput(f"{url}: cannot be unpacked ({why}); try again") from error


def _copy(stream: Any, file: BinaryIO, size: int, url: str) -> None:
    left = size
    while block := stream.read(_BLOCK):
        left -= len(block)
        if left < 0:
            raise BadInput(f"{url}: holds more than it states; try again")
        file.write(block)


def _move(unpacked: Path, out: Path) -> None:
    """Move what was unpacked to its place; a lone folder, as GitHub's archives have, is left out."""
    inside = [*unpacked.iterdir()]
    top = inside[0] if len(inside) == 1 and inside[0].is_dir() else unpacked
    for path in top.iterdir():
        target = out / path.name
        if target.is_dir():
            shutil.rmtree(target)
        path.replace(target)
