"""The table of sources: empty, damaged, or as earlier versions wrote it."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kymflow_zarr import InvalidNameError, TableError, ZarrDataset
from support.tiff_folders import REINGEST, pixels, settle, write_tiff


def test_index_of_a_dataset_without_sources_has_its_columns(dataset) -> None:
    index = dataset.load_sources_index()
    assert index.empty
    assert {"source_primary_path", "image_id", "source_rel_path"} <= set(index.columns)


def save_legacy_index(dataset: ZarrDataset, rows: list[tuple[Path, str]]) -> None:
    df = pd.DataFrame(
        {
            "source_primary_path": [str(path) for path, _ in rows],
            "image_id": [image_id for _, image_id in rows],
            "source_mtime_ns": [path.stat().st_mtime_ns for path, _ in rows],
            "source_size_bytes": [path.stat().st_size for path, _ in rows],
            "ingested_epoch_ns": [time.time_ns()] * len(rows),
        }
    )
    dataset.store.put("tables/sources.parquet", df.to_parquet(index=False))


@pytest.fixture
def legacy(tmp_path):
    """A Zarr v2 dataset with a sources table of five columns, and its folder of two TIFFs."""
    folder = tmp_path / "old"
    write_tiff(folder / "a.tif", 1)
    write_tiff(folder / "sub" / "b.tif", 2)
    settle(folder, 3600)
    dataset = ZarrDataset(tmp_path / "old.zarr", zarr_format=2)
    ids = [dataset.add_image(pixels(seed)).image_id for seed in (1, 2)]
    for image_id in ids:
        # As earlier versions wrote pixels: without attributes.
        dataset.store.delete(f"images/{image_id}/data/.zattrs")
    save_legacy_index(dataset, [(folder / "a.tif", ids[0]), (folder / "sub" / "b.tif", ids[1])])
    return dataset, folder, ids


@pytest.mark.parametrize("mode", ["skip", REINGEST])
def test_legacy_sources_are_known(legacy, mode) -> None:
    dataset, folder, ids = legacy
    report = dataset.sync_from_folder(folder, mode=mode)
    assert (report.image_ids, report.unchanged, report.failed, report.conflicts) == ([], 2, {}, [])
    assert dataset.list_image_ids() == sorted(ids)


def test_legacy_source_that_changed_is_ingested_again(legacy) -> None:
    dataset, folder, ids = legacy
    write_tiff(folder / "a.tif", 7)
    report = dataset.sync_from_folder(folder, mode=REINGEST)
    assert (report.changed, report.conflicts) == ([ids[0]], [])
    np.testing.assert_array_equal(dataset.record(ids[0]).load_array(), pixels(7))
    assert dataset.sync_from_folder(folder, mode=REINGEST).unchanged == 2


def test_new_file_beside_legacy_sources(legacy) -> None:
    dataset, folder, ids = legacy
    write_tiff(folder / "new.tif", 3)
    (new,) = dataset.refresh_from_folder(folder)
    assert dataset.list_image_ids() == sorted([*ids, new])
    index = dataset.load_sources_index()
    assert len(index) == 3
    assert index["source_mtime_ns"].min() > 0
    assert (index["ingested_epoch_ns"] > 0).all()
    assert dataset.sync_from_folder(folder, mode=REINGEST).unchanged == 3


def test_legacy_sources_under_another_spelling_keep_their_ids(legacy, tmp_path) -> None:
    dataset, folder, ids = legacy
    link = tmp_path / "link"
    link.symlink_to(folder)
    save_legacy_index(dataset, [(link / "a.tif", ids[0]), (link / "sub" / "b.tif", ids[1])])
    assert dataset.refresh_from_folder(link) == []
    assert dataset.list_image_ids() == sorted(ids)


@pytest.mark.parametrize(
    "data",
    [b"", b"PAR1", pd.DataFrame({"x": [1]}).to_parquet(), pd.DataFrame({"image_id": ["a"]}).to_parquet()],
    ids=["empty", "text", "other columns", "no path"],
)
def test_damaged_sources_table_is_named_and_left_alone(local, folder, data) -> None:
    local.store.put("tables/sources.parquet", data)
    with pytest.raises(TableError, match=r"table 'sources' of .* cannot be read: \S"):
        local.refresh_from_folder(folder)
    assert local.store.read("tables/sources.parquet")[0] == data
    assert local.list_image_ids() == []


def test_sources_table_is_kept_by_the_dataset(ingested) -> None:
    with pytest.raises(InvalidNameError, match=r"table 'sources' of .* is kept by the dataset itself"):
        ingested.save_table("sources", pd.DataFrame())
    assert len(ingested.load_table("sources")) == 3
