"""Datasets: made, opened, and their images; mode r; pickling."""

from __future__ import annotations

import pickle
import re
import shutil
import uuid
from pathlib import Path

import numpy as np
import pytest
import zarr

from kymflow_zarr import (
    DatasetError,
    DatasetNotFoundError,
    ReadOnlyError,
    RecordNotFoundError,
    StoreError,
    ZarrDataset,
    is_dataset,
)
from support.raw_artifacts import FRAME, fill

# Creating


def test_new_dataset_carries_format_and_version(place) -> None:
    dataset = place.open("a")
    assert dataset.zarr_format == place.zarr_format
    assert dataset.attrs["format"] == "kymflow_zarr_v1"
    assert dataset.attrs["schema_version"] == 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", dataset.attrs["created_utc"])
    assert dataset.list_image_ids() == dataset.list_table_names() == []
    assert place.open("r").attrs == dataset.attrs


def test_mode_w_creates_too(place) -> None:
    place.open("w")
    assert is_dataset(place.url)


def test_dataset_is_made_with_its_parents(tmp_path) -> None:
    ZarrDataset(tmp_path / "a" / "b" / "lab.zarr")
    assert is_dataset(tmp_path / "a" / "b" / "lab.zarr")


def test_new_dataset_is_zarr_v3_unless_told_otherwise(tmp_path) -> None:
    assert ZarrDataset(tmp_path / "new").zarr_format == 3
    assert (tmp_path / "new" / "zarr.json").exists()


def test_folder_with_only_browser_litter_counts_as_empty(tmp_path) -> None:
    (tmp_path / ".DS_Store").write_bytes(b"mac")
    ZarrDataset(tmp_path, "a")
    assert (tmp_path / ".DS_Store").read_bytes() == b"mac"
    assert is_dataset(tmp_path)


def test_plain_zarr_opens_what_we_make(tmp_path) -> None:
    for zarr_format in (2, 3):
        dataset = ZarrDataset(tmp_path / str(zarr_format), zarr_format=zarr_format)
        pixels = np.arange(20, dtype=np.uint16).reshape(4, 5)
        record = dataset.add_image(pixels)
        record.save_array_artifact("map", pixels * 2)
        group = zarr.open_group(dataset.path, mode="r", use_consolidated=False)
        assert group.metadata.zarr_format == zarr_format
        assert group.attrs["format"] == "kymflow_zarr_v1"
        np.testing.assert_array_equal(group[f"images/{record.image_id}/data"][...], pixels)
        np.testing.assert_array_equal(
            group[f"images/{record.image_id}/analysis_arrays/map/data"][...], pixels * 2
        )
        assert list(group[f"images/{record.image_id}"].attrs["axes"]) == ["y", "x"]


# Opening


def test_existing_dataset_opens_in_its_own_format(place) -> None:
    image_id = fill(place.open())
    for other in (2, 3):
        for mode in ("r", "r+", "a"):
            dataset = ZarrDataset(place.url, mode, zarr_format=other)
            assert dataset.zarr_format == place.zarr_format
            assert dataset.list_image_ids() == [image_id]


@pytest.mark.parametrize("mode", ["r", "r+"])
def test_modes_r_find_nothing_and_create_nothing(tmp_path, mode) -> None:
    (tmp_path / "empty").mkdir()
    for path, what in (
        (tmp_path / "absent" / "lab.zarr", "there is no folder .*absent either"),
        (tmp_path / "empty", "the folder is empty"),
        (tmp_path / "lab.zarr", "nothing is there"),
    ):
        words = f"there is no dataset at .*{path.name}: {what}.* To make one, open it with mode='a'"
        with pytest.raises(DatasetNotFoundError, match=words):
            ZarrDataset(path, mode)
    assert sorted(item.name for item in tmp_path.rglob("*")) == ["empty"]


def test_mode_r_on_an_empty_url(object_url) -> None:
    with pytest.raises(DatasetNotFoundError, match=f"there is no dataset at {object_url}"):
        ZarrDataset(object_url, "r")


@pytest.mark.parametrize(
    ("mode", "zarr_format", "words"), [("x", 3, "mode must be"), ("a", 1, "zarr_format must be")]
)
def test_wrong_arguments(tmp_path, mode, zarr_format, words) -> None:
    with pytest.raises(DatasetError, match=words):
        ZarrDataset(tmp_path / "lab.zarr", mode, zarr_format=zarr_format)
    assert list(tmp_path.iterdir()) == []


def test_path_without_a_name_is_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DatasetError, match="path"):
        ZarrDataset("")
    assert list(tmp_path.iterdir()) == []


def test_url_that_went_through_path_is_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DatasetError, match="s3:"):
        ZarrDataset(Path("s3://bucket/lab.zarr"))
    assert list(tmp_path.iterdir()) == []


def test_is_dataset_tells_and_creates_nothing(place, tmp_path) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert is_dataset(place.url) is False
    assert sorted(tmp_path.rglob("*")) == before
    place.open()
    assert is_dataset(place.url) is True


def test_mode_r_plus_reads_and_writes_what_is_there(place) -> None:
    fill(place.open())
    dataset = place.open("r+")
    assert not dataset.read_only
    image_id = dataset.add_image(np.ones((2, 3))).image_id
    assert image_id in place.open("r").list_image_ids()


# Mode r


def test_mode_r_never_writes_a_byte(place, tmp_path, tree) -> None:
    image_id = fill(place.open())
    before = tree(tmp_path)
    listed = sorted(found.key for found in place.open("r").store.list())
    dataset = place.open("r")
    record = dataset.record(image_id)
    folder = tmp_path / "tiffs"
    writes = {
        "add_image": lambda: dataset.add_image(np.ones((2, 3))),
        "delete_image": lambda: dataset.delete_image(image_id),
        "save_table": lambda: dataset.save_table("events", FRAME),
        "drop_table": lambda: dataset.drop_table("events"),
        "replace_rows": lambda: dataset.replace_rows_for_image_id("events", "a", FRAME),
        "refresh": lambda: dataset.refresh_from_folder(folder),
        "sync": lambda: dataset.sync_from_folder(folder),
        "save_array": lambda: record.save_array(np.ones((2, 3))),
        "save_json": lambda: record.save_json("x", {}),
        "save_metadata": lambda: record.save_metadata_payload({}),
        "save_parquet": lambda: record.save_df_parquet("x", FRAME),
        "save_csv": lambda: record.save_df_csv_gz("x", FRAME),
        "save_array_artifact": lambda: record.save_array_artifact("x", np.ones(3)),
        "delete_analysis": lambda: record.delete_analysis(),
        "new record": lambda: dataset.record("new").save_array(np.ones((2, 3))),
    }
    for call in writes.values():
        with pytest.raises(ReadOnlyError, match="mode='r\\+' to write") as caught:
            call()
        assert isinstance(caught.value, PermissionError)
        assert caught.value.dataset == place.url
    dataset.load_table("events")
    dataset.load_sources_index()
    dataset.list_table_names()
    for each in dataset.iter_records():
        each.load_array()
        each.load_metadata_payload()
        each.load_df_parquet("events")
        each.load_df_csv_gz("old")
        each.load_array_artifact("map")
        each.get_image_bounds()
    assert sorted(found.key for found in dataset.store.list()) == listed
    assert tree(tmp_path) == before


# Images


def test_images_are_listed_in_order(dataset) -> None:
    ids = [dataset.add_image(np.full((2, 3), number)).image_id for number in range(5)]
    assert all(str(uuid.UUID(image_id)) == image_id for image_id in ids)
    assert dataset.list_image_ids() == sorted(ids)
    assert [record.image_id for record in dataset.iter_records()] == sorted(ids)


def test_record_is_lazy_and_may_be_made_under_an_id_of_ones_own(dataset) -> None:
    record = dataset.record("mouse 1")
    assert not record.exists()
    assert dataset.list_image_ids() == []
    record.save_array(np.ones((2, 3)))
    assert record.exists()
    assert dataset.list_image_ids() == ["mouse 1"]


def test_delete_image(dataset) -> None:
    image_id = fill(dataset)
    kept = dataset.add_image(np.ones((2, 3)))
    dataset.delete_image(image_id)
    assert dataset.list_image_ids() == [kept.image_id]
    assert not [found for found in dataset.store.list() if image_id in found.key]
    with pytest.raises(RecordNotFoundError, match=f"has no image '{image_id}'") as caught:
        dataset.delete_image(image_id)
    assert isinstance(caught.value, KeyError)
    assert caught.value.image_id == image_id


def test_delete_image_removes_links_and_keeps_their_targets(local, tmp_path, tree) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.json").write_text("precious")
    image_id = fill(local)
    (Path(local.path) / "images" / image_id / "analysis" / "link").symlink_to(outside)
    before = tree(outside)
    local.delete_image(image_id)
    assert tree(outside) == before
    assert local.list_image_ids() == []


def test_delete_of_a_linked_image_keeps_the_target(local, tmp_path, tree) -> None:
    other = ZarrDataset(tmp_path / "other.zarr")
    image_id = fill(other)
    link = Path(local.path) / "images" / "linked"
    link.symlink_to(Path(other.path) / "images" / image_id)
    before = tree(other.path)
    with pytest.raises(StoreError, match="the folder 'images/linked' is a link"):
        local.delete_image("linked")
    assert link.is_symlink()
    assert tree(other.path) == before


def test_odd_entries_do_not_end_a_listing(local) -> None:
    image_id = fill(local)
    images = Path(local.path) / "images"
    for folder in (images, images / image_id / "analysis", Path(local.path) / "tables"):
        (folder / ".DS_Store").write_bytes(b"mac")
        if folder != images:
            # Among images, it may be one whose disk is not there, and fails.
            (folder / "loop").symlink_to("loop")
            (folder / "broken").symlink_to("nowhere")
        with open(bytes(folder) + b"/\xff.json", "wb"):
            pass
    (images / "leftover").mkdir()
    assert local.list_image_ids() == [image_id]
    assert local.list_table_names() == ["events"]
    assert [key.rpartition("/")[2] for key in local.record(image_id).list_analysis_keys()] == [
        "events.parquet",
        "metadata.json",
        "old.csv.gz",
    ]
    local.delete_image(image_id)
    assert local.list_image_ids() == []


# Pickling


@pytest.mark.parametrize("mode", ["r", "r+", "a", "w"])
def test_pickled_dataset_opens_what_is_there(place, mode) -> None:
    fill(place.open())
    dataset = place.open(mode)
    dataset_ids = dataset.list_image_ids()
    back = pickle.loads(pickle.dumps(dataset))
    assert back.path == dataset.path
    assert back.mode == ("r" if mode == "r" else "r+")
    assert back.zarr_format == place.zarr_format
    assert back.list_image_ids() == dataset_ids


def test_pickled_record_still_reads_and_writes(record) -> None:
    back = pickle.loads(pickle.dumps(record))
    back.save_json("x", {"a": 1})
    assert record.load_json("x") == {"a": 1}
    np.testing.assert_array_equal(back.load_array(), record.load_array())


def test_unpickling_never_creates_a_dataset(local, tmp_path) -> None:
    pickled = pickle.dumps(local)
    shutil.rmtree(local.path)
    with pytest.raises(DatasetNotFoundError, match="there is no dataset at"):
        pickle.loads(pickled)
    assert list(tmp_path.iterdir()) == []


def test_repr_tells_path_and_mode(local) -> None:
    assert repr(local) == f"ZarrDataset({local.path!r}, mode='a')"
    assert repr(local.record("a")) == f"ZarrImageRecord('a' in {local.path!r})"
