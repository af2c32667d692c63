"""Ingests through an executor: the same records, rows and report as without, ended cleanly at any time."""

from __future__ import annotations

import threading
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from kymflow_zarr import CancelledError, FolderReport, StoreError, ZarrDataset
from kymflow_zarr.record.attrs import write_attrs
from kymflow_zarr.sources.sync import _Sync
from kymflow_zarr.sources.table import load_rows
from support.random_folders import RandomFolder, contents
from support.tiff_folders import REINGEST, settle, write_json, write_tiff


@pytest.fixture
def thirty(tmp_path: Path) -> Path:
    for number in range(30):
        write_tiff(tmp_path / "in" / f"{number:02}.tif", number)
        write_json(tmp_path / "in" / f"{number:02}.p.json", number)
    settle(tmp_path / "in")
    return tmp_path / "in"


def by_path(dataset: ZarrDataset, report: FolderReport) -> list[object]:
    """Rows and report, with paths for ids and without times."""
    rows = load_rows(dataset._store)
    names = {row.image_id: row.path for row in rows}
    told = replace(
        report, new=[names[one] for one in report.new], changed=[names[one] for one in report.changed]
    )
    return [told, *(replace(row, image_id="", ingested_epoch_ns=0, failed_epoch_ns=0) for row in rows)]


@pytest.mark.parametrize("pool", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_executor_gives_the_same(tmp_path, pool) -> None:
    folder = RandomFolder(tmp_path / "in", 4)
    for _ in range(40):
        folder.add()
    settle(folder.root)
    one_by_one, in_threads = ZarrDataset(tmp_path / "one.zarr"), ZarrDataset(tmp_path / "two.zarr")
    with pool(3) as executor:
        for _ in range(3):
            expected = one_by_one.sync_from_folder(folder.root, mode=REINGEST)
            report = in_threads.sync_from_folder(folder.root, mode=REINGEST, executor=executor)
            assert len(expected.failed) > 2
            assert by_path(in_threads, report) == by_path(one_by_one, expected)
            assert contents(in_threads) == contents(one_by_one)
            for _ in range(5):
                folder.edit()


def test_progress_is_told_in_the_callers_thread_and_counts_up(local, thirty) -> None:
    told = []
    with ThreadPoolExecutor(2) as executor:
        local.sync_from_folder(
            thirty, executor=executor, on_progress=lambda *args: told.append((threading.get_ident(), *args))
        )
    assert {ident for ident, _, _ in told} == {threading.get_ident()}
    assert [done for _, done, _ in told] == sorted({done for _, done, _ in told})
    assert told[-1][1:] == (30, 30)


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_cancelled_after_eleven_the_next_run_returns_all_thirty(local, thirty, workers) -> None:
    executor: Executor | None = ThreadPoolExecutor(workers) if workers else None
    cancel = threading.Event()

    def stop_after_eleven(done: float, total: int) -> None:
        if done >= 11:
            cancel.set()

    with pytest.raises(CancelledError, match=r"was cancelled after \d+ of 30 sources"):
        local.sync_from_folder(thirty, on_progress=stop_after_eleven, cancel=cancel, executor=executor)
    noted = sum(row.ingested_epoch_ns > 0 for row in load_rows(local._store))
    assert 11 <= noted < 30
    ids = local.refresh_from_folder(thirty, executor=executor)
    assert ids == local.load_sources_index()["image_id"].tolist()
    assert len(ids) == 30 == len(local.list_image_ids())
    assert local.refresh_from_folder(thirty, executor=executor) == []
    if executor:
        executor.shutdown()


def test_changed_images_of_a_cancelled_run_are_returned_too(local, thirty) -> None:
    ids = local.refresh_from_folder(thirty)
    for number in range(10):
        write_json(thirty / f"{number:02}.p.json", "changed")
    cancel = threading.Event()
    with pytest.raises(CancelledError, match="was cancelled after 5 of 30 sources"):
        local.refresh_from_folder(
            thirty, mode=REINGEST, cancel=cancel, on_progress=lambda done, _: done == 4 and cancel.set()
        )
    assert sorted(local.refresh_from_folder(thirty, mode=REINGEST)) == sorted(ids[:10])


def test_full_disk_in_one_thread_ends_all_and_the_next_run_goes_on(local, thirty, monkeypatch) -> None:
    written = []

    def full_after_ten(*args: object, **options: object) -> None:
        written.append(args)
        if len(written) > 10:
            raise StoreError("cannot write: No space left on device")
        write_attrs(*args, **options)

    before = threading.active_count()
    with monkeypatch.context() as patch, ThreadPoolExecutor(2) as executor:
        patch.setattr("kymflow_zarr.sources.merge.write_attrs", full_after_ten)
        with pytest.raises(StoreError, match="No space left on device"):
            local.sync_from_folder(thirty, executor=executor)
    assert threading.active_count() == before
    assert len(written) <= 15
    claimed = local.load_sources_index()["image_id"].tolist()
    with ThreadPoolExecutor(2) as executor:
        assert local.sync_from_folder(thirty, executor=executor).new == claimed
    assert local.list_image_ids() == sorted(claimed)
    assert local.sync_from_folder(thirty, mode=REINGEST).unchanged == 30


@pytest.mark.slow
def test_rows_are_written_in_parts_that_grow_with_the_folder(local, thirty, monkeypatch) -> None:
    monkeypatch.setattr("kymflow_zarr.sources.sync._ROWS_PER_WRITE", 1)
    writes = []
    update = type(local._store).update

    def counting(store, key, change, **options):
        writes.append(key)
        return update(store, key, change, **options)

    monkeypatch.setattr(type(local._store), "update", counting)
    local.sync_from_folder(thirty)
    # Claims, one row at a time, and who was told at the end.
    assert len(writes) == 32
    writes.clear()
    monkeypatch.setattr("kymflow_zarr.sources.sync._SHARE_PER_WRITE", 0.5)
    local.sync_from_folder(thirty, mode=REINGEST, verify=True)
    assert writes == []
    for number in range(30):
        write_json(thirty / f"{number:02}.p.json", "changed")
    local.sync_from_folder(thirty, mode=REINGEST)
    assert len(writes) == 3


# Within a large file


@pytest.fixture
def large(tmp_path, monkeypatch):
    """A folder of two files, of 16 blocks each."""
    monkeypatch.setattr("kymflow_zarr.formats.pixels.BLOCK_BYTES", 2**10)
    monkeypatch.setattr("kymflow_zarr.formats.pixels.CHUNK_BYTES", 2**10)
    for name in ("a.tif", "b.tif"):
        lines = np.random.default_rng(1).integers(1, 4000, (512, 16)).astype(np.uint16)
        tifffile.imwrite(_folder(tmp_path) / name, lines)
    return tmp_path / "large"


def _folder(tmp_path):
    (tmp_path / "large").mkdir(exist_ok=True)
    return tmp_path / "large"


def test_progress_goes_on_within_a_large_file(local, large) -> None:
    told = []
    local.sync_from_folder(large, on_progress=lambda done, total: told.append((done, total)))

    assert told[0] == (0, 2)
    assert told[-1] == (2, 2)
    assert told == sorted(told)
    assert [done for done, _ in told if done < 1] == [number / 16 for number in range(16)]
    # What is there is read to tell whether it was edited.
    again = []
    write_tiff(large / "a.tif", 3)
    local.sync_from_folder(large, mode=REINGEST, on_progress=lambda done, total: again.append(done))
    assert again == sorted(again)
    assert [done for done in again if done < 1] == [number / 16 for number in range(16)]
    assert again[-2:] == [1, 2]


@pytest.mark.parametrize("threads", [0, 2])
def test_cancel_ends_a_large_file_between_two_blocks(local, large, threads, monkeypatch) -> None:
    cancel = threading.Event()
    blocks: list[int] = []

    def count(done: int, of: int, on_chunk: Any) -> None:
        blocks.append(done)
        if len(blocks) == 5:
            cancel.set()
        on_chunk(done, of)

    original = _Sync._on_chunk
    monkeypatch.setattr(
        _Sync, "_on_chunk", lambda self, path, total: partial(count, on_chunk=original(self, path, total))
    )
    with ExitStack() as stack:
        executor = stack.enter_context(ThreadPoolExecutor(threads)) if threads else None
        with pytest.raises(CancelledError, match="was cancelled after 0 of 2 sources"):
            local.sync_from_folder(large, cancel=cancel, executor=executor)

    # Each thread may be within a block when it is set.
    assert 5 <= len(blocks) <= 5 + threads
    assert local.list_image_ids() == []
    assert list(local.store.leftovers()) == []
    assert len(local.sync_from_folder(large).new) == 2
