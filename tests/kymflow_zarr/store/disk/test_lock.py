"""Locks: their files deleted, replaced, linked, copied, or of no use on this file system."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from kymflow_zarr import LockTimeoutError, StoreError
from kymflow_zarr.store.base import Store
from kymflow_zarr.store.disk import files, lock
from kymflow_zarr.store.locations import open_store
from support.odd_files import ODD_FILES, put_odd_file

KEY = "tables/t.parquet"
Change = Callable[[bytes | None], bytes | None]


def lock_path(disk: Store) -> Path:
    return Path(disk.url) / "tables" / ".t.parquet.lock"


def adding(word: bytes) -> Change:
    return lambda present: (present or b"") + word


def left_in(disk: Store) -> list[str]:
    return sorted(os.listdir(Path(disk.url) / "tables"))


def _delete(path: Path) -> None:
    path.unlink()


def _replace(path: Path) -> None:
    path.with_name("other").write_bytes(b"")
    path.with_name("other").replace(path)


def _empty_folder(path: Path) -> None:
    for one in path.parent.glob(".*"):
        one.unlink()


@pytest.mark.parametrize("sweep", [_delete, _replace, _empty_folder])
def test_a_writer_whose_lock_is_taken_away_loses_nobodys_update(
    disk: Store, sweep: Callable[[Path], None]
) -> None:
    calls = []

    def change(present: bytes | None) -> bytes:
        calls.append(present)
        if len(calls) == 1:
            sweep(lock_path(disk))
            open_store(disk.url).update(KEY, adding(b"theirs "))
        return (present or b"") + b"mine "

    found = disk.update(KEY, change)
    assert calls == [None, b"theirs "]
    assert disk.read(KEY)[0] == b"theirs mine "
    assert found.size == 12


def test_a_writer_that_read_before_the_replace_does_not_undo_it(
    disk: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = files.replace
    swept = []

    def sweeping(temporary: str, path: str) -> None:
        if path.endswith("t.parquet") and not swept:
            # After the last look at the lock: another writer takes it, reads, and writes after this one.
            swept.append(path)
            lock_path(disk).unlink()

            def change(present: bytes | None) -> bytes:
                replace(temporary, path)
                return (present or b"") + b"theirs "

            open_store(disk.url).update(KEY, change)
            return
        replace(temporary, path)

    monkeypatch.setattr(files, "replace", sweeping)
    disk.update(KEY, adding(b"mine "))
    assert disk.read(KEY)[0] == b"theirs mine "


def test_what_was_written_is_not_written_twice(disk: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = files.replace
    calls = []

    def sweeping(temporary: str, path: str) -> None:
        replace(temporary, path)
        if path.endswith("t.parquet"):
            lock_path(disk).unlink()

    def change(present: bytes | None) -> bytes:
        calls.append(present)
        return b"mine"

    monkeypatch.setattr(files, "replace", sweeping)
    found = disk.update(KEY, change)
    assert calls == [None]
    assert found == disk.stat(KEY)


def test_whose_lock_is_always_taken_away_is_told(disk: Store) -> None:
    def change(present: bytes | None) -> bytes:
        lock_path(disk).unlink()
        return b"mine"

    with pytest.raises(LockTimeoutError, match=r"cannot write 'tables/t.parquet' .* 10 times its lock was"):
        disk.update(KEY, change)
    assert not disk.exists(KEY)


def test_whoever_waits_for_a_lock_that_is_deleted_takes_the_new_one(disk: Store) -> None:
    waiting, go_on = threading.Event(), threading.Event()

    def slow(present: bytes | None) -> bytes:
        waiting.set()
        go_on.wait(60)
        return (present or b"") + b"first "

    first = threading.Thread(target=disk.update, args=(KEY, slow))
    first.start()
    assert waiting.wait(60)
    second = threading.Thread(target=open_store(disk.url).update, args=(KEY, adding(b"second ")))
    second.start()
    lock_path(disk).unlink()
    go_on.set()
    for thread in (first, second):
        thread.join(60)
    assert sorted(disk.read(KEY)[0].split()) == [b"first", b"second"]


def test_a_lock_file_that_cannot_be_closed_takes_nothing_back(
    disk: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = []
    close = os.close

    def failing(descriptor: int) -> None:
        is_lock = lock_path(disk).exists() and os.path.sameopenfile(descriptor, lock)
        close(descriptor)
        if is_lock:
            closed.append(descriptor)
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    disk.put(KEY, b"old, ")
    lock = os.open(lock_path(disk), os.O_RDWR | os.O_CREAT)
    monkeypatch.setattr(os, "close", failing)
    disk.update(KEY, adding(b"new"))
    monkeypatch.undo()
    close(lock)
    assert disk.read(KEY)[0] == b"old, new"
    assert len(closed) == 1


@pytest.mark.parametrize("kind", [*ODD_FILES, "linked file"])
def test_a_lock_file_that_is_no_file_of_ours_is_refused_and_untouched(
    disk: Store, tmp_path: Path, kind: str
) -> None:
    disk.put(KEY, b"old")
    (tmp_path / "thesis.txt").write_text("ten years")
    if kind == "linked file":
        lock_path(disk).symlink_to(tmp_path / "thesis.txt")
        what = "its lock file is a link; delete it"
    else:
        what = put_odd_file(kind, lock_path(disk))
        what = "its lock file is a link" if lock_path(disk).is_symlink() else what
    with pytest.raises(StoreError, match=rf"cannot lock 'tables/t.parquet' in .*: .*{what}"):
        disk.update(KEY, adding(b"new"))
    assert disk.read(KEY)[0] == b"old"
    assert (tmp_path / "thesis.txt").read_text() == "ten years"
    assert not (tmp_path / "root" / "tables" / "nowhere").exists()


@pytest.mark.parametrize("kind", [*ODD_FILES, "linked file"])
def test_an_owner_file_that_is_no_file_of_ours_is_neither_written_nor_read(
    disk: Store, tmp_path: Path, kind: str
) -> None:
    disk.put(KEY, b"")
    owner = Path(f"{lock_path(disk)}.owner")
    (tmp_path / "thesis.txt").write_text("ten years")

    def put() -> None:
        if kind == "linked file":
            owner.unlink(missing_ok=True)
            owner.symlink_to(tmp_path / "thesis.txt")
        else:
            put_odd_file(kind, owner)

    def change(present: bytes | None) -> bytes:
        if not owner.is_dir():
            put()
        with pytest.raises(LockTimeoutError, match=r"waited 0\.1 s .*: another process is writing it"):
            open_store(disk.url).update(KEY, adding(b"theirs"), timeout_s=0.1)
        return b"mine"

    put()
    if kind == "pipe behind a link":
        owner.with_name("somewhere-else").unlink()
    disk.update(KEY, change)
    assert disk.read(KEY)[0] == b"mine"
    assert (tmp_path / "thesis.txt").read_text() == "ten years"


NO_LOCKS = [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP]


@pytest.fixture(params=NO_LOCKS, ids=errno.errorcode.get)
def without_locks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", refuse)


def mark(disk: Store, **changes: object) -> Path:
    """Leave the marker of a process that ended without deleting it."""
    path = Path(f"{lock_path(disk)}.held")
    me = {"host": socket.gethostname(), "pid": os.getpid(), "since": "long ago", "path": str(path)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(me | changes), "utf-8")
    return path


def test_where_there_are_no_locks_writers_keep_each_other_out(disk: Store, without_locks: None) -> None:
    disk.put(KEY, b"")
    lock_path(disk).write_bytes(b"copied, or left by whoever had locks")
    stores = [open_store(disk.url) for _ in range(4)]

    def write(store: Store) -> None:
        for _ in range(5):
            store.update(KEY, adding(b"x"))

    threads = [threading.Thread(target=write, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert disk.read(KEY)[0] == b"x" * 20
    assert left_in(disk) == [".t.parquet.lock", "t.parquet"]


@pytest.mark.parametrize("changes", [{"pid": 2**22 + 1}, {"pid": "x"}, {"path": "/elsewhere"}])
def test_a_marker_that_was_left_or_copied_blocks_nobody(
    disk: Store, without_locks: None, changes: dict[str, object]
) -> None:
    marker = mark(disk, **changes)
    disk.update(KEY, adding(b"x"), timeout_s=0)
    assert not marker.exists()


def test_a_marker_of_another_machine_counts_until_it_is_old(disk: Store, without_locks: None) -> None:
    marker = mark(disk, host="elsewhere", pid=7)
    told = rf"process 7 on elsewhere \(since long ago\) is writing it.*no more, delete '{marker}'"
    with pytest.raises(LockTimeoutError, match=told):
        disk.update(KEY, adding(b"x"), timeout_s=0)
    info = marker.stat()
    os.utime(marker, ns=(info.st_atime_ns, info.st_mtime_ns - 601 * 10**9))
    disk.update(KEY, adding(b"x"), timeout_s=0)
    assert not marker.exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"[" * 100_000])
def test_a_damaged_marker_says_nothing_and_counts_until_it_is_old(
    disk: Store, without_locks: None, content: bytes
) -> None:
    marker = mark(disk)
    marker.write_bytes(content)
    with pytest.raises(LockTimeoutError, match="another process is writing it"):
        disk.update(KEY, adding(b"x"), timeout_s=0)
    os.utime(marker, (0, 0))
    disk.update(KEY, adding(b"x"), timeout_s=0)
    assert left_in(disk) == [".t.parquet.lock", "t.parquet"]


def test_a_marker_that_is_taken_away_loses_nobodys_update(disk: Store, without_locks: None) -> None:
    calls = []

    def change(present: bytes | None) -> bytes:
        calls.append(present)
        if len(calls) == 1:
            Path(f"{lock_path(disk)}.held").unlink()
            open_store(disk.url).update(KEY, adding(b"theirs "))
        return (present or b"") + b"mine "

    disk.update(KEY, change)
    assert disk.read(KEY)[0] == b"theirs mine "


def test_a_marker_that_another_process_makes_anew_is_not_taken_for_ones_own(
    disk: Store, without_locks: None
) -> None:
    path = lock_path(disk).with_name("t.parquet")
    with lock.file_lock(str(path), timeout_s=0) as held:
        # File systems give a new file the number of one that is gone.
        for _ in range(20):
            os.unlink(held.path)
            Path(held.path).write_text("theirs")
            assert not held.still_holds
    assert Path(held.path).read_text() == "theirs"
