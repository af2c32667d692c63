"""Folders taken in, again and again: what is found, what has changed, which image it is."""

from __future__ import annotations

import os
import shutil
import threading
import time
import unicodedata
import uuid

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from kymflow_zarr import (
    CancelledError,
    SourceError,
    ZarrDataset,
)
from kymflow_zarr.store.base import Change
from kymflow_zarr.store.local import LocalStore
from support.tiff_folders import REINGEST, id_of, pixels, settle, write_json, write_tiff

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


def test_litter_hidden_folders_and_zarr_hierarchies_are_passed_over(local, folder) -> None:
    (folder / "._a.tif").write_bytes(b"mac resource fork")
    for name in (".hidden", "__MACOSX", "x.zarr", "y.zarr", "z.zarr/images"):
        write_tiff(folder / name / "no.tif")
    (folder / "x.zarr" / "zarr.json").write_text("{}")
    (folder / "y.zarr" / ".zgroup").write_text("{}")
    (folder / "z.zarr" / ".zarray").write_text("{}")
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
    # Those that were taken in before nobody has been told of yet.
    assert local.refresh_from_folder(folder) == local.load_sources_index()["image_id"].tolist()
    assert local.refresh_from_folder(folder) == []


def test_rows_are_written_every_now_and_then(local, folder, monkeypatch) -> None:
    monkeypatch.setattr("kymflow_zarr.sources.sync._ROWS_PER_WRITE", 2)
    done = []

    def note(count: int, total: int) -> None:
        done.append(int((local.load_sources_index()["ingested_epoch_ns"] > 0).sum()))

    local.sync_from_folder(folder, on_progress=note)
    assert done == [0, 0, 2, 2]
    assert (local.load_sources_index()["ingested_epoch_ns"] > 0).all()


def test_callers_are_told_nothing_while_the_sources_are_locked(ingested, folder, monkeypatch) -> None:
    os.rename(folder / "b.tif", folder / "renamed.tif")
    update, locked, told = LocalStore.update, [], []

    def note(self: LocalStore, key: str, change: Change, **how: float) -> object:
        def inside(present: bytes | None) -> bytes | None:
            locked.append(key)
            try:
                return change(present)
            finally:
                locked.clear()

        return update(self, key, inside, **how)

    monkeypatch.setattr(LocalStore, "update", note)
    # Without a look before, what has moved is only found out under the lock.
    monkeypatch.setattr("kymflow_zarr.sources.sync.load_rows", lambda store: [])
    report = ingested.sync_from_folder(folder, on_progress=lambda *at: told.append((at, list(locked))))

    assert (report.new, report.unchanged) == ([], 3)
    assert told == [((number, 3), []) for number in range(4)]
