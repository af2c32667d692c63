"""Refreshing one table and all, plans and status, in Python and on the command line."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from pandas.testing import assert_frame_equal

from kymflow import ExtractionError, IndexerRegistry, KymDataset, SchemaError
from kymflow_zarr import CancelledError
from kymflow_zarr.errors import ReadOnlyError
from support.refreshing import (
    TABLE,
    CellsIndexer,
    assert_like_rebuild,
    cells,
    ledgers,
    open_dataset,
    snapshot,
    table_path,
)
from support.simple_indexers import add_image, frame


def test_the_first_refresh_makes_the_table(tmp_path: Path, indexer: CellsIndexer) -> None:
    kd = open_dataset(tmp_path / "lab.zarr")
    add_image(kd, "a").save_df_parquet(TABLE, cells(1))

    assert kd.refresh(indexer)["n"].tolist() == [1, 1, 1]
    assert kd.reports[TABLE].updated == ["a"]
    assert_like_rebuild(kd, indexer)


def test_a_dataset_without_images_gets_an_empty_table(tmp_path: Path, indexer: CellsIndexer) -> None:
    kd = open_dataset(tmp_path / "lab.zarr")

    assert list(kd.refresh(indexer).columns) == ["image_id"]
    assert kd.plan(indexer).is_empty


def test_a_refresh_extracts_only_what_is_stale(lab: KymDataset, indexer: CellsIndexer) -> None:
    lab.ds.record("b").save_df_parquet(TABLE, cells(9))

    lab.refresh(indexer)
    assert indexer.asked == ["b"]
    report = lab.reports[TABLE]
    assert (report.updated, report.removed, report.unchanged, report.failed) == (["b"], [], 2, {})
    assert (report.rows, report.images) == (9, 3)
    assert_like_rebuild(lab, indexer)


def test_a_refresh_that_finds_nothing_leaves_the_table_as_it_is(
    lab: KymDataset, indexer: CellsIndexer
) -> None:
    before, notes = table_path(lab).stat(), ledgers(lab)

    lab.refresh(indexer)
    report = lab.reports[TABLE]
    assert (report.updated, report.removed, report.unchanged, report.failed) == ([], [], 3, {})
    assert (report.rows, report.images) == (9, 3)
    assert table_path(lab).stat().st_mtime_ns == before.st_mtime_ns
    assert table_path(lab).stat().st_ino == before.st_ino
    assert ledgers(lab) == notes
    assert indexer.asked == []


def test_a_table_keeps_its_file_where_an_edit_changes_no_row(lab: KymDataset, indexer: CellsIndexer) -> None:
    before = table_path(lab).stat()
    lab.ds.record("b").save_df_parquet(TABLE, cells(1), compression="none")

    assert list(lab.plan(indexer).stale) == ["b"]
    lab.refresh(indexer)
    assert lab.reports[TABLE].updated == ["b"]
    assert table_path(lab).stat().st_ino == before.st_ino
    assert lab.plan(indexer).is_empty


def test_an_object_store_is_refreshed_like_a_disk(indexer: CellsIndexer, object_url: str) -> None:
    kd = open_dataset(object_url)
    add_image(kd, "a").save_df_parquet(TABLE, cells(1))
    kd.refresh(indexer)
    kd.ds.record("a").save_df_parquet(TABLE, cells(2))
    add_image(kd, "b").save_json(TABLE, {"n": 5})
    indexer.asked = []

    kd.refresh(indexer)
    assert sorted(indexer.asked) == ["a", "b"]
    assert_like_rebuild(kd, indexer)
    kd.ds.delete_image("a")
    assert kd.refresh(indexer)["n"].tolist() == [5]


def test_a_failing_image_stops_everything_unless_told_otherwise(
    lab: KymDataset, indexer: CellsIndexer
) -> None:
    before = table_path(lab).read_bytes()
    for image_id in "ab":
        lab.ds.record(image_id).save_df_parquet(TABLE, cells(8))
    indexer.broken = {"b"}

    with pytest.raises(ExtractionError, match="image 'b'.*broken on demand"):
        lab.refresh(indexer)
    assert table_path(lab).read_bytes() == before
    assert lab.refresh(indexer, on_error="skip")["n"].tolist() == [8, 8, 8, 1, 1, 1, 2, 2, 2]


def test_a_clash_of_types_is_a_failure_of_the_changed_image(lab: KymDataset, indexer: CellsIndexer) -> None:
    lab.ds.record("c").save_df_parquet(TABLE, frame(n=["text"], k=[0]))

    with pytest.raises(SchemaError, match="column 'n'"):
        lab.refresh(indexer)
    table = lab.refresh(indexer, on_error="skip")
    assert table["n"].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert list(lab.reports[TABLE].failed) == ["c"]
    assert lab.plan(indexer).failed == ["c"]


def test_a_wrong_word_for_on_error_is_refused_even_if_nothing_is_stale(
    lab: KymDataset, indexer: CellsIndexer
) -> None:
    with pytest.raises(ValueError, match="on_error must be 'raise' or 'skip', got 'ignore'"):
        lab.refresh(indexer, on_error="ignore")  # type: ignore[arg-type]


def test_progress_and_cancel(lab: KymDataset, indexer: CellsIndexer) -> None:
    before = table_path(lab).read_bytes()
    for image_id in "ab":
        lab.ds.record(image_id).save_df_parquet(TABLE, cells(8))
    steps: list[tuple[int, int]] = []
    cancel = threading.Event()

    def step(done: int, total: int) -> None:
        steps.append((done, total))
        if done == 1:
            cancel.set()

    with pytest.raises(CancelledError, match="after 1 of 2 images"):
        lab.refresh(indexer, on_progress=step, cancel=cancel)
    assert table_path(lab).read_bytes() == before
    cancel.clear()
    steps.clear()
    lab.refresh(indexer, on_progress=lambda done, total: steps.append((done, total)))
    assert steps == [(0, 2), (1, 2), (2, 2)]


def test_what_a_refresh_returns_is_the_table_on_disk(lab: KymDataset, indexer: CellsIndexer) -> None:
    # Edits by hand last until the next refresh, whether or not it finds something to do.
    lab.tables[TABLE]["n"] = 77

    assert_frame_equal(lab.refresh(indexer), lab.ds.load_table(TABLE))


def test_read_only_plans_and_status_write_nothing_and_refresh_is_refused(
    lab: KymDataset, indexer: CellsIndexer
) -> None:
    lab.ds.record("a").save_df_parquet(TABLE, cells(8))
    registry = IndexerRegistry(())
    registry.register(indexer)
    reader = KymDataset(lab.ds.path, "r", registry=registry)
    before = snapshot(Path(lab.ds.path))

    assert list(reader.plan(indexer).stale) == ["a"]
    (status,) = reader.status().tables
    assert (status.fresh, status.stale) == (2, 1)
    with pytest.raises(ReadOnlyError, match="mode='r'"):
        reader.refresh(indexer)
    assert snapshot(Path(lab.ds.path)) == before


def test_plan_says_it_in_plain_values(lab: KymDataset, indexer: CellsIndexer) -> None:
    lab.ds.record("a").save_df_parquet(TABLE, cells(8))
    lab.ds.delete_image("c")

    plan = lab.plan(indexer).to_dict()
    assert json.loads(json.dumps(plan)) == {
        "indexer": TABLE,
        "stale": [{"image_id": "a", "reasons": [f"artifact '{TABLE}.parquet' changed"]}],
        "removed": ["c"],
        "fresh": 1,
        "rewrite": False,
        "sources": [],
        "reason": "",
    }


def test_refresh_all_refreshes_each_registered_table_and_fills_no_cache(lab: KymDataset) -> None:
    first, second = CellsIndexer(), CellsIndexer(name="second")
    for one in (first, second):
        lab.registry.register(one)
    lab.refresh_all()
    lab.ds.record("a").save_df_parquet(TABLE, cells(8))
    first.asked, second.asked = [], []
    tables: list[str] = []

    reports = lab.refresh_all(on_table=tables.append)
    assert list(reports) == tables == [TABLE, "second"]
    assert first.asked == second.asked == ["a"]
    assert [report.updated for report in reports.values()] == [["a"], ["a"]]
    assert "second" not in lab.tables
    lab.refresh_all(indexers=["second"])
    assert second.asked == ["a"]
    lab.registry.unregister(TABLE)
    lab.registry.unregister("second")


# Status
