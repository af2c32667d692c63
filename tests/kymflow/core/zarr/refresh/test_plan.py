"""What a plan calls stale, and why; what is remembered of it."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kymflow import (
    ArtifactIndexer,
    CancelledError,
    Column,
    IndexerRegistry,
    KymDataset,
    ZarrDataset,
    ZarrImageRecord,
)
from kymflow_zarr.formats import frames
from support.refreshing import (
    TABLE,
    CellsIndexer,
    assert_like_rebuild,
    cells,
    hooked,
    ledgers,
    open_dataset,
    revalidated,
    settle,
    table_path,
)
from support.simple_indexers import FrameIndexer, add_image, frame


@pytest.fixture
def lab(dataset: ZarrDataset) -> KymDataset:
    """Three images, ``a`` and ``b`` with cells, in each kind of place."""
    kd = KymDataset(dataset, registry=IndexerRegistry(()))
    for number, image_id in enumerate("abc"):
        record = add_image(kd, image_id)
        if image_id != "c":
            record.save_df_parquet(TABLE, cells(number))
    return kd


@pytest.fixture
def local_lab(local: ZarrDataset) -> KymDataset:
    kd = KymDataset(local, registry=IndexerRegistry(()))
    for number, image_id in enumerate("ab"):
        add_image(kd, image_id).save_df_parquet(TABLE, cells(number))
    return kd


class AskingIndexer:
    """Asks the record one thing, and gives a row that tells the answer."""

    name = table_name = "asked"

    def __init__(self, ask: Callable[[ZarrImageRecord], object]) -> None:
        self.ask = ask

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        try:
            answer = str(self.ask(rec))
        except KeyError:
            answer = "nothing"
        return frame(answer=[answer])


def pixels(value: int) -> np.ndarray[Any, Any]:
    return np.full((3, 2), value, np.uint8)


# What is read; how it comes to be; how it changes; how it is deleted.
THINGS: dict[str, tuple[Callable[[ZarrImageRecord], object], ...]] = {
    "table": (
        lambda rec: rec.load_df_parquet("x")["v"].tolist(),
        lambda rec: rec.save_df_parquet("x", frame(v=[1])),
        lambda rec: rec.save_df_parquet("x", frame(v=[2])),
        lambda rec: rec.delete_analysis(suffixes=["/x.parquet"]),
    ),
    "json": (
        lambda rec: rec.load_json("x"),
        lambda rec: rec.save_json("x", {"v": 1}),
        lambda rec: rec.save_json("x", {"v": 2}),
        lambda rec: rec.delete_analysis(suffixes=["/x.json"]),
    ),
    "csv": (
        lambda rec: rec.load_df_csv_gz("x")["v"].tolist(),
        lambda rec: rec.save_df_csv_gz("x", frame(v=[1])),
        lambda rec: rec.save_df_csv_gz("x", frame(v=[2])),
        lambda rec: rec.delete_analysis(suffixes=["/x.csv.gz"]),
    ),
    "metadata": (
        lambda rec: rec.load_metadata_payload(),
        lambda rec: rec.save_metadata_payload({"v": 1}),
        lambda rec: rec.save_metadata_payload({"v": 2}),
        lambda rec: rec.delete_analysis(),
    ),
    "array artifact": (
        lambda rec: rec.load_array_artifact("x").tolist(),
        lambda rec: rec.save_array_artifact("x", pixels(1)),
        lambda rec: rec.save_array_artifact("x", pixels(2)),
        lambda rec: rec._store.delete_tree(f"images/{rec.image_id}/analysis_arrays/x"),
    ),
    "names": (
        lambda rec: rec.list_analysis_keys(),
        lambda rec: rec.save_json("x", 1),
        lambda rec: rec.save_json("y", 1),
        lambda rec: rec.delete_analysis(),
    ),
    "array names": (
        lambda rec: rec.list_array_artifacts(),
        lambda rec: rec.save_array_artifact("x", pixels(1)),
        lambda rec: rec.save_array_artifact("y", pixels(1)),
        lambda rec: rec._store.delete_tree(f"images/{rec.image_id}/analysis_arrays"),
    ),
}


@pytest.mark.parametrize("thing", THINGS)
def test_whatever_is_read_makes_stale_when_it_appears_changes_and_is_deleted(
    lab: KymDataset, thing: str
) -> None:
    ask, *edits = THINGS[thing]
    indexer = AskingIndexer(ask)
    lab.refresh(indexer)
    words = {0: "appeared", 1: "changed", 2: "deleted"}
    for number, edit in enumerate(edits):
        assert lab.plan(indexer).is_empty
        edit(lab.ds.record("a"))

        plan = lab.plan(indexer)
        assert list(plan.stale) == ["a"]
        assert plan.fresh == 2
        if "names" not in thing:
            assert any(why.endswith(words[number]) for why in plan.stale["a"]), plan.stale
        before = lab.ds.load_table("asked")["answer"][0]
        assert lab.refresh(indexer)["answer"][0] != before
        assert lab.reports["asked"].updated == ["a"]


@pytest.mark.parametrize(
    "ask",
    [
        lambda rec: rec.load_array().tolist(),
        lambda rec: rec.open_array()[0, 0],
        lambda rec: rec.get_image_bounds(),
        lambda rec: rec.get_axes(),
    ],
    ids=["load_array", "open_array", "bounds", "axes"],
)
def test_pixels_make_stale_when_they_change(
    lab: KymDataset, ask: Callable[[ZarrImageRecord], object]
) -> None:
    indexer = AskingIndexer(ask)
    lab.refresh(indexer)
    lab.ds.record("b").save_array(np.arange(100, 105).reshape(1, 5), axes=["x", "y"])

    plan = lab.plan(indexer)
    assert list(plan.stale) == ["b"]
    assert plan.stale["b"][0].startswith("pixels")
    table = lab.refresh(indexer)
    assert table["answer"][1] == str(ask(lab.ds.record("b")))
    assert lab.plan(indexer).is_empty


def test_pixels_make_stale_when_they_vanish(lab: KymDataset) -> None:
    indexer = AskingIndexer(lambda rec: rec.load_array().sum())
    lab.refresh(indexer)
    lab.ds.store.delete_tree("images/b/data")

    assert list(lab.plan(indexer).stale) == ["b"]
    assert lab.refresh(indexer)["answer"][1] == "nothing"


def test_what_nobody_asked_for_makes_nothing_stale(lab: KymDataset, indexer: CellsIndexer) -> None:
    lab.refresh(indexer)
    lab.ds.record("a").save_json("other", {"v": 1})
    lab.ds.record("a").save_array(pixels(9))

    assert lab.plan(indexer).is_empty


def test_an_artifact_of_the_same_size_in_the_same_second_is_seen(
    lab: KymDataset, indexer: CellsIndexer
) -> None:
    indexer.extract_rows = lambda rec: frame(n=[rec.load_json(TABLE)["n"]])  # type: ignore[method-assign]
    for image_id in "abc":
        lab.ds.record(image_id).save_json(TABLE, {"n": 0})
    lab.refresh(indexer)
    for n in range(1, 10):
        lab.ds.record("b").save_json(TABLE, {"n": n})
        assert lab.plan(indexer).stale == {"b": [f"artifact '{TABLE}.json' changed"]}
        assert lab.refresh(indexer)["n"].tolist() == [0, n, 0]


@pytest.mark.usefixtures("no_time_passes")
def test_a_restored_time_does_not_hide_a_write_within_the_same_tick(
    local_lab: KymDataset, indexer: CellsIndexer
) -> None:
    record = local_lab.ds.record("a")
    path = Path(local_lab.ds.path) / record.save_json("x", {"n": 1})
    asking = AskingIndexer(lambda rec: rec.load_json("x"))
    info = path.stat()
    local_lab.refresh(asking)
    record.save_json("x", {"n": 2})
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))

    assert list(local_lab.plan(asking).stale) == ["a"]
    assert "2" in local_lab.refresh(asking)["answer"][0]


def test_a_restored_time_does_not_hide_another_size(local_lab: KymDataset) -> None:
    record = local_lab.ds.record("a")
    path = Path(local_lab.ds.path) / record.save_json("x", {"n": 1})
    asking = AskingIndexer(lambda rec: rec.load_json("x"))
    settle(Path(local_lab.ds.path))
    info = path.stat()
    local_lab.refresh(asking)
    record.save_json("x", {"n": 10})
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))

    assert list(local_lab.plan(asking).stale) == ["a"]


def test_an_image_without_rows_is_fresh(lab: KymDataset, indexer: CellsIndexer) -> None:
    lab.refresh(indexer)

    plan = lab.plan(indexer)
    assert plan.is_empty
    assert plan.fresh == 3


def test_new_and_deleted_images(lab: KymDataset, indexer: CellsIndexer) -> None:
    lab.refresh(indexer)
    add_image(lab, "d").save_df_parquet(TABLE, cells(7))
    lab.ds.delete_image("a")

    plan = lab.plan(indexer)
    assert plan.stale == {"d": ["new image"]}
    assert plan.new == ["d"]
    assert plan.removed == ["a"]
    assert (plan.fresh, plan.rewrite, plan.whole, plan.failed) == (2, False, False, [])
    lab.refresh(indexer)
    assert lab.reports[TABLE].updated == ["d"]
    assert lab.reports[TABLE].removed == ["a"]
    assert_like_rebuild(lab, indexer)


def test_another_schema_version_makes_everything_stale(lab: KymDataset, indexer: CellsIndexer) -> None:
    lab.refresh(indexer)
    newer = CellsIndexer(schema_version="2")

    plan = lab.plan(newer)
    assert plan.stale == {image_id: ["schema version '1' -> '2'"] for image_id in "abc"}
    assert plan.new == []
    lab.refresh(newer)
    assert lab.plan(newer).is_empty
    assert_like_rebuild(lab, newer)


def test_another_indexer_of_the_same_table_makes_everything_stale(
    lab: KymDataset, indexer: CellsIndexer
) -> None:
    lab.refresh(indexer)
    other = CellsIndexer()
    other.name = "other"

    assert lab.plan(other).stale["a"] == ["the table was made by another indexer"]
    lab.refresh(other)
    assert lab.plan(other).is_empty


def test_other_declared_columns_under_the_same_version_are_a_rewrite_only(lab: KymDataset) -> None:
    rows = {"a": frame(x=[1])}
    lab.refresh(FrameIndexer(rows, columns=[Column("x", "int")]))
    more = FrameIndexer(rows, columns=[Column("x", "int"), Column("y", "float", "s")])

    plan = lab.plan(more)
    assert (plan.stale, plan.rewrite, plan.is_empty) == ({}, True, False)
    assert list(lab.refresh(more).columns) == ["image_id", "x", "y"]
    assert lab.reports["lab"].updated == []
    assert lab.plan(more).is_empty


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
    four_images: KymDataset, value: object, before: str, after: str
) -> None:
    def declares(kind: str) -> Declared:
        indexer = Declared()
        indexer.columns = (Column("a", kind),) if kind else ()  # type: ignore[misc, arg-type]
        return indexer

    four_images.ds.record("a").save_json("e", {"a": value})
    four_images.rebuild(declares(before))
    plan = four_images.plan(declares(after))
    assert plan.stale["a"] == [f"column 'a' is declared {after or 'nothing'}, was {before}"]
    four_images.refresh(declares(after), on_error="skip")
    refreshed, failed = four_images.get_table("e").copy(), four_images.reports["e"].failed
    four_images.ds.drop_table("e")
    four_images.rebuild(declares(after), on_error="skip")
    assert four_images.reports["e"].failed == failed
    if not failed:
        pd.testing.assert_frame_equal(refreshed, four_images.get_table("e"))


def test_a_failed_image_is_retried_and_keeps_its_old_rows(lab: KymDataset, indexer: CellsIndexer) -> None:
    lab.refresh(indexer)
    lab.ds.record("a").save_df_parquet(TABLE, cells(5))
    lab.ds.record("b").save_df_parquet(TABLE, cells(6))
    indexer.broken = {"a"}

    table = lab.refresh(indexer, on_error="skip")
    assert table["n"].tolist() == [0, 0, 0, 6, 6, 6]
    assert list(lab.reports[TABLE].failed) == ["a"]
    plan = lab.plan(indexer)
    assert plan.failed == ["a"]
    assert plan.stale["a"][0].startswith("failed last time: ")
    assert "broken on demand" in plan.stale["a"][0]
    assert list(plan.stale) == ["a"]

    indexer.broken, indexer.asked = set(), []
    assert lab.refresh(indexer)["n"].tolist() == [5, 5, 5, 6, 6, 6]
    assert indexer.asked == ["a"]
    assert lab.plan(indexer).is_empty


@pytest.mark.parametrize("how", ["new version", "lost ledger"])
def test_one_failing_image_does_not_make_the_others_stale_again_and_again(
    lab: KymDataset, indexer: CellsIndexer, how: str
) -> None:
    lab.refresh(indexer)
    if how == "new version":
        indexer = CellsIndexer(schema_version="2")
    else:
        lab.ds.store.delete_tree(f"index/{TABLE}")
    indexer.broken = {"a"}
    lab.refresh(indexer, on_error="skip")
    indexer.asked = []

    assert list(lab.plan(indexer).stale) == ["a"]
    lab.refresh(indexer, on_error="skip")
    assert indexer.asked == ["a"]


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


def test_a_copy_with_other_times_is_fresh_and_is_read_only_once(
    local_lab: KymDataset, indexer: CellsIndexer, tmp_path: Path
) -> None:
    local_lab.refresh(indexer)
    shutil.copytree(local_lab.ds.path, tmp_path / "copy.zarr", copy_function=shutil.copy)
    settle(tmp_path / "copy.zarr", 100)
    copy = KymDataset(tmp_path / "copy.zarr", registry=IndexerRegistry(()))
    indexer.asked = []
    table = table_path(copy).read_bytes()

    plan = copy.plan(indexer)
    assert plan.is_empty
    assert revalidated(plan) == ["a", "b"]
    copy.refresh(indexer)
    assert indexer.asked == []
    assert table_path(copy).read_bytes() == table
    assert len(ledgers(copy)) == 1

    read: list[str] = []
    watched = hooked(copy, lambda operation, key: read.append(key) if operation == "before read" else None)
    assert watched.plan(indexer).is_empty
    assert [key for key in read if key.startswith("images/")] == []
    assert revalidated(watched.plan(indexer)) == []


def test_what_was_remembered_does_not_hide_what_comes_later(
    local_lab: KymDataset, indexer: CellsIndexer
) -> None:
    local_lab.refresh(indexer)
    settle(Path(local_lab.ds.path))
    local_lab.refresh(indexer)
    local_lab.ds.record("a").save_df_parquet(TABLE, cells(9))

    assert list(local_lab.plan(indexer).stale) == ["a"]


def test_nothing_is_remembered_of_a_table_that_another_writer_renewed_meanwhile(
    local_lab: KymDataset, indexer: CellsIndexer
) -> None:
    local_lab.refresh(indexer)
    settle(Path(local_lab.ds.path))
    other = KymDataset(local_lab.ds.path, registry=IndexerRegistry(()))
    done = []

    def meanwhile(operation: str, key: str) -> None:
        if operation == "before update" and not done:
            done.append(key)
            other.ds.record("a").save_df_parquet(TABLE, cells(9))
            other.refresh(CellsIndexer())

    hooked(local_lab, meanwhile).refresh(indexer)
    assert done == [f"tables/{TABLE}.parquet"]
    assert local_lab.plan(indexer).is_empty
    assert local_lab.ds.load_table(TABLE)["n"].tolist() == [9, 9, 9, 1, 1, 1]


@pytest.mark.parametrize("how", ["lost", "truncated", "of other bytes", "foreign", "empty"])
def test_without_a_ledger_that_fits_everything_is_stale_and_refresh_puts_it_right(
    local_lab: KymDataset, indexer: CellsIndexer, how: str
) -> None:
    local_lab.refresh(indexer)
    (ledger,) = ledgers(local_lab)
    if how == "lost":
        ledger.unlink()
    elif how == "truncated":
        ledger.write_bytes(ledger.read_bytes()[:-30])
    elif how == "empty":
        ledger.write_bytes(b"")
    elif how == "of other bytes":
        table = frames.parquet_to_arrow(table_path(local_lab).read_bytes())
        table_path(local_lab).write_bytes(frames.arrow_to_parquet(table.slice(1)))
    else:
        local_lab.rebuild(FrameIndexer({"a": frame(x=[1])}, name="other"))
        shutil.copy(ledgers(local_lab, "other")[0], ledger)
    indexer.asked = []

    plan = local_lab.plan(indexer)
    assert plan.whole
    assert list(plan.stale) == ["a", "b"]
    assert plan.new == []
    assert plan.stale["a"] == ["the table was written by somebody else, or its ledger is lost or damaged"]
    local_lab.refresh(indexer)
    assert sorted(indexer.asked) == ["a", "b"]
    assert local_lab.plan(indexer).is_empty
    assert_like_rebuild(local_lab, indexer)


def test_a_table_edited_behind_our_back_is_put_right(lab: KymDataset, indexer: CellsIndexer) -> None:
    lab.refresh(indexer)
    edited = lab.ds.load_table(TABLE)
    edited["n"] = 77
    lab.ds.save_table(TABLE, edited)

    assert len(lab.plan(indexer).stale) == 3
    lab.refresh(indexer)
    assert_like_rebuild(lab, indexer)


def test_a_damaged_table_is_put_right(lab: KymDataset, indexer: CellsIndexer) -> None:
    lab.refresh(indexer)
    lab.ds.store.put(f"tables/{TABLE}.parquet", b"PAR1 nothing")

    assert lab.plan(indexer).stale["a"] == ["there is no table yet, or it is damaged"]
    lab.refresh(indexer)
    assert_like_rebuild(lab, indexer)


def test_a_damaged_ledger_never_breaks_a_plan(local_lab: KymDataset, indexer: CellsIndexer) -> None:
    local_lab.refresh(indexer)
    (ledger,) = ledgers(local_lab)
    good = ledger.read_bytes()
    random = np.random.default_rng(4)
    for _ in range(150):
        bent = bytearray(good)
        for place in random.integers(0, len(bent), random.integers(1, 4)):
            bent[place] ^= 1 << int(random.integers(0, 8))
        ledger.write_bytes(bytes(bent))
        plan = local_lab.plan(indexer)
        assert plan.fresh + len(plan.stale) == 2


def test_litter_of_a_file_browser_makes_nothing_stale(local_lab: KymDataset) -> None:
    asking = AskingIndexer(lambda rec: rec.list_analysis_keys())
    local_lab.refresh(asking)
    (Path(local_lab.ds.path) / "images" / "a" / "analysis" / ".DS_Store").write_bytes(b"\0")

    assert local_lab.plan(asking).is_empty


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


@pytest.mark.usefixtures("no_time_passes")
@pytest.mark.parametrize("what", ["plan", "status"])
def test_a_plan_and_a_status_tell_how_far_they_are_and_can_be_stopped(
    local_lab: KymDataset, indexer: CellsIndexer, what: str
) -> None:
    local_lab.registry.register(indexer)
    local_lab.refresh(indexer)
    look = partial(local_lab.plan, indexer) if what == "plan" else local_lab.status
    told: list[tuple[int, int]] = []
    look(on_progress=lambda done, total: told.append((done, total)))
    # Both artifacts are so young that they have to be read; of the image without, the listing tells.
    assert told == [(0, 2), (2, 2)]
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(CancelledError, match="looking for stale images of table 'cells' was cancelled"):
        look(cancel=cancel)
