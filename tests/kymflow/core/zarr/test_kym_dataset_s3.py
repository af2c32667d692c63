"""Whole datasets on a real S3 server: a folder taken in, tables kept, several writers at once."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Mapping
from pathlib import Path

import obstore
import pytest
from pandas.testing import assert_frame_equal

from kymflow import IndexerRegistry, KymDataset
from kymflow.testing import simulate_folder
from kymflow_zarr import layout
from kymflow_zarr.store.base import Listing
from kymflow_zarr.store.object import ObjectStore
from support.processes import StartPython, run_together, start_together, wait_for_all
from support.refreshing import TABLE, CellsIndexer, assert_like_rebuild, assert_whole, cells, open_dataset
from support.simple_indexers import add_image

RECORD = json.dumps({"zarr_format": 3, "node_type": "group", "attributes": {}}).encode()


@pytest.fixture
def url(new_url: Callable[[str], str]) -> str:
    return new_url("s3")


def add_reports(kd: KymDataset, n_images: int, reports: Mapping[int, object]) -> None:
    """Add images without pixels, ``000`` and so on, and reports to some of them."""

    def add(number: int) -> None:
        kd.ds.store.put(f"images/{number:03}/zarr.json", RECORD)
        if number in reports:
            kd.ds.record(f"{number:03}").save_json("radon_report", reports[number])

    kd.ds.store.each(add, range(n_images))


def ledgers(kd: KymDataset, name: str) -> int:
    return len(list(kd.ds.store.list(layout.ledger_prefix(name))))


# A folder and its tables


@pytest.mark.slow
def test_a_folder_is_taken_in_and_its_tables_follow_every_edit(
    url: str, tmp_path: Path, registry: IndexerRegistry
) -> None:
    simulate_folder(tmp_path / "in", 4, n_lines=300)
    kd = KymDataset(url, mode="a", registry=registry)

    report = kd.ingest_folder(tmp_path / "in")
    assert (len(report.new), report.failed, report.conflicts) == (4, {}, [])
    assert sorted(report.new) == kd.ds.list_image_ids()
    events = kd.get_table("velocity_events")
    assert len(events) > 0
    assert kd.check().is_clean
    assert kd.ingest_folder(tmp_path / "in").unchanged == 4
    assert all(table.updated == [] for table in kd.refresh_all().values())

    image_id = str(events["image_id"].iloc[0])
    record = kd.ds.record(image_id)
    record.save_df_parquet("velocity_events", record.load_df_parquet("velocity_events").iloc[:1])
    assert list(kd.plan("velocity_events").stale) == [image_id]
    kd.refresh("velocity_events")
    assert kd.reports["velocity_events"].updated == [image_id]
    kd.ds.delete_image(kd.ds.list_image_ids()[-1])
    assert all(len(table.removed) == 1 for table in kd.refresh_all().values())
    for name in ("velocity_events", "radon_report"):
        assert_frame_equal(kd.get_table(name), KymDataset(url, registry=registry).rebuild(name))
        assert ledgers(kd, name) == 1


@pytest.mark.slow
def test_a_check_finds_a_damaged_table_and_a_repair_mends_it(url: str, registry: IndexerRegistry) -> None:
    kd = KymDataset(url, mode="a", registry=registry)
    for image_id in "ab":
        add_image(kd, image_id).save_json("radon_report", {"n_valid": 1})
    kd.rebuild_all()
    expected = kd.get_table("radon_report")
    kd.ds.store.put("tables/radon_report.parquet", b"PAR1 no more PAR1")

    assert [problem.kind for problem in kd.check().problems] == ["unreadable table"]
    assert [problem.repaired for problem in kd.check(repair=True).problems] == [True]
    assert kd.check().is_clean
    assert_frame_equal(KymDataset(url, registry=registry).get_table("radon_report"), expected)


@pytest.mark.slow
def test_nothing_is_left_of_a_deleted_image(url: str) -> None:
    kd = open_dataset(url)
    for image_id in "ab":
        add_image(kd, image_id)
        kd.ds.record(image_id).save_df_parquet(TABLE, cells(1))
    kd.ds.delete_image("a")
    assert kd.check().is_clean
    # The rest of a deletion that was interrupted is one.
    kd.ds.store.discard("images/b/zarr.json")
    assert [problem.kind for problem in kd.check().problems] == ["half record"]


def test_a_rebuild_asks_for_each_artifact_once_and_for_nothing_one_by_one(
    object_url: str, registry: IndexerRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    kd = KymDataset(object_url, mode="a", registry=registry)
    # Half of them have no report, and none has any events.
    add_reports(kd, 70, {number: {"n_valid": number} for number in range(1, 70, 2)})
    asked: list[str] = []

    def watch(name: str) -> None:
        call = getattr(obstore, name)

        def noted(store: object, key: str) -> object:
            asked.append(key)
            return call(store, key)

        monkeypatch.setattr(obstore, name, noted)

    watch("get")
    watch("head")
    lists = count_listings(monkeypatch)
    kd.rebuild_all()
    # One tells which images and artifacts there are, for both tables; and each commit looks again.
    assert len(lists) == 1 + 2 * 2
    assert sorted(key for key in asked if key.startswith("images/")) == [
        f"images/{number:03}/analysis/radon_report.json" for number in range(1, 70, 2)
    ]
    assert kd.get_table("radon_report")["n_valid"].tolist() == [*range(1, 70, 2)]


def count_listings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note the prefix of each listing that is asked for."""
    noted: list[str] = []
    list_objects = obstore.list

    def counted(store: object, prefix: str, **how: object) -> object:
        noted.append(prefix)
        return list_objects(store, prefix, **how)  # type: ignore[call-overload]

    monkeypatch.setattr(obstore, "list", counted)
    return noted


@pytest.mark.parametrize("change", ["appears", "vanishes", "changes"])
def test_what_changes_after_the_survey_of_a_rebuild_is_not_missed(
    object_url: str, registry: IndexerRegistry, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kd = KymDataset(object_url, mode="a", registry=registry)
    add_reports(kd, 3, {number: {"n_valid": number} for number in range(2)})
    listing = ObjectStore.list_records

    def then_change(store: ObjectStore, *where: str) -> Listing:
        found = listing(store, *where)
        if change == "appears":
            kd.ds.record("002").save_json("radon_report", {"n_valid": 2})
        elif change == "vanishes":
            kd.ds.record("001").delete_analysis()
        else:
            kd.ds.record("001").save_json("radon_report", {"n_valid": 5})
        return found

    monkeypatch.setattr(ObjectStore, "list_records", then_change)

    kd.rebuild_all()

    expected = {"appears": [0, 1, 2], "vanishes": [0], "changes": [0, 5]}[change]
    assert kd.get_table("radon_report")["n_valid"].tolist() == expected
    monkeypatch.setattr(ObjectStore, "list_records", listing)
    assert kd.plan("radon_report").is_empty
    assert {problem.kind for problem in kd.check().problems} == {"unreadable pixels"}


# Several processes

REBUILD = """
import multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
from kymflow import KymDataset
kd = KymDataset(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
with ProcessPoolExecutor(2, multiprocessing.get_context("forkserver")) as processes:
    for name, report in kd.rebuild_all(executor=processes).items():
        print(name, report.rows, report.failed)
"""


# Long: three more Pythons are started, one after the other.
@pytest.mark.long
@pytest.mark.skipif("forkserver" not in multiprocessing.get_all_start_methods(), reason="not on Windows")
def test_worker_processes_make_the_same_tables(
    url: str, registry: IndexerRegistry, start_python: StartPython
) -> None:
    kd = KymDataset(url, mode="a", registry=registry)
    # More than one piece of work.
    add_reports(kd, 210, {number: {"n_valid": number} for number in range(210)})
    kd.rebuild_all()
    expected = kd.get_table("radon_report")
    kd.ds.drop_table("radon_report")

    (said,) = run_together(start_python(REBUILD, url))
    assert "radon_report 210 {}" in said.splitlines()
    assert_frame_equal(KymDataset(url, registry=registry).get_table("radon_report"), expected)


WRITER = """
import random, sys
import obstore
from obstore.exceptions import PreconditionError
from support.refreshing import CellsIndexer, TABLE, cells, open_dataset
from kymflow_zarr import RecordNotFoundError

url, who = sys.argv[1], int(sys.argv[2])
met = False
lost_races = 0
put = obstore.put

def counting(*args, **how):
    global lost_races, met
    if "mode" in how and not met:
        met = True
        print("writing", flush=True)
        sys.stdin.readline()
    try:
        return put(*args, **how)
    except PreconditionError:
        lost_races += 1
        raise

obstore.put = counting
kd, random = open_dataset(url), random.Random(who)
print("ready", flush=True)
sys.stdin.readline()
for number in range(10):
    image_id = random.choice("abcdef")
    try:
        kd.ds.record(image_id).save_df_parquet(TABLE, cells(100 * who + number))
        kd.update_image(CellsIndexer(), image_id)
    except RecordNotFoundError:
        # Deleted, and out of the table.
        assert image_id in "ef"
print(lost_races)
"""

DELETER = """
import sys
from contextlib import suppress
from support.refreshing import CellsIndexer, open_dataset
from kymflow_zarr import RecordNotFoundError
kd = open_dataset(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for image_id in "ef":
    kd.ds.delete_image(image_id)
    # A writer may have found it gone, and taken it out of the table.
    with suppress(RecordNotFoundError):
        kd.update_image(CellsIndexer(), image_id)
"""


def test_four_writers_and_a_deleter_at_once_lose_nothing(
    url: str, start_python: StartPython, monkeypatch: pytest.MonkeyPatch
) -> None:
    kd, indexer = open_dataset(url), CellsIndexer()
    for number, image_id in enumerate("abcdef"):
        add_image(kd, image_id).save_df_parquet(TABLE, cells(number))
    kd.rebuild(indexer)

    writers = [start_python(WRITER, url, who) for who in (1, 2, 3, 4)]
    deleter = start_python(DELETER, url)
    start_together(*writers)
    # All have made their table from the same one: only one of them can put it there.
    start_together(*writers, when="writing")
    start_together(deleter)
    *lost_races, _ = wait_for_all(*writers, deleter)

    # Not refreshed: every update is there, the newest of each image, and what was deleted is not.
    table = KymDataset(url, registry=IndexerRegistry(())).get_table(TABLE)
    assert_whole(table)
    assert list(dict.fromkeys(table["image_id"])) == list("abcd") == kd.ds.list_image_ids()
    assert_like_rebuild(kd, indexer)
    assert kd.plan(indexer).is_empty
    assert ledgers(kd, TABLE) == 1
    # They met: without conditional puts, something would be lost.
    assert sum(map(int, lost_races)) >= 3
