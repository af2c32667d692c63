"""Zarr v2 datasets: what earlier versions of kymflow wrote stays theirs, and stays v2."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import zarr

from kymflow_zarr import ArtifactNotFoundError, DatasetError, ZarrDataset, is_dataset

ANALYSED = "a142c406-bf01-44a1-9535-d1c9e1afda3e"
UNANALYSED = "e9e853a7-8316-45e8-b3eb-991eb14c9667"
IDS = [
    "6662ab87-c63d-4223-a5c2-7f1972f025d2",
    ANALYSED,
    "bdb6719f-dd22-4d2c-b07d-6449fc8e84cd",
    UNANALYSED,
]


@pytest.fixture
def path(shared_data: Path, tmp_path: Path) -> Path:
    shutil.copytree(shared_data / "zarr_v2" / "lab.zarr", tmp_path / "lab.zarr")
    return tmp_path / "lab.zarr"


def v3_documents(path: Path) -> list[Path]:
    return list(path.rglob("zarr.json"))


def test_old_dataset_is_read_and_not_touched(path, tree) -> None:
    before = tree(path)
    assert is_dataset(path)
    for mode in ("r", "a"):
        dataset = ZarrDataset(path, mode)
        assert dataset.zarr_format == 2
        assert dataset.list_image_ids() == IDS
        assert dataset.list_table_names() == []
        assert dataset.load_sources_index().empty
        record = dataset.record(ANALYSED)
        assert record.get_axes() == ["y", "x"]
        assert record.load_metadata_payload()["version"] == "2.0"
        assert isinstance(record.load_json("radon_report"), dict)
        assert len(record.load_df_parquet("velocity_events")) > 0
        assert [key.rpartition("/")[2] for key in record.list_analysis_keys()] == [
            "metadata.json",
            "provenance.json",
            "radon_report.json",
            "radon_report.parquet",
            "velocity_events.parquet",
        ]
        with pytest.raises(
            ArtifactNotFoundError, match=f"image '{UNANALYSED}' of .* has no artifact 'radon_report"
        ):
            dataset.record(UNANALYSED).load_json("radon_report")
    assert tree(path) == before


def test_old_pixels_are_those_that_plain_zarr_reads(path) -> None:
    group = zarr.open_group(path, mode="r", use_consolidated=False)
    for record in ZarrDataset(path, "r").iter_records():
        pixels = record.load_array()
        np.testing.assert_array_equal(pixels, group[f"images/{record.image_id}/data"][...])
        assert pixels.any()
        assert record.get_image_bounds() == {
            "width": pixels.shape[1],
            "height": pixels.shape[0],
            "num_slices": 1,
        }
    assert record.load_array().shape == (600, 38)


def test_integers_beyond_53_bits_survive(path) -> None:
    payload = ZarrDataset(path, "r").record(UNANALYSED).load_metadata_payload()
    assert payload["header"]["acquired_local_epoch_ns"] == 1730000000000000003


def test_old_dataset_takes_images_and_tables_and_stays_v2(path, tmp_path) -> None:
    dataset = ZarrDataset(path, "a", zarr_format=3)
    pixels = np.arange(20, dtype=np.uint16).reshape(4, 5)
    record = dataset.add_image(pixels)
    record.save_json("radon_report", {"a": 1})
    record.save_array_artifact("map", pixels * 2)
    dataset.replace_rows_for_image_id("t", record.image_id, pd.DataFrame({"image_id": [record.image_id]}))
    dataset.record(ANALYSED).save_array(pixels)
    tifffile.imwrite(tmp_path / "new.tif", pixels)
    (ingested,) = dataset.refresh_from_folder(tmp_path)
    assert v3_documents(path) == []
    assert ZarrDataset(path).zarr_format == 2
    assert ZarrDataset(path).list_image_ids() == sorted([*IDS, record.image_id, ingested])
    group = zarr.open_group(path, mode="r", use_consolidated=False)
    assert group.metadata.zarr_format == 2
    for image_id in (record.image_id, ANALYSED, ingested):
        np.testing.assert_array_equal(group[f"images/{image_id}/data"][...], pixels)
    assert group[f"images/{record.image_id}"].attrs["axes"] == ["y", "x"]
    np.testing.assert_array_equal(
        group[f"images/{record.image_id}/analysis_arrays/map/data"][...], pixels * 2
    )


def test_replaced_old_pixels_leave_no_old_chunks_and_keep_the_attributes(path) -> None:
    record = ZarrDataset(path).record(ANALYSED)
    created = record.get_attrs()["created_utc"]
    record.save_array(np.ones((3, 4)))
    assert sorted(item.name for item in (path / "images" / ANALYSED / "data").iterdir()) == [
        ".zarray",
        ".zattrs",
        "0.0",
    ]
    assert record.get_attrs()["created_utc"] == created


def test_old_image_is_deleted_whole(path) -> None:
    dataset = ZarrDataset(path)
    dataset.delete_image(ANALYSED)
    assert ANALYSED not in dataset.list_image_ids()
    assert not (path / "images" / ANALYSED).exists()


def test_old_dataset_is_erased_only_if_v2_is_asked_for(path, tree) -> None:
    before = tree(path)
    with pytest.raises(
        DatasetError, match=r"would erase .*lab\.zarr, a Zarr v2 dataset.*zarr_format=2 to erase it"
    ):
        ZarrDataset(path, "w")
    assert tree(path) == before
    assert ZarrDataset(path, "w", zarr_format=2).list_image_ids() == []
    assert v3_documents(path) == []


def test_new_v2_dataset_has_v2_documents_only(tmp_path) -> None:
    dataset = ZarrDataset(tmp_path / "new.zarr", zarr_format=2)
    dataset.add_image(np.ones((3, 4))).save_array_artifact("map", np.ones(3))
    names = {item.name for item in (tmp_path / "new.zarr").rglob("*") if item.is_file()}
    assert {".zgroup", ".zattrs", ".zarray"} <= names
    assert v3_documents(tmp_path) == []
