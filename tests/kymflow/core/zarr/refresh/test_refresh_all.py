"""Many tables refreshed together: one listing serves all, and each table is read when its turn comes."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from kymflow import ArtifactIndexer, KymDataset
from kymflow.core.zarr.refresh import update
from kymflow_zarr.store.base import Store
from kymflow_zarr.store.object import ObjectStore
from support.refreshing import TABLE, CellsIndexer, assert_like_rebuild, cells, open_dataset
from support.simple_indexers import add_image

IDS = [f"{number:02}" for number in range(30)]


@pytest.fixture
def url(object_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(ObjectStore, "_page", 10)
    kd = open_dataset(object_url)
    for number, image_id in enumerate(IDS):
        add_image(kd, image_id)
        kd.ds.record(image_id).save_df_parquet(TABLE, cells(number))
    kd.rebuild(CellsIndexer())
    return object_url


def test_images_that_came_and_went_since_the_ledger_are_seen(url: str) -> None:
    kd = open_dataset(url)
    for image_id in ("00", "07", "08", "29"):
        kd.ds.delete_image(image_id)
    for image_id in ("!", "005", "31"):
        add_image(kd, image_id)
        kd.ds.record(image_id).save_df_parquet(TABLE, cells(99))

    plan = open_dataset(url).plan(CellsIndexer())
    assert (plan.new, plan.removed, plan.fresh) == (["!", "005", "31"], ["00", "07", "08", "29"], 26)


@pytest.fixture(params=["local", "memory"])
def three(request: pytest.FixtureRequest, tmp_path: Path, new_url: Callable[[str], str]) -> KymDataset:
    """Five images, and three tables of them."""
    kd = open_dataset(tmp_path / "lab.zarr" if request.param == "local" else new_url("memory"))
    for number, image_id in enumerate(IDS[:5]):
        add_image(kd, image_id)
        kd.ds.record(image_id).save_df_parquet(TABLE, cells(number))
    for name in ("first", "second", "third"):
        kd.registry.register(CellsIndexer(name=name))
    kd.rebuild_all()
    return kd


def test_images_are_listed_once_for_all_tables_and_before_any(
    three: KymDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = []
    listing = type(three.ds).listing
    monkeypatch.setattr(type(three.ds), "listing", lambda ds: (steps.append("listing"), listing(ds))[1])
    three.refresh_all(on_table=steps.append)
    assert steps == ["listing", "first", "second", "third"]
    three.ds.record("00").save_df_parquet(TABLE, cells(100))
    three.refresh_all()
    assert steps[4:] == ["listing"]


def test_no_table_is_kept_in_memory_while_one_is_committed(
    three: KymDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, alive = [], []
    find_state, commit_rows = update.find_state, update.commit_rows

    def noting(store: Store, name: str) -> object:
        state = find_state(store, name)
        read.append(weakref.ref(state))
        return state

    def counting(*args: object, **how: object) -> object:
        alive.append(sum(one() is not None for one in read))
        return commit_rows(*args, **how)

    monkeypatch.setattr(update, "find_state", noting)
    monkeypatch.setattr(update, "commit_rows", counting)
    three.ds.record("00").save_df_parquet(TABLE, cells(100))
    three.refresh_all()
    assert alive == [0, 0, 0]
    assert len(read) >= 3


def test_what_a_callback_does_to_the_next_table_is_seen(three: KymDataset) -> None:
    def drop(table_name: str) -> None:
        if table_name == "second":
            three.ds.drop_table("second")
        elif table_name == "third":
            three.ds.save_table("third", pd.DataFrame({"image_id": ["zz"], "n": [1]}))

    reports = three.refresh_all(on_table=drop)
    assert [report.updated for report in reports.values()] == [[], IDS[:5], IDS[:5]]
    assert {len(three.ds.load_table(name)) for name in reports} == {15}


def test_a_table_that_is_asked_for_twice_is_made_once(three: KymDataset) -> None:
    three.ds.record("01").save_df_parquet(TABLE, cells(100))
    indexer = three.registry.get("first")
    indexer.asked.clear()
    three.refresh_all(indexers=["first", "first"])
    assert indexer.asked == ["01"]


def test_a_table_that_others_write_before_its_turn_ends_right(url: str) -> None:
    first, second = CellsIndexer(name="first"), CellsIndexer(name="second")
    kd, other = open_dataset(url), open_dataset(url)
    for indexer in (first, second):
        kd.registry.register(indexer)
        kd.rebuild(indexer)

    def meddle(table_name: str) -> None:
        if table_name != "second":
            return
        # Both tables have been read by now, and the images listed.
        for image_id in ("03", "04"):
            other.ds.record(image_id).save_df_parquet(TABLE, cells(100))
        other.update_image(CellsIndexer(name="second"), "03")
        other.ds.delete_image("05")
        other.update_image(CellsIndexer(name="second"), "05")

    kd.ds.record("04").save_df_parquet(TABLE, cells(50))
    kd.ds.record("06").save_df_parquet(TABLE, cells(50))
    reports = kd.refresh_all(on_table=meddle)

    assert reports["first"].updated == ["04", "06"]
    # The images that were stale at the beginning are extracted as they are by then.
    assert_like_rebuild(kd, second)
    kd.refresh_all()
    assert_like_rebuild(kd, first)


def test_what_the_listing_tells_is_not_looked_up_one_by_one(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kd = open_dataset(url)
    for image_id in IDS[:20]:
        kd.ds.record(image_id).save_df_parquet(TABLE, cells(77))
    looked: list[str] = []
    stat = ObjectStore.stat
    monkeypatch.setattr(ObjectStore, "stat", lambda store, key: (looked.append(key), stat(store, key))[1])

    plan = open_dataset(url).plan(CellsIndexer())
    assert list(plan.stale) == IDS[:20]
    assert set(map(tuple, plan.stale.values())) == {("artifact 'cells.parquet' changed",)}
    assert looked == []


def test_a_refresh_reads_nothing_that_the_listing_lacks(
    object_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Declared(ArtifactIndexer):
        name = table_name = "declared"
        artifact = TABLE

    kd = open_dataset(object_url)
    for image_id in IDS[:3]:
        add_image(kd, image_id)
        kd.ds.record(image_id).save_json(TABLE, {"n": 1})
    kd.rebuild(Declared())
    kd.ds.record("01").save_json(TABLE, {"n": 22})
    read: list[str] = []
    get = ObjectStore._get
    monkeypatch.setattr(ObjectStore, "_get", lambda store, key: (read.append(key), get(store, key))[1])

    assert kd.refresh(Declared())["n"].tolist() == [1, 22, 1]
    assert {key for key in read if key.startswith("images/")} == {"images/01/analysis/cells.json"}
