"""What changes while an update runs: images and artifacts, by other writers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from kymflow import ArtifactIndexer, KymDataset, ZarrImageRecord
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
