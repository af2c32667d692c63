"""The file system's own clock, and files that were edited within one of its ticks."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from kymflow import KymDataset
from kymflow_zarr import ZarrDataset
from kymflow_zarr.store.disk import clock
from kymflow_zarr.store.disk.clock import DiskClock, look
from support.refreshing import TABLE, CellsIndexer, cells, open_dataset, revalidated
from support.simple_indexers import add_image

S = 10**9
REAL_LATEST_NS = clock._latest_ns


@pytest.fixture(autouse=True)
def times_can_be_set() -> None:
    """Here, the time of the last change counts as it does elsewhere."""
    assert clock._latest_ns is REAL_LATEST_NS


def shifted(info: os.stat_result, by_s: float) -> os.stat_result:
    """What the same file would be told of by a file system whose clock is wrong by so many seconds."""
    by_ns = int(by_s * S)
    named = beyond_the_tuple(info)
    named |= {name: named[name] + by_ns for name in ("st_mtime_ns", "st_ctime_ns")}
    return os.stat_result(list(info), named)


def beyond_the_tuple(info: os.stat_result) -> dict[str, Any]:
    """What is told of a file by name only, as the rest must not be given twice."""
    in_tuple = os.stat_result.__match_args__
    return {
        name: getattr(info, name) for name in dir(info) if name.startswith("st_") and name not in in_tuple
    }


def lab(path: Path, *ids: str) -> KymDataset:
    kd = open_dataset(path)
    for image_id in ids:
        add_image(kd, image_id).save_df_parquet(TABLE, cells(1))
    return kd


@pytest.mark.parametrize("wrong_by", [0, -5, -14 * 3600, -20 * 365 * 86400, 3600])
@pytest.mark.parametrize("tick", [1, 2 * S])
@pytest.mark.parametrize("by_listing", [True, False])
def test_a_second_edit_of_the_same_size_and_time_is_seen_whatever_time_the_file_has(
    tmp_path: Path, wrong_by: int, tick: int, by_listing: bool
) -> None:
    kd, indexer = open_dataset(tmp_path / "lab.zarr"), CellsIndexer()
    add_image(kd, "a").save_json(TABLE, {})
    path = tmp_path / "lab.zarr" / "images" / "a" / "analysis" / f"{TABLE}.json"
    time_ns = (time.time_ns() + wrong_by * S) // tick * tick

    def save(n: int) -> int:
        path.write_text(f'{{"n": {n}, "k": 0}}', "utf-8")
        os.utime(path, ns=(time_ns, time_ns))
        return path.stat().st_size

    update = kd.refresh if by_listing else lambda indexer: kd.update_image(indexer, "a")
    sizes = {save(1)}
    update(indexer)
    sizes.add(save(2))
    assert len(sizes) == 1
    assert kd.refresh(indexer)["n"].tolist() == [2]


@pytest.mark.parametrize("wrong_by", [0, -5, 3600, -20 * 365 * 86400])
def test_times_are_compared_by_the_clock_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong_by: int
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    info, disk_clock = shifted(path.stat(), wrong_by), DiskClock(str(tmp_path))
    make, monotonic_ns = clock._make_and_look, time.monotonic_ns
    monkeypatch.setattr(clock, "_make_and_look", lambda folder: shifted(make(folder), wrong_by))
    assert not disk_clock.settled(info, look=True)
    monkeypatch.setattr(time, "monotonic_ns", lambda: monotonic_ns() + 3 * S)
    assert disk_clock.settled(info, look=True)


def test_an_edit_under_an_old_time_is_young(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    os.utime(path, (0, 0))
    assert not DiskClock(str(tmp_path)).settled(path.stat(), look=True)


def test_the_clock_is_looked_at_once_and_again_after_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    make = clock._make_and_look
    monkeypatch.setattr(clock, "_make_and_look", lambda folder: looks.append(folder) or make(folder))
    (tmp_path / "file").write_bytes(b"x")
    disk_clock = DiskClock(str(tmp_path))
    for _ in range(3):
        disk_clock.settled((tmp_path / "file").stat(), look=True)
    assert len(looks) == 1
    monotonic_ns = time.monotonic_ns
    monkeypatch.setattr(time, "monotonic_ns", lambda: monotonic_ns() + 61 * S)
    disk_clock.settled((tmp_path / "file").stat(), look=True)
    assert len(looks) == 2


@pytest.mark.parametrize("unnamed", [True, False])
def test_looking_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unnamed: bool
) -> None:
    if not unnamed:
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    (tmp_path / "file").write_bytes(b"x")
    found = look(str(tmp_path))
    assert found is not None
    assert abs(found - (tmp_path / "file").stat().st_mtime_ns) < 60 * S
    assert os.listdir(tmp_path) == ["file"]


def test_where_no_file_can_be_made_a_file_must_be_a_minute_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"x")
    info = (tmp_path / "file").stat()
    time_ns = time.time_ns
    for folder, may_look in ((tmp_path / "absent", True), (tmp_path, False)):
        disk_clock = DiskClock(str(folder))
        with monkeypatch.context() as patch:
            for seconds, settled in ((5, False), (61, True)):
                patch.setattr(time, "time_ns", lambda seconds=seconds: time_ns() + seconds * S)
                assert disk_clock.settled(info, look=may_look) is settled


def test_a_file_on_another_disk_must_be_a_day_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"x")
    info = (tmp_path / "file").stat()
    elsewhere = os.stat_result([*info[:2], info.st_dev + 1, *info[3:]], beyond_the_tuple(info))
    assert not DiskClock(str(tmp_path)).settled(elsewhere, look=True)
    time_ns = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: time_ns() + 86_401 * S)
    assert DiskClock(str(tmp_path)).settled(elsewhere, look=True)


def test_a_dataset_that_is_only_read_or_not_one_is_not_written_to_look_at_the_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab(tmp_path / "lab.zarr", "a").refresh(CellsIndexer())
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "zarr.json").write_text('{"node_type": "group"}', "utf-8")
    looks: list[str] = []
    monkeypatch.setattr(clock, "_make_and_look", looks.append)
    kd = open_dataset(tmp_path / "lab.zarr", "r")
    kd.get_table(TABLE)
    kd.plan(CellsIndexer())
    kd.ds.record("a").load_df_parquet(TABLE)
    with pytest.raises(ValueError, match="is no kymflow dataset"):
        ZarrDataset(tmp_path / "other")
    assert looks == []


def test_what_was_too_young_is_read_again_until_it_is_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kd, indexer = lab(tmp_path / "lab.zarr", "a"), CellsIndexer()
    time_ns = time.time_ns
    # By this machine's clock, it is old enough; not by the disk's.
    monkeypatch.setattr(time, "time_ns", lambda: time_ns() + 5 * S)
    for _ in range(2):
        kd.refresh(indexer)
        assert revalidated(kd.plan(indexer)) == ["a"]
    monkeypatch.setattr(DiskClock, "settled", lambda self, info, *, look: True)
    kd.refresh(indexer)
    assert revalidated(kd.plan(indexer)) == []
    assert indexer.asked == ["a"]
