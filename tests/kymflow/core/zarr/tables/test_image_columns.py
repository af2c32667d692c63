"""The file that each image came from, beside the rows of a table."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from kymflow import KymDataset, TableNotFoundError
from kymflow_indexers_builtin import ImagesIndexer
from kymflow_zarr import ColumnError
from support.simple_indexers import FrameIndexer, frame


def test_with_source_adds_the_file_after_image_id(empty: KymDataset, folder: Path) -> None:
    empty.ingest_folder(folder)

    table = empty.get_table("velocity_events", with_source=True)

    assert list(table.columns[:4]) == ["image_id", "rel_path", "file_name", "roi_id"]
    assert table["rel_path"].unique().tolist() == ["day 1/capillary_0002.tif"]
    assert table["file_name"].unique().tolist() == ["capillary_0002.tif"]
    assert "rel_path" not in empty.get_table("velocity_events").columns


def test_with_source_is_missing_for_images_of_no_folder(kd: KymDataset) -> None:
    kd.rebuild("radon_report")

    table = kd.get_table("radon_report", with_source=True)

    assert table[["rel_path", "file_name"]].isna().all(axis=None)


def test_with_source_of_a_table_without_rows(empty: KymDataset, folder: Path) -> None:
    empty.ingest_folder(folder)
    empty.rebuild(FrameIndexer({}))

    assert list(empty.get_table("lab", with_source=True).columns) == ["image_id", "rel_path", "file_name"]


@pytest.fixture
def with_images(empty: KymDataset, folder: Path) -> KymDataset:
    """The simulated folder, with table ``images``, too."""
    empty.registry.register(ImagesIndexer())
    empty.ingest_folder(folder)
    return empty


def test_with_images_joins_the_columns_of_its_image_to_each_row(with_images: KymDataset) -> None:
    table = with_images.get_table("velocity_events", with_images=True)

    assert list(table.columns[:4]) == ["image_id", "rel_path", "file_name", "roi_id"]
    assert table["rel_path"].unique().tolist() == ["day 1/capillary_0002.tif"]
    assert table["condition"].unique().tolist() == ["simulated"]
    own = with_images.get_table("velocity_events")
    assert_frame_equal(table[list(own.columns)], own)
    assert "note" in own.columns
    assert "image_note" in table.columns


def test_a_column_of_the_tables_own_is_not_replaced(with_images: KymDataset) -> None:
    image_id = with_images.ds.list_image_ids()[0]
    rows = frame(rel_path=["mine"], file_name=[7], value=[1.5])
    with_images.rebuild(FrameIndexer({image_id: rows}))
    path = with_images.ds.record(image_id).get_source()
    assert path is not None

    for how in ({"with_source": True}, {"with_images": True}, {"with_source": True, "with_images": True}):
        table = with_images.get_table("lab", **how)
        assert (table["rel_path"].item(), table["file_name"].item()) == ("mine", 7)
        assert table["image_rel_path"].item() == path.relative_path
        assert table["image_file_name"].item() == path.file_name


def test_with_images_keeps_rows_of_images_that_it_does_not_know(with_images: KymDataset) -> None:
    table = with_images.get_table("velocity_events")
    table.loc[0, "image_id"] = "nobody"
    with_images.ds.save_table("mine", table)

    joined = with_images.get_table("mine", with_images=True)

    assert len(joined) == len(table)
    assert pd.isna(joined.loc[0, "condition"])
    assert joined.loc[1, "condition"] == "simulated"


def test_without_table_images_the_error_names_it(empty: KymDataset, folder: Path) -> None:
    empty.ingest_folder(folder)

    with pytest.raises(TableNotFoundError, match="has no table 'images'"):
        empty.get_table("velocity_events", with_images=True)


def test_a_table_images_that_somebody_else_made_is_told(with_images: KymDataset) -> None:
    images = with_images.get_table("images")
    with_images.ds.save_table("images", pd.concat([images, images]))

    with pytest.raises(ColumnError, match="table 'images' has not one row for each image"):
        with_images.get_table("velocity_events", with_images=True)
