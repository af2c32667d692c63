"""What a refresh starts from: a listing that a ledger may help to make, and tables read beside it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from refreshing import TABLE, CellsIndexer, assert_like_rebuild, cells, open_dataset
from simple_indexers import add_image

from kymflow_zarr import StoreError, frames
from kymflow_zarr._store_object import ObjectStore
from kymflow_zarr.store import Fingerprint

IDS = [f"{number:02}" for number in range(30)]
# Larger than a ledger, so that it is taken for the one that tells most.
FILL = "x" * 50_000
MISLEADING = {
    "no Parquet": FILL.encode(),
    "no column of images": frames.frame_to_parquet(pd.DataFrame({"n": range(20_000)})),
    "ids that are none": frames.frame_to_parquet(
        pd.DataFrame({"image_id": ["", ".", "..", "a/b", "05", "../29", None, FILL]})
    ),
    "numbers": frames.frame_to_parquet(pd.DataFrame({"image_id": range(20_000)})),
    "lists": frames.frame_to_parquet(pd.DataFrame({"image_id": [[1, 2]] * 20_000})),
}


@pytest.fixture
def url(object_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(ObjectStore, "_page", 10)
    kd = open_dataset(object_url)
    for number, image_id in enumerate(IDS):
        add_image(kd, image_id)
        kd.ds.record(image_id).save_df_parquet(TABLE, cells(number))
    kd.rebuild(CellsIndexer())
    return object_url


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """After which keys listings of the images have been begun."""
    found: list[str | None] = []
    list_pages = ObjectStore._pages

    def noted(store: ObjectStore, prefix: str, after: str | None = None) -> Iterator[Sequence[Fingerprint]]:
        if prefix == "images":
            found.append(after)
        return list_pages(store, prefix, after)

    monkeypatch.setattr(ObjectStore, "_pages", noted)
    return found


@pytest.mark.parametrize("action", ["refresh", "rebuild", "plan"])
def test_a_ledger_tells_where_the_first_listing_can_be_begun(
    url: str, begun: list[str | None], action: str
) -> None:
    kd = open_dataset(url)
    getattr(kd, action)(CellsIndexer())
    # Four objects of each image: the first page has two images whole, so the others take 15 parts.
    first, second, *rest = begun[: 2 + 14]
    assert first is None
    assert second is not None
    assert second.startswith("images/02/")
    assert sorted(map(str, rest)) == [f"images/{IDS[2 + 28 * part // 15]}/zarr.json" for part in range(1, 15)]


def test_without_tables_a_listing_goes_on_where_it_was(url: str, begun: list[str | None]) -> None:
    kd = open_dataset(url)
    kd.ds.drop_table(TABLE)
    kd.ds.store.delete_tree("index")
    assert len(kd.plan(CellsIndexer()).stale) == 30
    assert [bool(after) for after in begun] == [False, True]


@pytest.mark.parametrize("data", MISLEADING.values(), ids=MISLEADING)
def test_what_is_no_ledger_misleads_nobody(url: str, data: bytes) -> None:
    open_dataset(url).ds.store.put("index/other/file.parquet", data)
    assert open_dataset(url).plan(CellsIndexer()).is_empty
    assert len(open_dataset(url).rebuild(CellsIndexer())) == 90


def test_a_ledger_that_the_medium_refuses_is_done_without(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kd = open_dataset(url)
    expected = kd.ds.load_table(TABLE)
    read = ObjectStore.read

    def refusing(store: ObjectStore, key: str) -> tuple[bytes, Fingerprint]:
        if key.startswith("index/"):
            raise StoreError("refused", dataset=store.url)
        return read(store, key)

    monkeypatch.setattr(ObjectStore, "read", refusing)
    assert_frame_equal(kd.rebuild(CellsIndexer()), expected)


def test_images_that_came_and_went_since_the_ledger_are_seen(url: str) -> None:
    kd = open_dataset(url)
    for image_id in ("00", "07", "08", "29"):
        kd.ds.delete_image(image_id)
    for image_id in ("!", "005", "31"):
        add_image(kd, image_id)
        kd.ds.record(image_id).save_df_parquet(TABLE, cells(99))

    plan = open_dataset(url).plan(CellsIndexer())
    assert (plan.new, plan.removed, plan.fresh) == (["!", "005", "31"], ["00", "07", "08", "29"], 26)


def test_on_a_disk_nobody_asks_what_to_expect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kd = open_dataset(tmp_path / "lab.zarr")
    add_image(kd, "a")

    def unwanted(*_: object) -> list[str]:
        raise AssertionError("a disk is listed as fast without")

    monkeypatch.setattr("kymflow.core.zarr.listing._expected", unwanted)
    assert kd.plan(CellsIndexer()).new == ["a"]


def test_from_afar_tables_are_read_beside_the_listing(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    is_read = threading.Event()
    get, list_pages = ObjectStore._get, ObjectStore._pages

    def noting(store: ObjectStore, key: str) -> tuple[bytes, object]:
        if key.startswith("tables/"):
            is_read.set()
        return get(store, key)

    def waiting(store: ObjectStore, prefix: str, after: str | None = None) -> Iterator[Sequence[Fingerprint]]:
        assert prefix != "images" or is_read.wait(30), "the table is read only after the listing"
        return list_pages(store, prefix, after)

    monkeypatch.setattr(ObjectStore, "_get", noting)
    monkeypatch.setattr(ObjectStore, "_pages", waiting)
    assert open_dataset(url).plan(CellsIndexer()).is_empty


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
