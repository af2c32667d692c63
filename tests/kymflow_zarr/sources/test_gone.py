"""Images whose source file is gone, and those of which nobody can tell."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from kymflow_zarr import ZarrDataset
from kymflow_zarr.sources.gone import GoneSources, find_gone
from kymflow_zarr.sources.table import load_rows
from support.tiff_folders import id_of


def look(dataset: ZarrDataset) -> GoneSources:
    return find_gone(load_rows(dataset.store), dataset.list_image_ids())


def test_a_file_that_its_folder_lacks_is_gone(ingested: ZarrDataset, folder: Path) -> None:
    assert look(ingested) == GoneSources()
    (folder / "b.tif").unlink()
    # A whole folder below may be deleted, too.
    shutil.rmtree(folder / "day 2")
    assert look(ingested).gone == {
        id_of(ingested, "b.tif"): str(folder / "b.tif"),
        id_of(ingested, "day 2/c.tif"): str(folder / "day 2" / "c.tif"),
    }
    assert look(ingested).unsure == {}


def test_a_deleted_image_has_lost_nothing(ingested: ZarrDataset, folder: Path) -> None:
    (folder / "b.tif").unlink()
    ingested.delete_image(id_of(ingested, "b.tif"))
    assert look(ingested) == GoneSources()


def test_nobody_can_tell_of_a_folder_that_is_absent_or_empty(ingested: ZarrDataset, folder: Path) -> None:
    ids = [id_of(ingested, name) for name in ("a.tif", "b.tif", "day 2/c.tif")]
    (folder / "day 2" / "c.tif").unlink()
    empty = f"the folder {folder / 'day 2'} is empty; its disk may not be mounted"
    assert look(ingested) == GoneSources({}, {empty: ids[2:]})
    shutil.rmtree(folder)
    assert look(ingested) == GoneSources({}, {f"the folder {folder} is not there": ids})
    folder.mkdir()
    assert look(ingested) == GoneSources(
        {}, {f"the folder {folder} is empty; its disk may not be mounted": ids}
    )


def test_a_file_in_the_cloud_is_not_gone(ingested: ZarrDataset, folder: Path) -> None:
    os.rename(folder / "b.tif", folder / ".b.tif.icloud")
    assert look(ingested) == GoneSources()


def test_nobody_can_tell_of_a_folder_that_is_closed(
    ingested: ZarrDataset, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "b.tif").unlink()
    rows, image_id = load_rows(ingested.store), id_of(ingested, "b.tif")

    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("kymflow_zarr.sources.gone.os.scandir", refuse)
    closed = f"the folder {folder} cannot be looked into: Permission denied"
    assert find_gone(rows, [image_id]) == GoneSources({}, {closed: [image_id]})
