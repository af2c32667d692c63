"""The first listing of a process: a ledger tells which images to expect, and nothing depends on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from refreshing import TABLE, CellsIndexer, cells, open_dataset
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


def test_on_a_disk_nobody_asks_what_to_expect(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    kd = open_dataset(tmp_path / "lab.zarr")
    add_image(kd, "a")

    def unwanted(*_: object) -> list[str]:
        raise AssertionError("a disk is listed as fast without")

    monkeypatch.setattr("kymflow.core.zarr.listing._expected", unwanted)
    assert kd.plan(CellsIndexer()).new == ["a"]
