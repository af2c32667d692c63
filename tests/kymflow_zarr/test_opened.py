"""A root opened in mode lazy: the first image makes the dataset, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kymflow_zarr import DatasetError, DatasetNotFoundError, ReadOnlyError, ZarrDataset


def test_the_first_image_makes_a_dataset_of_the_format_that_was_asked_for(tmp_path: Path) -> None:
    ds = ZarrDataset(tmp_path / "new.zarr", "lazy", zarr_format=2)

    ds.record("a").save_array([[1, 2]])

    assert ds.list_image_ids() == ["a"]
    assert ZarrDataset(tmp_path / "new.zarr", "r").zarr_format == 2


def test_a_record_follows_the_format_of_a_dataset_that_was_made_meanwhile(tmp_path: Path) -> None:
    record = ZarrDataset(tmp_path / "new.zarr", "lazy").record("a")
    ds = ZarrDataset(tmp_path / "new.zarr", zarr_format=2)

    record.save_array([[1, 2]])

    assert ds.list_image_ids() == ["a"]
    assert ds.record("a").load_array().tolist() == record.load_array().tolist() == [[1, 2]]


def test_what_came_to_the_path_meanwhile_is_left_alone(tmp_path: Path) -> None:
    ds = ZarrDataset(tmp_path / "letters", "lazy")
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "mine.txt").write_text("mine")

    with pytest.raises(DatasetError, match="is no kymflow dataset but something else"):
        ds.add_image([[1, 2]])
    assert [path.name for path in (tmp_path / "letters").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    "fail",
    [
        lambda ds: ds.add_image("no pixels"),
        lambda ds: ds.record("a").save_array("no pixels"),
        lambda ds: ds.record("a").save_json("stalls", {}),
        lambda ds: ds.record("a").load_json("stalls"),
    ],
)
def test_what_writes_no_image_makes_no_dataset(tmp_path: Path, fail: Callable[[ZarrDataset], object]) -> None:
    with pytest.raises((ValueError, KeyError)):
        fail(ZarrDataset(tmp_path / "new.zarr", "lazy"))
    ZarrDataset(tmp_path / "new.zarr", "lazy").record("a").delete_analysis()
    assert not (tmp_path / "new.zarr").exists()


def test_what_needs_a_dataset_says_that_there_is_none(tmp_path: Path) -> None:
    ds = ZarrDataset(tmp_path / "new.zarr", "lazy")

    for use in (ds.check_there, ds.check_writable):
        with pytest.raises(DatasetNotFoundError, match="there is no dataset at .*new.zarr"):
            use()
    ZarrDataset(tmp_path / "new.zarr")
    ds.check_writable()
    with pytest.raises(ReadOnlyError, match="was opened with mode='r'"):
        ZarrDataset(tmp_path / "new.zarr", "r").check_writable()


def test_a_dataset_that_is_there_is_read_and_written(tmp_path: Path) -> None:
    ZarrDataset(tmp_path / "lab.zarr")
    ds = ZarrDataset(tmp_path / "lab.zarr", "lazy")

    assert (ds.mode, ds.read_only) == ("lazy", False)
    assert ds.add_image([[1, 2]]).image_id in ZarrDataset(tmp_path / "lab.zarr", "r").list_image_ids()


def test_somebody_else_may_make_it_meanwhile(tmp_path: Path) -> None:
    ds, other = (ZarrDataset(tmp_path / "new.zarr", "lazy") for _ in range(2))
    ZarrDataset(tmp_path / "new.zarr", zarr_format=2)

    assert (ds.list_image_ids(), ds.zarr_format) == ([], 2)
    assert other.add_image([[1, 2]]).image_id in ds.list_image_ids()
    assert other.zarr_format == 2
