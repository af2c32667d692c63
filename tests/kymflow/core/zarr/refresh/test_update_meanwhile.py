"""What changes while an update runs: images and artifacts, by other writers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from kymflow import ArtifactIndexer, ExtractionError, KymDataset, ZarrImageRecord, hookimpl
from kymflow.core.zarr.refresh import update
from support.edited_lab import NEW, make_lab
from support.refreshing import TABLE, CellsIndexer, assert_like_rebuild, cells, hooked, open_dataset
from support.simple_indexers import FrameIndexer, add_image, frame


class During(FrameIndexer):
    """Lets something happen, once, while it extracts an image."""

    def __init__(self, rows: dict[str, object], image_id: str, happens: Callable[[], object]) -> None:
        super().__init__(rows)
        self.at, self.happens = image_id, happens

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        if rec.image_id == self.at:
            self.at = ""
            self.happens()
        return super().extract_rows(rec)


def test_a_rebuild_keeps_an_image_that_another_writer_added_meanwhile(four_images: KymDataset) -> None:
    rows: dict[str, object] = {image_id: frame(x=[1]) for image_id in "abcde"}
    four_images.rebuild(FrameIndexer(rows))
    other = open_dataset(four_images.ds.path)

    def add() -> None:
        add_image(other, "e")
        other.update_images(FrameIndexer(rows), ["e"])

    table = four_images.rebuild(During(rows, "c", add))

    assert table["image_id"].tolist() == ["a", "b", "c", "d", "e"]
    assert four_images.plan(FrameIndexer(rows)).is_empty


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_an_image_deleted_while_it_fails_stops_nobody(four_images: KymDataset, on_error: Any) -> None:
    rows: dict[str, object] = {image_id: frame(x=[1]) for image_id in "abcd"} | {"b": ValueError("gone")}
    table = four_images.rebuild(
        During(rows, "b", lambda: four_images.ds.delete_image("b")), on_error=on_error
    )
    assert table["image_id"].tolist() == ["a", "c", "d"]
    assert four_images.reports["lab"].failed == {}


def test_a_cancel_is_heard_before_what_changed_meanwhile_is_extracted_again(tmp_path: Path) -> None:
    kd = open_dataset(tmp_path / "lab.zarr")
    indexer = CellsIndexer()
    for image_id in "ab":
        add_image(kd, image_id).save_df_parquet(TABLE, cells(1))
    kd.rebuild(indexer)
    cancel = threading.Event()

    def change_and_cancel(done: int, total: int) -> None:
        if done == total:
            kd.ds.record("a").save_df_parquet(TABLE, cells(2))
            cancel.set()

    indexer.asked.clear()
    table = kd.rebuild(indexer, on_progress=change_and_cancel, cancel=cancel)
    # What was extracted by then is committed, and what is older than its artifact is named.
    assert table["n"].unique().tolist() == [1]
    assert indexer.asked == ["a", "b"]
    assert kd.reports[TABLE].stale == ["a"]
    assert kd.plan(indexer).stale == {"a": ["artifact 'cells.parquet' changed"]}


@pytest.mark.parametrize("run", ["refresh", "update"])
def test_an_image_that_comes_back_after_it_was_looked_for_is_extracted(
    four_images: KymDataset, run: str
) -> None:
    indexer = CellsIndexer()
    for image_id in "abcd":
        four_images.ds.record(image_id).save_df_parquet(TABLE, cells(1))
    four_images.rebuild(indexer)
    four_images.ds.delete_image("a")
    four_images.ds.record("b").save_df_parquet(TABLE, cells(4))

    class ComesBack(CellsIndexer):
        def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
            if rec.image_id == "b" and not four_images.ds.record("a").exists():
                add_image(four_images, "a").save_df_parquet(TABLE, cells(2))
            return super().extract_rows(rec)

    back = ComesBack()
    table = four_images.refresh(back) if run == "refresh" else four_images.update_images(back, ["a", "b"])

    assert table.drop_duplicates("image_id")["n"].tolist() == [2, 4, 1, 1]
    assert four_images.reports[TABLE].updated == ["a", "b"]
    assert four_images.reports[TABLE].removed == []
    assert_like_rebuild(four_images, indexer)


def test_what_changed_meanwhile_is_extracted_together(
    four_images: KymDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Cells(ArtifactIndexer):
        name = TABLE

    for image_id in "abcd":
        four_images.ds.record(image_id).save_df_parquet(TABLE, cells(1))
    together: list[list[str]] = []
    extract = update.extract_images

    def extract_then_change(ds: Any, indexer: Any, contract: Any, ids: Any, *more: Any) -> Any:
        found = extract(ds, indexer, contract, ids, *more)
        if not together:
            for image_id in "abc":
                four_images.ds.record(image_id).save_df_parquet(TABLE, cells(2))
            four_images.ds.delete_image("c")
        together.append(list(ids))
        return found

    monkeypatch.setattr(update, "extract_images", extract_then_change)

    table = four_images.rebuild(Cells())

    assert table.drop_duplicates("image_id")["n"].tolist() == [2, 2, 1]
    assert together == [["a", "b", "c", "d"], ["a", "b"]]


def test_an_image_that_goes_while_it_is_extracted_again_leaves_no_rows(four_images: KymDataset) -> None:
    for image_id in "abcd":
        four_images.ds.record(image_id).save_df_parquet(TABLE, cells(1))
    four_images.rebuild(CellsIndexer())

    class Goes(CellsIndexer):
        def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
            if self.asked.count("a") and rec.image_id == "a":
                four_images.ds.delete_image("a")
                raise ValueError("it is gone")
            rows = super().extract_rows(rec)
            if rec.image_id == "d":
                four_images.ds.record("a").save_df_parquet(TABLE, cells(2))
            return rows

    table = four_images.rebuild(Goes())

    assert table["image_id"].unique().tolist() == ["b", "c", "d"]
    assert four_images.reports[TABLE].removed == ["a"]
    assert four_images.reports[TABLE].failed == {}


def test_a_new_image_that_goes_while_a_refresh_runs_does_not_stop_it(tmp_path: Path) -> None:
    kd = make_lab(tmp_path / "lab.zarr")
    moments = []

    def meanwhile(operation: str, key: str) -> None:
        if operation == "after children":
            moments.append(key)
            if len(moments) == 1:
                kd.ds.delete_image("d")

    table = hooked(kd, meanwhile).refresh(CellsIndexer())
    assert table["n"].tolist() == NEW[:-3]


# Nobody waits for a plugin


one_at_a_time = threading.Lock()


def take_lock(kd: KymDataset, name: str) -> None:
    """Take the lock of a table, and let it go; fail at once if anybody else holds it."""
    with one_at_a_time:
        kd.ds.store.update(f"tables/{name}.parquet", lambda present: None, timeout_s=0)


class Changing(CellsIndexer):
    """Its artifacts change, some times, after it has read them; each time the table's lock must be free."""

    def __init__(self, path: str, changes: dict[str, int]) -> None:
        super().__init__()
        self.other = open_dataset(path)
        self.changes = changes

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        take_lock(self.other, TABLE)
        rows = super().extract_rows(rec)
        if self.changes.get(rec.image_id, 0) > 0:
            self.changes[rec.image_id] -= 1
            n = 100 * self.asked.count(rec.image_id)
            self.other.ds.record(rec.image_id).save_df_parquet(TABLE, cells(n))
        return rows


@pytest.fixture
def changing_lab(tmp_path: Path) -> KymDataset:
    kd = open_dataset(tmp_path / "lab.zarr")
    for number, image_id in enumerate("abc"):
        add_image(kd, image_id).save_df_parquet(TABLE, cells(number))
    return kd


@pytest.mark.parametrize("run", ["rebuild", "refresh", "first update", "update"])
def test_what_changes_meanwhile_is_extracted_again_without_the_lock(
    changing_lab: KymDataset, run: str
) -> None:
    kd = changing_lab
    if run == "update":
        kd.rebuild(CellsIndexer())
    indexer = Changing(kd.ds.path, {"a": 1, "c": 2})
    table = kd.update_images(indexer, ["a", "b", "c"]) if "update" in run else getattr(kd, run)(indexer)

    assert table.drop_duplicates("image_id")["n"].tolist() == [100, 1, 200]
    assert {one: indexer.asked.count(one) for one in "abc"} == {"a": 2, "b": 1, "c": 3}
    assert kd.reports[TABLE].updated == ["a", "b", "c"]
    assert kd.reports[TABLE].stale == []
    assert_like_rebuild(kd, CellsIndexer())


def test_the_first_update_of_a_dataset_extracts_each_image_once(changing_lab: KymDataset) -> None:
    indexer = CellsIndexer()
    table = changing_lab.update_images(indexer, ["b", "c"])

    assert sorted(indexer.asked) == ["a", "b", "c"]
    assert table["image_id"].unique().tolist() == ["a", "b", "c"]
    assert changing_lab.reports[TABLE].updated == ["a", "b", "c"]


def test_an_image_that_never_stops_changing_is_left_stale_and_named(changing_lab: KymDataset) -> None:
    kd = changing_lab
    kd.rebuild(CellsIndexer())
    kd.ds.record("b").save_df_parquet(TABLE, cells(7))
    indexer = Changing(kd.ds.path, {"b": 1000})
    table = kd.refresh(indexer)

    # The rows of the last extraction, and the ledger does not claim that they are fresh.
    n_rounds = indexer.asked.count("b")
    assert n_rounds == update.MAX_ROUNDS
    assert table.drop_duplicates("image_id")["n"].tolist() == [0, 100 * (n_rounds - 1), 2]
    assert kd.reports[TABLE].stale == ["b"]
    assert kd.reports[TABLE].to_dict()["stale"] == ["b"]
    assert kd.plan(indexer).stale == {"b": ["artifact 'cells.parquet' changed"]}
    assert kd.refresh(CellsIndexer())["n"].tolist()[3] == 100 * n_rounds


def test_rows_of_another_writer_that_still_hold_are_not_extracted_again(changing_lab: KymDataset) -> None:
    kd = changing_lab
    kd.rebuild(CellsIndexer())
    other = open_dataset(kd.ds.path)

    class Overtaken(CellsIndexer):
        def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
            rows = super().extract_rows(rec)
            if rec.image_id == "a":
                other.ds.record("a").save_df_parquet(TABLE, cells(55))
                other.update_image(CellsIndexer(), "a")
            return rows

    indexer = Overtaken()
    table = kd.rebuild(indexer)

    assert indexer.asked == ["a", "b", "c"]
    assert table.drop_duplicates("image_id")["n"].tolist() == [55, 1, 2]
    assert kd.reports[TABLE].stale == []
    assert_like_rebuild(kd, CellsIndexer())


def test_outdated_rows_do_not_replace_newer_outdated_ones(changing_lab: KymDataset) -> None:
    kd = changing_lab
    kd.rebuild(CellsIndexer())
    other = open_dataset(kd.ds.path)
    committed: list[int] = []

    class Overtaken(CellsIndexer):
        def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
            if self.asked:
                # What is in the table by the second time, after the first commit.
                committed.extend(other.ds.load_table(TABLE)["n"].tolist()[:1])
                return super().extract_rows(rec)
            rows = super().extract_rows(rec)
            other.ds.record("a").save_df_parquet(TABLE, cells(55))
            other.update_image(CellsIndexer(), "a")
            other.ds.record("a").save_df_parquet(TABLE, cells(66))
            return rows

    table = kd.update_image(Overtaken(), "a")

    assert committed == [55]
    assert table["n"].tolist()[:1] == [66]


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_a_failure_of_what_is_extracted_again_is_told_after_the_table(
    changing_lab: KymDataset, on_error: Any
) -> None:
    kd = changing_lab
    told: list[str] = []

    class Observer:
        @hookimpl
        def kymflow_table_updated(self, table_name: str) -> None:
            take_lock(kd, table_name)
            told.append(table_name)

    kd.registry.register_observer(Observer())

    class Breaking(Changing):
        def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
            if rec.image_id in self.asked:
                raise ValueError("once is enough")
            return super().extract_rows(rec)

    indexer = Breaking(kd.ds.path, {"b": 1})
    if on_error == "raise":
        with pytest.raises(ExtractionError, match="image 'b'.*once is enough"):
            kd.rebuild(indexer)
        assert kd.reports[TABLE].stale == ["b"]
        assert kd.reports[TABLE].failed == {}
    else:
        kd.rebuild(indexer, on_error="skip")
        assert list(kd.reports[TABLE].failed) == ["b"]
    # What had been extracted is in the table, and observers know.
    assert told == [TABLE]
    assert kd.ds.load_table(TABLE).drop_duplicates("image_id")["n"].tolist() == [0, 1, 2]
    assert list(kd.plan(CellsIndexer()).stale) == ["b"]


def test_what_changed_meanwhile_is_extracted_again_on_the_executor(changing_lab: KymDataset) -> None:
    threads: set[str] = set()
    both = threading.Barrier(2)

    class Noting(Changing):
        def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
            threads.add(threading.current_thread().name)
            if rec.image_id in "ab":
                # Both are extracted side by side, the second time, too.
                both.wait(300)
            return super().extract_rows(rec)

    with ThreadPoolExecutor(3, "worker") as executor:
        changing_lab.rebuild(Noting(changing_lab.ds.path, {"a": 1, "b": 1}), executor=executor)
    assert all(name.startswith("worker") for name in threads)
    assert_like_rebuild(changing_lab, CellsIndexer())
