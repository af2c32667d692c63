"""Hard cases of refreshing and rebuilding: each once went wrong, or nearly."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from kymflow import ArtifactIndexer, Column, KymDataset, ZarrImageRecord
from kymflow.core.zarr.refresh import update
from kymflow.core.zarr.tables.commit import commit_rows
from support.refreshing import (
    TABLE,
    CellsIndexer,
    assert_like_rebuild,
    cells,
    open_dataset,
    revalidated,
    settle,
    table_path,
)
from support.simple_indexers import FrameIndexer, add_image, frame


@pytest.fixture
def lab(tmp_path: Path) -> KymDataset:
    kd = open_dataset(tmp_path / "lab.zarr")
    for image_id in "abcd":
        add_image(kd, image_id)
    return kd


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


# Other writers


def test_a_rebuild_keeps_an_image_that_another_writer_added_meanwhile(lab: KymDataset) -> None:
    rows: dict[str, object] = {image_id: frame(x=[1]) for image_id in "abcde"}
    lab.rebuild(FrameIndexer(rows))
    other = open_dataset(lab.ds.path)

    def add() -> None:
        add_image(other, "e")
        other.update_images(FrameIndexer(rows), ["e"])

    table = lab.rebuild(During(rows, "c", add))

    assert table["image_id"].tolist() == ["a", "b", "c", "d", "e"]
    assert lab.plan(FrameIndexer(rows)).is_empty


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_an_image_deleted_while_it_fails_stops_nobody(lab: KymDataset, on_error: Any) -> None:
    rows: dict[str, object] = {image_id: frame(x=[1]) for image_id in "abcd"} | {"b": ValueError("gone")}
    table = lab.rebuild(During(rows, "b", lambda: lab.ds.delete_image("b")), on_error=on_error)
    assert table["image_id"].tolist() == ["a", "c", "d"]
    assert lab.reports["lab"].failed == {}


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
def test_an_image_that_comes_back_after_it_was_looked_for_is_extracted(lab: KymDataset, run: str) -> None:
    indexer = CellsIndexer()
    for image_id in "abcd":
        lab.ds.record(image_id).save_df_parquet(TABLE, cells(1))
    lab.rebuild(indexer)
    lab.ds.delete_image("a")
    lab.ds.record("b").save_df_parquet(TABLE, cells(4))

    class ComesBack(CellsIndexer):
        def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
            if rec.image_id == "b" and not lab.ds.record("a").exists():
                add_image(lab, "a").save_df_parquet(TABLE, cells(2))
            return super().extract_rows(rec)

    back = ComesBack()
    table = lab.refresh(back) if run == "refresh" else lab.update_images(back, ["a", "b"])

    assert table.drop_duplicates("image_id")["n"].tolist() == [2, 4, 1, 1]
    assert lab.reports[TABLE].updated == ["a", "b"]
    assert lab.reports[TABLE].removed == []
    assert_like_rebuild(lab, indexer)


def test_what_changed_meanwhile_is_extracted_together(
    lab: KymDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Cells(ArtifactIndexer):
        name = TABLE

    for image_id in "abcd":
        lab.ds.record(image_id).save_df_parquet(TABLE, cells(1))
    together: list[list[str]] = []
    extract = update.extract_images

    def extract_then_change(ds: Any, indexer: Any, contract: Any, ids: Any, *more: Any) -> Any:
        found = extract(ds, indexer, contract, ids, *more)
        if not together:
            for image_id in "abc":
                lab.ds.record(image_id).save_df_parquet(TABLE, cells(2))
            lab.ds.delete_image("c")
        together.append(list(ids))
        return found

    monkeypatch.setattr(update, "extract_images", extract_then_change)

    table = lab.rebuild(Cells())

    assert table.drop_duplicates("image_id")["n"].tolist() == [2, 2, 1]
    assert together == [["a", "b", "c", "d"], ["a", "b"]]


def test_an_image_that_goes_while_it_is_extracted_again_leaves_no_rows(lab: KymDataset) -> None:
    for image_id in "abcd":
        lab.ds.record(image_id).save_df_parquet(TABLE, cells(1))
    lab.rebuild(CellsIndexer())

    class Goes(CellsIndexer):
        def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
            if self.asked.count("a") and rec.image_id == "a":
                lab.ds.delete_image("a")
                raise ValueError("it is gone")
            rows = super().extract_rows(rec)
            if rec.image_id == "d":
                lab.ds.record("a").save_df_parquet(TABLE, cells(2))
            return rows

    table = lab.rebuild(Goes())

    assert table["image_id"].unique().tolist() == ["b", "c", "d"]
    assert lab.reports[TABLE].removed == ["a"]
    assert lab.reports[TABLE].failed == {}


@pytest.mark.parametrize("image_id", ["", "..", "a\\b", "a//b", "/a", "x\0y", "x" * 300, "a\n"])
def test_a_foreign_table_may_hold_what_can_be_no_image(lab: KymDataset, image_id: str) -> None:
    lab.ds.record("a").save_df_parquet(TABLE, cells(1))
    lab.ds.save_table(TABLE, pd.DataFrame({"image_id": [image_id, "a"], "n": [7, 7]}))

    lab.refresh(CellsIndexer())

    assert lab.reports[TABLE].removed == [image_id]
    assert_like_rebuild(lab, CellsIndexer())


# Failures and clashes


@pytest.mark.parametrize("version", ["1", "2"])
def test_what_a_failed_image_keeps_gives_way_to_what_the_others_give_now(
    lab: KymDataset, version: str
) -> None:
    lab.rebuild(FrameIndexer({image_id: frame(x=["text"]) for image_id in "abcd"}))
    now: dict[str, object] = {image_id: frame(x=[1.5]) for image_id in "bcd"} | {"a": ValueError("broken")}
    indexer = FrameIndexer(now, schema_version=version)

    for ids in (list("abcd"), None):
        lab.rebuild(indexer, image_ids=ids, on_error="skip")
        assert list(lab.reports["lab"].failed) == ["a"]
        assert "broken" in lab.reports["lab"].failed["a"]
        table = lab.get_table("lab")
        assert (table["image_id"].tolist(), table["x"].tolist()) == (["b", "c", "d"], [1.5] * 3)

    now["a"] = frame(x=[0.5])
    assert lab.refresh(indexer)["x"].tolist() == [0.5, 1.5, 1.5, 1.5]


def test_a_failed_image_keeps_its_old_rows_as_long_as_they_go_with_the_others(lab: KymDataset) -> None:
    lab.rebuild(FrameIndexer({image_id: frame(x=[1]) for image_id in "abcd"}))
    now: dict[str, object] = {image_id: frame(x=[1.5]) for image_id in "bcd"} | {"a": ValueError("broken")}
    table = lab.update_images(FrameIndexer(now), list("abcd"), on_error="skip")
    assert table["x"].tolist() == [1.0, 1.5, 1.5, 1.5]


def test_all_images_of_a_clashing_type_are_found_at_once(
    lab: KymDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = []

    def counted(*args: Any, **kwargs: Any) -> Any:
        attempts.append(1)
        return commit_rows(*args, **kwargs)

    monkeypatch.setattr(update, "commit_rows", counted)
    rows = {image_id: frame(x=[value]) for image_id, value in zip("abcd", [1, "x", "y", "z"], strict=True)}
    table = lab.rebuild(FrameIndexer(rows), on_error="skip")

    assert len(attempts) == 2
    assert table["image_id"].tolist() == ["a"]
    failed = lab.reports["lab"].failed
    assert sorted(failed) == ["b", "c", "d"]
    assert all(f"image 'a' has int64, image {one!r} has string" in cause for one, cause in failed.items())


def test_somebody_else_s_table_of_odd_columns_is_no_obstacle(lab: KymDataset) -> None:
    odd = pa.table({"image_id": [["a"], ["b"]], "x": [[1], [2]]})
    rows: dict[str, object] = {"a": ValueError("broken"), "b": frame(x=[1.5])}
    import pyarrow.parquet as pq

    table_path(lab, "lab").parent.mkdir()
    for foreign in (odd, pa.table({"image_id": ["a"], "x": [{"y": 1}]}), pa.table({"other": [1]})):
        pq.write_table(foreign, table_path(lab, "lab"))
        indexer = FrameIndexer(rows, columns=[Column("x", "float")])
        assert lab.plan(indexer).whole
        assert lab.refresh(indexer, on_error="skip")["x"].tolist() == [1.5]


def test_one_failing_image_does_not_make_a_copy_be_read_again_and_again(tmp_path: Path) -> None:
    kd = open_dataset(tmp_path / "lab.zarr")
    indexer = CellsIndexer()
    for image_id in "abc":
        add_image(kd, image_id).save_df_parquet(TABLE, cells(1))
    indexer.broken = {"a"}
    kd.refresh(indexer, on_error="skip")
    settle(tmp_path / "lab.zarr")
    assert revalidated(kd.plan(indexer)) == ["b", "c"]
    kd.refresh(indexer, on_error="skip")
    assert revalidated(kd.plan(indexer)) == []


def test_an_artifact_that_the_medium_refuses_concerns_its_image_only(tmp_path: Path) -> None:
    kd = open_dataset(tmp_path / "lab.zarr")
    indexer = CellsIndexer()
    for image_id in "abc":
        add_image(kd, image_id).save_df_parquet(TABLE, cells(1))
    kd.refresh(indexer)
    loop = tmp_path / "lab.zarr" / "images" / "b" / "analysis" / f"{TABLE}.parquet"
    loop.unlink()
    loop.symlink_to(loop.name)
    kd.ds.record("c").save_df_parquet(TABLE, cells(2))

    assert sorted(kd.plan(indexer).stale) == ["b", "c"]
    table = kd.refresh(indexer, on_error="skip")
    assert list(kd.reports[TABLE].failed) == ["b"]
    assert table.groupby("image_id")["n"].first().to_dict() == {"a": 1, "b": 1, "c": 2}


# Types


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize("depth", [33, 300, 3000])
@pytest.mark.parametrize("kind", ["objects", "lists"])
def test_a_column_nested_beyond_reason_concerns_its_image_only(
    lab: KymDataset, depth: int, kind: str
) -> None:
    value: Any = nested(min(depth, 300))
    if kind == "lists":
        value = 1
        for _ in range(depth):
            value = [value]
    rows = {"a": frame(x=[1]), "b": frame(x=[1], deep=[value])}
    table = lab.rebuild(FrameIndexer(rows), on_error="skip")
    assert table["x"].tolist() == [1]
    assert "nested" in lab.reports["lab"].failed["b"]
    assert lab.ds.load_table("lab")["x"].tolist() == [1]


class Declared(ArtifactIndexer):
    name = "e"


@pytest.mark.parametrize(
    ("value", "before", "after"),
    [
        ("1.5", "str", "float"),
        (3, "int", "str"),
        (3, "int", "datetime"),
        (True, "bool", "int"),
        (3, "float", ""),
    ],
)
def test_another_declared_type_is_what_a_rebuild_makes_of_it(
    lab: KymDataset, value: object, before: str, after: str
) -> None:
    def declares(kind: str) -> Declared:
        indexer = Declared()
        indexer.columns = (Column("a", kind),) if kind else ()  # type: ignore[misc, arg-type]
        return indexer

    lab.ds.record("a").save_json("e", {"a": value})
    lab.rebuild(declares(before))
    plan = lab.plan(declares(after))
    assert plan.stale["a"] == [f"column 'a' is declared {after or 'nothing'}, was {before}"]
    lab.refresh(declares(after), on_error="skip")
    refreshed, failed = lab.get_table("e").copy(), lab.reports["e"].failed
    lab.ds.drop_table("e")
    lab.rebuild(declares(after), on_error="skip")
    assert lab.reports["e"].failed == failed
    if not failed:
        pd.testing.assert_frame_equal(refreshed, lab.get_table("e"))


ODD_COLUMNS = {
    "lists": [[1, 2], [3]],
    "lists of lists": [[[1.0], [2.0]], [[3.0]]],
    "lists with NaN": [[1.0, float("nan")], [3.0]],
    "objects with NaN": [{"x": float("nan"), "y": [1.0]}, {"x": 2.0, "y": [float("nan")]}],
    "lists of objects": [[{"a": 1}], [{"a": 2}]],
    "days": [dt.date(2020, 1, 1), dt.date(2021, 1, 1)],
    "seconds of a day": pd.array([1, 2], pd.ArrowDtype(pa.int32())).astype(pd.ArrowDtype(pa.time32("s"))),
    "days in milliseconds": pd.array([0, 86_400_000], pd.ArrowDtype(pa.int64())).astype(
        pd.ArrowDtype(pa.date64())
    ),
    "pairs": pd.array([[1, 2], [3, 4]], pd.ArrowDtype(pa.list_(pa.int64(), 2))),
    "seconds in objects": pd.array(
        [{"a": dt.datetime(2020, 1, 1)}] * 2, pd.ArrowDtype(pa.struct([("a", pa.timestamp("s"))]))
    ),
    "seconds in lists": pd.array([[dt.datetime(2020, 1, 1)]] * 2, pd.ArrowDtype(pa.list_(pa.timestamp("s")))),
    "infinity": np.array([np.inf, -1.0]),
}


@pytest.mark.parametrize("name", ODD_COLUMNS)
def test_a_table_of_any_column_is_fresh_and_right_once_it_is_made(lab: KymDataset, name: str) -> None:
    indexer = FrameIndexer({image_id: pd.DataFrame({"x": ODD_COLUMNS[name]}) for image_id in "ab"})
    lab.registry.register(indexer)
    lab.rebuild(indexer)
    before = table_path(lab, "lab").read_bytes()
    assert lab.plan(indexer).is_empty
    lab.update_image(indexer, "a")
    assert table_path(lab, "lab").read_bytes() == before
    assert lab.check().problems == []


def test_an_artifact_behind_a_linked_folder_is_seen_to_appear(tmp_path: Path) -> None:
    kd = open_dataset(tmp_path / "lab.zarr")

    class Nested(CellsIndexer):
        def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
            try:
                return pd.DataFrame([rec.load_json("sub/e")])
            except KeyError:
                return pd.DataFrame()

    add_image(kd, "a")
    kd.rebuild(Nested())
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "e.json").write_text('{"n": 1}', "utf-8")
    analysis = tmp_path / "lab.zarr" / "images" / "a" / "analysis"
    analysis.mkdir(exist_ok=True)
    (analysis / "sub").symlink_to(elsewhere)

    assert kd.plan(Nested()).stale == {"a": ["artifact 'sub/e.json' appeared"]}
    assert kd.refresh(Nested())["n"].tolist() == [1]
    assert_like_rebuild(kd, Nested())
