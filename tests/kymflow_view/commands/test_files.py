"""Files of commands: whole or not at all, and never in a dataset."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from kymflow_view.commands.files import check_target, suffix_of, write_whole


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    (tmp_path / "a.svg").write_text("old")
    write_whole(tmp_path / "a.svg", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a.svg"]
    assert (tmp_path / "a.svg").read_bytes() == b"new"


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.svg").mkdir()
    for path in (tmp_path / "a.svg", tmp_path / "absent" / "b.svg"):
        with pytest.raises(OSError, match=rf"{path.name}'$") as error:
            write_whole(path, b"new")
        assert error.value.filename == str(path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.svg"]


def test_a_dataset_is_no_place_for_files(tmp_path: Path) -> None:
    dataset = tmp_path / "lab.zarr"
    dataset.mkdir()
    for inside in (dataset / "a.png", tmp_path / "x" / ".." / "lab.zarr" / "tables" / "a.png"):
        with pytest.raises(typer.BadParameter, match="lies inside the dataset"):
            check_target(inside, str(dataset))
    check_target(tmp_path / "lab.zarr.png", str(dataset))
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        check_target(tmp_path / "absent" / "a.png", str(dataset))


def test_suffixes() -> None:
    assert suffix_of(Path("a.PNG"), ("png", "svg")) == "png"
    with pytest.raises(typer.BadParameter, match=r"must end with .png, .svg, got 'a.gif'"):
        suffix_of(Path("a.gif"), ("png", "svg"))
