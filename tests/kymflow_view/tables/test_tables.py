"""Tables are read once for each version, whoever writes them, and little is kept."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from kymflow import ColumnError, KymDataset, TableNotFoundError
from kymflow_view.tables import Query, Tables, tables
from kymflow_view.tables.query import Condition


def frame(*scores: float) -> pd.DataFrame:
    return pd.DataFrame({"image_id": [f"img-{n}" for n in range(len(scores))], "score": scores})


@pytest.fixture
def kd(tmp_path: Path) -> KymDataset:
    found = KymDataset(tmp_path / "lab.zarr", mode="a")
    found.ds.save_table("images", frame(1, 2))
    found.ds.save_table("events", frame(3, 4))
    return found


def test_what_another_writes_is_there_at_the_next_request(kd: KymDataset) -> None:
    lab = Tables(lambda: kd)
    first = lab.view("events", Query(sort="-score", images=True))
    assert lab.view("events", Query(sort="-score", images=True)) is first

    KymDataset(kd.ds.path).ds.save_table("events", frame(5, 6, 7))
    second = lab.view("events", Query(sort="-score", images=True))
    assert (second.total, first.total) == (3, 2)
    assert second.joined.table.version != first.joined.table.version

    KymDataset(kd.ds.path).ds.save_table("images", frame(8, 9))
    third = lab.view("events", Query(sort="-score", images=True))
    assert third.joined.table is second.joined.table
    assert third.joined.images is not second.joined.images
    assert third.page(0, 3, "image_score").rows == [["img-2", None], ["img-1", 9], ["img-0", 8]]
    current = [lab.table("events"), lab.table("images"), third.joined]
    assert lab.nbytes <= sum(one.nbytes for one in current) + third.places.nbytes + 10 * 1024


def test_a_table_that_is_gone_is_not_found_and_not_kept(kd: KymDataset) -> None:
    lab = Tables(lambda: kd)
    lab.view("events", Query())
    kd.ds.drop_table("events")

    with pytest.raises(TableNotFoundError, match="there is no table 'events' in .*lab.zarr"):
        lab.view("events", Query())
    assert lab.nbytes == 0


def test_the_last_views_are_kept_and_no_more(kd: KymDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_VIEWS_BYTES", 5 * 1032)
    lab = Tables(lambda: kd)
    for score in range(100):
        lab.view("events", Query(where=(Condition("score", ">", float(score)),)))
    assert lab._views.nbytes <= 5 * 1032


def test_a_number_is_not_taken_for_true_because_that_was_asked_before(kd: KymDataset) -> None:
    kd.ds.save_table("t", pd.DataFrame({"ok": [True, False]}))
    lab = Tables(lambda: kd)
    assert lab.view("t", Query(where=(Condition("ok", "=", True),))).total == 1
    with pytest.raises(ColumnError, match="column 'ok' holds true or false; 1 is none"):
        lab.view("t", Query(where=(Condition("ok", "=", 1),)))


def test_threads_read_a_table_once(kd: KymDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    local = threading.local()

    def own() -> KymDataset:
        if not hasattr(local, "kd"):
            local.kd = KymDataset(kd.ds.path, "r")
        found: KymDataset = local.kd
        return found

    loads = []
    load = tables.load_table
    monkeypatch.setattr(tables, "load_table", lambda kd, name: loads.append(name) or load(kd, name))
    lab = Tables(own)
    sorts = ["score", "-score", "image_id", ""] * 8
    with ThreadPoolExecutor(8) as threads:
        views = list(threads.map(lambda sort: lab.view("events", Query(sort=sort, images=True)), sorts))
    assert sorted(loads) == ["events", "images"]
    assert [view.places.tolist() for view in views] == [[0, 1], [1, 0], [0, 1], [0, 1]] * 8
