"""KymDataset: opened, only read, and what its tables come back as."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from pandas.testing import assert_frame_equal

from kymflow import IndexerRegistry, KymDataset
from kymflow.core.zarr.tables import cache
from kymflow.core.zarr.tables.ledger_file import commit_of
from kymflow_zarr import (
    DatasetError,
    DatasetNotFoundError,
    ReadOnlyError,
    SourceError,
    TableNotFoundError,
    ZarrDataset,
)
from support.simple_indexers import FrameIndexer, add_image, frame

TableFile = Callable[[KymDataset, str], Path]


# Opening


def test_a_path_a_url_and_an_open_dataset_are_all_taken(tmp_path: Path, registry: IndexerRegistry) -> None:
    ds = ZarrDataset(tmp_path / "lab.zarr")

    assert KymDataset(ds, registry=registry).ds is ds
    assert KymDataset(str(tmp_path / "lab.zarr"), "r", registry=registry).ds.read_only
    assert KymDataset(tmp_path / "new.zarr", mode="a", registry=registry).ds.list_image_ids() == []


WORDS = r"no dataset at .*capilaries.zarr.* Did you mean .*capillaries.zarr\? .*open it with mode='a'"


@pytest.mark.parametrize("mode", ["r+", "r"])
def test_a_path_with_a_typo_makes_no_dataset(tmp_path: Path, mode: Any) -> None:
    ZarrDataset(tmp_path / "capillaries.zarr")

    with pytest.raises(DatasetNotFoundError, match=WORDS):
        KymDataset(tmp_path / "capilaries.zarr", mode)
    assert [path.name for path in tmp_path.iterdir()] == ["capillaries.zarr"]


@pytest.mark.parametrize(
    "use",
    [
        lambda kd: kd.get_table("radon_report"),
        lambda kd: kd.load_tables(),
        lambda kd: kd.tables["radon_report"],
        lambda kd: kd.rebuild("radon_report"),
        lambda kd: kd.rebuild_all(),
        lambda kd: kd.refresh_all(),
        lambda kd: kd.update_image("radon_report", "a"),
        lambda kd: kd.plans(),
        lambda kd: kd.status(),
        lambda kd: kd.check(),
        lambda kd: kd.upgrade(),
        lambda kd: kd.table_version("radon_report"),
        lambda kd: kd.describe_table("radon_report"),
        lambda kd: kd.load_arrow("radon_report"),
        lambda kd: kd.ds.list_image_ids(),
        lambda kd: kd.ds.load_sources_index(),
        lambda kd: kd.ds.delete_image("a"),
        lambda kd: kd.ds.save_table("mine", pd.DataFrame({"image_id": ["a"]})),
    ],
)
def test_by_default_a_typo_is_told_when_something_is_asked(
    tmp_path: Path, registry: IndexerRegistry, use: Callable[[KymDataset], object]
) -> None:
    ZarrDataset(tmp_path / "capillaries.zarr")
    kd = KymDataset(tmp_path / "capilaries.zarr", registry=registry)

    with pytest.raises(DatasetNotFoundError, match=WORDS):
        use(kd)
    assert [path.name for path in tmp_path.iterdir()] == ["capillaries.zarr"]


@pytest.mark.parametrize(
    "make",
    [
        lambda kd, folder: kd.ingest_folder(folder),
        lambda kd, folder: kd.refresh_from_folder(folder),
        lambda kd, folder: kd.ds.add_image([[1, 2]]),
        lambda kd, folder: kd.ds.record("a").save_array([[1, 2]]),
    ],
)
def test_by_default_the_first_image_makes_a_dataset(
    tmp_path: Path, folder: Path, registry: IndexerRegistry, make: Callable[[KymDataset, Path], object]
) -> None:
    kd = KymDataset(tmp_path / "new.zarr", registry=registry)
    assert not (tmp_path / "new.zarr").exists()

    make(kd, folder)

    assert KymDataset(tmp_path / "new.zarr", "r").ds.list_image_ids() == kd.ds.list_image_ids() != []
    assert kd.status().images == len(kd.ds.list_image_ids())


def test_a_folder_that_is_not_there_makes_no_dataset(tmp_path: Path) -> None:
    kd = KymDataset(tmp_path / "new.zarr")

    with pytest.raises(SourceError, match="no folder to ingest from"):
        kd.ingest_folder(tmp_path / "nowhere")
    assert not (tmp_path / "new.zarr").exists()


def test_what_is_no_dataset_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "a.txt").write_text("a text")

    with pytest.raises(DatasetError, match="is no kymflow dataset but something else"):
        KymDataset(tmp_path / "letters")


def test_by_default_what_is_there_is_read_and_written(tmp_path: Path) -> None:
    ZarrDataset(tmp_path / "lab.zarr")
    kd = KymDataset(tmp_path / "lab.zarr")
    assert kd.ds.mode == "lazy"
    assert kd.ds.add_image([[1, 2]]).image_id in KymDataset(tmp_path / "lab.zarr").ds.list_image_ids()


def test_a_dataset_in_an_object_store_works_as_on_disk(registry: IndexerRegistry, object_url: str) -> None:
    kd = KymDataset(object_url, mode="a", registry=registry)
    for image_id in "ab":
        add_image(kd, image_id).save_json("radon_report", {"n_valid": 1})
    kd.rebuild("radon_report")
    kd.ds.record("b").save_json("radon_report", {"n_valid": 2})
    kd.ds.delete_image("a")

    table = kd.update_images("radon_report", ["a", "b"])

    assert table["image_id"].tolist() == ["b"]
    assert table["n_valid"].tolist() == [2]
    assert_frame_equal(
        kd.get_table("radon_report"), KymDataset(kd.ds, registry=registry).rebuild("radon_report")
    )


def test_its_repr_says_where_it_is_and_how_it_was_opened(kd: KymDataset) -> None:
    assert repr(kd) == f"KymDataset({kd.ds.path!r}, mode='a')"


# Reading only


def test_a_read_only_dataset_shows_tables_and_refuses_writes(
    kd: KymDataset, registry: IndexerRegistry
) -> None:
    table = kd.rebuild("radon_report")
    before = {path: path.stat().st_mtime_ns for path in Path(kd.ds.path).rglob("*")}
    reader = KymDataset(kd.ds.path, "r", registry=registry)

    reader.load_tables()
    assert_frame_equal(reader.get_table("radon_report", with_source=False), table)
    for write in (
        lambda: reader.rebuild("radon_report"),
        lambda: reader.update_image("radon_report", "a"),
        lambda: reader.rebuild_all(),
        lambda: reader.save_table("radon_report"),
        lambda: reader.save_all_tables(),
        lambda: reader.ingest_folder(Path(kd.ds.path).parent),
    ):
        with pytest.raises(ReadOnlyError, match="was opened with mode='r'"):
            write()

    assert {path: path.stat().st_mtime_ns for path in Path(kd.ds.path).rglob("*")} == before


def test_a_table_that_is_not_there_is_refused_with_those_that_are(kd: KymDataset) -> None:
    kd.rebuild("radon_report")

    with pytest.raises(TableNotFoundError, match="has no table 'stalls'; its tables: radon_report"):
        kd.get_table("stalls")


def test_commit_ids_of_two_rebuilds_differ(kd: KymDataset, table_file: TableFile) -> None:
    kd.rebuild("radon_report")
    first = commit_of(pq.read_table(table_file(kd, "radon_report")).schema)
    kd.rebuild("radon_report")

    assert first is not None
    assert commit_of(pq.read_table(table_file(kd, "radon_report")).schema) not in (None, first)


@pytest.mark.parametrize(
    "give",
    [
        lambda kd: kd.rebuild("radon_report"),
        lambda kd: kd.refresh("radon_report"),
        lambda kd: kd.update_image("radon_report", "a"),
        lambda kd: kd.update_images("radon_report", ["a"]),
        lambda kd: kd.get_table("radon_report"),
        lambda kd: kd.get_table("radon_report", with_source=True),
    ],
    ids=["rebuild", "refresh", "update_image", "update_images", "get_table", "with_source"],
)
@pytest.mark.parametrize("on_write", [True, False])
def test_a_frame_returned_is_a_copy(
    kd: KymDataset,
    give: Callable[[KymDataset], pd.DataFrame],
    on_write: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Older pandas do not copy on write: there, the copy is one from the start.
    monkeypatch.setattr(cache, "_COPIES_ON_WRITE", on_write and cache._COPIES_ON_WRITE)
    kd.rebuild("radon_report")
    expected = kd.ds.load_table("radon_report")
    table = give(kd)
    assert isinstance(table.index, pd.RangeIndex)

    table.loc[0, "notes"] = "mine"
    table["x"] = 1
    assert_frame_equal(kd.tables["radon_report"], expected)
    kd.save_table("radon_report")
    assert_frame_equal(kd.ds.load_table("radon_report"), expected)


# Integers with missing values


def test_integers_with_missing_values_are_the_same_by_update_rebuild_and_load(tmp_path: Path) -> None:
    kd = KymDataset(tmp_path / "lab.zarr", mode="a", registry=IndexerRegistry(()))
    for image_id in "ab":
        add_image(kd, image_id)

    def rows(n: int | None, ok: bool | None) -> pd.DataFrame:
        return frame(n=pd.array([n], dtype="Int64"), ok=pd.array([ok], dtype="boolean"))

    given = {"a": rows(1, True), "b": rows(None, None)}
    indexer = FrameIndexer(given)
    for change, dtypes in ((None, ["Int64", "boolean"]), (rows(2, False), ["int64", "bool"])):
        if change is not None:
            given["b"] = change
        table = kd.update_image(indexer, "b")
        assert table.dtypes.astype(str).tolist()[1:] == dtypes
        for other in (
            kd.ds.load_table(indexer.table_name),
            kd.get_table(indexer.table_name),
            kd.rebuild(indexer),
        ):
            assert_frame_equal(other, table)
        kd.save_all_tables()
        assert_frame_equal(kd.ds.load_table(indexer.table_name), table)
