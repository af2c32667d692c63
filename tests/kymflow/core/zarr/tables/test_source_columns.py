"""The file that each image came from, beside the rows of a table."""

from __future__ import annotations

from pathlib import Path

from kymflow import KymDataset
from support.simple_indexers import FrameIndexer


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
