"""Which file each image came from, and that images depend on just their own."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kymflow_zarr import SourceFile, TableError, ZarrDataset, ZarrImageRecord
from kymflow_zarr.layout import SOURCES_TABLE
from kymflow_zarr.store.base import Store
from kymflow_zarr.store.comparison import compare, source_holds
from kymflow_zarr.store.dependencies import Dependencies
from kymflow_zarr.store.disk.clock import DiskClock
from kymflow_zarr.store.source_files import SOURCES_KEY
from kymflow_zarr.store.tracking import TrackingStore
from support.tiff_folders import id_of, write_tiff


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files, two of them of the same content."""
    folder = tmp_path / "folder"
    for name, seed in (("day 1/a.tif", 1), ("day 2/b.tif", 2), ("day 2/copy.tif", 1)):
        write_tiff(folder / name, seed)
    return folder


def read_through(ds: ZarrDataset, image_id: str) -> tuple[SourceFile | None, Dependencies]:
    """Ask a record for its source, as an indexer does; return what was noted, too."""
    store = TrackingStore(ds.store)
    source = ZarrImageRecord(store, image_id).get_source()
    return source, Dependencies.of({image_id: store.dependencies})


def holds(ds: ZarrDataset, dependencies: Dependencies) -> bool:
    (by_comparing,) = compare(ds.store, dependencies).holds.tolist()
    (by_looking,) = source_holds(ds.store, dependencies).tolist()
    assert by_comparing == by_looking
    return bool(by_comparing)


def test_a_record_tells_its_source(dataset: ZarrDataset, folder: Path) -> None:
    dataset.refresh_from_folder(folder)

    source = dataset.record(id_of(dataset, "day 2/b.tif")).get_source()

    assert source == SourceFile(str(folder), "day 2/b.tif")
    assert source.file_name == "b.tif"


def test_the_second_file_of_the_same_content_is_a_duplicate_of_the_first(
    local: ZarrDataset, folder: Path
) -> None:
    local.refresh_from_folder(folder)

    sources = [local.record(id_of(local, name)).get_source() for name in ("day 1/a.tif", "day 2/copy.tif")]

    assert [source and source.duplicate_of for source in sources] == [None, "day 1/a.tif"]


def test_equal_paths_below_two_folders_are_duplicates(local: ZarrDataset, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_tiff(tmp_path / name / "a.tif", 1)
        local.refresh_from_folder(tmp_path / name)

    found = {source.root: source.duplicate_of for source in local.store.source_files().values()}

    assert found == {str(tmp_path / "one"): None, str(tmp_path / "two"): "a.tif"}


def test_an_image_of_no_folder_has_no_source(dataset: ZarrDataset) -> None:
    record = dataset.add_image(np.ones((2, 2)))

    source, dependencies = read_through(dataset, record.image_id)

    assert source is None
    assert record.get_source() is None
    assert holds(dataset, dependencies)


def test_a_dependency_holds_while_other_images_come_and_go(dataset: ZarrDataset, folder: Path) -> None:
    dataset.refresh_from_folder(folder)
    image_id = id_of(dataset, "day 2/b.tif")
    _, dependencies = read_through(dataset, image_id)

    write_tiff(folder / "c.tif", 3)
    dataset.refresh_from_folder(folder)
    dataset.delete_image(id_of(dataset, "day 1/a.tif"))

    assert holds(dataset, dependencies)


def test_it_does_not_hold_once_the_file_was_renamed(dataset: ZarrDataset, folder: Path) -> None:
    dataset.refresh_from_folder(folder)
    image_id = id_of(dataset, "day 2/b.tif")
    _, dependencies = read_through(dataset, image_id)

    (folder / "day 2" / "b.tif").rename(folder / "day 2" / "d.tif")
    dataset.refresh_from_folder(folder)

    assert not holds(dataset, dependencies)
    source, dependencies = read_through(dataset, image_id)
    assert source is not None
    assert source.relative_path == "day 2/d.tif"
    assert holds(dataset, dependencies)


def test_it_does_not_hold_once_there_is_a_source_or_it_is_a_duplicate(
    local: ZarrDataset, folder: Path
) -> None:
    record = local.add_image(np.ones((2, 2)))
    _, without = read_through(local, record.image_id)
    local.refresh_from_folder(folder)
    second = id_of(local, "day 2/b.tif")
    _, alone = read_through(local, second)
    rows = local.load_sources_index()

    rows.loc[rows["image_id"] == second, "image_id"] = record.image_id
    rows["source_sha256"] = "same"
    local.store.update(SOURCES_KEY, lambda _: rows.to_parquet())

    assert not holds(local, without)
    assert not holds(local, alone)


def test_the_table_is_read_once_while_it_stays_the_same(
    local: ZarrDataset, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local.refresh_from_folder(folder)
    # A second write could not share its time.
    monkeypatch.setattr(DiskClock, "settled", lambda self, info, *, look: True)
    reads: list[str] = []
    read = type(local.store)._read_or_none
    monkeypatch.setattr(
        type(local.store), "_read_or_none", lambda self, key: reads.append(key) or read(self, key)
    )

    for image_id in local.list_image_ids():
        assert local.record(image_id).get_source() is not None

    assert reads == [SOURCES_KEY]


def test_a_table_of_an_earlier_version_is_read(local: ZarrDataset, tmp_path: Path) -> None:
    path = str(tmp_path / "folder" / "a.tif")
    old = pd.DataFrame({"source_primary_path": [path], "image_id": ["i1"], "source_mtime_ns": [1]})
    local.store.put(SOURCES_KEY, old.to_parquet())

    assert local.record("i1").get_source() == SourceFile(str(tmp_path / "folder"), "a.tif")


def test_a_damaged_table_is_told_and_nothing_holds(local: ZarrDataset, folder: Path) -> None:
    local.refresh_from_folder(folder)
    image_id = id_of(local, "day 2/b.tif")
    _, dependencies = read_through(local, image_id)

    local.store.put(SOURCES_KEY, b"PAR1 and no more")

    with pytest.raises(TableError, match=f"table '{SOURCES_TABLE}' of .* cannot be read") as caught:
        local.record(image_id).get_source()
    assert caught.value.table_name == SOURCES_TABLE
    assert not holds(local, dependencies)


def test_a_store_in_another_process_reads_it_anew(local: ZarrDataset, folder: Path) -> None:
    local.refresh_from_folder(folder)
    local.store.source_files()

    copy: Store = pickle.loads(pickle.dumps(local.store))

    assert copy._sources is None
    assert copy.source_files() == local.store.source_files()
