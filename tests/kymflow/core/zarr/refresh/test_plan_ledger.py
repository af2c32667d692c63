"""What a plan takes from the ledger, what it notes there, and what it does without one that fits."""

from __future__ import annotations

import shutil
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from kymflow import IndexerRegistry, KymDataset
from kymflow.core.zarr.tables import state
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
def lab(lab_anywhere: KymDataset) -> KymDataset:
    return lab_anywhere


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


def test_images_of_a_table_saved_by_hand_are_stale_and_not_new(
    lab: KymDataset, indexer: CellsIndexer
) -> None:
    lab.refresh(indexer)
    # An image may give no rows: only the ledger knows that it did.
    lab.ds.save_table(TABLE, lab.ds.load_table(TABLE).head(1))

    plan = lab.plan(indexer)

    assert (sorted(plan.stale), plan.new) == (lab.ds.list_image_ids(), [])


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


@pytest.mark.slow
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


def test_a_plan_joins_the_schemas_of_a_ledger_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kd = open_dataset(tmp_path / "lab.zarr")
    add_image(kd, "a").save_df_parquet(TABLE, cells(1))
    kd.rebuild(CellsIndexer())
    joined = Mock(wraps=state.table_schema)
    monkeypatch.setattr(state, "table_schema", joined)

    assert kd.plan(CellsIndexer()).is_empty
    assert joined.call_count == 1
