"""What a refresh starts from: a listing that a ledger may help to make, and tables read beside it."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from kymflow import ArtifactIndexer, KymDataset
from kymflow.core.zarr.refresh import listing, update
from kymflow_zarr import StoreError
from kymflow_zarr.formats import frames
from kymflow_zarr.store.base import Fingerprint, Store
from kymflow_zarr.store.object import ObjectStore
from support.refreshing import TABLE, CellsIndexer, assert_like_rebuild, cells, open_dataset
from support.simple_indexers import add_image

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
def begun(monkeypatch: pytest.MonkeyPatch, wait_for_likely_names: Callable[[], None]) -> list[str | None]:
    """After which keys listings of the images have been begun."""
    found: list[str | None] = []
    list_pages = ObjectStore._pages

    def noted(store: ObjectStore, prefix: str, after: str | None = None) -> Iterator[Sequence[Fingerprint]]:
        if prefix == "images":
            found.append(after)
        for page in list_pages(store, prefix, after):
            yield page
            if prefix == "images" and found == [None]:
                # So slow that a ledger has been read by the time of the next page.
                wait_for_likely_names()

    monkeypatch.setattr(ObjectStore, "_pages", noted)
    return found


@pytest.mark.parametrize("action", ["refresh", "rebuild", "plan"])
def test_a_ledger_tells_where_the_first_listing_can_be_begun(
    url: str, begun: list[str | None], action: str
) -> None:
    kd = open_dataset(url)
    getattr(kd, action)(CellsIndexer())
    # Four objects of each image: two pages have five images, and 25 others probably go into 11 pages.
    first, *rest = begun[: 1 + 11]
    assert first is None
    parts = [5 + 25 * part // 11 for part in range(11)]
    assert sorted(map(str, rest)) == [f"images/{place:02}/zarr.json" for place in [4, *parts[1:]]]


def test_without_tables_a_listing_goes_on_where_it_was(url: str, begun: list[str | None]) -> None:
    kd = open_dataset(url)
    kd.ds.drop_table(TABLE)
    kd.ds.store.delete_tree("index")
    assert len(kd.plan(CellsIndexer()).stale) == 30
    # Nothing was told: after the second page, the rest follows in one piece.
    assert begun == [None, "images/04/zarr.json"]


@pytest.mark.parametrize("data", MISLEADING.values(), ids=MISLEADING)
def test_what_is_no_ledger_misleads_nobody(url: str, data: bytes) -> None:
    open_dataset(url).ds.store.put("index/other/file.parquet", data)
    assert open_dataset(url).plan(CellsIndexer()).is_empty
    assert len(open_dataset(url).rebuild(CellsIndexer())) == 90


def test_the_largest_ledger_tells_most(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kd = open_dataset(url)
    (ledger,) = kd.ds.store.list("index")
    for name, ids in (("few", ["05"]), ("many", [f"{number:03}" for number in range(5000)])):
        kd.ds.store.put(f"index/{name}/1.parquet", frames.frame_to_parquet(pd.DataFrame({"image_id": ids})))
    # None of these is one.
    for key in ("index/backup.tar", "index/a/b/c.parquet", "index/.x/1.parquet", "index/a/1.json"):
        kd.ds.store.put(key, FILL.encode() * 10)

    assert len(listing._expected(kd.ds)) == 5000
    kd.ds.store.discard("index/many/1.parquet")
    assert list(listing._expected(kd.ds)) == IDS
    kd.ds.store.discard(ledger.key)
    assert list(listing._expected(kd.ds)) == ["05"]


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

    monkeypatch.setattr("kymflow.core.zarr.refresh.listing._expected", unwanted)
    assert kd.plan(CellsIndexer()).new == ["a"]


@pytest.mark.parametrize("action", ["plan", "refresh", "refresh_all"])
def test_from_afar_tables_are_read_beside_the_listing(
    url: str, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kd = open_dataset(url)
    kd.registry.register(CellsIndexer())
    is_read = threading.Event()
    get, list_pages = ObjectStore._get, ObjectStore._pages
    listed_by = []

    def noting(store: ObjectStore, key: str) -> tuple[bytes, object]:
        if key.startswith("tables/"):
            is_read.set()
        return get(store, key)

    def waiting(store: ObjectStore, prefix: str, after: str | None = None) -> Iterator[Sequence[Fingerprint]]:
        if prefix == "images" and after is None:
            assert is_read.wait(30), "the table is read only after the listing"
            listed_by.append(threading.current_thread())
        return list_pages(store, prefix, after)

    monkeypatch.setattr(ObjectStore, "_get", noting)
    monkeypatch.setattr(ObjectStore, "_pages", waiting)
    getattr(kd, action)(*([] if action == "refresh_all" else [CellsIndexer()]))
    # A thread that is interrupted ends its listing; others would be waited for.
    assert listed_by == [threading.current_thread()]


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
    survey = type(three.ds).survey
    monkeypatch.setattr(type(three.ds), "survey", lambda ds, *a: (steps.append("survey"), survey(ds, *a))[1])
    three.refresh_all(on_table=steps.append)
    assert steps == ["survey", "first", "second", "third"]
    three.ds.record("00").save_df_parquet(TABLE, cells(100))
    three.refresh_all()
    assert steps[4:] == ["survey"]


def test_no_table_is_kept_in_memory_while_one_is_committed(
    three: KymDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, alive = [], []
    find_state, commit_rows = listing.find_state, update.commit_rows

    def noting(store: Store, name: str) -> object:
        state = find_state(store, name)
        read.append(weakref.ref(state))
        return state

    def counting(*args: object, **how: object) -> object:
        alive.append(sum(one() is not None for one in read))
        return commit_rows(*args, **how)

    monkeypatch.setattr(listing, "find_state", noting)
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
