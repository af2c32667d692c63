"""What is said of a path where no dataset is."""

from __future__ import annotations

from pathlib import Path

import pytest

from kymflow_zarr import DatasetNotFoundError, ZarrDataset
from kymflow_zarr.root import describe_absence
from kymflow_zarr.store.locations import open_store


def said_of(path: Path) -> str:
    return describe_absence(open_store(path))


@pytest.fixture
def labs(tmp_path: Path) -> Path:
    """A folder with three datasets, and with what is none of them."""
    for name in ("Capillaries.zarr", "arterioles.zarr", "arterioles-2.zarr"):
        ZarrDataset(tmp_path / name)
    (tmp_path / "capillarie.zarr").mkdir()
    (tmp_path / "capillaries.txt").write_text("a text")
    return tmp_path


@pytest.mark.parametrize("typo", ["capilaries.zarr", "Capillaries", "CAPILARIES.ZARR", "capilary"])
def test_a_dataset_of_a_similar_name_is_told_of_and_nothing_else_is(labs: Path, typo: str) -> None:
    assert said_of(labs / typo) == (
        f"there is no dataset at {labs / typo}: nothing is there. Did you mean {labs / 'Capillaries.zarr'}?"
    )


def test_the_most_similar_name_comes_first(labs: Path) -> None:
    near = f"{labs / 'arterioles.zarr'} or {labs / 'arterioles-2.zarr'}"
    assert said_of(labs / "arteriole.zarr").endswith(f": nothing is there. Did you mean {near}?")


def test_of_many_similar_names_three_are_told(tmp_path: Path) -> None:
    for number in range(5):
        ZarrDataset(tmp_path / f"lab-{number}.zarr")
    assert said_of(tmp_path / "lab-7.zarr").count(".zarr") == 4


def test_a_dataset_of_a_later_version_in_the_folder_is_passed_over(labs: Path) -> None:
    text = (labs / "arterioles.zarr" / "zarr.json").read_text("utf-8")
    newer = text.replace('"schema_version": 1', '"schema_version": 99')
    assert newer != text
    (labs / "arterioles.zarr" / "zarr.json").write_text(newer, "utf-8")
    assert said_of(labs / "arteriole.zarr").endswith(f"Did you mean {labs / 'arterioles-2.zarr'}?")


def test_nothing_similar_and_no_folder(labs: Path) -> None:
    assert said_of(labs / "venules.zarr").endswith("venules.zarr: nothing is there.")
    path = labs / "none" / "arterioles.zarr"
    assert said_of(path) == f"there is no dataset at {path}: there is no folder {labs / 'none'} either."


def test_a_relative_path_is_told_of_in_full(labs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(labs)
    with pytest.raises(DatasetNotFoundError, match="Did you mean .*arterioles.zarr.* open it with mode='a'"):
        ZarrDataset("arteriole.zarr", "r+")


def test_of_a_url_nothing_else_is_looked_at(object_url: str) -> None:
    assert describe_absence(open_store(object_url)).endswith(f"dataset at {object_url}: nothing is there.")
