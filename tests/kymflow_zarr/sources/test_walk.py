"""What is in a folder: each thing once, by what it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kymflow_zarr.sources.walk import Entry, walk


def found(root: Path) -> dict[str, str]:
    entries = list(walk(str(root)))
    kinds = {entry.path: entry.kind for entry in entries}
    assert len(kinds) == len(entries), "something is named twice"
    return kinds


def make(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def test_files_in_order_of_the_folder(tmp_path) -> None:
    make(tmp_path, "b.tif", "a.TIF", "day 2/c.tif", "day 10/ä.txt")
    assert [entry.path for entry in walk(str(tmp_path))] == ["a.TIF", "b.tif", "day 10/ä.txt", "day 2/c.tif"]
    assert set(found(tmp_path).values()) == {"file"}


def test_hidden_and_left_over_things(tmp_path) -> None:
    make(tmp_path, "._a.tif", ".hidden", "Thumbs.db", ".git/a.tif", "__MACOSX/a.tif", "day/._b.json")
    assert found(tmp_path) == dict.fromkeys(
        ["._a.tif", ".hidden", "Thumbs.db", ".git", "__MACOSX", "day/._b.json"], "hidden"
    )


@pytest.mark.parametrize("document", ["zarr.json", ".zgroup", ".zarray"])
def test_zarr_hierarchies_are_one_thing(tmp_path, document) -> None:
    make(tmp_path, f"lab/{document}", "lab/images/a.tif", "a.tif")
    assert found(tmp_path) == {"lab": "zarr", "a.tif": "file"}
    assert found(tmp_path / "lab") == {".": "zarr"}


def test_placeholders_stand_for_their_files(tmp_path) -> None:
    make(tmp_path, ".a.tif.icloud", "day/.a.json.icloud", "b.tif", ".b.tif.icloud", "..c.icloud")
    assert found(tmp_path) == {
        "a.tif": "in cloud",
        "day/a.json": "in cloud",
        "b.tif": "file",
        # What is here has been fetched; what was hidden before stays so.
        ".b.tif.icloud": "hidden",
        "..c.icloud": "hidden",
    }


def test_empty_folders_in_the_place_of_files_are_named_and_others_looked_into(tmp_path) -> None:
    make(tmp_path, "a.TIF/b.tif", "c.json/x", "d.tif/zarr.json", "day.1/e.tif")
    (tmp_path / "f.csv").mkdir()
    assert found(tmp_path) == {
        "a.TIF/b.tif": "file",
        "c.json/x": "file",
        "d.tif": "zarr",
        "day.1/e.tif": "file",
        "f.csv": "irregular",
    }


def test_links_and_pipes(tmp_path) -> None:
    make(tmp_path / "in", "a.tif")
    make(tmp_path / "elsewhere", "b.tif")
    for link, target in {
        "file.tif": "../elsewhere/b.tif",
        "folder": "../elsewhere",
        "dangling.tif": "nowhere",
        "dangling": ".git/annex/objects/x",
        "ring.tif": "ring.tif",
        "up": "..",
    }.items():
        (tmp_path / "in" / link).symlink_to(target)
    os.mkfifo(tmp_path / "in" / "pipe.tif")
    kinds = found(tmp_path / "in")
    assert (kinds.pop("a.tif"), kinds.pop("file.tif")) == ("file", "file")
    assert kinds == dict.fromkeys(
        ["folder", "dangling.tif", "dangling", "ring.tif", "up", "pipe.tif"], "irregular"
    )


def test_names_that_are_no_utf8_are_written_out(tmp_path) -> None:
    os.mkdir(bytes(tmp_path) + b"/\xff")
    for name in (b"/\xfe.tif", b"/\xff/a.tif"):
        with open(bytes(tmp_path) + name, "wb"):
            pass
    assert found(tmp_path) == {"\\udcfe.tif": "unnamed", "\\udcff/a.tif": "unnamed"}


def test_folder_that_cannot_be_listed_is_named_with_the_systems_reason(tmp_path, monkeypatch) -> None:
    make(tmp_path, "a.tif", "day/b.tif")
    scandir = os.scandir

    def refusing(path):
        if str(path).endswith("day"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert list(walk(str(tmp_path))) == [
        Entry("a.tif", "file"),
        Entry("day", "unreadable", "Permission denied"),
    ]
