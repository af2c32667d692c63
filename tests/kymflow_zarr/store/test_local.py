"""The local disk: atomic writes, locks, and odd things in its folders."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator

import pytest

from kymflow_zarr import LockTimeoutError, StoreError, StorePermissionError
from kymflow_zarr.store import local
from kymflow_zarr.store.base import LINKED_SIZE, UNREADABLE_SIZE


@pytest.mark.parametrize("broken", ["replace", "fsync"])
def test_full_disk_leaves_the_old_bytes_and_no_litter(disk, disk_full, temporary_files, broken) -> None:
    disk.put("a/x.json", b"old")
    disk_full(broken)
    with pytest.raises(StoreError, match=r"cannot write 'a/x\.json' in .*root: No space left on device"):
        disk.put("a/x.json", b"new", flush=True)
    assert disk.read("a/x.json")[0] == b"old"
    assert temporary_files(disk.url) == []


def test_failing_update_leaves_the_old_bytes_and_no_litter(disk, disk_full, temporary_files) -> None:
    disk.put("t", b"old")
    disk_full("fsync")
    with pytest.raises(StoreError, match=r"cannot write 't' in .*No space left"):
        disk.update("t", lambda _: b"new")
    assert disk.read("t")[0] == b"old"
    assert temporary_files(disk.url) == []


@pytest.mark.parametrize("broken", ["rename", "open"])
def test_failing_put_tree_leaves_the_old_tree_and_no_litter(
    disk, monkeypatch, disk_full, temporary_files, in_two_steps, broken
) -> None:
    disk.put_tree("a", {"zarr.json": b"old", "c/0": b"old"}.items(), last="zarr.json")
    with monkeypatch.context():
        if broken == "rename":
            disk_full("rename")
        else:
            monkeypatch.setattr("kymflow_zarr.store.disk.files.write_new", _fail_at_the_second_file())
        with pytest.raises(StoreError, match=r"cannot write 'a' in .*No space left"):
            disk.put_tree("a", {"zarr.json": b"new", "c/0": b"new"}.items(), last="zarr.json")
    assert {found.key: disk.read(found.key)[0] for found in disk.list()} == {
        "a/zarr.json": b"old",
        "a/c/0": b"old",
    }
    assert temporary_files(disk.url) == []


def _fail_at_the_second_file():
    from kymflow_zarr.store.disk.files import write_new

    calls = []

    def write(path: str, data: bytes, *, flush: bool) -> os.stat_result:
        calls.append(path)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        return write_new(path, data, flush=flush)

    return write


def test_second_rename_of_a_swap_fails_and_the_old_tree_comes_back(
    disk, monkeypatch, temporary_files, in_two_steps
) -> None:
    disk.put_tree("a", {"zarr.json": b"old"}.items(), last="zarr.json")
    rename = os.rename
    calls = []

    def fail_second(source: str, target: str) -> None:
        calls.append(source)
        if len(calls) == 2:
            raise OSError(5, "Input/output error")
        rename(source, target)

    monkeypatch.setattr(os, "rename", fail_second)
    with pytest.raises(StoreError, match=r"cannot write 'a' in .*Input/output error"):
        disk.put_tree("a", {"zarr.json": b"new"}.items(), last="zarr.json")
    assert disk.read("a/zarr.json")[0] == b"old"
    assert temporary_files(disk.url) == []


def test_refused_permission_is_a_permission_error(disk, monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(StorePermissionError, match=r"cannot write 'x' in .*Permission denied"):
        disk.put("x", b"")


def test_only_flushed_writes_sync_file_and_folder(disk, monkeypatch) -> None:
    synced = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (synced.append(descriptor), fsync(descriptor)))
    disk.put("a", b"x")
    assert synced == []
    disk.put("a", b"y", flush=True)
    disk.update("a", lambda _: b"z")
    assert len(synced) == 4


def test_file_in_the_way_of_a_folder_is_an_error(disk) -> None:
    disk.put("a", b"file")
    with pytest.raises(StoreError, match="cannot write 'a/b' in"):
        disk.put("a/b", b"x")
    assert disk.read("a")[0] == b"file"


HOLD_LOCK = """
import sys, time
from kymflow_zarr.store.locations import open_store
def change(present):
    print("held", flush=True)
    sys.stdin.readline()
    return b"theirs"
open_store(sys.argv[1]).update("tables/t.parquet", change)
"""


def test_lock_timeout_says_who_holds_it(disk, start_python) -> None:
    other = start_python(HOLD_LOCK, disk.url)
    assert other.stdout.readline() == "held\n"
    with pytest.raises(
        LockTimeoutError,
        match=rf"waited 0\.2 s for 'tables/t\.parquet' in .*root: process {other.pid} on \S+ \(since",
    ) as caught:
        disk.update("tables/t.parquet", lambda _: b"mine", timeout_s=0.2)
    assert caught.value.dataset == disk.url
    other.communicate("go on\n", timeout=300)
    assert other.returncode == 0
    assert disk.read("tables/t.parquet")[0] == b"theirs"


def test_killed_holder_blocks_nobody(disk, start_python) -> None:
    other = start_python(HOLD_LOCK, disk.url)
    assert other.stdout.readline() == "held\n"
    other.kill()
    other.wait(300)
    disk.update("tables/t.parquet", lambda _: b"mine", timeout_s=300)
    assert disk.read("tables/t.parquet")[0] == b"mine"


def test_listing_goes_on_past_odd_entries(disk, caplog) -> None:
    disk.put("a/ok.json", b"x")
    folder = os.path.join(disk.url, "a")
    os.symlink("loop", os.path.join(folder, "loop"))
    os.symlink("nowhere", os.path.join(folder, "broken"))
    os.symlink(folder, os.path.join(folder, "again"))
    os.mkfifo(os.path.join(folder, "pipe"))
    with open(os.path.join(folder.encode(), b"\xff\xfe.json"), "wb"):
        pass
    with open(os.path.join(folder, ".left.kymflow-tmp"), "wb"):
        pass
    sizes = {found.key: found.size for found in disk.list()}
    assert sizes.pop("a/ok.json") == 1
    assert sizes == {
        "a/loop": UNREADABLE_SIZE,
        "a/broken": UNREADABLE_SIZE,
        "a/pipe": UNREADABLE_SIZE,
        "a/again": LINKED_SIZE,
    }
    assert "its name is no UTF-8" in caplog.text


def test_a_folder_that_fails_while_it_is_listed_is_named(disk, monkeypatch) -> None:
    for name in "xyz":
        disk.put(f"images/{name}/zarr.json", b"1")

    class Failing:
        def __init__(self, folder: str) -> None:
            self.scan = scandir(folder)

        def __enter__(self) -> Failing:
            return self

        def __exit__(self, *_: object) -> None:
            self.scan.close()

        def __iter__(self) -> Iterator[os.DirEntry[str]]:
            yield next(self.scan)
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", Failing)
    for look in (lambda: disk.children("images"), lambda: [*disk.list("images")]):
        with pytest.raises(StoreError, match="cannot list 'images' in .*: Input/output error") as caught:
            look()
        assert caught.value.errno == errno.EIO


def test_what_was_read_stands_if_the_file_cannot_be_closed(disk, monkeypatch) -> None:
    disk.put("a", b"1")

    class Unclosable(io.BytesIO):
        def close(self) -> None:
            super().close()
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(
        local, "open", lambda descriptor, mode: Unclosable(os.read(descriptor, 9)), raising=False
    )
    with disk.open("a") as (file, _):
        assert file.read() == b"1"


def test_a_file_that_fails_while_it_is_opened_is_named(disk, monkeypatch) -> None:
    disk.put("a", b"1")

    def failing(descriptor: int, mode: str) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(local, "open", failing, raising=False)
    with pytest.raises(StoreError, match="cannot read 'a' in .*: Input/output error"), disk.open("a"):
        pass


def test_children_go_on_past_odd_entries(disk) -> None:
    disk.put("images/ok/zarr.json", b"{}")
    folder = os.path.join(disk.url, "images")
    os.symlink("loop", os.path.join(folder, "loop"))
    os.symlink("nowhere", os.path.join(folder, "broken"))
    os.symlink("ok", os.path.join(folder, "again"))
    os.mkdir(os.path.join(folder.encode(), b"\xff"))
    os.mkdir(os.path.join(folder, ".hidden"))
    with open(os.path.join(folder, ".DS_Store"), "wb"):
        pass
    os.symlink("ok/zarr.json", os.path.join(folder, "file"))
    # What leads to no file may be a folder that is not there just now: it must not pass for absent.
    assert list(disk.children("images", having=["zarr.json"])) == ["again", "broken", "loop", "ok"]


def test_delete_tree_removes_links_and_keeps_their_targets(disk, tmp_path, tree) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.txt").write_text("precious")
    disk.put("a/b", b"x")
    os.symlink(outside, os.path.join(disk.url, "a", "folder"))
    os.symlink(outside / "x.txt", os.path.join(disk.url, "a", "file"))
    os.symlink(outside, os.path.join(disk.url, "b"))
    before = tree(outside)
    disk.delete_tree("a")
    disk.delete_tree("b")
    assert tree(outside) == before
    assert os.listdir(disk.url) == []


def test_leftovers_are_found_at_any_depth_and_nothing_else(disk, tmp_path) -> None:
    disk.put("tables/x.parquet", b"x")
    root = tmp_path / "root"
    (root / "tables" / ".1.kymflow-tmp").write_bytes(b"half")
    (root / "images" / "a" / ".2.kymflow-tmp" / "deeper").mkdir(parents=True)
    (root / "images" / "a" / ".3.kymflow-tmp").symlink_to(tmp_path)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / ".4.kymflow-tmp").write_bytes(b"not ours")
    (root / "link").symlink_to(outside)

    found = disk.leftovers()

    keys = ["images/a/.2.kymflow-tmp", "images/a/.3.kymflow-tmp", "tables/.1.kymflow-tmp"]
    assert sorted(one.key for one in found) == keys
    for one in found:
        disk.delete_tree(one.key)
    assert disk.leftovers() == []
    assert disk.read("tables/x.parquet")[0] == b"x"
    assert outside.is_dir()
