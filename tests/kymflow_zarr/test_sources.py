from __future__ import annotations

import json
import os
import shutil
import threading
import time
import unicodedata
import uuid
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from pandas.testing import assert_frame_equal

from kymflow_zarr import (
    CancelledError,
    Conflict,
    IngestWarning,
    InvalidNameError,
    SourceError,
    SourceImage,
    StoreError,
    TableError,
    ZarrDataset,
)

REINGEST = "reingest_if_changed"


def pixels(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 4000, (6, 5)).astype(np.uint16)


def write_tiff(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, pixels(seed))
    return path


def write_json(path: Path, obj: object) -> None:
    path.write_text(json.dumps(obj))


def settle(folder: Path, seconds: float = 60) -> None:
    """Make all files look as old as they are on every other day."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            then = path.stat().st_mtime_ns - int(seconds * 1e9)
            os.utime(path, ns=(then, then))


def id_of(dataset: ZarrDataset, name: str) -> str:
    index = dataset.load_sources_index()
    (image_id,) = index.loc[index["source_rel_path"] == name, "image_id"]
    return image_id


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three TIFFs, one of them with two sidecars, an hour old."""
    folder = tmp_path / "tiffs"
    write_tiff(folder / "b.tif", 1)
    write_tiff(folder / "a.tif", 2)
    write_tiff(folder / "day 2" / "c.tif", 3)
    write_json(folder / "a.params.json", {"v": 1})
    pd.DataFrame({"x": [1.0, 2.0]}).to_csv(folder / "a.events.csv", index=False)
    settle(folder, 3600)
    return folder


@pytest.fixture
def ingested(local: ZarrDataset, folder: Path) -> ZarrDataset:
    local.refresh_from_folder(folder)
    return local


# What is found


def test_new_files_are_ingested_recursively_and_in_order(dataset, folder) -> None:
    ids = dataset.refresh_from_folder(folder)
    index = dataset.load_sources_index()
    assert index["source_rel_path"].tolist() == ["a.tif", "b.tif", "day 2/c.tif"]
    assert index["image_id"].tolist() == ids
    assert sorted(ids) == dataset.list_image_ids()
    assert all(str(uuid.UUID(image_id)) == image_id for image_id in ids)
    for image_id, seed in zip(ids, (2, 1, 3), strict=True):
        np.testing.assert_array_equal(dataset.record(image_id).load_array(), pixels(seed))
    record = dataset.record(ids[0])
    assert record.load_json("params") == {"v": 1}
    assert_frame_equal(record.load_df_parquet("events"), pd.DataFrame({"x": [1.0, 2.0]}))


def test_sources_table_tells_where_each_image_came_from(dataset, folder) -> None:
    assert dataset.load_sources_index().empty
    before_ns = time.time_ns()
    dataset.refresh_from_folder(folder)
    index = dataset.load_sources_index()
    first = index.iloc[0]
    info = (folder / "a.tif").stat()
    assert first["source_primary_path"] == str(folder / "a.tif")
    assert (first["source_mtime_ns"], first["source_size_bytes"]) == (info.st_mtime_ns, info.st_size)
    assert before_ns <= first["ingested_epoch_ns"] <= time.time_ns()
    assert list(index.columns[:5]) == [
        "source_primary_path",
        "image_id",
        "source_mtime_ns",
        "source_size_bytes",
        "ingested_epoch_ns",
    ]


def test_index_of_a_dataset_without_sources_has_its_columns(dataset) -> None:
    index = dataset.load_sources_index()
    assert index.empty
    assert {"source_primary_path", "image_id", "source_rel_path"} <= set(index.columns)


def test_litter_hidden_folders_and_zarr_hierarchies_are_passed_over(local, folder) -> None:
    (folder / "._a.tif").write_bytes(b"mac resource fork")
    for name in (".hidden", "__MACOSX", "x.zarr", "y.zarr", "z.zarr/images"):
        write_tiff(folder / name / "no.tif")
    (folder / "x.zarr" / "zarr.json").write_text("{}")
    (folder / "y.zarr" / ".zgroup").write_text("{}")
    (folder / "z.zarr" / ".zarray").write_text("{}")
    (folder / "folder.tif").mkdir()
    report = local.sync_from_folder(folder)
    assert len(report.new) == 3
    assert report.failed == {}


def test_dataset_inside_the_folder_is_not_a_source(folder) -> None:
    dataset = ZarrDataset(folder / "lab.zarr")
    assert len(dataset.refresh_from_folder(folder)) == 3
    assert dataset.refresh_from_folder(folder) == []


def test_upper_case_suffix_spaces_and_accents(local, tmp_path) -> None:
    names = ["A B.TIF", "größe/ä ö.Tif", "日本/画像.tif", "it's.tif"]
    for seed, name in enumerate(names):
        write_tiff(tmp_path / "in put" / name, seed)
    local.refresh_from_folder(tmp_path / "in put")
    assert sorted(local.load_sources_index()["source_rel_path"]) == sorted(names)
    np.testing.assert_array_equal(local.record(id_of(local, "größe/ä ö.Tif")).load_array(), pixels(1))
    assert local.refresh_from_folder(tmp_path / "in put", mode=REINGEST) == []


def test_decomposed_accents_are_the_same_name(local, tmp_path) -> None:
    write_tiff(tmp_path / "in" / unicodedata.normalize("NFC", "größe.tif"))
    local.refresh_from_folder(tmp_path / "in")
    os.rename(
        tmp_path / "in" / unicodedata.normalize("NFC", "größe.tif"),
        tmp_path / "in" / unicodedata.normalize("NFD", "größe.tif"),
    )
    assert local.refresh_from_folder(tmp_path / "in") == []
    assert len(local.load_sources_index()) == 1


def test_pattern(local, folder) -> None:
    assert len(local.refresh_from_folder(folder, "[ab].tif")) == 2
    assert len(local.refresh_from_folder(folder, "C*.TIF")) == 1
    assert local.refresh_from_folder(folder, "*.lsm") == []


def test_no_folder(local, tmp_path, folder) -> None:
    for path in (tmp_path / "absent", folder / "a.tif"):
        with pytest.raises(SourceError, match=f"{path.name} is no folder to ingest from"):
            local.refresh_from_folder(path)
    with pytest.raises(SourceError, match="is an empty text; the present folder is '.'"):
        local.refresh_from_folder("")
    with pytest.raises(SourceError, match="mode must be 'skip' or 'reingest_if_changed', got 'all'"):
        local.refresh_from_folder(folder, mode="all")
    assert local.list_image_ids() == []


def test_empty_folder(local, tmp_path) -> None:
    (tmp_path / "in").mkdir()
    report = local.sync_from_folder(tmp_path / "in")
    assert (report.image_ids, report.unchanged, report.failed, report.conflicts) == ([], 0, {}, [])


# What fails


def test_bad_files_fail_themselves_and_the_folder_goes_on(local, folder) -> None:
    whole = (folder / "a.tif").read_bytes()
    (folder / "a_cut.tif").write_bytes(whole[: len(whole) - 20])
    (folder / "a_head.tif").write_bytes(whole[:6])
    (folder / "a_empty.tif").write_bytes(b"")
    (folder / "a_text.tif").write_text("no image at all")
    (folder / "a_link.tif").symlink_to("nowhere")
    (folder / "a_loop.tif").symlink_to("a_loop.tif")
    (folder / "b.broken.json").write_text("{")
    report = local.sync_from_folder(folder)
    assert sorted(report.failed) == [
        "a_cut.tif", "a_empty.tif", "a_head.tif", "a_link.tif", "a_loop.tif", "a_text.tif", "b.tif",
    ]  # fmt: skip
    assert "a_cut.tif as TIFF" in report.failed["a_cut.tif"]
    assert "b.broken.json" in report.failed["b.tif"]
    assert len(report.new) == 2
    assert sorted(report.new) == local.list_image_ids()
    shutil.copy(folder / "a.tif", folder / "a_cut.tif")
    (folder / "b.broken.json").unlink()
    assert len(local.sync_from_folder(folder).new) == 2


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("b.x.csv.gz", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
        ("b.x.csv.gz", b"no gzip"),
        ("b.x.parquet", b"PAR1"),
        ("b.x.npy", b"\x93NUMPY\x01\x00\x10\x00{'descr': '<f8', "),
        ("b.x.npy", b"\x93NUMPY\x01\x00\x10\x00{(((((((((((((("),
        ("b.x.npy", b"no array"),
        ("b.x.csv", b"a,b\n\xff\xfe,2\n"),
        ("b.x.json", b"[" * 100_000),
        ("b.con.json", b"{}"),
    ],
    ids=[
        "bent gzip",
        "no gzip",
        "parquet",
        "npy cut",
        "npy nested",
        "npy text",
        "csv",
        "json nested",
        "name",
    ],
)
def test_bad_sidecar_fails_its_image_only(local, folder, name, data) -> None:
    (folder / name).write_bytes(data)
    report = local.sync_from_folder(folder)
    assert list(report.failed) == ["b.tif"]
    assert len(report.new) == 2


@pytest.mark.parametrize(
    "error", [KeyError("field"), TypeError("text"), IndexError("x"), RuntimeError("lib")], ids=repr
)
def test_reader_that_fails_in_its_own_way_fails_one_image_only(local, folder, error) -> None:
    class Reader:
        def files(self, primary):
            return []

        def read(self, primary):
            if primary.name == "b.tif":
                raise error
            return SourceImage(pixels())

    report = local.sync_from_folder(folder, reader=Reader())
    assert list(report.failed) == ["b.tif"]
    assert str(error.args[0]) in report.failed["b.tif"]
    assert len(report.new) == 2


def test_name_that_is_no_utf8_is_reported_and_the_folder_goes_on(local, folder) -> None:
    with open(bytes(folder) + b"/\xff.tif", "wb") as file:
        file.write((folder / "a.tif").read_bytes())
    report = local.sync_from_folder(folder)
    assert report.failed == {"\\udcff.tif": "its name is no UTF-8; rename it to ingest it"}
    assert len(report.new) == 3


def test_refresh_warns_of_failures_at_the_callers_line(local, folder) -> None:
    (folder / "bad.tif").write_text("no image")
    with pytest.warns(
        IngestWarning, match=r"(?s)ingest of .*tiffs:\n  bad\.tif: cannot read .*bad\.tif as TIFF"
    ) as caught:
        ids = local.refresh_from_folder(folder)
    assert len(ids) == 3
    assert caught[0].filename == __file__


def test_full_disk_ends_the_ingest_and_the_next_one_goes_on(local, folder, monkeypatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("kymflow_zarr.merge.write_attrs", _fail_after(1, StoreError("cannot write: disk full")))
        with pytest.raises(StoreError, match="disk full"):
            local.sync_from_folder(folder)
    claimed = dict(local.load_sources_index()[["source_rel_path", "image_id"]].to_numpy().tolist())
    assert len(local.sync_from_folder(folder).new) == 2
    assert sorted(claimed.values()) == local.list_image_ids()


def _fail_after(times: int, error: Exception):
    from kymflow_zarr.record_attrs import write_attrs

    calls = []

    def call(*args, **options):
        calls.append(args)
        if len(calls) > times:
            raise error
        write_attrs(*args, **options)

    return call


# Second runs


@pytest.mark.parametrize("mode", ["skip", REINGEST])
def test_second_run_ingests_nothing_and_writes_nothing(ingested, folder, tree, mode) -> None:
    before = tree(ingested.path)
    report = ingested.sync_from_folder(folder, mode=mode)
    assert (report.image_ids, report.unchanged, report.failed, report.conflicts) == ([], 3, {}, [])
    assert tree(ingested.path) == before


def test_fresh_files_are_not_taken_again(local, folder) -> None:
    write_tiff(folder / "new.tif", 9)
    assert len(local.refresh_from_folder(folder, mode=REINGEST)) == 4
    assert local.refresh_from_folder(folder, mode=REINGEST) == []
    settle(folder, 10)
    assert local.refresh_from_folder(folder, mode=REINGEST) == []


def test_skip_takes_new_files_only(ingested, folder) -> None:
    write_tiff(folder / "b.tif", 7)
    write_tiff(folder / "new.tif", 8)
    ids = ingested.refresh_from_folder(folder, mode="skip")
    assert ids == [id_of(ingested, "new.tif")]
    np.testing.assert_array_equal(ingested.record(id_of(ingested, "b.tif")).load_array(), pixels(1))


def test_changed_file_is_ingested_again_under_its_id(ingested, folder, tree) -> None:
    changed = id_of(ingested, "b.tif")
    before = tree(ingested.path)
    ids = ingested.list_image_ids()
    write_tiff(folder / "b.tif", 7)
    report = ingested.sync_from_folder(folder, mode=REINGEST)
    assert (report.new, report.changed, report.unchanged) == ([], [changed], 2)
    assert ingested.list_image_ids() == ids
    np.testing.assert_array_equal(ingested.record(changed).load_array(), pixels(7))
    after = tree(ingested.path)
    others = [path for path in before if path.startswith("images/") and changed not in path]
    assert len(others) > 4
    assert all(after[path] == before[path] for path in others)


def test_changed_sidecar_counts_and_leaves_the_pixels(ingested, folder, tree) -> None:
    image_id = id_of(ingested, "a.tif")
    pixel_path = f"images/{image_id}/data/zarr.json"
    before = tree(ingested.path)[pixel_path]
    write_json(folder / "a.params.json", {"v": 22})
    assert ingested.refresh_from_folder(folder, mode=REINGEST) == [image_id]
    assert ingested.record(image_id).load_json("params") == {"v": 22}
    assert tree(ingested.path)[pixel_path] == before


@pytest.mark.usefixtures("no_time_passes")
def test_change_of_same_size_and_restored_time_within_the_same_tick_counts(local, folder) -> None:
    path = folder / "a.params.json"
    write_json(path, {"v": 1})
    info = path.stat()
    local.refresh_from_folder(folder)
    write_json(path, {"v": 2})
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))
    assert path.stat().st_size == info.st_size
    image_id = id_of(local, "a.tif")
    assert local.refresh_from_folder(folder, mode=REINGEST) == [image_id]
    assert local.record(image_id).load_json("params") == {"v": 2}


def test_touched_file_of_same_content_is_not_taken_again(ingested, folder) -> None:
    os.utime(folder / "b.tif")
    assert ingested.refresh_from_folder(folder, mode=REINGEST) == []
    settle(folder, 10)
    assert ingested.refresh_from_folder(folder, mode=REINGEST) == []


def test_new_and_deleted_sidecars_count(ingested, folder) -> None:
    write_json(folder / "b.params.json", {"v": 5})
    (folder / "a.params.json").unlink()
    a, b = id_of(ingested, "a.tif"), id_of(ingested, "b.tif")
    assert ingested.refresh_from_folder(folder, mode=REINGEST) == [a, b]
    assert ingested.record(b).load_json("params") == {"v": 5}
    assert ingested.record(a).list_analysis_keys() == [f"images/{a}/analysis/events.parquet"]


def test_artifacts_made_in_the_dataset_are_never_touched(ingested, folder) -> None:
    record = ingested.record(id_of(ingested, "b.tif"))
    record.save_json("mine", {"v": 1})
    record.save_array_artifact("map", np.ones(3))
    write_tiff(folder / "b.tif", 7)
    assert ingested.refresh_from_folder(folder, mode=REINGEST) == [record.image_id]
    assert record.load_json("mine") == {"v": 1}
    assert record.list_array_artifacts() == ["map"]


def test_deleted_source_leaves_its_image(ingested, folder) -> None:
    (folder / "b.tif").unlink()
    report = ingested.sync_from_folder(folder, mode=REINGEST)
    assert (report.image_ids, report.unchanged, report.failed) == ([], 2, {})
    assert len(ingested.list_image_ids()) == 3


def test_image_deleted_in_the_dataset_is_ingested_again_under_its_old_id(ingested, folder) -> None:
    image_id = id_of(ingested, "a.tif")
    ingested.delete_image(image_id)
    assert ingested.refresh_from_folder(folder) == [image_id]
    record = ingested.record(image_id)
    np.testing.assert_array_equal(record.load_array(), pixels(2))
    assert record.load_json("params") == {"v": 1}
    assert ingested.refresh_from_folder(folder) == []


def test_source_deleted_while_the_folder_is_ingested_fails_itself(local, folder) -> None:
    def vanish(done: int, total: int) -> None:
        (folder / "b.tif").unlink(missing_ok=True)

    report = local.sync_from_folder(folder, on_progress=vanish)
    assert list(report.failed) == ["b.tif"]
    assert len(report.new) == 2


# Edits made in the dataset


@pytest.fixture
def edited(ingested, folder):
    """The record of a.tif with artifact `params` edited here, and changed at its source since."""
    record = ingested.record(id_of(ingested, "a.tif"))
    record.save_json("params", {"v": "edited"})
    write_json(folder / "a.params.json", {"v": "theirs"})
    return record


def conflict(record, part: str = "analysis/params.json") -> Conflict:
    return Conflict(record.image_id, "a.tif", part)


def test_edit_is_kept_and_reported_each_time(ingested, folder, edited) -> None:
    for _ in range(3):
        report = ingested.sync_from_folder(folder, mode=REINGEST)
        assert report.conflicts == [conflict(edited)]
        assert edited.load_json("params") == {"v": "edited"}
    assert report.changed == []


def test_refresh_warns_of_conflicts(ingested, folder, edited) -> None:
    with pytest.warns(
        IngestWarning, match=r"a\.tif: kept the edited 'analysis/params\.json' of image .*overwrite=True"
    ):
        assert ingested.refresh_from_folder(folder, mode=REINGEST) == [edited.image_id]


def test_overwrite_takes_the_source(ingested, folder, edited) -> None:
    ingested.sync_from_folder(folder, mode=REINGEST)
    report = ingested.sync_from_folder(folder, mode=REINGEST, overwrite=True)
    assert report.changed == [edited.image_id]
    assert report.conflicts == []
    assert edited.load_json("params") == {"v": "theirs"}
    assert ingested.sync_from_folder(folder, mode=REINGEST).unchanged == 3


def test_overwrite_at_once_takes_the_source(ingested, folder, edited) -> None:
    report = ingested.sync_from_folder(folder, mode=REINGEST, overwrite=True)
    assert report.conflicts == []
    assert edited.load_json("params") == {"v": "theirs"}


def test_the_rest_of_a_conflicting_image_is_brought_up_to_date(ingested, folder, edited) -> None:
    write_tiff(folder / "a.tif", 8)
    assert ingested.sync_from_folder(folder, mode=REINGEST).conflicts == [conflict(edited)]
    np.testing.assert_array_equal(edited.load_array(), pixels(8))


def test_conflict_outlives_a_change_elsewhere_in_the_image(ingested, folder, edited) -> None:
    ingested.sync_from_folder(folder, mode=REINGEST)
    write_json(folder / "a.other.json", {"v": 3})
    for _ in range(2):
        assert ingested.sync_from_folder(folder, mode=REINGEST).conflicts == [conflict(edited)]
    assert edited.load_json("params") == {"v": "edited"}


def test_edit_that_agrees_with_the_source_is_no_conflict(ingested, folder, edited) -> None:
    edited.save_json("params", {"v": "theirs"})
    assert ingested.sync_from_folder(folder, mode=REINGEST).conflicts == []


def test_conflict_ends_when_the_source_is_taken_by_hand(ingested, folder, edited) -> None:
    ingested.sync_from_folder(folder, mode=REINGEST)
    edited.save_json("params", {"v": "theirs"})
    assert ingested.sync_from_folder(folder, mode=REINGEST).conflicts == []
    report = ingested.sync_from_folder(folder, mode=REINGEST)
    assert (report.conflicts, report.unchanged) == ([], 3)


def test_conflict_ends_when_the_edit_is_reverted(ingested, folder, edited) -> None:
    ingested.sync_from_folder(folder, mode=REINGEST)
    edited.save_json("params", {"v": 1})
    assert ingested.sync_from_folder(folder, mode=REINGEST).conflicts == []
    assert edited.load_json("params") == {"v": "theirs"}


def test_conflict_ends_when_the_source_goes_back(ingested, folder, edited) -> None:
    ingested.sync_from_folder(folder, mode=REINGEST)
    write_json(folder / "a.params.json", {"v": 1})
    assert ingested.sync_from_folder(folder, mode=REINGEST).conflicts == []
    assert edited.load_json("params") == {"v": "edited"}


def test_edit_without_a_change_at_the_source_is_no_conflict(ingested, folder) -> None:
    record = ingested.record(id_of(ingested, "a.tif"))
    record.save_json("params", {"v": "edited"})
    assert ingested.sync_from_folder(folder, mode=REINGEST).unchanged == 3
    write_tiff(folder / "a.tif", 8)
    report = ingested.sync_from_folder(folder, mode=REINGEST)
    assert (report.changed, report.conflicts) == ([record.image_id], [])
    assert record.load_json("params") == {"v": "edited"}


def test_overwrite_leaves_edits_that_are_in_no_conflict(ingested, folder, edited) -> None:
    edited.save_df_parquet("events", pd.DataFrame({"x": [99.0]}))
    ingested.sync_from_folder(folder, mode=REINGEST, overwrite=True)
    assert edited.load_json("params") == {"v": "theirs"}
    assert edited.load_df_parquet("events")["x"].tolist() == [99.0]


def test_artifact_deleted_here_stays_deleted(ingested, folder) -> None:
    record = ingested.record(id_of(ingested, "a.tif"))
    record.delete_analysis(suffixes=["/params.json"])
    assert ingested.sync_from_folder(folder, mode=REINGEST).unchanged == 3
    write_json(folder / "a.params.json", {"v": "theirs"})
    for _ in range(2):
        assert ingested.sync_from_folder(folder, mode=REINGEST).conflicts == [conflict(record)]
    ingested.sync_from_folder(folder, mode=REINGEST, overwrite=True)
    assert record.load_json("params") == {"v": "theirs"}


def test_edited_artifact_whose_source_is_deleted_is_kept(ingested, folder) -> None:
    record = ingested.record(id_of(ingested, "a.tif"))
    record.save_json("params", {"v": "edited"})
    (folder / "a.params.json").unlink()
    for _ in range(2):
        assert ingested.sync_from_folder(folder, mode=REINGEST).conflicts == [conflict(record)]
    assert record.load_json("params") == {"v": "edited"}


def test_edited_pixels_are_kept_with_their_axes(ingested, folder) -> None:
    record = ingested.record(id_of(ingested, "a.tif"))
    record.save_array(np.ones((2, 3, 4)), axes=["t", "y", "x"])
    write_json(folder / "a.params.json", {"v": 2})
    assert ingested.sync_from_folder(folder, mode=REINGEST).conflicts == []
    assert record.load_array().shape == (2, 3, 4)
    assert record.get_axes() == ["t", "y", "x"]
    write_tiff(folder / "a.tif", 8)
    assert ingested.sync_from_folder(folder, mode=REINGEST).conflicts == [conflict(record, "data")]
    assert record.load_array().shape == (2, 3, 4)
    assert record.get_axes() == ["t", "y", "x"]


# Identity


def test_moved_root_keeps_its_ids(ingested, folder, tmp_path) -> None:
    ids = ingested.list_image_ids()
    os.rename(folder, tmp_path / "moved")
    for mode in ("skip", REINGEST):
        report = ingested.sync_from_folder(tmp_path / "moved", mode=mode)
        assert (report.image_ids, report.unchanged) == ([], 3)
    assert ingested.list_image_ids() == ids
    assert set(ingested.load_sources_index()["source_root"]) == {str(tmp_path / "moved")}
    assert len(ingested.load_sources_index()) == 3


def test_copied_root_gets_ids_of_its_own(ingested, folder, tmp_path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    assert len(ingested.refresh_from_folder(tmp_path / "copy")) == 3
    assert len(ingested.list_image_ids()) == 6


def test_folder_under_another_spelling_is_the_same_folder(ingested, folder, tmp_path, monkeypatch) -> None:
    (tmp_path / "link").symlink_to(folder)
    assert ingested.refresh_from_folder(tmp_path / "link") == []
    monkeypatch.chdir(tmp_path)
    assert ingested.refresh_from_folder("tiffs") == []
    assert ingested.refresh_from_folder("tiffs/../tiffs/") == []


def test_part_of_a_folder_is_the_same_files(ingested, folder) -> None:
    assert ingested.refresh_from_folder(folder / "day 2") == []
    assert len(ingested.load_sources_index()) == 3


def test_two_folders_do_not_disturb_each_other(ingested, tmp_path) -> None:
    write_tiff(tmp_path / "other" / "a.tif", 5)
    assert len(ingested.refresh_from_folder(tmp_path / "other")) == 1
    assert len(ingested.list_image_ids()) == 4


# Interrupted and simultaneous ingests


@pytest.mark.parametrize("where", ["reader.read", "parts.write_part", "write_attrs", "write_finished"])
def test_crash_anywhere_gives_no_second_id(local, folder, monkeypatch, where) -> None:
    class Crash(BaseException):
        pass

    def crash(*_, **__):
        raise Crash("killed")

    target = {
        "reader.read": "kymflow_zarr.sources.TiffReader.read",
        "parts.write_part": "kymflow_zarr.merge.parts.write_part",
        "write_attrs": "kymflow_zarr.merge.write_attrs",
        "write_finished": "kymflow_zarr.sources._Sync.write_finished",
    }[where]
    with monkeypatch.context() as patch:
        patch.setattr(target, crash)
        with pytest.raises(Crash, match="killed"):
            local.sync_from_folder(folder)
    claimed = sorted(local.load_sources_index()["image_id"])
    assert len(claimed) == 3
    local.sync_from_folder(folder)
    assert local.list_image_ids() == claimed == sorted(local.load_sources_index()["image_id"])
    report = local.sync_from_folder(folder, mode=REINGEST)
    assert (report.image_ids, report.unchanged, report.conflicts) == ([], 3, [])


SLOW_INGEST = """
import sys, time
from pathlib import Path
from kymflow_zarr import TiffReader, ZarrDataset, merge
where, dataset, folder = sys.argv[1:]
def stop(*args, **options):
    print("there", flush=True)
    time.sleep(600)
if where == "before pixels":
    TiffReader.read = stop
else:
    merge.write_attrs = stop
ZarrDataset(dataset).sync_from_folder(folder)
"""


@pytest.mark.parametrize("where", ["before pixels", "before attributes"])
def test_killed_ingest_gives_no_second_id(local, folder, start_python, where) -> None:
    process = start_python(SLOW_INGEST, where, local.path, folder)
    assert process.stdout.readline() == "there\n", process.stderr.read()
    process.kill()
    process.wait(30)
    claimed = sorted(local.load_sources_index()["image_id"])
    assert len(claimed) == 3
    local.sync_from_folder(folder)
    assert local.list_image_ids() == claimed == sorted(local.load_sources_index()["image_id"])
    for record in local.iter_records():
        assert record.load_array().shape == (6, 5)


def test_source_changed_after_a_crash_is_no_conflict(local, folder, monkeypatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("kymflow_zarr.sources._Sync.write_finished", lambda self: None)
        local.sync_from_folder(folder)
    write_json(folder / "a.params.json", {"v": "new"})
    report = local.sync_from_folder(folder, mode=REINGEST)
    assert report.conflicts == []
    assert local.record(id_of(local, "a.tif")).load_json("params") == {"v": "new"}


INGEST = """
import sys
from kymflow_zarr import ZarrDataset
dataset = ZarrDataset(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
report = dataset.sync_from_folder(sys.argv[2])
assert not report.failed and not report.conflicts, report
"""


def test_two_ingesters_give_one_id_each(local, tmp_path, start_python) -> None:
    for number in range(8):
        write_tiff(tmp_path / "in" / f"{number}.tif", number)
    ingesters = [start_python(INGEST, local.path, tmp_path / "in") for _ in range(2)]
    for ingester in ingesters:
        assert ingester.stdout.readline() == "ready\n", ingester.stderr.read()
    for ingester in ingesters:
        ingester.stdin.write("go\n")
        ingester.stdin.flush()
    for ingester in ingesters:
        _, problems = ingester.communicate(timeout=300)
        assert ingester.returncode == 0, problems
    index = local.load_sources_index()
    assert sorted(index["image_id"]) == local.list_image_ids()
    assert len(index) == 8
    for relative, image_id in index[["source_rel_path", "image_id"]].to_numpy():
        np.testing.assert_array_equal(local.record(image_id).load_array(), pixels(int(Path(relative).stem)))
    assert local.sync_from_folder(tmp_path / "in", mode=REINGEST).unchanged == 8


# Progress and cancellation


def test_progress_counts_up_to_all(local, folder) -> None:
    seen = []
    local.sync_from_folder(folder, on_progress=lambda done, total: seen.append((done, total)))
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_cancelled_ingest_keeps_what_it_has_and_goes_on_later(local, folder) -> None:
    cancel = threading.Event()

    def stop_after_one(done: int, total: int) -> None:
        if done == 1:
            cancel.set()

    with pytest.raises(CancelledError, match=r"ingest of .*tiffs was cancelled after 2 of 3 sources"):
        local.sync_from_folder(folder, on_progress=stop_after_one, cancel=cancel)
    assert len(local.list_image_ids()) == 2
    assert len(local.refresh_from_folder(folder)) == 1
    assert len(local.load_sources_index()) == 3


def test_rows_are_written_every_now_and_then(local, folder, monkeypatch) -> None:
    monkeypatch.setattr("kymflow_zarr.sources._ROWS_PER_WRITE", 2)
    done = []

    def note(count: int, total: int) -> None:
        done.append(int((local.load_sources_index()["ingested_epoch_ns"] > 0).sum()))

    local.sync_from_folder(folder, on_progress=note)
    assert done == [0, 0, 2, 2]
    assert (local.load_sources_index()["ingested_epoch_ns"] > 0).all()


# Sources tables of before


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
