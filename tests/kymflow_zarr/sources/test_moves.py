"""Files that have moved: of which row each was."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from kymflow_zarr.sources.index import SourceRow
from kymflow_zarr.sources.moves import Contents, find_moves, is_there, moved_to
from kymflow_zarr.sources.names import placeholder
from kymflow_zarr.sources.states import FileState, read_state


class Folder:
    """Files with rows, as they were noted before they were moved about."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.rows: list[SourceRow] = []
        self.read: list[str] = []

    def noted(self, name: str, content: str) -> None:
        path = self.write(name, content)
        state = read_state(path, settled_before_ns=time.time_ns())
        self.rows.append(SourceRow(str(self.root), name, f"id of {name}", 1, (state,)))

    def write(self, name: str, content: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return path

    def rename(self, *pairs: str) -> None:
        for old, new in (pair.split(" ") for pair in pairs):
            (self.root / new).parent.mkdir(parents=True, exist_ok=True)
            os.replace(self.root / old, self.root / new)

    def moves(self) -> dict[str, str]:
        """Old name by new name."""
        paths = {
            path.relative_to(self.root).as_posix(): str(path)
            for path in sorted(self.root.rglob("*"))
            if path.is_file()
        }
        places = {row.relative_path: place for place, row in enumerate(self.rows)}
        known = {name: places[name] for name in paths if name in places}
        gone = [place for name, place in places.items() if name not in paths]
        contents = Contents(lambda: self.read.append("one"))
        found = find_moves(self.rows, paths, known, gone, contents)
        assert len(set(found.values())) == len(found)
        return {name: self.rows[place].relative_path for name, place in found.items()}


@pytest.fixture
def lab(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path / "in")
    for name in "abc":
        folder.noted(name, f"content of {name}")
    return folder


def test_nothing_has_moved_and_nothing_is_read(lab) -> None:
    lab.write("new", "of another size than any")
    assert lab.moves() == {}
    assert lab.read == []


def test_renamed(lab) -> None:
    lab.rename("a day/d")
    lab.write("new", "content of n")
    assert lab.moves() == {"day/d": "a"}


def test_same_path_below_a_root_and_same_name_are_told_first(tmp_path) -> None:
    lab = Folder(tmp_path / "in")
    for name in ("day-1/a", "day-1/b", "c"):
        lab.noted(name, "same")
    lab.rename("c x", "day-1/b day-2/b", "day-1/a day-2/z")
    assert lab.moves() == {"day-2/b": "day-1/b", "day-2/z": "day-1/a", "x": "c"}


def test_swapped_and_rotated(lab) -> None:
    lab.rename("a x", "b a", "x b")
    assert lab.moves() == {"a": "b", "b": "a"}
    lab.rename("b x", "a b", "x a", "c d", "b c", "a b")
    assert lab.moves() == {"b": "a", "c": "b", "d": "c"}


def test_overwritten_file_is_no_move(lab) -> None:
    lab.rename("a b")
    assert lab.moves() == {}


def test_copy_before_an_edit_is_no_move(lab) -> None:
    lab.write("copy", "content of a")
    lab.write("a", "content of ä")
    assert lab.moves() == {}


def test_chain_that_ends_in_an_edit_is_no_move(lab) -> None:
    lab.rename("b d", "a b")
    lab.write("a", "content of n")
    # Whether `a` was renamed and written anew or copied and edited, nobody can tell.
    assert lab.moves() == {}


def test_touched_file_keeps_its_row(lab) -> None:
    os.utime(lab.root / "a", ns=(1, 1))
    os.utime(lab.root / "b", ns=(1, 1))
    lab.rename("c d")
    assert lab.moves() == {"d": "c"}


def test_many_of_equal_content_take_no_longer_each(tmp_path) -> None:
    lab = Folder(tmp_path / "in")
    lab.noted("0", "same")
    state = lab.rows[0].files[0]
    (lab.root / "0").unlink()
    lab.rows = [
        replace(lab.rows[0], relative_path=f"old/{number}", files=(replace(state, path=str(number)),))
        for number in range(2000)
    ]
    for number in range(2000):
        lab.write(f"new/{number}", "same")
    assert lab.moves() == {f"new/{number}": f"old/{number}" for number in range(2000)}
    assert len(lab.read) == 2000


def test_it_can_be_ended_between_two_files(lab) -> None:
    lab.rename("a d")

    def end() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find_moves(lab.rows, {"d": str(lab.root / "d")}, {}, [0], Contents(end))


def test_what_cannot_be_read_has_no_content(tmp_path) -> None:
    contents = Contents(lambda: None)
    assert contents.sha256(str(tmp_path)) == ""
    assert contents.sha256(str(tmp_path / "absent")) == ""


def test_there_is_what_is_in_the_cloud_or_behind_a_broken_link_or_out_of_reach(tmp_path, monkeypatch) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / placeholder("cloud")).write_text("")
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("file", "cloud", "link"):
        assert is_there(str(tmp_path / name))
    for name in ("absent", "file/below", "nowhere/absent"):
        assert not is_there(str(tmp_path / name))

    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "lstat", refuse)
    assert is_there(str(tmp_path / "absent"))


def test_sidecars_move_with_their_source_or_stay(tmp_path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    (old / "flow").mkdir(parents=True)
    (new / "flow").mkdir(parents=True)
    (new / "b.json").write_text("moved, too")
    (old / "flow" / "a_x.csv").write_text("stayed")
    names = ("a.tif", "a.json", "flow/a_x.csv", "a.deleted.json", "shared.txt")
    files = tuple(FileState(name, 1, 1, "x", True, stayed=name == "a.json") for name in names)
    moved = moved_to(SourceRow(str(old), "a.tif", "id", 1, files), str(new), "b.tif")
    assert (moved.root, moved.relative_path, moved.image_id) == (str(new), "b.tif", "id")
    assert [(state.path, state.stayed) for state in moved.files] == [
        ("b.tif", False),
        ("b.json", False),
        ("../old/flow/a_x.csv", True),
        ("b.deleted.json", False),
        ("shared.txt", False),
    ]


def test_what_lies_beside_another_file_that_has_come_to_the_old_path_is_that_ones(tmp_path) -> None:
    for name in ("a.tif", "channel 2.tif", "day/a.tif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    files = tuple(FileState(name, 1, 1, "x", True) for name in ("a.tif", "channel 2.tif"))
    row = SourceRow(str(tmp_path), "a.tif", "id", 1, files)
    assert moved_to(row, str(tmp_path), "day/a.tif").files == files
    (tmp_path / "a.tif").unlink()
    stayed = moved_to(row, str(tmp_path), "day/a.tif").files[1]
    assert (stayed.path, stayed.stayed) == ("../channel 2.tif", True)


def test_what_lies_beside_another_file_of_the_old_name_is_that_ones(tmp_path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        folder.mkdir()
    (new / "a.json").write_text("")
    files = (FileState("a.tif", 1, 1, "x", True), FileState("a.json", 1, 1, "x", True))
    row = SourceRow(str(old), "a.tif", "id", 1, files)
    # In a folder that has moved as a whole, in which the source was renamed, too.
    assert moved_to(row, str(new), "b.tif").files[1] == FileState("a.json", 1, 1, "x", True, stayed=True)
    (new / "a.tif").write_text("")
    assert moved_to(row, str(new), "b.tif").files[1] == FileState("b.json", 1, 1, "x", True)
