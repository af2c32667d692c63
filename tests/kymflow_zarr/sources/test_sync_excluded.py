"""Sources that were excluded when their images were deleted: passed over, wherever they go."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from kymflow_zarr import FolderReport, SourceImage, TiffReader, ZarrDataset
from kymflow_zarr.layout import record_prefix
from kymflow_zarr.sources.account import EXCLUDED, EXCLUDED_BESIDE
from kymflow_zarr.sources.table import load_rows, note_deleted
from support.tiff_folders import REINGEST, id_of, write_tiff


def exclude(dataset: ZarrDataset, name: str) -> str:
    image_id = id_of(dataset, name)
    dataset.delete_image(image_id, exclude=True)
    return image_id


def again(dataset: ZarrDataset, folder: Path, **how: object) -> FolderReport:
    return dataset.sync_from_folder(folder, mode=REINGEST, **how)


@pytest.mark.parametrize("mode", ["skip", REINGEST])
def test_an_excluded_source_is_named_and_so_are_its_sidecars(
    ingested: ZarrDataset, folder: Path, mode: str
) -> None:
    exclude(ingested, "a.tif")
    for _ in range(2):
        report = ingested.sync_from_folder(folder, mode=mode)
        assert (report.image_ids, report.unchanged, report.failed, report.missing) == ([], 2, {}, [])
        assert report.passed_over == {
            "a.tif": EXCLUDED,
            "a.params.json": EXCLUDED_BESIDE,
            "a.events.csv": EXCLUDED_BESIDE,
        }
    assert ingested.sources_standing().excluded == [str(folder / "a.tif")]
    assert len(ingested.list_image_ids()) == 2


def test_it_stays_excluded_when_it_moves_or_changes_or_both(ingested: ZarrDataset, folder: Path) -> None:
    exclude(ingested, "b.tif")
    os.rename(folder / "b.tif", folder / "day 2" / "renamed.tif")
    assert again(ingested, folder).passed_over == {"day 2/renamed.tif": EXCLUDED}
    write_tiff(folder / "day 2" / "renamed.tif", 9)
    assert again(ingested, folder).passed_over == {"day 2/renamed.tif": EXCLUDED}
    # It is known by the content that it has now.
    os.rename(folder / "day 2" / "renamed.tif", folder / "b.tif")
    report = again(ingested, folder)
    assert (report.passed_over, report.image_ids) == ({"b.tif": EXCLUDED}, [])


def test_it_stays_excluded_while_it_is_away(ingested: ZarrDataset, folder: Path) -> None:
    exclude(ingested, "b.tif")
    os.rename(folder / "b.tif", folder.parent / "b.tif")
    report = again(ingested, folder)
    assert (report.passed_over, report.missing) == ({}, [])
    os.rename(folder.parent / "b.tif", folder / "c.tif")
    assert again(ingested, folder).passed_over == {"c.tif": EXCLUDED}


def test_a_file_of_the_same_content_is_an_image_of_its_own(ingested: ZarrDataset, folder: Path) -> None:
    shutil.copy(folder / "b.tif", folder / "twin.tif")
    again(ingested, folder)
    exclude(ingested, "b.tif")
    report = again(ingested, folder)
    assert (report.unchanged, report.duplicates, report.passed_over) == (3, [], {"b.tif": EXCLUDED})
    # Where both are gone, a file of that content is the one that has an image.
    twin = id_of(ingested, "twin.tif")
    for name in ("b.tif", "twin.tif"):
        os.rename(folder / name, folder / "other.tif")
    assert again(ingested, folder).passed_over == {}
    assert id_of(ingested, "other.tif") == twin


def test_files_that_swap_names_keep_what_was_said_of_them(ingested: ZarrDataset, folder: Path) -> None:
    other = id_of(ingested, "day 2/c.tif")
    exclude(ingested, "b.tif")
    os.rename(folder / "b.tif", folder / "between")
    os.rename(folder / "day 2" / "c.tif", folder / "b.tif")
    os.rename(folder / "between", folder / "day 2" / "c.tif")
    assert again(ingested, folder).passed_over == {"day 2/c.tif": EXCLUDED}
    assert id_of(ingested, "b.tif") == other


def test_one_that_cannot_be_read_is_no_failure(ingested: ZarrDataset, folder: Path) -> None:
    exclude(ingested, "b.tif")
    os.rename(folder / "b.tif", folder / ".b.tif.icloud")
    report = again(ingested, folder)
    assert (report.failed, report.passed_over["b.tif"]) == ({}, EXCLUDED)


def test_the_way_back(ingested: ZarrDataset, folder: Path) -> None:
    ids = [exclude(ingested, name) for name in ("a.tif", "b.tif")]
    report = again(ingested, folder, pattern="B*.TIF", include_excluded=True)
    assert report.new == ids[1:]
    assert again(ingested, folder).passed_over["a.tif"] == EXCLUDED
    assert ingested.refresh_from_folder(folder, include_excluded=True) == ids[:1]
    assert ingested.record(ids[0]).load_json("params") == {"v": 1}
    assert (again(ingested, folder).unchanged, ingested.sources_standing().excluded) == (3, [])


def test_a_deletion_that_is_cut_short_is_finished_by_the_next(ingested: ZarrDataset, folder: Path) -> None:
    image_id = id_of(ingested, "b.tif")
    # The process ends between the note and the first byte of the image.
    note_deleted(ingested.store, [image_id], exclude=True)
    report = again(ingested, folder)
    assert (report.passed_over, report.unchanged) == ({"b.tif": EXCLUDED}, 2)
    assert image_id in ingested.list_image_ids()
    ingested.delete_image(image_id, exclude=True)
    assert image_id not in ingested.list_image_ids()
    assert again(ingested, folder).passed_over == {"b.tif": EXCLUDED}


def test_an_ingest_that_runs_meanwhile_does_not_bring_it_back(ingested: ZarrDataset, folder: Path) -> None:
    write_tiff(folder / "b.tif", 9)
    image_id = id_of(ingested, "b.tif")

    def delete(done: float, total: int) -> None:
        if image_id in ingested.list_image_ids():
            ZarrDataset(ingested.path).delete_image(image_id, exclude=True)

    again(ingested, folder, on_progress=delete)
    (row,) = [row for row in load_rows(ingested.store) if row.image_id == image_id]
    assert row.excluded_epoch_ns > 0
    assert image_id not in ingested.list_image_ids()
    assert again(ingested, folder).passed_over == {"b.tif": EXCLUDED}


def test_one_that_is_excluded_by_its_first_ingest_is_known_by_its_content(
    local: ZarrDataset, folder: Path
) -> None:
    excluded: list[str] = []

    def delete_first(done: float, total: int) -> None:
        if done >= 1 and not excluded:
            excluded.extend(local.list_image_ids()[:1])
            local.delete_image(excluded[0], exclude=True)

    report = local.sync_from_folder(folder, on_progress=delete_first)
    (row,) = [row for row in load_rows(local.store) if row.image_id == excluded[0]]
    assert (row.sha256 != "", row.excluded_epoch_ns > 0, row.ingested_epoch_ns) == (True, True, 0)
    assert excluded[0] not in report.image_ids
    assert report.passed_over[row.relative_path] == EXCLUDED
    os.rename(row.path, folder / "renamed.tif")
    report = again(local, folder)
    assert (report.passed_over["renamed.tif"], report.image_ids, report.unchanged) == (EXCLUDED, [], 2)


@pytest.mark.parametrize("mode", ["skip", REINGEST])
def test_one_that_is_excluded_after_a_crash_is_known_by_its_content(
    local: ZarrDataset, folder: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("kymflow_zarr.sources.sync._Sync._write_finished", lambda self: None)
        local.sync_from_folder(folder)
    exclude(local, "b.tif")
    assert local.sync_from_folder(folder, mode=mode).passed_over["b.tif"] == EXCLUDED
    os.rename(folder / "b.tif", folder / "renamed.tif")
    report = again(local, folder)
    assert (report.passed_over, report.new) == ({"renamed.tif": EXCLUDED}, [])


class ExcludingReader(TiffReader):
    """Excludes an image while its source is read."""

    def __init__(self, dataset: ZarrDataset, image_id: str) -> None:
        self._dataset = dataset
        self._image_id = image_id

    def read(self, primary: Path) -> SourceImage:
        if primary.name == "a.tif":
            self._dataset.delete_image(self._image_id, exclude=True)
        return super().read(primary)


@pytest.mark.parametrize("name", ["a.tif", "b.tif"])
def test_one_that_is_excluded_while_it_is_ingested_or_before_does_not_come_back(
    ingested: ZarrDataset, folder: Path, name: str
) -> None:
    write_tiff(folder / "a.tif", 8)
    write_tiff(folder / "b.tif", 9)
    image_id = id_of(ingested, name)
    report = again(ingested, folder, reader=ExcludingReader(ingested, image_id))
    assert (image_id in ingested.list_image_ids(), image_id in report.image_ids) == (False, False)
    assert (len(report.changed), report.unchanged, report.passed_over[name]) == (1, 1, EXCLUDED)
    assert list(ingested.store.list(record_prefix(image_id))) == []
    # It is known by the content that it had when it was read.
    os.rename(folder / name, folder / "renamed.tif")
    report = again(ingested, folder)
    assert (report.passed_over["renamed.tif"], report.image_ids, report.unchanged) == (EXCLUDED, [], 2)


def test_an_exclusion_that_is_taken_back_meanwhile_stays_taken_back(
    ingested: ZarrDataset, folder: Path
) -> None:
    image_id = exclude(ingested, "a.tif")
    write_tiff(folder / "a.tif", 8)
    write_tiff(folder / "b.tif", 9)

    def take_back(done: float, total: int) -> None:
        if image_id not in ingested.list_image_ids():
            ingested.sync_from_folder(folder, pattern="a*", include_excluded=True)

    again(ingested, folder, on_progress=take_back)
    assert image_id in ingested.list_image_ids()
    assert again(ingested, folder).passed_over == {}
