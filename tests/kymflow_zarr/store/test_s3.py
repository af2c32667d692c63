"""The object store over a real S3 server."""

from __future__ import annotations

import pickle
import uuid

import numpy as np
import obstore
import pandas as pd
import pytest
import tifffile
from pandas.testing import assert_frame_equal

from kymflow_zarr import (
    ArtifactNotFoundError,
    DatasetError,
    DatasetNotFoundError,
    InvalidNameError,
    RecordNotFoundError,
    StoreError,
    TableNotFoundError,
    ZarrDataset,
    is_dataset,
)
from kymflow_zarr.store.comparison import compare
from kymflow_zarr.store.dependencies import Dependencies
from kymflow_zarr.store.locations import open_store
from kymflow_zarr.store.tracking import Dependency
from support.processes import run_together

FRAME = pd.DataFrame({"image_id": ["a"], "x": [1.0]})


@pytest.fixture
def url(s3_bucket: str) -> str:
    return f"{s3_bucket}/{uuid.uuid4().hex}/lab.zarr"


@pytest.fixture
def dataset(url: str) -> ZarrDataset:
    return ZarrDataset(url)


def test_create_open_and_erase(url) -> None:
    with pytest.raises(DatasetNotFoundError, match=f"there is no dataset at {url}"):
        ZarrDataset(url, "r")
    assert not is_dataset(url)
    image_id = ZarrDataset(url).add_image(np.ones((3, 4))).image_id
    assert is_dataset(url)
    assert ZarrDataset(url + "/", "r").list_image_ids() == [image_id]
    assert ZarrDataset(url, "w").list_image_ids() == []
    assert sorted(found.key for found in open_store(url).list()) == ["images/zarr.json", "zarr.json"]


def test_foreign_objects_lose_nothing(url) -> None:
    open_store(url).put("thesis.docx", b"years of work")
    for mode in ("r", "a", "w"):
        with pytest.raises(
            DatasetError, match="is no kymflow dataset but something else; nothing in it was touched"
        ):
            ZarrDataset(url, mode)
    assert [found.key for found in open_store(url).list()] == ["thesis.docx"]


def test_dataset_of_like_name_is_another(url) -> None:
    other = ZarrDataset(url + "2").add_image(np.ones((2, 3)))
    dataset = ZarrDataset(url)
    assert dataset.list_image_ids() == []
    ZarrDataset(url, "w")
    assert ZarrDataset(url + "2").list_image_ids() == [other.image_id]


def test_images_and_artifacts(dataset) -> None:
    pixels = np.arange(60, dtype=np.uint16).reshape(3, 4, 5)
    record = dataset.add_image(pixels, chunks=(1, 4, 5))
    np.testing.assert_array_equal(record.load_array(), pixels)
    np.testing.assert_array_equal(record.open_array()[1], pixels[1])
    assert record.get_image_bounds() == {"width": 5, "height": 4, "num_slices": 3}
    record.save_metadata_payload({"a": 1})
    record.save_json("radon/größe", [1])
    record.save_df_parquet("events", FRAME)
    record.save_df_csv_gz("old", FRAME)
    record.save_array_artifact("map", pixels)
    assert record.load_metadata_payload() == {"a": 1}
    assert record.load_json("radon/größe") == [1]
    assert_frame_equal(record.load_df_parquet("events"), FRAME)
    assert_frame_equal(record.load_df_csv_gz("old"), FRAME)
    assert record.list_array_artifacts() == ["map"]
    assert len(record.list_analysis_keys()) == 4
    with pytest.raises(
        ArtifactNotFoundError, match=f"image '{record.image_id}' of s3://.* has no artifact 'none.json'"
    ):
        record.load_json("none")
    record.save_array(pixels[0])
    assert len([found for found in dataset.store.list(f"images/{record.image_id}/data")]) == 2
    assert record.delete_analysis(suffixes=[".csv.gz"]) == 1
    dataset.delete_image(record.image_id)
    with pytest.raises(RecordNotFoundError, match="has no image"):
        dataset.delete_image(record.image_id)
    assert sorted(found.key for found in dataset.store.list()) == ["images/zarr.json", "zarr.json"]


@pytest.mark.parametrize("name", ["a b", "größe", "it's", "a#b", "a+b", "a%2Fb", "a&b=c", "日本"])
def test_unusual_names(dataset, name) -> None:
    record = dataset.record(name)
    record.save_array(np.ones((2, 3)))
    record.save_json(name, {"x": 1})
    dataset.save_table(name, FRAME)
    assert dataset.list_image_ids() == dataset.list_table_names() == [name]
    assert record.load_json(name) == {"x": 1}
    assert record.load_array().shape == (2, 3)
    assert dataset.load_table(name)["x"].tolist() == [1.0]
    dataset.delete_image(name)
    dataset.drop_table(name)
    assert dataset.list_image_ids() == dataset.list_table_names() == []


def test_bad_names_are_refused(dataset) -> None:
    for name in ("../x", "/x", "a\\b", ""):
        with pytest.raises(InvalidNameError, match="cannot be used as table name"):
            dataset.save_table(name, FRAME)


def test_tables(dataset) -> None:
    for image_id in ("b", "a/b", "a"):
        df = pd.DataFrame({"image_id": [image_id] * 2, "x": [2.0, 1.0]})
        dataset.replace_rows_for_image_id("t", image_id, df)
    dataset.replace_rows_for_image_id("t", "a", pd.DataFrame())
    assert dataset.load_table("t")["image_id"].tolist() == ["a/b", "a/b", "b", "b"]
    dataset.store.put("index/t/1.parquet", b"x")
    dataset.drop_table("t")
    with pytest.raises(TableNotFoundError, match="has no table 't'; its tables: none yet"):
        dataset.load_table("t")
    assert list(dataset.store.list("index")) == []


def test_an_entity_tag_proves_that_nothing_changed(dataset) -> None:
    put = dataset.store.put("x", b"old")
    before = Dependencies.of({"a": [Dependency("x", "content", put, "", 0)]})
    # Nothing is read, whose digest would be another.
    assert compare(dataset.store, before).holds.all()
    dataset.store.put("x", b"new")
    assert not compare(dataset.store, before).holds.any()


def test_folder_is_ingested(dataset, tmp_path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.ones((3, 4), np.uint16))
    (tmp_path / "a.params.json").write_text('{"v": 1}')
    (image_id,) = dataset.refresh_from_folder(tmp_path)
    assert dataset.record(image_id).load_json("params") == {"v": 1}
    (tmp_path / "a.params.json").write_text('{"v": 22}')
    assert dataset.refresh_from_folder(tmp_path, mode="reingest_if_changed") == [image_id]
    assert dataset.refresh_from_folder(tmp_path, mode="reingest_if_changed") == []


def test_a_folder_without_news_costs_two_looks_at_each_image(dataset, tmp_path, monkeypatch) -> None:
    for name in "abc":
        tifffile.imwrite(tmp_path / f"{name}.tif", np.ones((3, 4), np.uint16))
    ids = dataset.refresh_from_folder(tmp_path)
    asked = []

    def watch(name: str) -> None:
        call = getattr(obstore, name)

        def noted(store, key):
            asked.append((name, key))
            return call(store, key)

        monkeypatch.setattr(obstore, name, noted)

    watch("get")
    watch("head")
    assert dataset.refresh_from_folder(tmp_path, mode="reingest_if_changed") == []
    assert sorted(one for one in asked if "images/" in one[1]) == [
        ("head", f"images/{image_id}/{name}")
        for image_id in sorted(ids)
        for name in ("data/zarr.json", "zarr.json")
    ]


def test_pickled_dataset_reads(dataset) -> None:
    image_id = dataset.add_image(np.ones((2, 3))).image_id
    assert pickle.loads(pickle.dumps(dataset)).list_image_ids() == [image_id]


def test_missing_bucket_is_a_clear_error(s3_bucket) -> None:
    with pytest.raises((StoreError, DatasetError), match="s3://no-such-bucket-here"):
        ZarrDataset("s3://no-such-bucket-here/lab.zarr")


WRITER = """
import sys, pandas as pd
from kymflow_zarr import ZarrDataset
dataset, who = ZarrDataset(sys.argv[1]), sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
for number in range(15):
    image_id = f"{who}{number}"
    dataset.replace_rows_for_image_id("t", image_id, pd.DataFrame({"image_id": [image_id], "x": [number]}))
"""


def test_two_processes_lose_nothing(dataset, start_python) -> None:
    run_together(*(start_python(WRITER, dataset.path, who) for who in "ab"))
    expected = sorted(f"{who}{number}" for who in "ab" for number in range(15))
    assert dataset.load_table("t")["image_id"].tolist() == expected
