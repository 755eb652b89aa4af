"""Downloads: sums are checked, nothing leads out of the folder, nothing is fetched twice."""

import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from lavalier.cli import main
from lavalier.simulate.errors import BadInput, NotAvailable
from lavalier.train.data.download import SOURCES, Archive, Source, download

from .damage import damaged, drawn_damage


def zipped(path: Path, members: dict[str, bytes]) -> Archive:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return Archive(path.as_uri(), hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest())


def source(*archives: Archive) -> dict[str, Source]:
    return {"set": Source(archives, "page", "licence")}


def test_archives_are_checked_and_unpacked(tmp_path):
    archives = (
        zipped(tmp_path / "a.zip", {"a.h5": b"one"}),
        zipped(tmp_path / "b.zip", {"top/data/1.wav": b"two", "top/readme": b"three"}),
    )
    record = download("set", tmp_path / "out", sources=source(*archives))
    held = {str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert held == {"a.h5", "data/1.wav", "readme", "downloaded.json"}  # a lone top folder is left out
    assert [archive["md5"] for archive in record["archives"]] == [archive.md5 for archive in archives]
    assert record["archives"][0]["sha256"] == hashlib.sha256((tmp_path / "a.zip").read_bytes()).hexdigest()
    assert json.loads((tmp_path / "out" / "downloaded.json").read_text()) == record


def test_nothing_is_fetched_twice_and_the_rest_later(tmp_path):
    first, second = (zipped(tmp_path / f"{name}.zip", {name: b"x"}) for name in "ab")
    (tmp_path / "b.zip").rename(tmp_path / "later.zip")
    with pytest.raises(NotAvailable, match="b.zip: cannot be reached .*; get it by hand"):
        download("set", tmp_path / "out", sources=source(first, second))
    (tmp_path / "later.zip").rename(tmp_path / "b.zip")
    (tmp_path / "a.zip").unlink()
    record = download("set", tmp_path / "out", sources=source(first, second))
    (tmp_path / "b.zip").unlink()
    assert download("set", tmp_path / "out", sources=source(first, second)) == record
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"a", "b", "downloaded.json"}


def test_another_sum_is_refused(tmp_path):
    good = zipped(tmp_path / "a.zip", {"a": b"x"})
    bad = Archive(good.url, "0" * 32)
    with pytest.raises(BadInput, match=f"md5 is {good.md5}, published is 0000"):
        download("set", tmp_path / "out", sources=source(bad))
    assert not [*(tmp_path / "out").iterdir()]


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil"])
def test_names_that_lead_out_are_refused(tmp_path, name):
    with pytest.raises(BadInput, match="which leads out of the folder"):
        download("set", tmp_path / "out", sources=source(zipped(tmp_path / "a.zip", {name: b"x"})))
    assert not (tmp_path / "evil").exists()


def test_an_archive_of_nothing_is_refused(tmp_path):
    with pytest.raises(BadInput, match="a.zip: holds no file; try again"):
        download("set", tmp_path / "out", sources=source(zipped(tmp_path / "a.zip", {})))


def test_a_damaged_archive_is_unpacked_or_refused(tmp_path):
    whole = tmp_path / "a.zip"
    zipped(whole, {"a.wav": bytes(range(200)), "b/c.wav": b"hello" * 20})
    content = whole.read_bytes()
    count = iter(range(10_000))

    @drawn_damage
    def check(flips, kept):
        whole.write_bytes(damaged(content, flips, kept))
        out = tmp_path / str(next(count))
        try:
            download("set", out, sources=source(Archive(whole.as_uri())))
        except BadInput as error:
            assert "a.zip: " in str(error) and "\n" not in str(error)
            assert not [*out.iterdir()]

    check()


def test_other_peoples_files_are_left_alone(tmp_path):
    archive = zipped(tmp_path / "a.zip", {"data/a": b"x"})
    out = tmp_path / "out"
    (out / "data").mkdir(parents=True)
    with pytest.raises(BadInput, match="holds other files; give an empty folder"):
        download("set", out, sources=source(archive))
    (out / "data").rmdir()
    (out / "downloaded.json").write_text('{"set": "other", "archives": []}')
    with pytest.raises(BadInput, match="holds the set other"):
        download("set", out, sources=source(archive))
    (out / "downloaded.json").write_text("[")
    with pytest.raises(BadInput, match="damaged; delete its folder"):
        download("set", out, sources=source(archive))


def test_a_login_is_said_and_names_are_checked(tmp_path, capsys):
    assert main(["download", "whales", "--out", str(tmp_path / "w")]) == 1
    said = capsys.readouterr().err
    assert "kaggle.com" in said and "needs a login" in said and "--data" in said
    assert main(["download", "nothing", "--out", str(tmp_path / "w")]) == 1
    assert "must be one of shd, ssc, audiomnist, fsdd, whales" in capsys.readouterr().err
    assert not (tmp_path / "w").exists()


def test_addresses_are_official_and_sums_whole():
    for held in SOURCES.values():
        assert held.page.startswith("https://") and (held.archives or held.login)
        for archive in held.archives:
            assert archive.url.startswith("https://") and (archive.md5 is None or len(archive.md5) == 32)
